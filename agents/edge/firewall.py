"""nftables as the agent's measures see it: put in force, looked at, put right, ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agents.edge.aim import aim
from agents.edge.memory import Entry, Memory, log
from agents.edge.nft import Nft, NftFailed
from agents.edge.ruleset import Elements, Table, changes, merged, whole
from agents.files import replace_file
from domain.hosts import Desired, Observation
from domain.measures import Measure
from domain.news import Observed

_FRESH = 1.0
"""Seconds that a reading is good for: the agent looks at each measure in turn, all in one table."""


class Edge:
    """A `MailHost` (agents/mta/port.py) that is a firewall, with its own memory in `state_dir`.

    The kernel goes on with the table whatever becomes of the agent. For the next boot it lies in
    `boot.nft`, which infra/systemd/plazo-edge-boot.service loads before the network is up. Without
    that, the first measure that is asked for brings all of them back.
    """

    name = "nftables"
    can = frozenset({Measure.BLOCK_PORT25, Measure.SMARTHOST_REDIRECT})

    def __init__(self, state_dir: Path, nft: Sequence[str] = ("nft",)) -> None:
        self._state_dir = state_dir
        self._nft = Nft(nft)
        self._memory = Memory(state_dir / "edge.json")
        self._boot = state_dir / "boot.nft"
        self._for_the_boot: str | None = None
        """What is in that file for certain."""
        self._read_at = float("-inf")

    async def apply(self, measure: Desired) -> Observation:
        """Bring it in force beside the others.

        Raises CannotCarryOut, SmarthostUnknown, NftFailed.
        """
        known = self._memory.entries.get(measure.key)
        elements = await aim(measure, known.elements if known else {}, self._state_dir)
        if known is not None and known.ended_at is None and known.elements == elements:
            await self._look()
            return self._observation(measure.key)
        others = [each for each in self._memory.in_force() if each.measure.key != measure.key]
        found = await self._enforce([*(each.elements for each in others), elements])
        # Only now: a measure that the firewall does not take must not spoil the others.
        known = self._memory.entries.get(measure.key, Entry(measure=measure, elements=elements))
        entry = replace(known, measure=measure, elements=elements, ended_at=None)
        self._memory.put(entry.begun(found))
        self._save()
        return self._observation(measure.key)

    async def observe(self, measure: Desired) -> Observation:
        """What it has counted; the table is put right if somebody changed it. Raises NftFailed."""
        await self._look()
        return self._observation(measure.key)

    async def lift(self, measure: Desired) -> Observation:
        """End it; what it counted stays known. Raises NftFailed, OSError."""
        entry = self._memory.entries.get(measure.key)
        if entry is None:
            await self._look()
            return Observation(
                key=measure.key, observed=Observed.LIFTED, detail="it was never in force"
            )
        if entry.ended_at is None:
            self._count(await self._nft.table())
            entry = self._memory.entries[measure.key]
            self._memory.put(replace(entry, measure=measure, ended_at=datetime.now(UTC)))
            # Before it is done: what has ended must not come back with a restart.
            self._save()
        await self._enforce(self._wanted())
        self._memory.save()  # or it is asked again until there is room on the disk
        return self._observation(measure.key)

    def _wanted(self) -> list[Elements]:
        return [entry.elements for entry in self._memory.in_force()]

    async def _look(self) -> None:
        """Have every measure in force in the table, and count what it counted."""
        if asyncio.get_running_loop().time() - self._read_at > _FRESH:
            await self._enforce(self._wanted())

    async def _enforce(self, parts: list[Elements]) -> Table:
        """Have exactly this in the table, in one transaction; the table as it was before.

        What is so already is not touched.
        """
        wanted = merged(parts)
        found = await self._nft.table()
        self._count(found)
        intact = bool(found.shape) and found.shape == self._memory.shape
        text = changes(found.elements, wanted) if intact else whole(wanted, found.counts)
        if text:
            await self._nft.change(text)
            table = await self._nft.table()
            if not table.shape or table.elements != wanted:
                raise NftFailed("the table inet plazo is not as it was set; who else changes it?")
            self._note_missing(found, intact=intact)
            self._memory.shape = table.shape
            self._save()
        self._keep_for_the_boot(whole(wanted, {}))
        self._read_at = asyncio.get_running_loop().time()
        return found

    def _keep_for_the_boot(self, rules: str) -> None:
        if rules == self._for_the_boot:
            return
        try:
            replace_file(self._boot, rules)
        except OSError as error:
            log.error("a boot would not bring the rules back", extra={"why": str(error)})
        else:
            self._for_the_boot = rules

    def _count(self, table: Table) -> None:
        self._memory.put(*(entry.read(table) for entry in self._memory.in_force()))
        self._save()

    def _note_missing(self, found: Table, *, intact: bool) -> None:
        """Put on record, for each measure, that it may not have been in force for a while."""
        concerned = [
            replace(entry, put_right=entry.put_right + 1)
            for entry in self._memory.in_force()
            if not intact or not _holds(found.elements, entry.elements)
        ]
        if concerned:
            log.warning("found changed, put right", extra={"measures": len(concerned)})
            self._memory.put(*concerned)

    def _save(self) -> None:
        """Figures may wait for room on the disk; measures may not."""
        try:
            self._memory.save()
        except OSError as error:
            log.error("not on disk", extra={"why": str(error)})

    def _observation(self, key: str) -> Observation:
        entry = self._memory.entries[key]
        return Observation(
            key=key,
            observed=Observed.APPLIED if entry.ended_at is None else Observed.LIFTED,
            detail=_in_words(entry),
        )


def _holds(elements: Elements, part: Elements) -> bool:
    return all(part[name].items() <= elements.get(name, {}).items() for name in part)


def _in_words(entry: Entry) -> str:
    """What an observation says: it has to fit where the mail servers' words do."""
    blocks = entry.measure.restriction.measure is Measure.BLOCK_PORT25
    counted = entry.counted
    parts = [
        f"{'in force on' if entry.ended_at is None else 'lifted on'} {Edge.name}",
        f"{counted.packets} packets ({counted.bytes} bytes) to port 25 "
        f"{'dropped' if blocks else 'sent through the smarthost'}",
    ]
    if entry.put_right:
        parts.append(f"found changed and put right {entry.put_right} times")
    return "; ".join(parts)
