"""Microsoft's Junk Mail Reporting Program (JMRP), in the two forms that are not ARF.

`staff@hotmail.com` attaches the message (message/rfc822 in a plain multipart) under the subject
`complaint about message from 192.0.2.7`, or the message itself is forwarded as it stands. Either
way its header has `X-HmXmrOriginalRecipient`, who complained. Reports in the newer form are ARF.

The address is the subject's, or what Outlook's border noted in `Received`. `X-Originating-IP` and
`X-Sender-IP` are not believed: the sender may have put them there before Microsoft did.
"""

import re
from dataclasses import replace
from datetime import datetime

from domain.intake.complaints import Complaint, canonical_address
from gateway.formats.forwarded import complaint_about
from gateway.formats.headers import LARGEST_BLOCK, Fields, split
from gateway.formats.parts import ORIGINAL, taken_apart
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import decoded

_RECIPIENT = "x-hmxmroriginalrecipient"
_STAFF = re.compile(r"\bstaff@hotmail\.com\b", re.IGNORECASE)
_SUBJECT = re.compile(r"complaint about message from \[?([0-9a-f.:]{2,45})", re.IGNORECASE)


@register
class Jmrp:
    """The format's reader."""

    name = "jmrp"
    expects = (
        "a JMRP complaint: the message with X-HmXmrOriginalRecipient, attached or as it stands"
    )

    def recognises(self, content: bytes, media_type: str) -> bool:
        if re.search(rb"hmxmr|staff@hotmail", content[:LARGEST_BLOCK], re.IGNORECASE) is None:
            return False
        fields = split(content)[0]
        return bool(fields.first(_RECIPIENT)) or _is_staffs(fields)

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        outer, parts = taken_apart(content)
        if outer.first(_RECIPIENT):
            offending, body = split(content)
        else:
            attached = [split(part.decoded()) for part in parts if part.kind in ORIGINAL]
            if not attached:
                raise NotUnderstood(
                    "no message is attached; expected one (message/rfc822)", for_a_person=True
                )
            offending, body = attached[0]
        complaint = complaint_about(
            self.name, offending, body, received_at, tuple(offending.all(_RECIPIENT))
        )
        named = _SUBJECT.search(decoded(outer.first("subject"))) if _is_staffs(outer) else None
        address = canonical_address(named[1]) if named is not None else None
        return (replace(complaint, address=address or complaint.address),)


def _is_staffs(fields: Fields) -> bool:
    return _STAFF.search(fields.first("from")) is not None
