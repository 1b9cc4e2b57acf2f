"""The parts of a multipart message, cut at its boundary, one level deep.

The standard library's parser builds every part of every level, and a message of a few kilobytes can
have ten thousand. Here time and memory grow with the bytes only. Of each part the standard
library reads the header block and the parameters of its content type.
"""

import binascii
import re
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache

from gateway.formats.headers import LARGEST_BLOCK, Fields, split

_MOST = 10
"""Parts that are looked at; a report has two to four."""

ORIGINAL = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers",
})  # fmt: skip
"""What an offending message, or its header, is attached as."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a message, not yet decoded."""

    fields: Fields
    kind: str
    """Its media type in lower case, such as `message/rfc822`."""
    body: bytes

    def decoded(self, most: int = LARGEST_BLOCK) -> bytes:
        """The first `most` bytes or so, without the transfer encoding."""
        match self.fields.first("content-transfer-encoding").lower():
            case "base64":
                return unbase64(self.body[: most * 2])[:most]
            case "quoted-printable":
                return binascii.a2b_qp(self.body[: most * 3])[:most]
            case _:
                return self.body[:most]

    def text(self, most: int = LARGEST_BLOCK) -> str:
        """The same as text. What is looked for in it is ASCII, in whatever charset it is."""
        return self.decoded(most).decode("utf-8", "replace")


def taken_apart(content: bytes) -> tuple[Fields, list[Part]]:
    """The header of a message and its parts, none if it is not a multipart."""
    fields, body = split(content)
    boundary = boundary_of(fields)
    pieces = _cut(body, boundary) if boundary is not None else []
    return fields, [_part(piece) for piece in pieces]


def kind_of(fields: Fields) -> str:
    """The media type in lower case; `text/plain` where none is given."""
    return _typed(fields.first("content-type"))[0]


def boundary_of(fields: Fields) -> bytes | None:
    """What divides the parts of a multipart; None if it is none, or has none that can be."""
    kind, boundary, _ = _typed(fields.first("content-type"))
    # RFC 2046 §5.1.1: 1 to 70 characters, all of US-ASCII.
    usable = 1 <= len(boundary) <= 70 and boundary.isascii() and kind.startswith("multipart/")
    return boundary.encode() if usable else None


def report_type_of(fields: Fields) -> str:
    """What a multipart/report says that it reports, in lower case (RFC 6522 §3)."""
    return _typed(fields.first("content-type"))[2].lower()


@lru_cache(maxsize=64)
def _typed(content_type: str) -> tuple[str, str, str]:
    """The media type, and the parameters `boundary` and `report-type`, by the standard library."""
    message = Message()
    message["Content-Type"] = content_type or "text/plain"
    named = [message.get_param(name) for name in ("boundary", "report-type")]
    boundary, report_type = (each if isinstance(each, str) else "" for each in named)
    return message.get_content_type(), boundary, report_type


def unbase64(text: bytes) -> bytes:
    """The bytes, whatever else stands between (RFC 2045 §6.8), and wherever it was cut off."""
    alphabet = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(alphabet) % 4 == 1:
        alphabet = alphabet[:-1]
    return binascii.a2b_base64(alphabet + b"=" * (-len(alphabet) % 4))


def _part(piece: bytes) -> Part:
    if piece.startswith((b"\n", b"\r\n")):  # no header: plain text (RFC 2046 §5.1)
        return Part(fields=Fields(items=()), kind="text/plain", body=piece.lstrip(b"\r\n"))
    fields, body = split(piece)
    return Part(fields=fields, kind=kind_of(fields), body=body)


def _cut(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = b"--" + boundary
    parts: list[bytes] = []
    start: int | None = None
    at = 0 if body.startswith(delimiter) else _next(body, delimiter, 0)
    while at >= 0 and len(parts) < _MOST:
        line_end = body.find(b"\n", at)
        after = len(body) if line_end < 0 else line_end + 1
        rest = body[at + len(delimiter) : min(after, at + len(delimiter) + 80)].strip()
        if rest in (b"", b"--"):
            if start is not None:
                parts.append(body[start:at])
            start = None if rest else after
            if rest:
                break
        at = _next(body, delimiter, after - 1)
    if start is not None and len(parts) < _MOST:
        parts.append(body[start:])  # never closed, as when a report was cut off
    return parts


def _next(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(b"\n" + delimiter, start)
    return found + 1 if found >= 0 else -1
