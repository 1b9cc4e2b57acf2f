"""Delivery to each far side, on a socket: once, whatever happens to a request or its answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.billing import http, port, stripe, whmcs
from activities.billing.delivery import AT_ONCE, Deliveries
from book.beside import beside
from domain.money.billing import Deliver, DeliveryState
from tests.activities.billing import Step, World
from tests.book.outboxes import (
    billed_by,
    charged,
    entry_of,
    open_tasks,
    stands,
    taken_back,
    told,
)
from tests.book.provider import an_incident
from tests.real.far_sides import localstripe, side
from tests.real.wire import Fault, an_answer

pytestmark = [
    pytest.mark.real,
    # Stripe's library hands httpx what httpx would like to have by another name.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

BUSY = '{"error": {"type": "invalid_request_error", "message": "slow down"}}'
SIDES = ("whmcs", "stripe", "webhook")


@pytest_asyncio.fixture(scope="module")
async def fake_stripe() -> AsyncIterator[str]:
    async with localstripe() as address:
        yield address


@pytest_asyncio.fixture(params=SIDES)
async def world(
    request: pytest.FixtureRequest,
    database: Pool,
    fake_stripe: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    monkeypatch.setattr(whmcs, "SETTLES", 0.0)
    async with side(request.param, fake_stripe) as far, port.opened(far.access) as backends:
        step = Step(database, backends)
        yield World(step, far)


async def a_charge(world: World, amount: str = "25.00 EUR") -> str:
    pool = world.step.pool
    who = await an_incident(pool)
    await billed_by(pool, world.side.name, world.side.account)
    return (await charged(pool, who, amount=amount)).key


async def test_a_charge_arrives_once_with_its_key_and_amount(world: World) -> None:
    key = await a_charge(world)
    delivered = await world.step.deliver(key)
    assert delivered.state is DeliveryState.SENT
    assert await world.side.has(key) == ["25.00"]
    assert await world.step.deliver(key) == delivered
    assert await world.side.has(key) == ["25.00"]
    found = await stands(world.step.pool, key)
    assert (found.state, found.far_id, found.attempts) == ("sent", delivered.far_id, 1)


async def test_both_ends_of_an_attempt_are_on_the_incidents_chain(world: World) -> None:
    key = await a_charge(world)
    await world.step.deliver(key)
    assert await told(world.step.pool, key.split("/")[0]) == ["started 1", "done 1"]


async def test_a_credit_and_a_void_follow_what_was_sent(world: World) -> None:
    pool = world.step.pool
    who = await an_incident(pool)
    await billed_by(pool, world.side.name, world.side.account)
    charge = await charged(pool, who)
    await world.step.deliver(charge.key)
    credit = await taken_back(pool, charge, "10.00")
    void = await taken_back(pool, charge)
    for each in (credit, void):
        assert (await world.step.deliver(each)).state is DeliveryState.SENT
    assert await world.side.has(credit) == ["-10.00"]
    assert await world.side.has(void) == ["-15.00"]


@pytest.mark.parametrize("taking_back", [False, True], ids=["charge", "credit"])
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.LOST, Fault.HANGING])
async def test_a_request_that_is_cut_off_is_neither_lost_nor_doubled(
    world: World, fault: Fault, taking_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.5)
    pool, key = world.step.pool, await a_charge(world)
    words = world.side.creating
    if taking_back:
        await world.step.deliver(key)
        charge = await entry_of(pool, key)
        key = await taken_back(pool, charge, "10.00")
        words = b"AddCredit" if world.side.name == "whmcs" else words
    await quick_stripe(world)
    world.side.wire.faults.append((words, fault))
    why, seconds = await world.step.later(key)
    assert why
    assert seconds >= 5
    assert (await stands(pool, key)).unsure
    await world.step.deliver(key)
    assert len(await world.side.has(key)) == 1
    assert world.side.wire.faults == []


async def quick_stripe(world: World) -> None:
    """Stripe's library was made with the time that it has in production."""
    found = world.step.backends.ready.get("stripe")
    if isinstance(found, stripe.Stripe):
        found._http._timeout = 0.5


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (an_answer(429, BUSY, "Retry-After: 77"), 77.0),
        (an_answer(429, BUSY), 5.0),
        (an_answer(500, "{}"), 5.0),
        (an_answer(503, "<html>maintenance</html>", "Retry-After: 40"), 5.0),
    ],
    ids=["429 with a time", "429", "500", "503"],
)
async def test_a_far_side_that_is_away_is_asked_again_at_its_own_pace(
    world: World, answer: bytes, seconds: float
) -> None:
    key = await a_charge(world)
    world.side.wire.faults.append((world.side.creating, answer))
    _, pause = await world.step.later(key)
    assert pause >= seconds
    assert await world.side.has(key) == []
    assert await open_tasks(world.step.pool) == []
    assert (await world.step.deliver(key)).state is DeliveryState.SENT
    assert await world.side.has(key) == ["25.00"]
    whole = await told(world.step.pool, key.split("/")[0])
    assert whole[:2] + whole[-1:] == ["started 1", "failed 1", f"done {len(whole) // 2}"]


async def test_an_answer_of_500_after_it_was_taken_is_no_second_charge(world: World) -> None:
    key = await a_charge(world)
    taken_at: list[bytes] = []
    world.side.wire.faults += [(world.side.creating, Fault.LOST)]
    await world.step.later(key)
    world.side.wire.decide = lambda request: taken_at.append(request)
    await world.step.deliver(key)
    assert len(await world.side.has(key)) == 1
    if world.side.name != "webhook":  # which is asked by sending the same again
        assert not any(world.side.creating in each for each in taken_at)


async def test_the_pause_grows_while_it_is_away(world: World) -> None:
    key = await a_charge(world)
    away = (world.side.creating, an_answer(503))
    world.side.wire.faults += [away] * 4
    pauses = [(await world.step.later(key))[1] for _ in range(4)]
    assert pauses == sorted(set(pauses))
    assert pauses[0] == 5.0


async def test_a_far_side_that_nobody_listens_at_is_away_and_got_nothing(database: Pool) -> None:
    access = {"PLAZO_BILLING_WEBHOOK": "http://127.0.0.1:9", "PLAZO_BILLING_WEBHOOK_SECRET":
              "whsec_" + "A" * 43 + "="}  # fmt: skip
    async with port.opened(access) as backends:
        step = Step(database, backends)
        who = await an_incident(database)
        await billed_by(database, "webhook")
        charge = await charged(database, who)
        await step.later(charge.key)
    assert not (await stands(database, charge.key)).unsure


async def test_a_charge_that_was_sent_to_an_unknown_end_and_voided_is_looked_for_first(
    world: World,
) -> None:
    pool, key = world.step.pool, await a_charge(world)
    world.side.wire.faults.append((world.side.creating, Fault.LOST))
    await world.step.later(key)
    void = await taken_back(pool, await entry_of(pool, key))
    assert (await world.step.deliver(void)).state is DeliveryState.HELD
    assert (await world.step.deliver(key)).state is DeliveryState.SENT
    assert (await world.step.deliver(void)).state is DeliveryState.SENT
    assert await world.side.has(key) + await world.side.has(void) == ["25.00", "-25.00"]


async def test_no_more_than_a_few_requests_are_under_way_at_once(world: World) -> None:
    pool = world.step.pool
    who = await an_incident(pool)
    await billed_by(pool, world.side.name, world.side.account)
    keys = [(await charged(pool, who, number)).key for number in range(3 * AT_ONCE)]
    deliveries = Deliveries(
        pool=pool, backends=world.step.backends, default="ledger", worker="1@test"
    )
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            under_way = "SELECT count(*) FROM billing_deliveries WHERE unsure"
            most = max(most, await pool.fetchval(under_way))

    async with beside(look()):
        await asyncio.gather(
            *(
                ActivityEnvironment().run(deliveries.deliver_entry, Deliver(entry=key))
                for key in keys
            )
        )
    assert 0 < most <= AT_ONCE
    for key in keys:
        assert await world.side.has(key) == ["25.00"]
