"""Listings that speak against who has the address, on their way into intake: reports like any."""

from collections.abc import Mapping, Sequence

from asyncpg import Pool

from book.blocklists import listings, periods, sending
from book.blocklists.periods import Unreported
from book.database import transaction
from book.intake import evidence, intake
from domain.blocklists import watching as rules
from domain.intake.complaints import Complaint, canonical_address

_MEDIA_TYPE = "application/json"


async def report(pool: Pool, subjects: Sequence[str]) -> None:
    """Each new reproach against these addresses and domains as a report of its own, which opens
    the incident of its service or wakes it: the same one, however often it is tried."""
    async with pool.acquire() as connection:
        new = await periods.unreported(connection, subjects)
        named = [each.address for each in new if canonical_address(each.address) is None]
        addresses = await sending.addresses_of(connection, named) if named else {}
    for each in new:
        accepted = await intake.accept(pool, _report(each, addresses))
        incident = next(iter(accepted.incidents), None)
        async with transaction(pool) as connection:
            await periods.reported(connection, each.id, incident)
            if incident is not None:
                one = [(each.address, each.zone, each.answer)]
                await listings.keep(connection, incident, one, [])
                await connection.execute("SELECT mark_dirty($1)", incident)


def _report(listing: Unreported, addresses: Mapping[str, str]) -> intake.Received:
    digest = evidence.digest(listing.proof).hex()[:8]
    address = canonical_address(listing.address)
    return intake.Received(
        id=f"{listing.address}-{listing.zone}-{listing.id}-{digest}",
        reporter=rules.REPORTER,
        content=listing.proof,
        media_type=_MEDIA_TYPE,
        complaints=(
            Complaint(
                format=rules.FORMAT,
                sent_at=listing.found_at,
                address=address or addresses.get(listing.address),
                domain=None if address else listing.address,
                fingerprint=f"{listing.address} {listing.zone}",
            ),
        ),
    )
