"""Submitting reports from files: one, a whole mailbox, or what is in a directory."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from book.database import LOST
from book.intake.intake import Accepted, Intake, Received
from gateway.formats.port import NotUnderstood, is_mail
from gateway.mail import folders
from gateway.mail.arrival import MEDIA_TYPE, identity, read
from gateway.mail.folders import Found
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line
from workers.leave import REFUSED, Refused

_REPORTER = "command-line"

_AT_ONCE = 64
"""Reports that are read and put on record side by side."""

_MOST_BYTES = 64 * 1024 * 1024
"""Of those, held in memory; the last may go beyond."""

_EVERY = 1_000
"""Reports after which a line says how far it is, where there is no terminal for a bar."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A report that was not taken: where it is, and why."""

    path: str
    why: str


@dataclass(kw_only=True)
class Said:
    """What became of all of them."""

    reports: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(help="A report in any known format, an mbox, a directory; - reads stdin."),
    ],
    json: Json = False,
) -> None:
    """Submit reports. Prints the ids of their incidents; the same file again is the same report.

    What is refused is named, and the rest goes in; it exits with 1 then. Mail that nobody
    understands is kept for a person.
    """
    with Progress(
        TextColumn("{task.fields[now]}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        # Into a pipe, standard output stays what it is.
        redirect_stdout=sys.stdout.isatty(), disable=not sys.stderr.isatty(),
    ) as bar:  # fmt: skip
        told = _Teller(bar, quiet=json)
        asyncio.run(_submit(paths, told))
    if json:
        as_json(told.said)
    told.sum_up()
    if told.said.refused:
        raise typer.Exit(REFUSED)


class _Teller:
    """Says what becomes of each report: incidents on standard output, the rest beside it."""

    def __init__(self, bar: Progress, *, quiet: bool) -> None:
        self.said = Said()
        self._bar = bar
        self._task: TaskID = bar.add_task("", now="", total=None)
        self._quiet = quiet
        self._count = 0
        self._incidents: set[str] = set()

    def expects(self, total: int) -> None:
        """So many bytes, none if that is not known."""
        self._bar.update(self._task, total=total or None)

    def passed(self, found: Found) -> None:
        self._count += 1
        self._bar.update(self._task, advance=found.read, now=found.name[-60:])
        if self._bar.disable and self._count % _EVERY == 0:
            sys.stderr.write(f"{self._count} reports\n")

    def refused(self, refusal: Refusal) -> None:
        self.said.refused.append(refusal)
        gap = " " if refusal.why.startswith("cannot be read") else ": "
        sys.stderr.write(f"plazo: {refusal.path}{gap}{refusal.why}\n")

    def kept(self, name: str, received: Received, accepted: Accepted) -> None:
        self.said.reports.extend(accepted.reports)
        self.said.unplaced.extend(accepted.unplaced)
        for incident in accepted.incidents:
            if incident not in self._incidents:
                self._incidents.add(incident)
                self.said.incidents.append(incident)
                if not self._quiet:
                    line(incident)
        if not received.complaints and received.unread is None:
            sys.stderr.write(f"{name}: understood, and kept: it reports no spam\n")
        for why in accepted.unplaced:
            sys.stderr.write(f"{name}: kept for a person: {why}\n")

    def sum_up(self) -> None:
        """After more than one."""
        if self._count > 1:
            said = self.said
            sys.stderr.write(
                f"{self._count} reports: {self._count - len(said.refused)} on record, "
                f"{len(said.incidents)} incidents, {len(said.unplaced)} for a person, "
                f"{len(said.refused)} refused\n"
            )


async def _submit(paths: Sequence[Path], told: _Teller) -> None:
    told.expects(await asyncio.to_thread(folders.total, paths))
    intake: Intake | None = None
    groups = _groups(paths)
    async with AsyncExitStack() as opened:
        while few := await asyncio.to_thread(next, groups, None):
            reports = await asyncio.gather(*(asyncio.to_thread(_read, each) for each in few))
            if intake is None and any(isinstance(each, Received) for each in reports):
                intake = Intake(await opened.enter_async_context(reach.book()))
                await opened.enter_async_context(intake.running())
            outcomes = await asyncio.gather(*(_keep(intake, each) for each in reports))
            for found, each, outcome in zip(few, reports, outcomes, strict=True):
                if isinstance(each, Received) and isinstance(outcome, Accepted):
                    told.kept(found.name, each, outcome)
                else:
                    told.refused(Refusal(path=found.name, why=str(outcome)))
                told.passed(found)


def _groups(paths: Sequence[Path]) -> Iterator[list[Found]]:
    few: list[Found] = []
    for file in folders.files(paths):
        for found in folders.reports(file):
            few.append(found)
            if len(few) == _AT_ONCE or sum(len(each.content) for each in few) > _MOST_BYTES:
                yield few
                few = []
    if few:
        yield few


def _read(found: Found) -> Received | str:
    """What is to be put on record, or why it is refused."""
    if found.unreadable is not None:
        return found.unreadable
    media_type = MEDIA_TYPE if is_mail(found.content) else "application/octet-stream"
    try:
        complaints, unread = read(found.content, media_type, datetime.now(UTC))
    except NotUnderstood as error:
        return str(error)
    return Received(
        id=identity(found.content),
        reporter=_REPORTER,
        content=found.content,
        media_type=media_type,
        complaints=complaints,
        unread=unread,
    )


async def _keep(intake: Intake | None, report: Received | str) -> Accepted | str:
    if intake is None or isinstance(report, str):
        return str(report)
    try:
        return await intake.accept(report)
    except asyncpg.DataError as error:
        return f"cannot be put on record: {error}"
    except LOST as error:
        raise Refused(
            f"the book of record was lost ({str(error) or type(error).__name__}); run the same "
            "command again: what is on record already is not taken twice"
        ) from error
