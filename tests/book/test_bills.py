"""What falls due: evidence, clauses, caps, months of an address, calls; each charged once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import tasks
from book.incident.incidents import Parties
from book.money import caps, ledger
from domain.contract import Rounding
from domain.incident import Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind, Evidence, EvidenceKind
from domain.money.ledger import Entry
from domain.steps import TaskKind
from tests.book.ledgers import (
    an_incident_priced,
    balance,
    billed,
    charged_only,
    near,
    on_ledger,
    voided,
    waived,
)
from tests.book.provider import (
    ADDRESS,
    REDIRECT,
    closed,
    imposed,
    is_listed,
    parties_of,
    reported,
    seen,
)
from tests.domain.builders import euros

ADDRESS_AGREED = Term.DEDICATED_ADDRESS


async def entries_of(pool: Pool, incident: str) -> tuple[Entry, ...]:
    async with pool.acquire() as connection:
        return await ledger.entries(connection, incident=incident)


async def relayed(pool: Pool, who: Parties, messages: int) -> None:
    await imposed(pool, who, restriction=REDIRECT)
    await seen(pool, relayed=messages)


async def agreed_ago(pool: Pool, who: Parties, days: int) -> None:
    """A dedicated address that has been in force for so many days."""
    await billed(pool, who, ADDRESS_AGREED)
    span = timedelta(days=days)
    await pool.execute("UPDATE dedicated_addresses SET since = since - $1::interval", span)


async def called(pool: Pool, who: Parties, key: str, minutes: int) -> None:
    async with transaction(pool) as connection:
        await tasks.open_task(connection, who.incident, key, TaskKind.CALL_CLIENT, "call them")
        await tasks.complete(
            connection, who.incident, TaskKind.CALL_CLIENT, "reached", by="ana", minutes=minutes
        )


# --- evidence and clause ------------------------------------------------------------------------


async def test_a_charge_says_what_it_rests_on_and_in_which_clause(database: Pool) -> None:
    who = await an_incident_priced(database, clauses={"delisting_first": "7.5"})
    await is_listed(database, who.incident)
    await relayed(database, who, 2_500)
    await billed(database, who, ADDRESS_AGREED)
    found = {entry.kind: entry for entry in await entries_of(database, who.incident)}
    delisting = found[ChargeKind.DELISTING]
    assert (delisting.clause, found[ChargeKind.SMARTHOST].clause) == ("7.5", "7.3")
    assert delisting.evidence == (Evidence(what=EvidenceKind.LISTING, ref=f"{ADDRESS} bl.example"),)
    assert [each.what for each in found[ChargeKind.SMARTHOST].evidence] == [EvidenceKind.METER]
    [agreed] = found[ChargeKind.DEDICATED_ADDRESS].evidence
    assert agreed.what is EvidenceKind.AGREEMENT
    smarthost = found[ChargeKind.SMARTHOST]
    assert (str(smarthost.quantity), smarthost.unit) == ("3", "thousand")


async def test_after_a_relapse_the_charge_is_of_the_difference(database: Pool) -> None:
    who = await an_incident_priced(database, rounding=Rounding.PRO_RATA)
    await relayed(database, who, 1_500)
    await billed(database, who)
    await seen(database, relayed=10_013)
    await billed(database, who)
    first, second = await entries_of(database, who.incident)
    assert (str(first.quantity), first.amount) == ("1.5", euros("5.00"))
    assert (str(second.quantity), second.amount) == ("8.513", euros("7.02"))
    assert "less 5.00 EUR charged before" in second.reason


async def test_a_lower_reading_takes_nothing_back(database: Pool) -> None:
    who = await an_incident_priced(database)
    await relayed(database, who, 9_000)
    await billed(database, who)
    await seen(database, relayed=100)
    await billed(database, who)
    assert await balance(database, who.incident) == "10.80"


# --- caps ---------------------------------------------------------------------------------------


async def test_a_charge_is_cut_at_the_incidents_cap_and_what_is_cut_is_never_charged(
    database: Pool,
) -> None:
    who = await an_incident_priced(database, cap_incident=euros("30.00"))
    await is_listed(database, who.incident)
    await relayed(database, who, 9_000)
    await billed(database, who)
    await billed(database, who)
    assert await on_ledger(database) == [
        ("delisting", "25.00", "due"),
        ("smarthost", "5.00", "due"),
    ]
    [_, smarthost] = await entries_of(database, who.incident)
    assert smarthost.reason.endswith(
        "cut from 10.80 EUR to 5.00 EUR at the contract's cap for one incident of 30.00 EUR"
    )
    await waived(database, who)  # which makes room, and what was cut stays cut
    await billed(database, who)
    assert await balance(database, who.incident) == "5.00"


async def test_a_months_cap_is_over_all_incidents_of_the_contract(database: Pool) -> None:
    who = await an_incident_priced(database, cap_month=euros("40.00"))
    await is_listed(database, who.incident)
    await billed(database, who)
    await closed(database, who.incident)
    later = await parties_of(database, await reported(database, "r-2"))
    await is_listed(database, later.incident)
    await billed(database, later)
    assert await on_ledger(database) == [
        ("delisting", "25.00", "due"),
        ("delisting", "15.00", "due"),
    ]


async def test_at_once_two_incidents_do_not_pass_their_contracts_cap(database: Pool) -> None:
    who = await an_incident_priced(database, cap_month=euros("70.00"))
    await is_listed(database, who.incident)
    await billed(database, who)
    await closed(database, who.incident)
    later = await parties_of(database, await reported(database, "r-2"))
    await is_listed(database, later.incident)
    await relayed(database, later, 9_000)
    await asyncio.gather(*(billed(database, each) for each in (who, later) * 4))
    total = await database.fetchval("SELECT sum(amount) FROM ledger")
    assert str(total) == "70.00"


async def test_a_cap_that_comes_near_is_told_until_there_is_a_task_about_it(database: Pool) -> None:
    who = await an_incident_priced(database, cap_incident=euros("31.00"), cap_month=euros("100.00"))
    assert await near(database, who) == ()
    await is_listed(database, who.incident)
    [room] = await near(database, who)  # 25 of 31, and nothing is charged yet
    assert (room.key, room.spent) == (f"{who.incident}/cap/incident", euros("0.00"))
    assert await on_ledger(database) == []
    async with transaction(database) as connection:
        await tasks.open_task(connection, who.incident, room.key, TaskKind.NEAR_CAP, "near")
    assert await near(database, who) == ()


async def test_only_open_incidents_under_a_cap_are_looked_at(database: Pool) -> None:
    who = await an_incident_priced(database, cap_month=euros("100.00"))
    async with database.acquire() as connection:
        assert await caps.capped_incidents(connection, "", 10) == (who.incident,)
        assert await caps.capped_incidents(connection, who.incident, 10) == ()
        await closed(database, who.incident)
        assert await caps.capped_incidents(connection, "", 10) == ()


# --- months of a dedicated address --------------------------------------------------------------


async def test_each_begun_month_is_charged_once_also_after_the_end(database: Pool) -> None:
    who = await an_incident_priced(database)
    await agreed_ago(database, who, days=40)
    await closed(database, who.incident)
    answers = await asyncio.gather(
        *(charged_only(database, who, ChargeKind.DEDICATED_ADDRESS) for _ in range(4))
    )
    assert sorted(answers) == [(), (), (), (f"{who.incident}/dedicated_address/2",)]
    assert await balance(database, who.incident) == "8.00"
    chain = await database.fetch(
        "SELECT body FROM audit WHERE incident = $1 AND source LIKE 'ledger:%'", who.incident
    )
    assert len(chain) == 1
    assert "month 2 of the dedicated address" in chain[0]["body"]


async def test_months_that_a_pass_has_missed_are_made_up_for(database: Pool) -> None:
    who = await an_incident_priced(database)
    await agreed_ago(database, who, days=200)
    await charged_only(database, who, ChargeKind.DEDICATED_ADDRESS)
    assert await balance(database, who.incident) == "28.00"


async def test_no_month_is_charged_after_a_false_positive(database: Pool) -> None:
    who = await an_incident_priced(database)
    await agreed_ago(database, who, days=40)
    await charged_only(database, who, ChargeKind.DEDICATED_ADDRESS)
    await voided(database, who)
    await closed(database, who.incident, Outcome.FALSE_POSITIVE)
    await agreed_again(database, days=40)
    assert await charged_only(database, who, ChargeKind.DEDICATED_ADDRESS) == ()
    assert await balance(database, who.incident) == "0.00"


async def agreed_again(pool: Pool, days: int) -> None:
    span = timedelta(days=days)
    await pool.execute("UPDATE dedicated_addresses SET since = since - $1::interval", span)


async def test_a_waived_address_is_charged_and_forgiven_month_by_month(database: Pool) -> None:
    who = await an_incident_priced(database)
    await agreed_ago(database, who, days=40)
    await waived(database, who, ChargeKind.DEDICATED_ADDRESS)
    await charged_only(database, who, ChargeKind.DEDICATED_ADDRESS)
    assert await on_ledger(database) == [("dedicated_address", "4.00", "waived")] * 2


# --- calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "charged"),
    [({"staff_hour": euros("60.00")}, [("staff_time", "30.00", "due")]), ({}, [])],
)
async def test_a_call_is_charged_once_where_the_contract_has_a_price(
    database: Pool, prices: dict[str, Any], charged: list[tuple[str, str, str]]
) -> None:
    who = await an_incident_priced(database, **prices)
    await called(database, who, f"{who.incident}/task/1", 20)
    for _ in range(2):
        await charged_only(database, who, ChargeKind.STAFF_TIME)
    await billed(database, who)
    assert await on_ledger(database) == charged
    for entry in await entries_of(database, who.incident):
        assert entry.evidence == (Evidence(what=EvidenceKind.CALL, ref=f"{who.incident}/task/1"),)


async def test_two_calls_are_two_charges(database: Pool) -> None:
    who = await an_incident_priced(database, staff_hour=euros("60.00"))
    for number, minutes in ((1, 10), (2, 50)):
        await called(database, who, f"{who.incident}/task/{number}", minutes)
        await charged_only(database, who, ChargeKind.STAFF_TIME)
    assert await balance(database, who.incident) == "75.00"
