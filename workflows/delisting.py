"""Getting the addresses off the blocklists: who has to do what, and when to look again."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.deeds import Deeds

with workflow.unsafe.imports_passed_through():
    from domain.steps import CheckLists, Listings, RequestDelisting, TaskKind, WayOut
    from workflows import steps

LONGEST_BETWEEN_LOOKS = timedelta(hours=24)
"""Most lists take hours to drop an address; asking more often than daily after a week is rude."""

ANSWERED_WITHIN = timedelta(days=3)
"""After a request was filed. Lists answer within hours; by then it was not read or not believed."""

_GRACE = 2
"""How many times as long as a list says its listings may stand before a person sees to it."""


class Delisting(Deeds):
    """Looks, waits for what expires, and has the lists asked for what does not."""

    async def check_lists(self) -> Listings:
        """Ask every blocklist now; the listings that stand.

        A list that never had the incident on it and does not answer is nothing to wait for.
        """
        listings = await self.do(
            steps.CHECK_LISTS, CheckLists(incident=self.case.incident), "check every blocklist"
        )
        self.remember(listings.listed)
        if listings.unanswered:
            self.decide("some blocklists gave no answer", *listings.unanswered)
        return listings

    async def still_listed(self) -> tuple[str, ...]:
        """What is, or may be, on a list; its removal is requested, once in each round.

        The cause is gone by now: to ask before that makes relapses, and lists remember those.
        """
        listings = await self.check_lists()
        if workflow.patched("lists-are-asked-by-program"):
            await self.request_removal(listings)
        else:
            await self.ask_a_person_for_removal(listings)
        return listings.listed

    async def request_removal(self, listings: Listings) -> None:
        """Of each list what is new on it; what it was asked for in vain is a person's."""
        state = self.state
        if state.delisting_round != state.relapses:
            state.delisting_round = state.relapses
            state.delisting_asked, state.delisting_filed, state.expiring_since = (), {}, {}
        for zone in dict.fromkeys(listing.split()[1] for listing in listings.listed):
            way = listings.ways.get(zone, WayOut())
            here = [listing for listing in listings.listed if listing.split()[1] == zone]
            new = [each for each in here if self._is_to_be_asked_for(each, way)]
            await self.request(zone, way, new, by_hand=False)
            late = [each for each in here if self._was_asked_for_in_vain(each)]
            await self.request(zone, way, late, by_hand=True)

    async def request(self, zone: str, way: WayOut, listings: list[str], *, by_hand: bool) -> None:
        """Have the list or a person asked for these; none where there are none."""
        state = self.state
        if not listings:
            return
        subjects = tuple(listing.split()[0] for listing in listings)
        requested = await self.attempt(
            steps.REQUEST_DELISTING,
            RequestDelisting(
                incident=self.case.incident,
                zone=zone,
                subjects=subjects,
                round=state.delisting_round,
                page=way.page,
                by_hand=by_hand,
            ),
            f"request removal from {zone}",
        )
        state.delisting_asked = tuple(sorted({*state.delisting_asked, *listings}))
        if requested is None:
            detail = "; ".join(_told(listing, way) for listing in listings)
            await self.ask(TaskKind.REQUEST_DELISTING, f"request removal: {detail}")
            return
        now = workflow.now()
        for subject in subjects:
            state.delisting_filed.pop(f"{subject} {zone}", None)
        for subject in requested.filed:
            state.delisting_filed[f"{subject} {zone}"] = now
        self.decide(f"removal from {zone} requested", *requested.said)

    def _is_to_be_asked_for(self, listing: str, way: WayOut) -> bool:
        return listing not in self.state.delisting_asked and not self._expires_soon(listing, way)

    def _was_asked_for_in_vain(self, listing: str) -> bool:
        asked = self.state.delisting_filed.get(listing)
        return asked is not None and workflow.now() >= asked + ANSWERED_WITHIN

    async def ask_a_person_for_removal(self, listings: Listings) -> None:
        """As it was before Plazo asked lists itself; for incidents that began to ask then."""
        state = self.state
        for_a_person = []
        for listing in sorted(set(listings.listed) - set(state.delisting_asked)):
            way = listings.ways.get(listing.split()[1], WayOut())
            if not self._expires_soon(listing, way):
                for_a_person.append((listing, way))
        if for_a_person:
            asked = tuple(listing for listing, _ in for_a_person)
            state.delisting_asked = (*state.delisting_asked, *asked)
            detail = "; ".join(_told(listing, way) for listing, way in for_a_person)
            await self.ask(TaskKind.REQUEST_DELISTING, f"request removal: {detail}")

    def _expires_soon(self, listing: str, way: WayOut) -> bool:
        """Whether it is one to wait for; the wait is on record when it begins."""
        if way.hours is None:
            return False
        waiting = self.state.expiring_since
        if listing not in waiting:
            waiting[listing] = workflow.now()
            self.decide(f"{listing} expires by itself", f"{way.hours} h after the last spam")
        return workflow.now() < waiting[listing] + timedelta(hours=way.hours * _GRACE)

    def next_look(self) -> datetime:
        """Twice as long each time, and at most a day."""
        state = self.state
        pause = timedelta(seconds=state.look_again_seconds * 2.0**state.looks)
        return workflow.now() + min(pause, LONGEST_BETWEEN_LOOKS)


def _told(listing: str, way: WayOut) -> str:
    return f"{listing} at {way.page}" if way.page else listing
