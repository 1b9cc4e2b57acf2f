"""Charges: once, whatever is retried or comes at the same time."""

import asyncio

from asyncpg import Pool

from book.database import transaction
from book.money import bills
from domain.incident import Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind
from tests.book.ledgers import billed, on_ledger, voided, waived
from tests.book.provider import (
    REDIRECT,
    a_provider,
    an_incident,
    closed,
    imposed,
    is_listed,
    parties_of,
    reported,
    seen,
    until_one_waits,
)


async def test_nothing_used_is_nothing_charged(database: Pool) -> None:
    assert await billed(database, await an_incident(database)) == ()


async def test_a_charge_that_is_made_again_and_at_once_is_made_once(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    answers = await asyncio.gather(*(billed(database, who) for _ in range(8)))
    assert set(answers) == {("delisting: 25.00 EUR (due): the first delisting",)}
    assert await on_ledger(database) == [("delisting", "25.00", "due")]


async def test_the_second_delisting_costs_more_and_says_so(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    await billed(database, who)
    await closed(database, who.incident)
    later = await parties_of(database, await reported(database, "r-2"))
    await is_listed(database, later.incident)
    assert await billed(database, later) == ("delisting: 60.00 EUR (due): a later delisting",)
    assert await billed(database, who) == ("delisting: 25.00 EUR (due): the first delisting",)


async def test_a_false_positive_makes_no_later_delisting_dearer(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    await billed(database, who)
    await waived(database, who)
    await voided(database, who)
    await closed(database, who.incident, Outcome.FALSE_POSITIVE)
    later = await parties_of(database, await reported(database, "r-2"))
    await is_listed(database, later.incident)
    assert await billed(database, later) == ("delisting: 25.00 EUR (due): the first delisting",)


async def test_a_charge_that_is_made_already_can_be_waived(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    await billed(database, who)
    await waived(database, who)
    await waived(database, who)
    assert await on_ledger(database) == [("delisting", "25.00", "waived")]


async def test_a_charge_that_is_waived_before_it_is_made_is_never_due(database: Pool) -> None:
    who = await an_incident(database)
    await waived(database, who)
    await is_listed(database, who.incident)
    await billed(database, who, Term.DEDICATED_ADDRESS)
    assert await on_ledger(database) == [
        ("dedicated_address", "4.00", "due"),
        ("delisting", "25.00", "waived"),
    ]


async def test_a_waiver_in_the_very_moment_of_the_charge_counts(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    async with transaction(database) as connection:
        await bills.charge(connection, who)
        waiver = asyncio.create_task(waived(database, who))
        await until_one_waits(database, waiver)
    await waiver
    assert await on_ledger(database) == [("delisting", "25.00", "waived")]


async def test_every_charge_of_a_false_positive_is_voided(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    await billed(database, who, Term.DEDICATED_ADDRESS)
    await waived(database, who, ChargeKind.DEDICATED_ADDRESS)
    await voided(database, who)
    assert {state for _, _, state in await on_ledger(database)} == {"voided"}


async def test_a_late_attempt_to_charge_a_false_positive_charges_nothing(database: Pool) -> None:
    who = await an_incident(database)
    await voided(database, who)
    await is_listed(database, who.incident)
    assert await billed(database, who, Term.DEDICATED_ADDRESS) == ()


async def test_after_a_relapse_only_the_difference_is_charged(database: Pool) -> None:
    who = await an_incident(database)
    await imposed(database, who, restriction=REDIRECT)
    await seen(database, relayed=1_500)
    assert await billed(database, who) == (
        "smarthost: 5.00 EUR (due): 1500 messages relayed by the smarthost: the contract's minimum;"
        " 2.40 EUR metered",
    )
    await imposed(database, who, "m-2", REDIRECT)
    await seen(database, "m-2", relayed=4_000)
    await billed(database, who)
    await billed(database, who)
    # 5,500 messages are six thousands begun: 7.20, of which 5.00 are on the ledger.
    assert await on_ledger(database) == [("smarthost", "5.00", "due"), ("smarthost", "2.20", "due")]


async def test_what_is_relayed_after_a_waiver_is_waived_too(database: Pool) -> None:
    who = await an_incident(database)
    await imposed(database, who, restriction=REDIRECT)
    await seen(database, relayed=1)
    await billed(database, who)
    await waived(database, who, ChargeKind.SMARTHOST)
    await seen(database, relayed=9_000)
    await billed(database, who)
    assert {state for _, _, state in await on_ledger(database)} == {"waived"}


async def test_a_redirect_that_never_took_hold_costs_nothing(database: Pool) -> None:
    await a_provider(database)
    who = await parties_of(database, await reported(database))
    await imposed(database, who, restriction=REDIRECT)
    assert await billed(database, who) == ()
