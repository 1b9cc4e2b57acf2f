"""ARF, the Abuse Reporting Format (RFC 5965): what feedback loops send."""

import binascii
import re
from datetime import datetime
from email.message import Message

from domain.complaints import MOST_MESSAGES, Complaint, canonical_address, credible
from gateway.formats import original
from gateway.formats.headers import LARGEST_BLOCK, Fields, moment, split
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import sample

_MOST_PARTS = 10
"""Parts of the report that are looked at; the format has three (RFC 5965 §2)."""

_NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})
"""Somebody took a message out of the spam folder (RFC 6430), or a domain's owner is told of
failed authentication, mostly of mail that others sent (RFC 6591)."""

_ORIGINAL = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers",
})  # fmt: skip

_REPORT = re.compile(rb"message/feedback-report", re.IGNORECASE)
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
        return _REPORT.search(content) is not None and _boundary(split(content)[0]) is not None

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        report, offending = _parts(content)
        kind = _plain(report.first("feedback-type")).lower()
        if _TYPE.fullmatch(kind) is None:
            raise NotUnderstood("no Feedback-Type; expected one, such as abuse (RFC 5965 §3.1)")
        if kind in _NO_COMPLAINT:
            return ()
        sender = original.envelope_sender(
            _plain(report.first("original-mail-from") or offending.first("return-path"))
        )
        address, sent_at = _where_and_when(report, offending)
        return (
            Complaint(
                format=self.name,
                sent_at=credible(sent_at, received_at),
                address=address,
                domain=original.offending_domain(sender, offending, report.all("reported-domain")),
                sender=sender,
                message_id=original.message_id(offending),
                volume=_incidents(report.first("incidents")),
                feedback_type=kind,
                headers=sample(offending, report.all("original-rcpt-to")),
            ),
        )


def _parts(content: bytes) -> tuple[Fields, Fields]:
    """The machine-readable part, and the header of the offending message."""
    fields, body = split(content)
    boundary = _boundary(fields)
    report: Fields | None = None
    offending = Fields(items=())
    for part in _cut(body, boundary) if boundary is not None else ():
        about, inside = split(part) if not part.startswith((b"\n", b"\r\n")) else (None, part)
        if about is None:
            continue
        kind = _typed(about).get_content_type()
        if kind == "message/feedback-report" and report is None:
            report = split(_unwrapped(about, inside))[0]
        elif kind in _ORIGINAL and not offending.items:
            offending = split(_unwrapped(about, inside))[0]
    if report is None:
        raise NotUnderstood("no part is message/feedback-report; expected one (RFC 5965 §2)")
    return report, offending


def _where_and_when(report: Fields, offending: Fields) -> tuple[str | None, datetime | None]:
    """Source-IP and Arrival-Date, or what the reporter's own server noted in the original.

    The original's `Date` is the sender's word, and a sender could make spam look old with it.
    """
    given = _plain(report.first("source-ip"))
    literal = given.strip("[]").lower().removeprefix("ipv6:")
    address = canonical_address(literal)
    arrived = moment(report.first("arrival-date", "received-date"))
    seen, seen_at = original.handed_over(offending)
    if not given:
        address = seen
    if arrived is None and address is not None and address == seen:
        arrived = seen_at
    return address, arrived


def _boundary(fields: Fields) -> bytes | None:
    kind = _typed(fields)
    boundary = kind.get_param("boundary")
    if kind.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        return None
    # RFC 2046 §5.1.1: 1 to 70 characters, all of US-ASCII.
    return boundary.encode() if 1 <= len(boundary) <= 70 and boundary.isascii() else None


def _typed(fields: Fields) -> Message:
    """Only its content type, for the standard library to parse."""
    message = Message()
    message["Content-Type"] = fields.first("content-type") or "text/plain"
    return message


def _cut(body: bytes, boundary: bytes) -> list[bytes]:
    line = re.compile(rb"(?:\A|(?<=\n))--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    parts: list[bytes] = []
    start: int | None = None
    for found in line.finditer(body):
        if start is not None:
            parts.append(body[start : found.start()])
        start = found.end()
        if found[1] or len(parts) == _MOST_PARTS:
            return parts
    return [*parts, body[start:]] if start is not None else parts


def _unwrapped(about: Fields, inside: bytes) -> bytes:
    """The start of a part without its transfer encoding: as much as a header block may have."""
    match about.first("content-transfer-encoding").lower():
        case "base64":
            alphabet = re.sub(rb"[^A-Za-z0-9+/]", b"", inside[: LARGEST_BLOCK * 2])
            return binascii.a2b_base64(alphabet[: len(alphabet) // 4 * 4])
        case "quoted-printable":
            return binascii.a2b_qp(inside[: LARGEST_BLOCK * 3])
        case _:
            return inside


def _incidents(text: str) -> int:
    count = _COUNT.fullmatch(_plain(text))
    return min(max(int(count[0]), 1), MOST_MESSAGES) if count else 1


def _plain(value: str) -> str:
    """A value without comments, which the format allows nearly everywhere (RFC 5965 §3.5)."""
    return _COMMENT.sub("", value).strip()
