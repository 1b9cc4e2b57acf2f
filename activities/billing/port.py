"""Where an entry of the ledger is sent, and how the backend that takes it is found.

A backend is one file in this folder, with a function marked `@register("name")` that makes it from
the settings that it needs. An entry has a key, which travels with it: whatever becomes of an
attempt, the next one first asks the far side whether it has that key.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import activities.billing
from domain.money.billing import LEDGER, Outgoing, There

SECONDS = 20.0
"""For one request: what takes longer has not answered."""


class Refused(Exception):
    """The far side will not take the entry, and has not; a person must put something right.

    `everywhere`: whatever is sent there will be refused, such as for a key that is not valid.
    """

    def __init__(self, why: str, *, everywhere: bool = False) -> None:
        super().__init__(why)
        self.everywhere = everywhere


class Away(Exception):
    """The far side did not take it now; it is tried again.

    `unsure`: it may have arrived all the same. `answered`: the far side did say something. `after`:
    in how many seconds it wants to be asked again, if it said so.
    """

    def __init__(
        self, why: str, *, unsure: bool, answered: bool = False, after: float | None = None
    ) -> None:
        super().__init__(why)
        self.unsure = unsure
        self.answered = answered
        self.after = after


class Backend(Protocol):
    """Takes entries. Every verb raises Refused and Away."""

    @property
    def settles(self) -> float:
        """Seconds for which a request that nobody waits for any more may still be carried out.

        Until they are over, the answer that a key is not there means nothing. 0 where the far side
        itself takes a key only once.
        """

    @property
    def needs_id(self) -> bool:
        """Whether a client has an id there that Plazo must know."""

    async def find(self, what: Outgoing) -> str | None:
        """The id by which the far side has an entry already; None where it surely has not.

        Called when an earlier attempt may have arrived. Where the far side cannot be asked, but
        takes a key only once, it is sent again.
        """

    async def send(self, what: Outgoing) -> str:
        """Hand an entry over; the far side's id of it."""

    async def there(self, account: str, since: datetime) -> tuple[There, ...] | None:
        """All that a client's account has of Plazo's from then on; None where nobody can tell."""

    def lists(self, far_id: str) -> bool:
        """Whether `there` tells of what has this id."""

    async def check(self) -> str:
        """Ask for something harmless; one sentence on what answers."""

    async def close(self) -> None:
        """Let go of connections."""


Maker = Callable[[Mapping[str, str]], Backend | None]
_makers: dict[str, Maker] = {}


def register(name: str) -> Callable[[Maker], Maker]:
    """Make a backend known by a name. The function gets what is set of its settings, by name.

    It gives None where nothing is set for it, and raises ValueError where something is lacking.
    """

    def keep(maker: Maker) -> Maker:
        _makers[name] = maker
        return maker

    return keep


def names() -> tuple[str, ...]:
    """All that there are, the ledger first."""
    _load()
    return (LEDGER, *sorted(set(_makers) - {LEDGER}))


@dataclass(frozen=True)
class Backends:
    """Those that are set up, by name; `lacking` says of the others what to set, and `half` of
    those among them that something is set for already."""

    ready: Mapping[str, Backend] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    half: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str) -> Backend:
        """Raises Refused where it is not there or not set up."""
        found = self.ready.get(name)
        if found is not None:
            return found
        known = ", ".join((*self.ready, *self.lacking))
        why = self.lacking.get(name, f"there is no billing backend {name}; there are {known}")
        raise Refused(why, everywhere=True)

    async def close(self) -> None:
        for each in self.ready.values():
            await each.close()


NOWHERE = Backends()
"""None at all, where nothing is delivered."""


def made(access: Mapping[str, str]) -> Backends:
    """Every backend that its settings are there for."""
    _load()
    ready: dict[str, Backend] = {}
    lacking: dict[str, str] = {}
    half: dict[str, str] = {}
    for name, maker in _makers.items():
        try:
            backend = maker(access)
        except ValueError as error:
            lacking[name] = half[name] = str(error)
            continue
        if backend is None:
            lacking[name] = f"the billing backend {name} is not set up; see docs/billing.md"
        else:
            ready[name] = backend
    return Backends(ready, lacking, half)


@asynccontextmanager
async def opened(access: Mapping[str, str]) -> AsyncIterator[Backends]:
    """The backends while the block lasts."""
    backends = made(access)
    try:
        yield backends
    finally:
        await backends.close()


def _load() -> None:
    for module in pkgutil.iter_modules(activities.billing.__path__, "activities.billing."):
        importlib.import_module(module.name)
