"""Asking every configured DNS blocklist about addresses and domains."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.name

from activities.blocklists.cache import Answers
from activities.blocklists.catalogue import catalogue
from activities.blocklists.port import Checked, Found, Subject, Unanswered, kind_of, subject
from activities.blocklists.resolvers import Resolvers
from activities.blocklists.zone import AT_ONCE, Answered, Dnsbl, NotKept, NoUsableAnswer
from domain.blocklists.blocklist import Blocklist, Catalogue, Keeps

_PATIENCE = 3
"""Questions that a list may leave unanswered before it is asked no more in this check."""

Share = Callable[[Blocklist, Subject], bool]
"""Whether a list is asked about something this time."""


class BadBlocklists(ValueError):
    """A zone or a resolver is written wrongly; the message says which, and how to write it."""


class Blocklists:
    """The lists that the provider watches.

    `resolver` is `IP:PORT`, or several separated by commas, of which one answers in another's
    place; without it, those of /etc/resolv.conf. Large lists refuse to answer open resolvers, so it
    should be the provider's own. `answer_within` bounds one question, `check_within` a whole check,
    both in seconds. What is known of the lists is in `known`. Raises BadBlocklists.
    """

    def __init__(
        self,
        zones: Sequence[str],
        resolver: str | None = None,
        *,
        answer_within: float = 5.0,
        check_within: float = 60.0,
        known: Catalogue | None = None,
    ) -> None:
        entries = catalogue() if known is None else known
        asked = _resolvers(resolver)
        kept = Answers()
        self._lists = [
            Dnsbl(zone, entries.known(zone), asked, kept, answer_within)
            for zone in dict.fromkeys(_zone(zone, entries) for zone in zones)
        ]
        self._check_within = check_within

    @property
    def known(self) -> tuple[Blocklist, ...]:
        """What is known of each of them."""
        return tuple(each.known for each in self._lists)

    async def check(self, addresses: Sequence[str]) -> Checked:
        """Ask every list about every address or domain. Raises ValueError for what is neither.

        A list that is not well, refuses, or does not answer is `unanswered`, never clean.
        """
        return await self._check(addresses, None, self._check_within)

    async def go_over(self, addresses: Sequence[str], share: Share) -> Checked:
        """Like `check`, of what each list has its `share` of, at the lists' pace: whoever checks
        meanwhile comes first."""
        return await self._check(addresses, share, None)

    async def _check(
        self, addresses: Sequence[str], share: Share | None, within: float | None
    ) -> Checked:
        known = tuple(dict.fromkeys(subject(address) for address in addresses))
        heard = [_Heard(each, urgent=share is None) for each in self._lists]
        left_out: set[tuple[str, str]] = set()
        tasks = []
        for each in heard:
            due = known
            if share is not None:
                due = tuple(about for about in known if share(each.blocklist.known, about))
                left_out |= {(str(about), each.blocklist.zone) for about in {*known} - {*due}}
            tasks.append(asyncio.ensure_future(each.ask(due)))
        try:
            _, late = await asyncio.wait(tasks, timeout=within) if tasks else ((), ())
            for each, task in zip(heard, tasks, strict=True):
                if task in late:
                    each.problems.append(NoUsableAnswer(f"not done within {within:g} s"))
                else:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Checked(
            addresses=tuple(str(address) for address in known),
            zones=tuple(each.blocklist.zone for each in heard),
            found=tuple(found for each in heard for found in each.listings()),
            unanswered=tuple(found for each in heard for found in each.unanswered()),
            not_kept=tuple((each.blocklist.zone, kind) for each in heard for kind in each.not_kept),
            left_out=tuple(sorted(left_out)),
            questions=tuple((each.zone, each.take_count()) for each in self._lists),
        )


@dataclass
class _Heard:
    """What one list is asked in one check, and what it has said so far."""

    blocklist: Dnsbl
    urgent: bool
    found: dict[Subject, tuple[Answered, str]] = field(default_factory=dict)
    confirmed: dict[Subject, tuple[Answered, str]] = field(default_factory=dict)
    problems: list[NoUsableAnswer] = field(default_factory=list)
    not_kept: list[Keeps] = field(default_factory=list)

    @property
    def given_up(self) -> bool:
        return len(self.problems) >= _PATIENCE or any(each.final for each in self.problems)

    async def ask(self, subjects: Sequence[Subject]) -> None:
        """Ask about all of them, as far as it keeps such things."""
        for kind in Keeps:
            asked = [about for about in subjects if kind_of(about) is kind]
            if asked and not self.given_up:
                await self._ask_well(kind, asked)

    async def _ask_well(self, kind: Keeps, asked: Sequence[Subject]) -> None:
        try:
            just_seen = await self.blocklist.see_that_it_is_well(kind, urgent=self.urgent)
            left = iter(asked)
            # Not a task for each question: they would be most of the work.
            hands = min(AT_ONCE, len(asked))
            await asyncio.gather(*(self._go_through(left) for _ in range(hands)))
            if self.found or not just_seen:
                # Since its test points were believed it may list everything, or nothing any more.
                await self.blocklist.see_that_it_is_well(kind, again=True, urgent=self.urgent)
            self.confirmed |= self.found
        except NotKept:
            self.not_kept.append(kind)
        except NoUsableAnswer as error:
            self.problems.append(error)
            if error.silent:
                self.blocklist.leave_alone(str(error))
        if self.given_up and all(each.silent for each in self.problems):
            self.blocklist.leave_alone(str(self.problems[0]))
        self.found.clear()

    async def _go_through(self, left: Iterator[Subject]) -> None:
        for about in left:
            if self.given_up:
                return
            try:
                answered = await self.blocklist.listed(about, urgent=self.urgent)
                if answered.codes:
                    reason = await self.blocklist.reason(about, urgent=self.urgent)
                    self.found[about] = (answered, reason)
            except NoUsableAnswer as error:
                self.problems.append(error)

    def listings(self) -> list[Found]:
        return [
            self._listing(about, answered, reason)
            for about, (answered, reason) in sorted(
                self.confirmed.items(), key=lambda each: str(each[0])
            )
        ]

    def _listing(self, about: Subject, answered: Answered, reason: str) -> Found:
        known = self.blocklist.known
        return Found(
            address=str(about),
            zone=known.zone,
            answer=", ".join(map(known.meaning, answered.codes)),
            reason=reason,
            reproach=known.reproaches(answered.codes),
            proof=self.blocklist.proof(about, answered.reply),
        )

    def unanswered(self) -> list[Unanswered]:
        if not self.problems:
            return []
        # The one that ended it says more than the first.
        problem = next((each for each in self.problems if each.final), self.problems[0])
        why, refused = str(problem), problem.refused
        return [Unanswered(zone=self.blocklist.zone, why=why, refused=refused)]


def _zone(text: str, known: Catalogue) -> str:
    try:
        name = dns.name.from_text(text.strip().lower())
    except dns.exception.DNSException as error:
        raise BadBlocklists(f'"{text}": {error}; expected a zone such as bl.example') from error
    if len(name.labels) < 3:
        raise BadBlocklists(f'"{text}" is not a blocklist\'s zone; expected one such as bl.example')
    zone = name.to_text(omit_final_dot=True)
    if (ended := known.ended(zone)) is not None:
        raise BadBlocklists(f'"{text}" has ended ({ended.since}): {ended.why}; take it out')
    return zone


def _resolvers(addresses: str | None) -> Resolvers:
    try:
        return Resolvers(() if addresses is None else addresses.split(","))
    except ValueError as error:
        raise BadBlocklists(
            f'"{addresses}" is no resolver; expected IP:PORT, such as 127.0.0.1:53 or [::1]:53, '
            "or several with commas between them"
        ) from error
