"""ARF, the Abuse Reporting Format (RFC 5965): what feedback loops send, Yahoo's and AOL's too.

RFC 6590 has recipients redacted, and feedback loops leave fields out: only the kind of feedback is
needed. Where `Source-IP` is missing, or no address of the Internet, the address comes from the
`Received` lines of the original (see `received`), and for SpamCop's reports from their subject.
"""

import re
from datetime import datetime

from domain.intake.complaints import MOST_MESSAGES, Complaint, canonical_address, credible
from gateway.formats import original, received, spamcop
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields, moment, split
from gateway.formats.parts import (
    ORIGINAL,
    Part,
    boundary_of,
    kind_of,
    report_type_of,
    taken_apart,
)
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import sample

_NOT_SPAM = "not-spam"
"""Somebody took a message out of the spam folder (RFC 6430): nobody complains."""

_AUTH_FAILURE = "auth-failure"
"""RFC 6591 tells a domain's owner of mail in its name that failed SPF, DKIM or DMARC. Most is
forwarded mail, or forged elsewhere, and `Delivery-Result` is `policy`, `reject` or `delivered`:
what the owner's own policy asked for. Only `spam` says that the receiver took the message itself
for spam, and then it counts: if the source is one of ours, it is a server that forges senders."""

_REPORT_KIND = "message/feedback-report"
_REPORT = re.compile(_REPORT_KIND.encode(), re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9-]{1,40}")
_COUNT = re.compile(r"[0-9]{1,12}")
_COMMENT = re.compile(r"\([^()]*\)")


@register
class Arf:
    """The format's reader.

    It cuts the report into its parts and reads the header block of each, and never goes into the
    offending message: however that one is nested, time and memory grow with its bytes only.
    """

    name = "arf"
    expects = "a multipart/report of report-type=feedback-report (RFC 5965)"

    def recognises(self, content: bytes, media_type: str) -> bool:
        if _REPORT.search(content) is None:
            return False
        outer = split(content)[0]
        if boundary_of(outer) is None:
            return False
        if kind_of(outer) == "multipart/report":
            return report_type_of(outer) in ("", "feedback-report")
        # Some feedback loops say multipart/mixed. The words alone may be the spammer's.
        return any(part.kind == _REPORT_KIND for part in taken_apart(content)[1])

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        outer, parts = taken_apart(content)
        report, offending, body = _report_and_original(parts)
        kind = _plain(report.first("feedback-type")).lower()
        if _TYPE.fullmatch(kind) is None:
            raise NotUnderstood("no Feedback-Type; expected one, such as abuse (RFC 5965 §3.1)")
        if kind == "xarf":
            raise NotUnderstood("it is XARF by mail, which only borrows the form")
        result = _plain(report.first("delivery-result")).lower()
        if kind == _NOT_SPAM or (kind == _AUTH_FAILURE and result != "spam"):
            return ()
        sender = original.envelope_sender(
            _plain(report.first("original-mail-from") or offending.first("return-path"))
        )
        address, sent_at = _where_and_when(report, offending, outer)
        message_id = original.message_id(offending)
        return (
            Complaint(
                format=self.name,
                sent_at=credible(sent_at, received_at),
                address=address,
                domain=original.offending_domain(sender, offending, report.all("reported-domain")),
                sender=sender,
                message_id=message_id,
                fingerprint=fingerprint(
                    message_id=message_id,
                    sender=sender,
                    feedback_id=original.feedback_id(offending),
                    body=body,
                ),
                volume=_incidents(report.first("incidents")),
                feedback_type=kind,
                headers=sample(offending, report.all("original-rcpt-to")),
            ),
        )


def _report_and_original(parts: list[Part]) -> tuple[Fields, Fields, bytes]:
    """The machine-readable part, and the header and the body of the offending message."""
    report: Fields | None = None
    offending, body = Fields(items=()), b""
    for part in parts:
        if part.kind == _REPORT_KIND and report is None:
            # SpamCop's has a stray carriage return at the end of each line.
            report = split(part.decoded().replace(b"\r\r\n", b"\r\n"))[0]
        elif part.kind in ORIGINAL and not offending.items:
            offending, body = split(part.decoded())
    if report is None:
        raise NotUnderstood("no part is message/feedback-report; expected one (RFC 5965 §2)")
    return report, offending, body


def _where_and_when(
    report: Fields, offending: Fields, outer: Fields
) -> tuple[str | None, datetime | None]:
    """Source-IP and Arrival-Date, or what the reporter's own server noted in the original.

    The original's `Date` is the sender's word, and a sender could make spam look old with it.
    """
    given = _plain(report.first("source-ip")).strip("[]").lower().removeprefix("ipv6:")
    arrived = moment(report.first("arrival-date", "received-date"))
    seen, seen_at = received.handed_over(offending)
    address = received.outside(canonical_address(given)) or seen
    if address is None:
        address = spamcop.address_in_subject(outer)
    if arrived is None and address is not None and address == seen:
        arrived = seen_at
    return address, arrived


def _incidents(text: str) -> int:
    count = _COUNT.fullmatch(_plain(text))
    return min(max(int(count[0]), 1), MOST_MESSAGES) if count else 1


def _plain(value: str) -> str:
    """A value without comments, which the format allows nearly everywhere (RFC 5965 §3.5)."""
    return _COMMENT.sub("", value).strip()
