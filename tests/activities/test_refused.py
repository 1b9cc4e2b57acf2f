"""A receiver that refuses, as the incident sees it: a list that is left by a form."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import Blocklists
from activities.delisting.requesting import Requesting
from activities.looking import Looking
from book.intake import refused
from domain.blocklists.blocklist import is_asked
from domain.detection.refusals import Receiver
from domain.steps import CheckLists, Listings, RequestDelisting
from tests.book.provider import HOST, INCIDENT, a_provider
from tests.domain.test_refused import S3150, a_refusal

pytestmark = pytest.mark.real

LISTING = "192.0.2.7 microsoft-mail"


async def refuses(pool: Pool, *, over: bool = False) -> None:
    now = datetime.now(UTC)
    said = replace(
        a_refusal(), id=f"microsoft-mail-{over}", began_at=now, refused_at=now,
        accepted_at=now if over else None,
    )  # fmt: skip
    await refused.accept(pool, HOST, said, now)


async def look(pool: Pool) -> Listings:
    looking = Looking(
        pool=pool, blocklists=Blocklists([], resolver="127.0.0.1:1"), confirm_seconds=300,
        verify_seconds=900, look_again_seconds=3_600,
    )  # fmt: skip
    found = await ActivityEnvironment().run(looking.check_blocklists, CheckLists(incident=INCIDENT))
    assert isinstance(found, Listings)
    return found


def test_every_receiver_is_a_pseudo_zone_that_the_catalogue_knows() -> None:
    for receiver in Receiver:
        assert not is_asked(receiver)
        assert catalogue().feeds[receiver].page.startswith("https://")


async def test_it_stands_at_each_look_until_mail_is_taken_again(database: Pool) -> None:
    await a_provider(database)
    await refuses(database)
    found = await look(database)
    assert found.listed == (LISTING,)
    assert found.ways["microsoft-mail"].page == catalogue().feeds["microsoft-mail"].page
    assert found.ways["microsoft-mail"].hours is None
    assert (await look(database)).listed == (LISTING,)
    await refuses(database, over=True)
    assert (await look(database)).listed == ()


async def test_it_ages_out_at_a_look(database: Pool) -> None:
    await a_provider(database)
    await refuses(database)
    await database.execute("UPDATE listing_periods SET seen_at = now() - interval '8 days'")
    assert (await look(database)).listed == ()


async def test_a_person_gets_the_receivers_page_and_the_text_ready_to_paste(
    database: Pool,
) -> None:
    await a_provider(database)
    await refuses(database)
    requesting = Requesting(
        pool=database, ways={}, provider="Proveedor", contact="abuse@provider.example",
        resolvers="127.0.0.1:0",
    )  # fmt: skip
    what = RequestDelisting(
        incident=INCIDENT, zone="microsoft-mail", subjects=("192.0.2.7",), round=0, by_hand=False
    )
    await ActivityEnvironment().run(requesting.request_delisting, what)
    detail = await database.fetchval("SELECT detail FROM tasks WHERE kind = 'request_delisting'")
    assert "Outlook.com and Hotmail (192.0.2.7) at https://olcsupport.office.com/" in detail
    assert "Please take mail again from:\n\n  192.0.2.7\n" in detail
    assert f"your reason: {S3150}" in detail
    assert f"the mail server of {HOST}" in detail
