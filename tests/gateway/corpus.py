"""The samples of reports in this folder: what each format looks like when it comes."""

from datetime import UTC, datetime
from pathlib import Path

from domain.complaints import Complaint
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
