"""From the bytes of a report to complaints, and how to find the file that reads them.

A new format is one new file in this folder: a class that fits `Format`, marked `@register`.
"""

import importlib
import pkgutil
from datetime import datetime
from typing import Protocol, TypeVar

import gateway.formats
from domain.complaints import Complaint

LARGEST = 32 * 1024 * 1024
"""Bytes of a report. Mail servers take messages of up to 25 to 35 MB, and a report may hold one."""


class NotUnderstood(ValueError):
    """The report is of no known format, or breaks the rules of its own; says what was expected."""


class Format(Protocol):
    """One format. It reads what strangers wrote: bounded time and memory, whatever comes."""

    name: str
    """Such as "arf"; on record with every complaint."""
    expects: str
    """What a report of this format is, to follow "expected"."""

    def recognises(self, content: bytes, media_type: str) -> bool:
        """Whether it looks like this format. Cheap; the label alone decides nothing."""

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        """The complaints in it; none if it complains about nothing. Raises NotUnderstood."""


_formats: dict[str, Format] = {}
Made = TypeVar("Made", bound=type[Format])


def register(made: Made) -> Made:
    """Make a class one of the formats that `understand` tries."""
    known = made()
    _formats[known.name] = known
    return made


def understand(content: bytes, media_type: str, received_at: datetime) -> tuple[Complaint, ...]:
    """What a report complains about.

    The format is found by the content; `media_type` (`application/json`, `message/rfc822`) may
    only add to the explanation. Empty if the report complains about nothing, such as feedback
    that a message is `not-spam`. Raises NotUnderstood with what was expected.
    """
    if received_at.utcoffset() is None:
        raise ValueError("received_at has no time zone; give the time of receipt in UTC")
    if len(content) > LARGEST:
        raise NotUnderstood(f"{len(content)} bytes; expected at most {LARGEST}")
    refusals = []
    for known in _known().values():
        if not known.recognises(content, media_type):
            continue
        try:
            return known.read(content, received_at)
        except NotUnderstood as error:
            refusals.append(f"{known.name}: {error}")
    if refusals:
        raise NotUnderstood("; ".join(refusals))
    expected = "; or ".join(f"{known.name}: {known.expects}" for known in _known().values())
    raise NotUnderstood(f"no known format, labelled {media_type[:80]!a}; expected {expected}")


def _known() -> dict[str, Format]:
    for module in pkgutil.iter_modules(gateway.formats.__path__, "gateway.formats."):
        importlib.import_module(module.name)
    return _formats
