"""What the detector remembers: one small file, so that counts and the place in the log agree.

It is written whole, now and then. After a crash the log is read on from the place in the file, with
the counts in the file, and the same comes of it.
"""

import json
import logging
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from agents.detection.sketch import Sketch
from agents.files import replace_file
from agents.mta.logfile import Place
from domain.detection.hours import Hours
from domain.detection.outbreaks import Outbreak
from domain.detection.refused import Refused, Refusing
from domain.detection.traffic import Peaks, Today
from domain.hosts import Detection
from domain.wire import WireError, from_text, to_json

log = logging.getLogger("plazo.host_agent")


@dataclass(kw_only=True)
class Slice:
    """Ten minutes of one sender's mail to the outside."""

    began_at: int
    messages: int = 0
    copies: int = 0
    covered: int = 0
    """Copies that an announced campaign accounts for."""
    judged: int = 0
    rejected: int = 0
    deferred: int = 0
    recipients: Sketch = ()
    sources: dict[str, int] = field(default_factory=dict)
    """Copies by the address of ours that they left from, where that is known."""


@dataclass(kw_only=True)
class Sender:
    """A sender domain, or the whole host."""

    slices: tuple[Slice, ...] = ()
    """Of the last hour, the oldest first."""
    today: Today = field(default_factory=Today)
    peaks: Peaks = field(default_factory=Peaks)
    hours: Hours = field(default_factory=Hours)
    hours_today: dict[str, int] = field(default_factory=dict)
    outbreak: Outbreak | None = None
    untold: int = 0
    """Copies since the outbreak was last told of."""


@dataclass(kw_only=True)
class Passing:
    """A message in the queue."""

    domain: str | None
    began_at: int
    counted: bool = False
    """Whether it was tried to the outside before, so that it is counted already."""
    tried: tuple[int, ...] = ()
    """Hashes of the recipients whose copy was put off, so that another try is no new copy."""


@dataclass(kw_only=True)
class Memory:
    """Everything, as it is on disk."""

    key: str
    """In hexadecimal; what recipients are hashed with."""
    place: Place
    clock: int
    """Unix seconds up to which all was counted."""
    heard: bool = False
    """Whether the log said anything on this day; of a silent one nothing is learned."""
    host: Sender = field(default_factory=Sender)
    senders: dict[str, Sender] = field(default_factory=dict)
    passing: dict[str, Passing] = field(default_factory=dict)
    """By queue id, the longest known first."""
    used: dict[str, int] = field(default_factory=dict)
    """Copies of each campaign that were accounted for."""
    outbox: tuple[Detection, ...] = ()
    """What the gateway has not taken yet."""
    refusing: dict[str, Refusing] = field(default_factory=dict)
    """By receiver and address of ours."""
    seen_as: dict[str, str] = field(default_factory=dict)
    """Under which address receivers see what leaves from one of ours, where it is translated."""
    refused: tuple[Refused, ...] = ()
    """The same of refusals."""


def remembered(file: Path) -> Memory | None:
    """What is in the file; None if there is none, or it was put aside because it is unreadable."""
    try:
        return from_text(Memory, file.read_bytes())
    except FileNotFoundError:
        return None
    except WireError as error:
        aside = file.with_name(f"{file.name}.unreadable")
        file.replace(aside)
        log.error(
            "the detector's memory is unreadable, it learns anew",
            extra={"why": str(error), "aside": str(aside)},
        )
        return None


def fresh(place: Place, now: int) -> Memory:
    """The memory of a detector that begins here and now."""
    return Memory(key=secrets.token_hex(16), place=place, clock=now)


def keep(file: Path, memory: Memory) -> None:
    replace_file(file, json.dumps(to_json(memory), separators=(",", ":")))
