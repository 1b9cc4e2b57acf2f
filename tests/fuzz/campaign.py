"""A run over spoilt reports, and what must hold of each of them."""

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from domain.intake.complaints import Complaint
from gateway.formats.forwarded import the_spam_itself
from gateway.formats.port import NotUnderstood, understand
from tests.fuzz.mutations import spoilt
from tests.gateway.corpus import NOW, names, sample

SECONDS, SECONDS_A_BYTE = 0.5, 1e-6
"""Of processor time that one report may take, ten times what it does: see `worst`."""

MEMORY, MEMORY_A_BYTE = 24 * 1024 * 1024, 16
"""Bytes that may be held at once while one is read, beside the report itself."""

_EVERY = 50
"""Reports of which one is read again with an eye on memory, which takes ten times as long."""

_TRIES = 3
"""A machine that is busy makes one reading look slow, but hardly three."""


@dataclass(kw_only=True)
class Found:
    """What a run has seen."""

    executions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many were read as which format, or understood as nothing, or not understood."""
    worst: float = 0.0
    """Seconds of processor time that the slowest took, in proportion to what it may."""
    most: int = 0
    """Bytes of memory that one needed at most."""


def run(seconds: float, seed: int, clock: Callable[[], float] = time.monotonic) -> Found:
    """Read spoilt reports for so long. Raises AssertionError at the first that breaks a rule.

    The samples as they are come first. The same seed gives the same reports in the same order.
    """
    random, found = Random(seed), Found()
    samples = [sample(name) for name in names()]
    until = clock() + seconds
    for content in samples:
        _read(content)  # what is loaded at the first use is no part of a reading
        check(content, found)
    while clock() < until:
        check(spoilt(random, samples), found)
    return found


def check(content: bytes, found: Found) -> None:
    """Read one, and see that only NotUnderstood escapes, in time and memory that go by its size."""
    found.executions += 1
    allowed = SECONDS + SECONDS_A_BYTE * len(content)
    took = _timed(content, found)
    for _ in range(_TRIES - 1):
        if took > allowed:
            took = min(took, _timed(content, Found()))
    assert took <= allowed, f"{took:.2f} s for {len(content)} bytes"
    found.worst = max(found.worst, took / allowed)
    if found.executions % _EVERY == 0:
        held = _memory(content)
        assert held <= MEMORY + MEMORY_A_BYTE * len(content), f"{held} for {len(content)} bytes"
        found.most = max(found.most, held)


def _timed(content: bytes, found: Found) -> float:
    start = time.thread_time()
    outcome = _read(content)
    took = time.thread_time() - start
    found.outcomes[outcome] += 1
    return took


def _memory(content: bytes) -> int:
    tracemalloc.start()
    try:
        _read(content)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _read(content: bytes) -> str:
    outcome = "not understood"
    for read in (_as_a_report, the_spam_itself):
        try:
            complaints = read(content, NOW)
        except NotUnderstood as error:
            str(error).encode()  # it is logged and kept
            continue
        for complaint in complaints:
            _hold(complaint)
        if read is _as_a_report:
            outcome = complaints[0].format if complaints else "nothing"
    return outcome


def _as_a_report(content: bytes, received_at: object) -> tuple[Complaint, ...]:
    return understand(content, "message/rfc822", NOW)


def _hold(complaint: Complaint) -> None:
    """What the book of record and a letter can take."""
    assert NOW - timedelta(days=365 * 20) < complaint.sent_at <= NOW
    told = (complaint.sender, complaint.message_id, complaint.domain, complaint.fingerprint)
    for text in (*told, complaint.feedback_type, *complaint.headers):
        assert text is None or text.isprintable(), ascii(text)
        assert text is None or len(text) <= 1_000
