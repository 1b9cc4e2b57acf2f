"""Offending mail as it came: attached to a letter (forward as attachment), or handed in by itself.

Somebody who complains by hand attaches the message with its whole header. The address is the one
that their own mail system's border took it from (see `received`). Where that cannot be told, the
complaint has no address, and a person looks for it.

A letter by itself is never taken for the spam: its `Received` lines lead to whoever complains. Only
the way in can say that a message is the spam itself, and then `the_spam_itself` reads it.
"""

from datetime import datetime

from domain.intake.complaints import Complaint, credible
from gateway.formats import original, received
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields, split
from gateway.formats.parts import ORIGINAL, boundary_of, kind_of, taken_apart
from gateway.formats.port import NotUnderstood, register_last
from gateway.formats.redaction import sample

_NAME = "forwarded"
_EXPECTS = "a letter that has the offending message attached (message/rfc822) with its whole header"


@register_last
class Forwarded:
    """The format's reader."""

    name = _NAME
    expects = _EXPECTS

    def recognises(self, content: bytes, media_type: str) -> bool:
        fields = split(content)[0]
        if boundary_of(fields) is None:
            return False
        # Delivery reports and automatic answers hold mail that somebody sent, and no complaint.
        automatic = fields.first("auto-submitted").lower().startswith("auto-replied")
        return kind_of(fields) != "multipart/report" and not automatic

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        _, parts = taken_apart(content)
        attached = [split(part.decoded()) for part in parts if part.kind in ORIGINAL]
        complaints = tuple(
            complaint_about(_NAME, offending, body, received_at)
            for offending, body in attached
            if offending.first("received")
        )
        if not complaints:
            raise NotUnderstood(
                "no message is attached with its Received lines; expected one", for_a_person=True
            )
        return complaints


def the_spam_itself(content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
    """Read a message of which whoever hands it in says that it is the spam, as it came to them."""
    offending, body = split(content)
    if not offending.first("received"):
        raise NotUnderstood("no Received line in it; expected a message with its whole header")
    return (complaint_about(_NAME, offending, body[: 128 * 1024], received_at),)


def complaint_about(
    name: str,
    offending: Fields,
    body: bytes,
    received_at: datetime,
    recipients: tuple[str, ...] = (),
) -> Complaint:
    """What the header of an offending message tells by itself."""
    address, sent_at = received.handed_over(offending)
    sender = original.envelope_sender(offending.first("return-path"))
    message_id = original.message_id(offending)
    return Complaint(
        format=name,
        sent_at=credible(sent_at, received_at),
        address=address,
        domain=original.offending_domain(sender, offending, []),
        sender=sender,
        message_id=message_id,
        fingerprint=fingerprint(
            message_id=message_id,
            sender=sender,
            feedback_id=original.feedback_id(offending),
            body=body,
        ),
        feedback_type="abuse",
        headers=sample(offending, recipients),
    )
