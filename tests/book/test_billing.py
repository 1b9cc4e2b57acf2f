"""The outbox: filled by the ledger, held by disputes, cancelled by what takes a charge back."""

import asyncio

import pytest
from asyncpg import Pool

from book.database import transaction
from book.money import billed, billing, outbox
from book.money.billing import Look, NotYet, Send
from domain.money.billing import Delivered, DeliveryState
from tests.book.outboxes import (
    billed_by,
    charged,
    disputed,
    settled,
    stands,
    taken_back,
    told,
)
from tests.book.provider import an_incident


async def next_step(pool: Pool, key: str, default: str = "webhook") -> billing.Next:
    async with transaction(pool) as connection:
        return await billing.next_step(connection, key, default, lambda _: 60.0, "1@test")


async def state_after(pool: Pool, key: str, default: str = "webhook") -> DeliveryState:
    found = await next_step(pool, key, default)
    assert isinstance(found, Delivered)
    return found.state


async def sent(pool: Pool, key: str) -> None:
    assert isinstance(await next_step(pool, key), Send)
    async with transaction(pool) as connection:
        await billed.sent(connection, key, f"far {key}", "1@test")


async def to_wake(pool: Pool) -> list[str]:
    async with pool.acquire() as connection:
        return [each.key for each in await outbox.to_wake(connection, 100)]


async def test_every_entry_waits_from_the_moment_that_it_is_entered(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    credit = await taken_back(database, charge, "5.00")
    assert await to_wake(database) == [charge.key, credit]


async def test_whoever_listens_hears_of_an_entry(database: Pool) -> None:
    who = await an_incident(database)
    heard = asyncio.Event()
    async with database.acquire() as connection:
        await connection.add_listener(billing.CHANNEL, lambda *_: heard.set())
        await charged(database, who)
        async with asyncio.timeout(10):
            await heard.wait()
        await connection.reset()


async def test_an_attempt_is_on_record_before_it_is_made(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    found = await next_step(database, charge.key)
    assert isinstance(found, Send)
    assert (found.what.entry.key, found.what.backend, found.what.account) == (
        charge.key, "webhook", None,
    )  # fmt: skip
    assert await told(database, who.incident) == ["started 1"]
    assert (await stands(database, charge.key)).unsure


async def test_after_an_attempt_that_nobody_heard_of_the_far_side_is_asked_first(
    database: Pool,
) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await next_step(database, charge.key)
    waits = await next_step(database, charge.key)
    assert isinstance(waits, NotYet)
    assert 50 < waits.seconds <= 60
    await database.execute("UPDATE billing_deliveries SET begun_at = now() - interval '61 s'")
    assert isinstance(await next_step(database, charge.key), Look)
    async with transaction(database) as connection:
        await billed.absent(connection, charge.key, "1@test")
    assert isinstance(await next_step(database, charge.key), Send)
    assert await told(database, who.incident) == ["started 1", "started 2", "done 2", "started 3"]


async def test_while_it_is_not_known_where_it_is_it_stays_with_its_backend(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await next_step(database, charge.key)
    await billed_by(database, "whmcs", "42")
    await database.execute("UPDATE billing_deliveries SET begun_at = now() - interval '61 s'")
    found = await next_step(database, charge.key)
    assert isinstance(found, Look)
    assert found.what.backend == "webhook"


async def test_a_clients_own_account_goes_before_the_default(database: Pool) -> None:
    who = await an_incident(database)
    await billed_by(database, "whmcs", "42")
    charge = await charged(database, who)
    found = await next_step(database, charge.key)
    assert isinstance(found, Send)
    assert (found.what.backend, found.what.account) == ("whmcs", "42")


async def test_what_the_ledger_bills_is_kept_without_a_workflow(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    credit = await taken_back(database, charge, "5.00")
    async with transaction(database) as connection:
        assert await outbox.keep_here(connection, "ledger") == 2
        assert await outbox.keep_here(connection, "ledger") == 0
    assert await to_wake(database) == []
    for key in (charge.key, credit):
        assert (await stands(database, key)).state == "kept"


async def test_a_client_billed_elsewhere_is_not_kept(database: Pool) -> None:
    who = await an_incident(database)
    await billed_by(database, "webhook")
    charge = await charged(database, who)
    async with transaction(database) as connection:
        assert await outbox.keep_here(connection, "ledger") == 0
    assert await to_wake(database) == [charge.key]


async def test_a_credit_goes_where_its_charge_went(database: Pool) -> None:
    who = await an_incident(database)
    await billed_by(database, "whmcs", "42")
    charge = await charged(database, who)
    await sent(database, charge.key)
    await billed_by(database, None)
    credit = await taken_back(database, charge, "5.00")
    async with transaction(database) as connection:
        assert await outbox.keep_here(connection, "ledger") == 0
    found = await next_step(database, credit, "ledger")
    assert isinstance(found, Send)
    assert (found.what.backend, found.what.account) == ("whmcs", "42")


async def test_a_credit_waits_for_its_charge(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    credit = await taken_back(database, charge, "5.00")
    assert await state_after(database, credit) is DeliveryState.HELD
    await sent(database, charge.key)
    assert credit in await to_wake(database)
    assert isinstance(await next_step(database, credit), Send)


async def test_a_void_before_the_charge_is_sent_cancels_both(database: Pool) -> None:
    for first in ("charge", "void"):
        who = await an_incident(database)
        number = 1 if first == "charge" else 2
        charge = await charged(database, who, number)
        void = await taken_back(database, charge)
        key = charge.key if first == "charge" else void
        assert await state_after(database, key) is DeliveryState.CANCELLED
        for each in (charge.key, void):
            assert (await stands(database, each)).state == "cancelled"


async def test_credits_that_leave_nothing_cancel_as_a_void_does(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    keys = [await taken_back(database, charge, "12.50", f"credit/{n}") for n in (1, 2)]
    assert await state_after(database, charge.key) is DeliveryState.CANCELLED
    assert [(await stands(database, key)).state for key in keys] == ["cancelled"] * 2


async def test_a_charge_of_nothing_is_not_sent(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who, amount="0.00 EUR")
    assert await state_after(database, charge.key) is DeliveryState.CANCELLED


async def test_a_disputed_charge_waits_and_is_sent_when_it_is_settled(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await disputed(database, charge)
    assert await to_wake(database) == []
    assert (await stands(database, charge.key)).error == "disputed by ana"
    assert await state_after(database, charge.key) is DeliveryState.HELD
    await settled(database, charge)
    assert await to_wake(database) == [charge.key]
    assert isinstance(await next_step(database, charge.key), Send)


async def test_a_disputed_charge_that_is_voided_is_cancelled(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await disputed(database, charge)
    void = await taken_back(database, charge)
    assert await state_after(database, void) is DeliveryState.CANCELLED
    assert (await stands(database, charge.key)).state == "cancelled"


async def test_a_dispute_does_not_stop_what_may_have_arrived(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await next_step(database, charge.key)
    await disputed(database, charge)
    assert (await stands(database, charge.key)).state == "waiting"
    await database.execute("UPDATE billing_deliveries SET begun_at = now() - interval '61 s'")
    assert isinstance(await next_step(database, charge.key), Look)
    async with transaction(database) as connection:
        await billed.absent(connection, charge.key, "1@test")
    assert await state_after(database, charge.key) is DeliveryState.HELD


async def test_two_workers_at_once_make_one_attempt(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    steps = await asyncio.gather(*(next_step(database, charge.key) for _ in range(8)))
    assert sum(isinstance(each, Send) for each in steps) == 1
    assert sum(isinstance(each, NotYet) for each in steps) == 7


async def test_what_is_told_is_not_told_again_unless_it_waits_once_more(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    async with transaction(database) as connection:
        told_of = await outbox.to_wake(connection, 100)
        await outbox.woken(connection, told_of)
    assert await to_wake(database) == []
    await disputed(database, charge)
    await settled(database, charge)
    async with transaction(database) as connection:
        await outbox.woken(connection, told_of)  # late: of the turn before
    assert await to_wake(database) == [charge.key]


async def test_a_workflow_that_was_lost_is_told_of_again(database: Pool) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await database.execute("UPDATE billing_deliveries SET woken_at = now() - interval '11 min'")
    assert await to_wake(database) == [charge.key]
    await database.execute("UPDATE billing_deliveries SET next_at = now() + interval '1 min'")
    assert await to_wake(database) == []


@pytest.mark.parametrize("everything", [True, False])
async def test_what_was_refused_is_sent_again_when_a_person_says_so(
    database: Pool, everything: bool
) -> None:
    who = await an_incident(database)
    charge = await charged(database, who)
    await next_step(database, charge.key)
    async with transaction(database) as connection:
        await billed.refused(
            connection, charge.key, "no such client", "1@test", unsure=False, everywhere=False
        )
    assert await to_wake(database) == []
    async with transaction(database) as connection:
        key = None if everything else charge.key
        again = await outbox.retry(connection, key, by="ana", why="put right")
    assert again == (charge.key,)
    assert await to_wake(database) == [charge.key]
    assert (await told(database, who.incident))[-1] == "decision"
    open_now = await database.fetchval("SELECT count(*) FROM tasks WHERE done_at IS NULL")
    assert open_now == 0


async def test_an_unknown_entry_is_said_to_be_unknown(database: Pool) -> None:
    with pytest.raises(LookupError, match="there is no entry nothing on the ledger"):
        await next_step(database, "nothing")
