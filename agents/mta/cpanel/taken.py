"""Which accounts each measure took hold of, on disk, so that no other is ever let go.

An administrator holds and suspends accounts too. What was so before a measure came stays so after.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from agents.files import replace_file
from agents.ledger import LedgerUnreadable
from domain.measures import Measure
from domain.wire import WireError, from_text, to_json


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one measure took hold of, written down before it is done."""

    measure: Measure
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    """Found as the measure wants them, through somebody else."""
    over: bool = False
    """The measure was lifted: it holds nobody any more, but may be asked about its messages."""

    @property
    def accounts(self) -> tuple[str, ...]:
        return (*self.ours, *self.theirs)


@dataclass(frozen=True, kw_only=True)
class _Page:
    taken: dict[str, Taken] = field(default_factory=dict)


class TakenAccounts:
    """By measure key, in `file`. Every change is on disk when its call returns."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._taken: dict[str, Taken] = {}
        try:
            self._taken = dict(from_text(_Page, file.read_bytes()).taken)
        except FileNotFoundError:
            return
        except WireError as error:
            # Started afresh, it would take its own accounts for an administrator's.
            raise LedgerUnreadable(f"{file}: {error}; mend it or restore it") from error

    def of(self, key: str, measure: Measure) -> Taken:
        return self._taken.get(key, Taken(measure=measure))

    def others(self, key: str, measure: Measure, account: str) -> list[Taken]:
        """Who else has taken this account for the same kind of measure."""
        return [
            taken
            for each, taken in self._taken.items()
            if each != key and not taken.over
            if taken.measure is measure and account in taken.accounts
        ]

    def take(self, key: str, measure: Measure, account: str, *, already: bool) -> None:
        """Write down that a measure is about to take hold of an account.

        `already` says that it is so now. Through another measure of ours, it is ours.
        """
        taken = self.of(key, measure)
        if taken.over:
            taken = Taken(measure=measure)
        if account in taken.accounts:
            return
        through_us = any(account in other.ours for other in self.others(key, measure, account))
        if already and not through_us:
            taken = replace(taken, theirs=(*taken.theirs, account))
        else:
            taken = replace(taken, ours=(*taken.ours, account))
        self._put({**self._taken, key: taken})

    def end(self, key: str, measure: Measure, remembered: Collection[str]) -> None:
        """The measure is over. Those over that are not `remembered` elsewhere are forgotten."""
        ended = {**self._taken, key: replace(self.of(key, measure), over=True)}
        kept = {k: taken for k, taken in ended.items() if not taken.over or k in remembered}
        if kept != self._taken:
            self._put(kept)

    def _put(self, taken: dict[str, Taken]) -> None:
        replace_file(self._file, json.dumps(to_json(_Page(taken=taken))))
        self._taken = taken
