"""One list: how it is asked, what its answers mean, and whether it is well (RFC 5782)."""

import re
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import dns.name

from activities.blocklists import reading
from activities.blocklists.cache import Answers
from activities.blocklists.naming import TXT, A, question
from activities.blocklists.pace import Pace
from activities.blocklists.port import Proof, Subject, kind_of, subject
from activities.blocklists.proof import proof
from activities.blocklists.resolvers import NoReply, Patience, Reply, Resolvers
from domain.blocklists.blocklist import LISTINGS, Blocklist, Keeps

AT_ONCE = 16
"""Questions under way to one list: with a tenth of a second each, more than any list's pace."""

_LISTED_POINTS: dict[Keeps, Subject] = {
    Keeps.IP4: IPv4Address("127.0.0.2"),
    Keeps.IP6: IPv6Address("::ffff:127.0.0.2"),
    Keeps.DOMAIN: "test",
}
_CLEAN_POINTS: dict[Keeps, Subject] = {
    Keeps.IP4: IPv4Address("127.0.0.1"),
    Keeps.IP6: IPv6Address("::ffff:127.0.0.1"),
    Keeps.DOMAIN: "invalid",
}
"""RFC 5782 §5: every list has the one and must not have the other."""

_WELL_FOR = 300.0
"""Seconds that right test points are believed. What is wrong with a list is asked again at once."""

_REFUSAL_RESTS = 3_600.0
"""Seconds that a list which refuses is left alone: to insist is what makes it refuse for longer."""

_SILENCE_RESTS = 60.0
"""Seconds that a list which does not answer is left alone: every question would cost a time-out."""

_LONGEST_REASON = 500
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


class NoUsableAnswer(Exception):
    """The list gave no answer that can be believed; the message says what it did instead.

    `final`: it is not to be asked anything more for now; `refused`: because it will not answer us.
    """

    def __init__(
        self, words: str, *, refused: bool = False, silent: bool = False, final: bool = False
    ) -> None:
        super().__init__(words)
        self.refused = refused
        self.silent = silent
        self.final = final or refused


class NotKept(Exception):
    """It is a list of other things: by what is known of it, or because it is well and has no test
    point for IPv6."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The codes of a listing, none if it is not listed, and the reply that says so."""

    codes: tuple[IPv4Address, ...]
    reply: Reply


@dataclass(frozen=True, slots=True)
class _Rest:
    until: float
    """As `time.monotonic` counts."""
    why: str
    refused: bool


class Dnsbl:
    """A list, by the name that is asked. `seconds` bounds each question with its repetitions.

    What is asked may begin with a subscriber's key; `known.zone` is the name without it.
    """

    def __init__(
        self, asked: str, known: Blocklist, resolvers: Resolvers, kept: Answers, seconds: float
    ) -> None:
        self.known = known
        self._asked = asked
        self._origin = dns.name.from_text(asked).to_digestable()
        self._resolvers = resolvers
        self._kept = kept
        self._patience = Patience(seconds)
        self._pace = Pace(known.per_second, AT_ONCE)
        self._well_since: dict[Keeps, float] = {}
        self._rest: _Rest | None = None

    @property
    def zone(self) -> str:
        """Its name, as it is shown and kept on record."""
        return self.known.zone

    def take_count(self) -> int:
        """How many questions have gone out to it since this was asked last, by whomever."""
        asked, self._patience.asked = self._patience.asked, 0
        return asked

    async def listed(self, about: Subject, *, urgent: bool = True, fresh: bool = False) -> Answered:
        """Whether it is listed. `fresh`: no answer of before will do. Raises NoUsableAnswer."""
        reply = await self._ask(about, A, urgent=urgent, fresh=fresh)
        if reading.is_empty(reply):
            return Answered((), reply)
        try:
            codes = reading.addresses(reply)
        except reading.Unreadable as error:
            raise NoUsableAnswer(str(error)) from error
        for code in codes:
            if any(code in refused for refused in self.known.refusals):
                raise self._rests(f"refused to answer ({code})", _REFUSAL_RESTS, refused=True)
            if code not in LISTINGS:
                raise NoUsableAnswer(f"answered {code}, which is not from {LISTINGS}")
        bad = (code for code in codes if not any(code in praise for praise in self.known.good))
        return Answered(tuple(bad), reply)

    async def reason(self, about: Subject, *, urgent: bool = True) -> str:
        """What the list says about a listing, mostly a link; empty if it says nothing."""
        try:
            text = reading.texts(await self._ask(about, TXT, urgent=urgent))
        except (NoUsableAnswer, reading.Unreadable):
            return ""
        return _UNPRINTABLE.sub(" ", text).strip()[:_LONGEST_REASON]

    def proof(self, about: Subject, reply: Reply) -> Proof:
        """The reply, as evidence."""
        return proof(about, self._asked, self.zone, reply)

    async def see_that_it_is_well(
        self, kind: Keeps, *, again: bool = False, urgent: bool = True
    ) -> bool:
        """Check its test points for such things, once in a while or `again` now; whether it did.

        A list that was given up lists nothing, or everything: what it has said is forgotten then.
        Raises NoUsableAnswer, NotKept.
        """
        if kind not in self.known.keeps:
            raise NotKept(self.zone)
        try:
            return await self._see_its_points(kind, again=again, urgent=urgent)
        except NoUsableAnswer:
            self._kept.forget(self._origin)
            raise

    async def _see_its_points(self, kind: Keeps, *, again: bool, urgent: bool) -> bool:
        self._see_that_it_does_not_rest()
        since = self._well_since.get(kind)
        if not again and since is not None and time.monotonic() - since < _WELL_FOR:
            return False
        self._well_since.pop(kind, None)
        listed, clean = self._points(kind)
        if not (await self.listed(listed, urgent=urgent, fresh=True)).codes:
            if kind is Keeps.IP6:
                await self.see_that_it_is_well(Keeps.IP4, urgent=urgent)
                raise NotKept(self.zone)
            raise NoUsableAnswer(f"does not list its test point {listed} (RFC 5782 §5)")
        if (await self.listed(clean, urgent=urgent, fresh=True)).codes:
            raise NoUsableAnswer(f"lists {clean}, so it lists everything (RFC 5782 §5)")
        self._well_since[kind] = time.monotonic()
        return True

    def leave_alone(self, why: str) -> None:
        """It has left several questions unanswered."""
        self._rests(why, _SILENCE_RESTS, refused=False)

    def _rests(self, why: str, seconds: float, *, refused: bool) -> NoUsableAnswer:
        self._rest = _Rest(time.monotonic() + seconds, why, refused)
        return NoUsableAnswer(why, refused=refused, final=True)

    def _see_that_it_does_not_rest(self) -> None:
        if self._rest is None:
            return
        left = self._rest.until - time.monotonic()
        if left > 0:
            why = f"{self._rest.why}; it is asked again in {left / 60:.0f} min"
            raise NoUsableAnswer(why, refused=self._rest.refused, final=True)
        self._rest = None

    def _points(self, kind: Keeps) -> tuple[Subject, Subject]:
        """What is on it always, and what never is."""
        points = []
        for own, usual in ((self.known.listed, _LISTED_POINTS), (self.known.clean, _CLEAN_POINTS)):
            named = None if own is None else subject(own)
            points.append(named if named and kind_of(named) is kind else usual[kind])
        return points[0], points[1]

    async def _ask(self, about: Subject, kind: int, *, urgent: bool, fresh: bool = False) -> Reply:
        try:
            asked = question(about, self._origin, kind)
        except ValueError as error:
            raise NoUsableAnswer(str(error)) from error
        if not fresh and (known := self._kept.get(asked)) is not None:
            return known
        await self._pace.turn(urgent=urgent)
        try:
            # While it waited for its turn, another question may have been refused.
            self._see_that_it_does_not_rest()
            reply = await self._resolvers.ask(asked, self._patience, edns=kind == TXT)
        except NoReply as error:
            if error.refused:
                raise self._rests(str(error), _REFUSAL_RESTS, refused=True) from error
            raise NoUsableAnswer(str(error), silent=error.silent) from error
        finally:
            self._pace.done()
        self._kept.keep(asked, reply)
        return reply
