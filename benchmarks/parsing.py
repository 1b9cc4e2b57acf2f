"""ARF reports parsed a second, on one processor, beside what else in Python reads them.

No other library for ARF is kept. What is left is the standard library's parser, with the policy
of old and with the one that reads every field, each followed by looking up what a complaint needs.
They leave out what ours does besides: times that can be believed, redaction, fingerprints.
"""

import email
import email.message
import email.policy
import time
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.reporters import a_report
from benchmarks.table import Table, row
from domain.intake.complaints import Complaint
from gateway.formats.port import understand

COUNT = 5_000
ROUNDS = 3

_FIELDS = ("Feedback-Type", "Source-IP", "Arrival-Date", "Original-Mail-From", "Incidents")
_ORIGINAL = ("Message-ID", "From", "Subject", "Date", "Received", "DKIM-Signature")


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """Each parser in turn over the same reports."""
    reports = [a_report(number, number % 250) for number in range(count)]
    kinds: dict[str, Callable[[bytes], object]] = {
        "ours": ours,
        "email, compat32": lambda content: standard(content, email.policy.compat32),
        "email, default policy": lambda content: standard(content, email.policy.default),
    }
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, parse in kinds.items():
            began = time.perf_counter()
            for report in reports:
                parse(report)
            rates[kind].append(count / (time.perf_counter() - began))
    return Table(
        title=f"parsing: ARF reports of {len(reports[0]):,} bytes, one processor",
        rows=tuple(row(kind, "per second", rates[kind]) for kind in kinds),
    )


def ours(content: bytes) -> tuple[Complaint, ...]:
    """All that the gateway does to a report before it is kept."""
    return understand(content, "message/rfc822", datetime.now(UTC))


def standard(content: bytes, policy: email.policy.Policy) -> dict[str, str | None]:
    """The fields of the feedback report and of the original, by the standard library alone."""
    message = email.message_from_bytes(content, policy=policy)
    found: dict[str, str | None] = {}
    for part in message.walk():
        match part.get_content_type():
            case "message/feedback-report":
                # It is parsed as a message within a message.
                inside = part.get_payload(0)
                assert isinstance(inside, email.message.Message)
                found |= {name: inside[name] for name in _FIELDS}
            case "message/rfc822":
                original = part.get_payload(0)
                assert isinstance(original, email.message.Message)
                found |= {name: original[name] for name in _ORIGINAL}
    return found
