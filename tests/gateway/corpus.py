"""The samples of reports in this folder: what each format looks like when it comes."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.intake.complaints import Complaint
from gateway.formats.port import understand

FOLDER = Path(__file__).with_name("samples")

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SENT_AT = datetime(2026, 3, 9, 11, 58, 40, tzinfo=UTC)
"""When the message in the samples was taken by the reporter's server."""


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def names() -> list[str]:
    return sorted(path.name for path in FOLDER.iterdir())


def complaints_in(content: bytes) -> tuple[Complaint, ...]:
    return understand(content, "", NOW)


def complaint_in(content: bytes) -> Complaint:
    [complaint] = complaints_in(content)
    return complaint


def recent(name: str) -> bytes:
    """A sample as if it were of yesterday: reports of long ago begin nothing."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    content = re.sub(rb"Mon, +0?9 Mar 2026", f"{yesterday:%a, %d %b %Y}".encode(), sample(name))
    content = content.replace(b"2026-03-09T", f"{yesterday:%Y-%m-%dT}".encode())
    return content.replace(b"1773057520", str(int(yesterday.timestamp())).encode())
