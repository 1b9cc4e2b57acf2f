"""Where offending mail is seen from, as an incident hears of it: its own service alone."""

from dataclasses import replace

from asyncpg import Pool

from book.clientele import clients
from book.incident import news
from book.intake import intake
from domain.news import News
from tests.book.provider import INCIDENT, a_clientele, a_provider, a_report, reported
from tests.domain.builders import a_service

BOTH = ("192.0.2.7/32", "192.0.2.8/32")


async def heard(pool: Pool) -> News:
    async with news.taken(pool, INCIDENT) as stirred:
        assert stirred is not None
        return stirred.news


async def test_every_address_and_domain_of_the_service_is_told(database: Pool) -> None:
    await a_provider(database)
    await clients.keep(database, a_clientele(a_service(addresses=BOTH)))
    await reported(database, domain="shop.example")
    await intake.accept(database, a_report("r-2", "192.0.2.8", domain="another.example"))
    told = await heard(database)
    assert told.addresses == ("192.0.2.7", "192.0.2.8")
    assert told.domains == ("shop.example", "another.example")


async def test_an_address_that_is_another_services_by_now_is_not_followed(database: Pool) -> None:
    await a_provider(database)
    await clients.keep(database, a_clientele(a_service(addresses=BOTH)))
    await reported(database)
    await intake.accept(database, a_report("r-2", "192.0.2.8"))
    first, second = a_service(addresses=BOTH[:1]), a_service(addresses=BOTH[1:])
    await clients.keep(database, a_clientele(first, replace(second, id="vps-2")))
    assert (await heard(database)).addresses == ("192.0.2.7",)
