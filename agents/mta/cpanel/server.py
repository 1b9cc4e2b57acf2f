"""A cPanel server as a mail host: accounts are held, released, suspended and unsuspended.

Holding a domain means holding the account that has it, its other domains with it. WHM can neither
delete nor keep back single messages of a held account, so an account is released only when all that
waits may be delivered; until then it stays held and the observation says what a person has to do.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from agents.ledger import Entry, Ledger
from agents.mta.cpanel.queue import asks_for_a_choice, in_the_way, listed, outgoing, settled, swept
from agents.mta.cpanel.taken import TakenAccounts
from agents.mta.cpanel.whm import (
    Calls,
    Summary,
    Whm,
    WhmDown,
    WhmRefused,
    account_name,
    domain_name,
)
from agents.mta.port import CannotCarryOut
from domain.hosts import Desired, HeldMessage, Observation
from domain.measures import Measure
from domain.news import Observed

_MOST_NAMED = 10
"""Domains that are named in an observation; a reseller's account may have hundreds."""


_MOST_ALSO = 1_000


class NotHere(Exception):
    """No account of this server has the domain; the measure is another server's."""


class CPanel:
    """A `MailHost` (agents/mta/port.py) over `whm`, remembering in `state_dir`."""

    name = "cpanel"
    can = frozenset({Measure.HOLD_DOMAIN, Measure.SUSPEND_ACCOUNT_SMTP})

    def __init__(self, whm: Whm, state_dir: Path) -> None:
        self._whm = whm
        self._ledger = Ledger(state_dir / "held.json")
        self._taken = TakenAccounts(state_dir / "accounts.json")

    async def apply(self, measure: Desired) -> Observation:
        """Hold or suspend the accounts concerned; APPLIED when WHM says that they are."""
        _check(measure)
        async with self._whm.calls() as calls:
            accounts = await self._accounts(calls, measure)
            for account in accounts:
                # Written down first: whoever dies in between still knows what to let go.
                await self._take(calls, measure, account)
            entry = self._ledger.opened(measure)
            for account in accounts:
                await self._bring_about(calls, measure, account)
            return await self._seen(calls, entry, accounts)

    async def observe(self, measure: Desired) -> Observation:
        """As `apply`: what somebody undid since, and domains that moved, are put right."""
        return await self.apply(measure)

    async def lift(self, measure: Desired) -> Observation:
        """Let go of what this measure alone took hold of, if nothing is delivered that must not."""
        _check(measure)
        kind = measure.restriction.measure
        before = self._ledger.entries.get(measure.key)
        if before is None and not self._taken.of(measure.key, kind).accounts:
            return Observation(
                key=measure.key, observed=Observed.LIFTED, detail="it was never in force"
            )
        entry = self._ledger.opened(measure)
        if not entry.done:
            async with self._whm.calls() as calls:
                if kind is Measure.HOLD_DOMAIN:
                    return await self._release(calls, entry)
                return await self._let_go(calls, entry, ())
        self._taken.end(measure.key, kind, self._ledger.entries)
        return _observation(entry, Observed.LIFTED, f"lifted on {self.name}")

    # --- what is concerned ------------------------------------------------------------------------

    async def _accounts(self, calls: Calls, measure: Desired) -> list[str]:
        if measure.restriction.measure is Measure.SUSPEND_ACCOUNT_SMTP:
            return list(measure.restriction.targets)
        accounts = []
        for domain in measure.restriction.targets:
            owner = await calls.owner(domain)
            if owner is None:
                raise NotHere(f"no account of {self._whm.host} has {domain_name(domain)}")
            accounts.append(owner)
        return list(dict.fromkeys(accounts))

    async def _take(self, calls: Calls, measure: Desired, account: str) -> None:
        kind = measure.restriction.measure
        taken = self._taken.of(measure.key, kind)
        if taken.over or account not in taken.accounts:
            already = _stands(await calls.summary(account), kind)
            self._taken.take(measure.key, kind, account, already=already)

    async def _bring_about(self, calls: Calls, measure: Desired, account: str) -> None:
        kind = measure.restriction.measure
        if _stands(await calls.summary(account), kind):
            return
        await (calls.hold if kind is Measure.HOLD_DOMAIN else calls.suspend)(account)
        if not _stands(await calls.summary(account), kind):
            raise WhmRefused(f"WHM said yes, but {account} is not as {kind} wants it")

    # --- what is seen -----------------------------------------------------------------------------

    async def _seen(self, calls: Calls, entry: Entry, accounts: list[str]) -> Observation:
        words = [f"in force on {self.name}"]
        also: tuple[str, ...] = ()
        if entry.measure.restriction.measure is Measure.SUSPEND_ACCOUNT_SMTP:
            words.append(f"outgoing mail of account {', '.join(accounts)} is refused")
            return _observation(entry, Observed.APPLIED, "; ".join(words))
        try:
            domains = await self._domains(calls, accounts)
            asked = entry.measure.restriction.targets
            words += [_with_it(account, named, asked) for account, named in domains.items()]
            also = tuple(
                dict.fromkeys(chain(*(_others(named, asked) for named in domains.values())))
            )
            found = await self._queued(calls, domains)
            self._ledger.put(entry := self._swept(entry, found))
        except (WhmDown, WhmRefused) as error:
            # A reseller's token may hold an account, but not look into the server's queue.
            words.append(f"how much it holds is not known: {error}")
        return replace(
            _observation(entry, Observed.APPLIED, "; ".join(words)), also=also[:_MOST_ALSO]
        )

    async def _domains(self, calls: Calls, accounts: Iterable[str]) -> dict[str, tuple[str, ...]]:
        return {account: await calls.domains(account) for account in accounts}

    async def _queued(
        self, calls: Calls, domains: dict[str, tuple[str, ...]]
    ) -> dict[str, list[HeldMessage]]:
        """What waits of each account."""
        queue = listed(await calls.queue())
        return {account: outgoing(queue, account, own) for account, own in domains.items()}

    # --- how it ends ------------------------------------------------------------------------------

    async def _release(self, calls: Calls, entry: Entry) -> Observation:
        accounts = self._taken.of(entry.measure.key, Measure.HOLD_DOMAIN).accounts
        free = [account for account in accounts if self._ours_alone(entry, account)]
        try:
            found = await self._queued(calls, await self._domains(calls, accounts))
        except (WhmDown, WhmRefused) as error:
            known, others = entry.messages.values(), self._ledger.others(entry.measure.key)
            if asks_for_a_choice(entry.measure) or in_the_way(entry.measure, known, others):
                return _observation(
                    entry, Observed.FAILED, f"nothing is delivered blindly, and {error}"
                )
            return await self._let_go(calls, entry, () if free else entry.messages)
        self._ledger.put(entry := self._swept(entry, found))
        held = [account for account in accounts if (await calls.summary(account)).held]
        waiting = chain(*(found[account] for account in held if account in free))
        others = self._ledger.others(entry.measure.key)
        if why := in_the_way(entry.measure, waiting, others):
            words = (
                f"{', '.join(held)} is not released yet: WHM can only release an account whole. "
                f"Delete on the server (exim -Mrm), and it is released by itself: {why}"
            )
            return _observation(entry, Observed.FAILED, words)
        stay = chain(*(found[account] for account in held if account not in free))
        return await self._let_go(calls, entry, [message.queue_id for message in stay])

    def _swept(self, entry: Entry, found: dict[str, list[HeldMessage]]) -> Entry:
        others = self._ledger.others(entry.measure.key)
        return swept(entry, chain(*found.values()), others)

    async def _let_go(self, calls: Calls, entry: Entry, kept: Iterable[str]) -> Observation:
        kind, key = entry.measure.restriction.measure, entry.measure.key
        # Before it is done: afterwards a message that was delivered looks like a deleted one.
        self._ledger.put(entry := settled(entry, kept))
        words = [f"lifted on {self.name}"]
        for account in self._taken.of(key, kind).accounts:
            if not _stands(await calls.summary(account), kind):
                continue
            if self._ours_alone(entry, account):
                await (calls.release if kind is Measure.HOLD_DOMAIN else calls.unsuspend)(account)
            else:
                words.append(f"{account} stays as it is, for another measure or by hand")
        self._ledger.put(entry := replace(entry, done=True))
        self._taken.end(key, kind, self._ledger.entries)
        return _observation(entry, Observed.LIFTED, "; ".join(words))

    def _ours_alone(self, entry: Entry, account: str) -> bool:
        kind, key = entry.measure.restriction.measure, entry.measure.key
        taken = self._taken.of(key, kind)
        ours = account in taken.ours and not taken.over
        return ours and not self._taken.others(key, kind, account)


def _check(measure: Desired) -> None:
    kind = measure.restriction.measure
    if kind not in CPanel.can:
        raise CannotCarryOut(f"WHM has no means for {kind}")
    read = account_name if kind is Measure.SUSPEND_ACCOUNT_SMTP else domain_name
    try:
        for target in measure.restriction.targets:
            read(target)
    except ValueError as error:
        raise CannotCarryOut(str(error)) from error


def _stands(summary: Summary, kind: Measure) -> bool:
    return summary.held if kind is Measure.HOLD_DOMAIN else summary.suspended


def _with_it(account: str, domains: tuple[str, ...], targets: tuple[str, ...]) -> str:
    others = _others(domains, targets)
    if not others:
        return f"account {account} is on hold"
    named = ", ".join(others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return f"account {account} is on hold, and with it {named}{more}"


def _others(domains: tuple[str, ...], targets: tuple[str, ...]) -> list[str]:
    asked = {target.lower() for target in targets}
    return [domain for domain in domains if domain not in asked]


def _observation(entry: Entry, observed: Observed, detail: str) -> Observation:
    messages = sorted(entry.messages.values(), key=lambda each: (each.arrived_at, each.queue_id))
    return Observation(
        key=entry.measure.key, observed=observed, detail=detail, messages=tuple(messages)
    )
