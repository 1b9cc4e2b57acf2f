"""What people do to the ledger: by name, with a reason, once; after the end, too."""

from typing import Any

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident.incidents import Parties
from book.money import balances, closed, corrections
from book.money.ledger import Refused
from domain.acts import Credit, Dispute, Settle, Waive
from domain.ladder import Term
from domain.letters.notices import ChargeState
from domain.money.costs import ChargeKind, Settlement
from domain.units import Money
from tests.book.ledgers import balance, billed, voided, waived
from tests.book.provider import an_incident, is_listed
from tests.book.provider import closed as closes
from tests.domain.builders import euros

CHARGE = "incident-vps-1-1/delisting/1"


async def a_charge(pool: Pool) -> Parties:
    """An incident that was charged 25.00 EUR for a delisting."""
    who = await an_incident(pool)
    await is_listed(pool, who.incident)
    await billed(pool, who)
    return who


async def credited(pool: Pool, amount: Money | None, effect: str = "1", by: str = "ana") -> Money:
    async with transaction(pool) as connection:
        return await corrections.credit(connection, CHARGE, amount, by, "too much", effect=effect)


async def disputed(pool: Pool, effect: str = "1") -> None:
    async with transaction(pool) as connection:
        await corrections.dispute(connection, CHARGE, "client", "not ours", effect=effect)


async def settled(
    pool: Pool, settlement: Settlement, amount: Money | None = None, why: str = "looked into it"
) -> None:
    async with transaction(pool) as connection:
        await corrections.settle(connection, CHARGE, settlement, amount, "ana", why, effect="s-1")


async def state(pool: Pool) -> tuple[ChargeState, Money]:
    async with pool.acquire() as connection:
        [standing] = await balances.charges(connection)
    return standing.state, standing.left


async def test_a_credit_is_of_a_part_or_of_all_that_is_left(database: Pool) -> None:
    await a_charge(database)
    assert await credited(database, euros("10.00")) == euros("10.00")
    assert await state(database) == (ChargeState.DUE, euros("15.00"))
    assert await credited(database, None, "2") == euros("15.00")
    assert await state(database) == (ChargeState.CREDITED, euros("0.00"))


async def test_the_same_credit_again_changes_nothing(database: Pool) -> None:
    who = await a_charge(database)
    for _ in range(2):
        assert await credited(database, euros("20.00")) == euros("20.00")
    assert await balance(database, who.incident) == "5.00"


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (euros("25.01"), "25.00 EUR is left of .*; credit at most as much, not 25.01 EUR"),
        (Money(1, "USD"), "is in EUR; credit it in EUR, not USD"),
        (euros("0.00"), "a credit is of more than 0 EUR"),
    ],
)
async def test_a_credit_that_makes_no_sense_says_what_to_do(
    database: Pool, amount: Money, said: str
) -> None:
    await a_charge(database)
    with pytest.raises(Refused, match=said):
        await credited(database, amount)


async def test_a_charge_that_is_not_there_is_none(database: Pool) -> None:
    with pytest.raises(LookupError, match="there is no charge"):
        await credited(database, None)


async def test_a_disputed_charge_waits_until_it_is_settled(database: Pool) -> None:
    await a_charge(database)
    await disputed(database)
    await disputed(database)
    assert await state(database) == (ChargeState.DISPUTED, euros("25.00"))
    with pytest.raises(Refused, match="is disputed by client already"):
        await disputed(database, "2")
    await settled(database, Settlement.UPHELD)
    await settled(database, Settlement.UPHELD)
    assert await state(database) == (ChargeState.DUE, euros("25.00"))
    with pytest.raises(Refused, match="is settled already: upheld"):
        await settled(database, Settlement.WITHDRAWN)


@pytest.mark.parametrize(("amount", "left"), [(euros("5.00"), "20.00"), (None, "0.00")])
async def test_a_dispute_is_settled_by_a_credit_where_the_client_is_right(
    database: Pool, amount: Money | None, left: str
) -> None:
    who = await a_charge(database)
    await disputed(database)
    await settled(database, Settlement.CREDITED, amount)
    assert await balance(database, who.incident) == left


async def test_nothing_is_settled_that_is_not_disputed(database: Pool) -> None:
    await a_charge(database)
    with pytest.raises(Refused, match="is not disputed"):
        await settled(database, Settlement.UPHELD)
    await disputed(database)
    with pytest.raises(Refused, match="credits nothing; leave the amount out"):
        await settled(database, Settlement.UPHELD, euros("1.00"))


async def test_a_dispute_after_a_settled_one_is_another(database: Pool) -> None:
    await a_charge(database)
    await disputed(database)
    await settled(database, Settlement.WITHDRAWN)
    await disputed(database, "2")
    assert (await state(database))[0] is ChargeState.DISPUTED


async def test_what_is_credited_in_part_is_voided_for_the_rest(database: Pool) -> None:
    who = await a_charge(database)
    await credited(database, euros("10.00"))
    await voided(database, who)
    await voided(database, who)
    assert await balance(database, who.incident) == "0.00"
    assert (await state(database))[0] is ChargeState.VOIDED


async def test_a_waiver_forgives_what_credits_have_left(database: Pool) -> None:
    who = await a_charge(database)
    await credited(database, euros("10.00"))
    await waived(database, who)
    assert await state(database) == (ChargeState.WAIVED, euros("0.00"))


# --- once the incident has closed ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "said", "left"),
    [
        (Credit(by="ana", charge=CHARGE, reason="late", amount=euros("5.00")),
         f"credited 5.00 EUR of {CHARGE}", "20.00"),
        (Waive(by="ana", charge=ChargeKind.DELISTING, reason="late"),
         "charge waived: delisting", "0.00"),
        (Dispute(by="ana", charge=CHARGE, reason="late"), f"disputed: {CHARGE}", "25.00"),
    ],
)  # fmt: skip
async def test_a_correction_of_a_closed_incident_is_on_its_chain(
    database: Pool, what: Any, said: str, left: str
) -> None:
    who = await a_charge(database)
    await closes(database, who.incident)
    async with transaction(database) as connection:
        assert await closed.has_closed(connection, who.incident)
        assert await closed.correct(connection, who.incident, what) == said
    assert await balance(database, who.incident) == left
    body = await database.fetchval(
        "SELECT body::jsonb FROM audit WHERE incident = $1 AND source = 'correction:closed-1'",
        who.incident,
    )
    assert (body["what"], body["by"], body["reasons"]) == (said, "ana", ["late"])


async def test_corrections_of_a_closed_incident_are_each_their_own(database: Pool) -> None:
    who = await a_charge(database)
    await closes(database, who.incident)
    for _ in range(2):
        async with transaction(database) as connection:
            what = Credit(by="ana", charge=CHARGE, reason="late", amount=euros("5.00"))
            await closed.correct(connection, who.incident, what)
    assert await balance(database, who.incident) == "15.00"


@pytest.mark.parametrize("reason", ["", "  ", "\udcff"])
async def test_a_correction_without_words_that_can_be_kept_is_refused(
    database: Pool, reason: str
) -> None:
    who = await a_charge(database)
    what = Settle(by="ana", charge=CHARGE, settlement=Settlement.UPHELD, reason=reason)
    async with transaction(database) as connection:
        with pytest.raises(Refused):
            await closed.correct(connection, who.incident, what)


async def test_a_closed_incident_is_voided_with_its_address_and_all(database: Pool) -> None:
    who = await an_incident(database)
    await billed(database, who, Term.DEDICATED_ADDRESS)
    await closes(database, who.incident)
    async with transaction(database) as connection:
        await closed.void(connection, who.incident, "ana", "it was another's")
        with pytest.raises(Refused, match=r"no dedicated address of .* is in force"):
            await closed.end_address(connection, who.incident, "ana", "again")
    assert await balance(database, who.incident) == "0.00"


async def test_a_clients_balance_is_in_sums_and_says_what_is_disputed(database: Pool) -> None:
    who = await a_charge(database)
    await credited(database, euros("10.00"))
    await disputed(database)
    async with database.acquire() as connection:
        whole, one = await balances.balances(connection, "aurora")
        with pytest.raises(LookupError, match="there is no client boreal"):
            await balances.balances(connection, "boreal")
    assert (whole.incident, one.incident) == (None, who.incident)
    for each in (whole, one):
        assert (each.charged, each.credited) == (euros("25.00"), Money(-1_000, "EUR"))
        assert (each.balance, each.disputed) == (euros("15.00"), euros("15.00"))
