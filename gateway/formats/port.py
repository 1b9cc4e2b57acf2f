"""From the bytes of a report to complaints, and how to find the file that reads them.

A new format is one new file in this folder: a class that fits `Format`, marked `@register`.
"""

import importlib
import pkgutil
from datetime import datetime
from functools import cache
from typing import Protocol, TypeVar

import gateway.formats
from domain.intake.complaints import Complaint
from gateway.formats.headers import split

LARGEST = 32 * 1024 * 1024
"""Bytes of a report. Mail servers take messages of up to 25 to 35 MB, and a report may hold one."""

_LONGEST_REASON = 2000
"""Characters of what is said about a report that is not understood."""


class NotUnderstood(ValueError):
    """The report is of no known format, or breaks the rules of its own; says what was expected.

    `for_a_person`: it must be kept, and somebody has to read it. So it is with mail, which nobody
    would send again, and with a report that is understood and is about something other than mail.
    Anything else can be refused: its sender is a program, and is told what was expected.
    """

    def __init__(self, why: str, *, for_a_person: bool = False) -> None:
        super().__init__(why[:_LONGEST_REASON])
        self.for_a_person = for_a_person


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
_last: dict[str, Format] = {}
Made = TypeVar("Made", bound=type[Format])


def register(made: Made) -> Made:
    """Make a class one of the formats that `understand` tries."""
    known = made()
    _formats[known.name] = known
    return made


def register_last(made: Made) -> Made:
    """Make a class a format that is tried only on what no other recognises."""
    known = made()
    _last[known.name] = known
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
    refusals: list[str] = []
    keep = False
    for known in _known():
        if (known.name in _last and refusals) or not known.recognises(content, media_type):
            continue
        try:
            return known.read(content, received_at)
        except NotUnderstood as error:
            refusals.append(f"{known.name}: {error}")
            keep = keep or error.for_a_person
    if not refusals and is_mail(content):
        raise NotUnderstood("it is mail, and of no known format", for_a_person=True)
    if not refusals:
        expected = "; or ".join(f"{known.name}: {known.expects}" for known in _known())
        refusals = [f"no known format, labelled {media_type[:80]!a}; expected {expected}"]
    raise NotUnderstood("; ".join(refusals), for_a_person=keep or is_mail(content))


def is_mail(content: bytes) -> bool:
    """Whether it starts with a header as mail has: with `Received`, or `From` and one other."""
    names = {name for name, _ in split(content)[0].items}
    return "received" in names or (
        "from" in names and not names.isdisjoint({"to", "subject", "date", "message-id"})
    )


@cache
def _known() -> tuple[Format, ...]:
    for module in pkgutil.iter_modules(gateway.formats.__path__, "gateway.formats."):
        importlib.import_module(module.name)
    by_name = (*sorted(_formats.items()), *sorted(_last.items()))
    return tuple(known for _, known in by_name)
