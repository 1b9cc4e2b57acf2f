"""Getting the addresses off the blocklists: who has to do what, and when to look again."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.deeds import Deeds

with workflow.unsafe.imports_passed_through():
    from domain.steps import CheckLists, Listings, TaskKind, WayOut
    from workflows import steps

LONGEST_BETWEEN_LOOKS = timedelta(hours=24)
"""Most lists take hours to drop an address; asking more often than daily after a week is rude."""

_GRACE = 2
"""How many times as long as a list says its listings may stand before a person sees to it."""


class Delisting(Deeds):
    """Looks, waits for what expires, and asks a person for what does not."""

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
        """What is, or may be, on a list; a person is asked to have it removed, once each.

        The cause is gone by now: to ask before that makes relapses, and lists remember those.
        """
        listings = await self.check_lists()
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
        return listings.listed

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
