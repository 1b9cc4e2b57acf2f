"""MailChannels' delivery events (https://docs.mailchannels.com/email-api/webhooks), in JSON.

An array of up to 1,000 events: `processed`, `delivered`, `open`, `click`, `hard-bounced`,
`soft-bounced`, `dropped`, `complained`, `unsubscribed`, and `test`. A recipient's complaint, and a
message that MailChannels dropped as spam, are complaints about mail of ours. The others say how
mail fares, and complain about nothing.

An event names no address of ours, since the mail leaves from MailChannels'. Its `email` is the
`From` of the message, which MailChannels lets only those accounts use that the domain's own DNS
names (Domain Lockdown): so, against the rule, it tells the offending domain here.
"""

import re
from datetime import datetime

from domain.intake.complaints import Complaint, canonical_domain, credible
from gateway.formats import original
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields
from gateway.formats.json_text import (
    a_list,
    a_moment,
    a_text,
    an_object,
    looks_like,
    read_json,
)
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import sample

_MOST_EVENTS = 1_000

_SPAM = re.compile(
    r"spam|phish|malware|virus|abus|unsolicited|reputation|content (?:filter|block|reject)",
    re.IGNORECASE,
)
"""In the reason of a message that was dropped. Others are dropped for a suppressed recipient, a
missing record in DNS, or an error."""


@register
class MailChannels:
    """The format's reader."""

    name = "mailchannels"
    expects = 'MailChannels events: an array of objects with "customer_handle" and "event"'

    def recognises(self, content: bytes, media_type: str) -> bool:
        return looks_like(content, b"[", b"customer_handle", b"event")

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        events = a_list(read_json(content))
        if len(events) > _MOST_EVENTS:
            raise NotUnderstood(f"{len(events)} events; expected at most {_MOST_EVENTS} at once")
        complaints = []
        for number, event in enumerate(map(an_object, events)):
            kind = a_text(event.get("event"), 60)
            if not kind or not a_text(event.get("customer_handle")):
                raise NotUnderstood(f'number {number}: no "event" or no "customer_handle"')
            dropped = kind == "dropped" and _SPAM.search(a_text(event.get("reason")))
            if kind == "complained" or dropped:
                complaints.append(self._complaint(event, received_at))
        return tuple(complaints)

    def _complaint(self, event: dict[str, object], received_at: datetime) -> Complaint:
        mailbox = a_text(event.get("email"))
        message_id = original.message_id(Fields(items=(("message-id", _bracketed(event)),)))
        known = {
            "from": mailbox,
            "message-id": message_id or "",
            "date": "",
            "to": ", ".join(a_text(each) for each in a_list(event.get("recipients"))[:10]),
        }
        return Complaint(
            format=self.name,
            sent_at=credible(a_moment(event.get("timestamp")), received_at),
            domain=canonical_domain(mailbox.strip("<> ").rpartition("@")[2]),
            message_id=message_id,
            fingerprint=fingerprint(
                message_id=message_id,
                sender=None,
                feedback_id=a_text(event.get("request_id")) or None,
            ),
            feedback_type="abuse",
            headers=sample(Fields(items=tuple(known.items()))),
        )


def _bracketed(event: dict[str, object]) -> str:
    name = a_text(event.get("smtp_id")).strip("<> ")
    return f"<{name}>" if name else ""
