"""What a far side will not have: a task that says what to do, and the charge stays due."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from asyncpg import Pool

from activities.billing import port, whmcs
from domain.money.billing import DeliveryState
from tests.activities.billing import Step
from tests.book.outboxes import billed_by, charged, entry_of, open_tasks, stands, taken_back
from tests.book.provider import an_incident, closed
from tests.real.far_sides import (
    SIGNED_WITH,
    STRIPE_KEY,
    StripeSide,
    WebhookSide,
    WhmcsSide,
    localstripe,
    stripe_side,
    webhook_side,
    whmcs_side,
)
from tests.real.whmcs import ACCESS_KEY
from tests.real.wire import Fault, an_answer

pytestmark = [
    pytest.mark.real,
    # Stripe's library hands httpx what httpx would like to have by another name.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whmcs, "SETTLES", 0.0)


@pytest_asyncio.fixture(scope="module")
async def fake_stripe() -> AsyncIterator[str]:
    async with localstripe() as address:
        yield address


@pytest.fixture
async def stripe(fake_stripe: str) -> AsyncIterator[StripeSide]:
    async with stripe_side(fake_stripe) as far:
        yield far


@pytest.fixture
async def whmcs_there() -> AsyncIterator[WhmcsSide]:
    async with whmcs_side() as far:
        yield far


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookSide]:
    async with webhook_side() as far:
        yield far


async def a_charge(pool: Pool, backend: str, account: str | None, amount: str = "25.00 EUR") -> str:
    who = await an_incident(pool)
    await billed_by(pool, backend, account)
    return (await charged(pool, who, amount=amount)).key


async def refused(pool: Pool, key: str, access: dict[str, str]) -> str:
    """What the one task says."""
    async with port.opened(access) as backends:
        assert (await Step(pool, backends).deliver(key)).state is DeliveryState.REFUSED
    found = await stands(pool, key)
    assert found.state == "refused"
    assert not found.unsure
    charge = await entry_of(pool, key)
    balance = await pool.fetchval("SELECT balance FROM balances WHERE incident IS NULL")
    assert balance == charge.amount.amount
    [task] = await open_tasks(pool)
    assert "plazo billing retry" in task
    return task


async def test_whmcs_without_such_a_client(database: Pool, whmcs_there: WhmcsSide) -> None:
    key = await a_charge(database, "whmcs", "43")
    task = await refused(database, key, whmcs_there.access)
    assert "WHMCS has no client 43: correct `billing: {backend: whmcs, id: …}`" in task


async def test_whmcs_in_another_currency(database: Pool, whmcs_there: WhmcsSide) -> None:
    whmcs_there.whmcs.clients["42"] = "USD"
    key = await a_charge(database, "whmcs", "42")
    task = await refused(database, key, whmcs_there.access)
    assert "client 42 of WHMCS is billed in USD, and this is in EUR" in task
    assert await whmcs_there.has(key) == []


@pytest.mark.parametrize("wrong", ["SECRET", "IDENTIFIER"])
async def test_whmcs_with_a_key_that_is_refused(
    database: Pool, whmcs_there: WhmcsSide, wrong: str
) -> None:
    key = await a_charge(database, "whmcs", "42")
    access = whmcs_there.access | {f"PLAZO_WHMCS_{wrong}": "another"}
    task = await refused(database, key, access)
    assert "Authentication Failed" in task
    assert "PLAZO_WHMCS_SECRET" in task
    assert task.endswith("`plazo billing retry --all`")


async def test_whmcs_with_an_access_key(database: Pool, whmcs_there: WhmcsSide) -> None:
    whmcs_there.whmcs.access_key = ACCESS_KEY
    key = await a_charge(database, "whmcs", "42")
    assert "does not let Plazo in" in await refused(database, key, whmcs_there.access)
    await database.execute("UPDATE billing_deliveries SET state = 'waiting'")
    access = whmcs_there.access | {"PLAZO_WHMCS_ACCESS_KEY": ACCESS_KEY}
    async with port.opened(access) as backends:
        assert (await Step(database, backends).deliver(key)).state is DeliveryState.SENT
    assert await whmcs_there.has(key) == ["25.00"]


async def test_whmcs_without_a_permission(database: Pool, whmcs_there: WhmcsSide) -> None:
    whmcs_there.whmcs.denied.add("CreateInvoice")
    key = await a_charge(database, "whmcs", "42")
    task = await refused(database, key, whmcs_there.access)
    assert "permissions of the API's role" in task


@pytest.mark.parametrize("account", [None, "cus_42", "4 2", "٤٢"])
async def test_whmcs_with_what_is_no_client_id(
    database: Pool, whmcs_there: WhmcsSide, account: str | None
) -> None:
    key = await a_charge(database, "whmcs", account)
    assert "billing: {backend: whmcs, id: " in await refused(database, key, whmcs_there.access)


async def test_whmcs_keeps_two_decimals(database: Pool, whmcs_there: WhmcsSide) -> None:
    whmcs_there.whmcs.clients["42"] = "KWD"
    key = await a_charge(database, "whmcs", "42", "1.125 KWD")
    assert "WHMCS keeps two decimals" in await refused(database, key, whmcs_there.access)


async def test_whmcs_that_answers_a_page_may_have_taken_it(
    database: Pool, whmcs_there: WhmcsSide
) -> None:
    key = await a_charge(database, "whmcs", "42")
    page = (b"CreateInvoice", an_answer(200, "<html>Fatal error</html>"))
    whmcs_there.wire.faults.append(page)
    async with port.opened(whmcs_there.access) as backends:
        step = Step(database, backends)
        await step.later(key)
        assert (await stands(database, key)).unsure
        await step.deliver(key)
    assert await whmcs_there.has(key) == ["25.00"]


async def test_whmcs_is_not_asked_before_a_lost_request_has_run_out(
    database: Pool, whmcs_there: WhmcsSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whmcs, "SETTLES", 60.0)
    key = await a_charge(database, "whmcs", "42")
    whmcs_there.wire.faults.append((b"CreateInvoice", Fault.REFUSED))
    async with port.opened(whmcs_there.access) as backends:
        step = Step(database, backends)
        _, seconds = await step.later(key)
        assert seconds >= 60
        asked = len(whmcs_there.wire.requests)
        _, seconds = await step.later(key)
        assert 50 < seconds <= 60
        assert len(whmcs_there.wire.requests) == asked
        await database.execute("UPDATE billing_deliveries SET begun_at = now() - interval '61 s'")
        await step.deliver(key)
    assert await whmcs_there.has(key) == ["25.00"]


async def test_stripe_without_such_a_customer(database: Pool, stripe: StripeSide) -> None:
    key = await a_charge(database, "stripe", "cus_nobody")
    task = await refused(database, key, stripe.access)
    assert "Stripe has no customer cus_nobody: correct `billing: {backend: stripe" in task


async def test_stripe_in_another_currency(database: Pool, stripe: StripeSide) -> None:
    key = await a_charge(database, "stripe", stripe.account, "25.00 USD")
    task = await refused(database, key, stripe.access)
    assert "is billed in EUR, and this is in USD" in task


async def test_stripe_with_a_key_that_is_refused(database: Pool, stripe: StripeSide) -> None:
    key = await a_charge(database, "stripe", stripe.account)
    access = stripe.access | {"PLAZO_STRIPE_KEY": "pk_public"}
    assert "Stripe refused the key" in await refused(database, key, access)
    await database.execute("UPDATE billing_deliveries SET state = 'waiting'")
    async with port.opened(stripe.access | {"PLAZO_STRIPE_KEY": STRIPE_KEY}) as backends:
        await Step(database, backends).deliver(key)
    assert await stripe.has(key) == ["25.00"]


async def test_stripe_gets_a_new_idempotency_key_after_a_no_only(
    database: Pool, stripe: StripeSide
) -> None:
    key = await a_charge(database, "stripe", stripe.account)
    failed = an_answer(500, '{"error": {"type": "api_error", "message": "it happens"}}')
    stripe.wire.faults += [(stripe.creating, Fault.REFUSED), (stripe.creating, failed)]
    async with port.opened(stripe.access) as backends:
        step = Step(database, backends)
        await step.later(key)
        await step.later(key)
        await step.deliver(key)
    used = [
        line.partition(b":")[2].strip()
        for request in stripe.wire.requests
        for line in request.split(b"\r\n")
        if stripe.creating in request and line.lower().startswith(b"idempotency-key")
    ]
    assert len(used) == 3
    assert used[0] == used[1] != used[2]


async def test_the_webhook_with_another_secret(database: Pool, webhook: WebhookSide) -> None:
    key = await a_charge(database, "webhook", None)
    access = webhook.access | {"PLAZO_BILLING_WEBHOOK_SECRET": f"whsec_{'A' * 43}="}
    task = await refused(database, key, access)
    assert "answered 401" in task
    assert await webhook.has(key) == []


async def test_the_webhook_says_why_it_refuses(database: Pool, webhook: WebhookSide) -> None:
    webhook.receiver.status = 422
    key = await a_charge(database, "webhook", None)
    assert "answered 422: as the test has it" in await refused(database, key, webhook.access)


async def test_a_repeated_entry_is_known_by_the_webhooks_receiver(
    database: Pool, webhook: WebhookSide
) -> None:
    key = await a_charge(database, "webhook", None)
    webhook.wire.faults.append((webhook.creating, Fault.LOST))
    async with port.opened(webhook.access) as backends:
        step = Step(database, backends)
        await step.later(key)
        delivered = await step.deliver(key)
    assert delivered.far_id == "far-0"
    assert webhook.receiver.repeated == 1


async def test_what_is_not_set_up_says_what_to_set(database: Pool) -> None:
    key = await a_charge(database, "stripe", "cus_1")
    assert "the billing backend stripe is not set up" in await refused(database, key, {})


async def test_a_half_of_the_settings_says_which_are_missing(database: Pool) -> None:
    key = await a_charge(database, "whmcs", "42")
    access = {"PLAZO_WHMCS_URL": "http://127.0.0.1:9"}
    task = await refused(database, key, access)
    assert "WHMCS also needs PLAZO_WHMCS_IDENTIFIER, PLAZO_WHMCS_SECRET" in task


async def test_one_task_stands_for_a_backend_that_refuses_everything(database: Pool) -> None:
    who = await an_incident(database)
    await billed_by(database, "stripe", "cus_1")
    async with port.opened({}) as backends:
        for number in (1, 2, 3):
            charge = await charged(database, who, number)
            await Step(database, backends).deliver(charge.key)
    assert len(await open_tasks(database)) == 1


async def test_a_task_is_done_once_the_charge_has_arrived(
    database: Pool, whmcs_there: WhmcsSide
) -> None:
    key = await a_charge(database, "whmcs", "43")
    await refused(database, key, whmcs_there.access)
    await billed_by(database, "whmcs", "42")
    await database.execute("UPDATE billing_deliveries SET state = 'waiting'")
    async with port.opened(whmcs_there.access) as backends:
        await Step(database, backends).deliver(key)
    assert await open_tasks(database) == []
    outcome = await database.fetchval("SELECT outcome FROM tasks WHERE kind = 'billing_refused'")
    assert outcome == "sent: invoice 1"


async def test_a_task_outlives_the_incident(database: Pool, whmcs_there: WhmcsSide) -> None:
    key = await a_charge(database, "whmcs", "43")
    await refused(database, key, whmcs_there.access)
    assert await closed(database, (await entry_of(database, key)).incident)
    assert len(await open_tasks(database)) == 1


async def test_a_refused_charge_that_is_voided_is_never_sent(
    database: Pool, whmcs_there: WhmcsSide
) -> None:
    key = await a_charge(database, "whmcs", "43")
    await refused(database, key, whmcs_there.access)
    void = await taken_back(database, await entry_of(database, key))
    async with port.opened(whmcs_there.access) as backends:
        assert (await Step(database, backends).deliver(void)).state is DeliveryState.CANCELLED
    assert (await stands(database, key)).state == "cancelled"
    assert await open_tasks(database) == []


async def test_relayed_mail_can_be_a_meter_event_of_stripes(
    database: Pool, stripe: StripeSide
) -> None:
    """localstripe has no meters; the wire answers as the reference has it."""
    who = await an_incident(database)
    await billed_by(database, "stripe", stripe.account)
    charge = await charged(database, who, kind="smarthost", quantity="12")
    words = b"POST /v1/billing/meter_events"
    again = (
        '{"error": {"type": "invalid_request_error", "message": "An event already exists with '
        'identifier plazo-1."}}'
    )
    stripe.wire.faults += [(words, Fault.REFUSED), (words, an_answer(400, again))]
    async with port.opened(stripe.access | {"PLAZO_STRIPE_METER": "relayed"}) as backends:
        step = Step(database, backends)
        await step.later(charge.key)
        delivered = await step.deliver(charge.key)
    assert str(delivered.far_id).startswith("meter event plazo-")
    sent = [each for each in stripe.wire.requests if words in each]
    assert len({each.split(b"identifier=")[1].split(b"&")[0] for each in sent}) == 1
    for word in (b"event_name=relayed", b"payload[value]=12", b"payload[stripe_customer_id]=cus_"):
        assert all(word in each for each in sent)


async def test_a_meter_event_of_unknown_fate_is_not_sent_again_after_a_day(
    database: Pool, stripe: StripeSide
) -> None:
    who = await an_incident(database)
    await billed_by(database, "stripe", stripe.account)
    charge = await charged(database, who, kind="smarthost", quantity="12")
    stripe.wire.faults.append((b"meter_events", Fault.REFUSED))
    async with port.opened(stripe.access | {"PLAZO_STRIPE_METER": "relayed"}) as backends:
        step = Step(database, backends)
        await step.later(charge.key)
        long_ago = datetime.now(UTC) - timedelta(days=2)
        await database.execute("UPDATE billing_deliveries SET tried_at = $1", long_ago)
        assert (await step.deliver(charge.key)).state is DeliveryState.REFUSED
    [task] = await open_tasks(database)
    assert "nobody knows whether Stripe has this meter event" in task
    assert SIGNED_WITH not in task
