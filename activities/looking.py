"""The steps that ask blocklists: assessing an incident, and looking whether it is listed still."""

from dataclasses import dataclass

from asyncpg import Pool
from temporalio import activity

from activities.blocklists.addresses import addresses_in
from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import Blocklists
from activities.listed import answer, gone, refusals, seen
from book.blocklists import listings, periods, watching
from book.database import transaction
from book.incident import incidents
from book.intake import refused
from domain import ladder
from domain.blocklists.blocklist import WayOff
from domain.steps import Assess, Assessment, CheckLists, Listings, WayOut


@dataclass(frozen=True)
class Looking:
    """Verbs on `pool` and `blocklists`, with the patiences that an incident is given."""

    pool: Pool
    blocklists: Blocklists
    confirm_seconds: int
    verify_seconds: int
    look_again_seconds: int

    @activity.defn(name="assess")
    async def assess(self, what: Assess) -> Assessment:
        """Ask the blocklists, gather the facts, and decide the course of the incident."""
        found = await self._ask(what.incident)
        async with self.pool.acquire() as connection:
            who = await incidents.parties(connection, what.incident)
            listed = tuple(sorted({listing.split()[0] for listing in found.listed}))
            facts = await incidents.facts(connection, who, listed)
            await incidents.keep_domain(connection, what.incident, facts.domain)
        plan = ladder.plan(facts, who.contract, who.client, who.service)
        span = ladder.deadline_span(plan.rung, who.contract)
        return Assessment(
            plan=plan,
            listed=found.listed,
            domain=facts.domain,
            confirm_seconds=self.confirm_seconds,
            verify_seconds=self.verify_seconds,
            look_again_seconds=self.look_again_seconds,
            deadline_seconds=0 if plan.deadline is None or span is None else span.seconds,
            channels=len(who.client.channels),
        )

    @activity.defn(name="check_blocklists")
    async def check_blocklists(self, what: CheckLists) -> Listings:
        """Ask every list about every address of the incident's service and every domain that its
        reports name, and keep the answers."""
        return await self._ask(what.incident)

    async def _ask(self, incident: str) -> Listings:
        async with transaction(self.pool) as connection:
            await refused.age(connection)
            prefixes = await listings.addresses(connection, incident)
            domains = await listings.domains(connection, incident)
            stood = await listings.standing(connection, incident)
        # What is listed is asked about again, whoever has the address by now.
        known = tuple(about for about, _ in stood)
        checked = await self.blocklists.check((*known, *domains, *addresses_in(prefixes)))
        cleared = gone(checked, stood)
        # A policy is no reproach, and many never go: it must not hold the incident open.
        found = [(one.address, one.zone, answer(one)) for one in checked.found if one.reproach]
        async with transaction(self.pool) as connection:
            await watching.count_questions(connection, checked.questions)
            await watching.tell_of_refusals(connection, refusals(checked))
            if checked.found or cleared:
                told = [seen(one) for one in checked.found]
                await periods.keep(connection, told, cleared, incident)
                await listings.keep(connection, incident, found, cleared)
            stands = await listings.standing_listings(connection, incident)
        return Listings(
            listed=stands,
            unanswered=tuple(map(str, checked.unanswered)),
            ways={zone: _way_out(zone) for zone in sorted({each.split()[1] for each in stands})},
        )


def _way_out(zone: str) -> WayOut:
    known = catalogue().known(zone)
    return WayOut(hours=known.hours if known.off is WayOff.EXPIRES else None, page=known.page)
