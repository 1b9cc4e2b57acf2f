"""What a XARF report of any version says of one offending message, and the complaint made of it."""

from dataclasses import dataclass
from datetime import datetime

from domain.intake.complaints import Complaint, canonical_address, credible
from gateway.formats import original
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields, split
from gateway.formats.redaction import sample


@dataclass(frozen=True, kw_only=True)
class Said:
    """Texts as they came. `evidence` is the message, or the start of it."""

    source: str
    sent_at: datetime | None
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    message_id: str = ""
    report_id: str = ""
    evidence: bytes = b""


def complaint_of(said: Said, received_at: datetime) -> Complaint:
    """The complaint. What the report says counts before what the message in it says."""
    offending, body = split(said.evidence)
    if not offending.items and said.subject:
        offending = Fields(items=(("subject", said.subject),))
    sender = original.envelope_sender(said.sender or offending.first("return-path"))
    named = Fields(items=(("message-id", said.message_id),))
    message_id = original.message_id(named) or original.message_id(offending)
    return Complaint(
        format="xarf",
        sent_at=credible(said.sent_at, received_at),
        address=canonical_address(said.source.strip("[] ")),
        domain=original.offending_domain(sender, offending, []),
        sender=sender,
        message_id=message_id,
        fingerprint=fingerprint(
            message_id=message_id,
            sender=sender,
            feedback_id=said.report_id or None,
            body=body,
        ),
        feedback_type="abuse",
        headers=sample(offending, [said.recipient]),
    )
