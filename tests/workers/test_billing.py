"""Billing as it is run: entries find their workflows, and what people do on the command line."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.billing import port
from activities.billing.port import Backends
from domain.money.billing import DeliveryState
from tests.activities.billing import Step
from tests.book.outboxes import billed_by, charged, disputed, settled, stands, taken_back
from tests.book.provider import an_incident
from tests.real.far_sides import WebhookSide, WhmcsSide, webhook_side, whmcs_side
from tests.workers.command import Plazo
from tests.workflows import servers
from workers.billing import BillingDispatcher
from workers.incident_worker import build_worker
from workers.settings.provider import Settings
from workers.settings.reading import BadSettings

pytestmark = pytest.mark.real

FIRST = "incident-vps-1-1/delisting/1"


@pytest_asyncio.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookSide]:
    async with webhook_side() as far:
        yield far


@pytest.fixture
async def whmcs() -> AsyncIterator[WhmcsSide]:
    async with whmcs_side() as far:
        yield far


def environment(dsn: str, **more: str) -> dict[str, str]:
    return {
        "PLAZO_DATABASE_URL": dsn,
        "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
        "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
        **more,
    }


async def ended(client: Client, key: str) -> str:
    """What the entry's workflow has come to."""
    result = await client.get_workflow_handle(f"billing-{key}").result()
    return str(result["state"])


# --- workflows ------------------------------------------------------------------------------------


async def test_an_entry_finds_its_workflow_and_arrives(
    temporal: WorkflowEnvironment, database: Pool, dsn: str, webhook: WebhookSide
) -> None:
    client = temporal.client
    settings = Settings.read(environment(dsn, PLAZO_BILLING="webhook", **webhook.access))
    dispatcher = BillingDispatcher(database, client, settings.billing)
    who = await an_incident(database)
    charge = await charged(database, who)
    async with (
        port.opened(settings.billing_access) as backends,
        build_worker(settings, database, client, backends),
    ):
        assert await dispatcher.look() == 1
        assert await ended(client, charge.key) == "sent"
        assert await dispatcher.look() == 0
        credit = await taken_back(database, charge, "10.00")
        assert await dispatcher.look() == 1
        assert await ended(client, credit) == "sent"
    assert await webhook.has(charge.key) + await webhook.has(credit) == ["25.00", "-10.00"]


async def test_a_dispute_ends_the_workflow_and_its_end_begins_another(
    temporal: WorkflowEnvironment, database: Pool, dsn: str, webhook: WebhookSide
) -> None:
    client = temporal.client
    settings = Settings.read(environment(dsn, PLAZO_BILLING="webhook", **webhook.access))
    dispatcher = BillingDispatcher(database, client, settings.billing)
    charge = await charged(database, await an_incident(database), 2)
    await dispatcher.look()
    await disputed(database, charge)
    async with (
        port.opened(settings.billing_access) as backends,
        build_worker(settings, database, client, backends),
    ):
        assert await ended(client, charge.key) == "held"
        assert await webhook.has(charge.key) == []
        await settled(database, charge)
        assert await dispatcher.look() == 1
        assert await ended(client, charge.key) == "sent"


async def test_where_the_ledger_is_the_bill_no_workflow_is_started(
    temporal: WorkflowEnvironment, database: Pool
) -> None:
    charge = await charged(database, await an_incident(database), 3)
    assert await BillingDispatcher(database, temporal.client, "ledger").look() == 0
    assert (await stands(database, charge.key)).state == "kept"
    listed = [each.id async for each in temporal.client.list_workflows()]
    assert f"billing-{charge.key}" not in listed


# --- the command line -----------------------------------------------------------------------------


async def sent(pool: Pool, access: dict[str, str], keys: list[str]) -> None:
    async with port.opened(access) as backends:
        for key in keys:
            assert (await Step(pool, backends).deliver(key)).state is DeliveryState.SENT


async def test_deliveries_are_listed_by_how_they_stand(
    database: Pool, dsn: str, tmp_path: Path, webhook: WebhookSide
) -> None:
    who = await an_incident(database)
    await billed_by(database, "webhook")
    first, second = [await charged(database, who, number) for number in (1, 2)]
    await sent(database, webhook.access, [first.key])
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn))
    said = await plazo("billing", "deliveries")
    assert said.code == 0
    assert first.key in said.out
    assert "far-0" in said.out
    said = await plazo("billing", "deliveries", "--state", "waiting", "--json")
    [row] = json.loads(said.out)
    assert (row["entry"], row["amount"], row["state"]) == (second.key, "25.00", "waiting")


async def test_what_was_refused_is_sent_again_on_a_persons_word(
    database: Pool, dsn: str, tmp_path: Path
) -> None:
    charge = await charged(database, await an_incident(database))
    await billed_by(database, "whmcs", "42")
    assert (await Step(database, Backends()).deliver(charge.key)).state is DeliveryState.REFUSED
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn))
    said = await plazo("billing", "retry", charge.key, "--reason", "set up now")
    assert (said.code, said.out) == (0, f"to be sent again: {charge.key}\n")
    assert (await stands(database, charge.key)).state == "waiting"
    said = await plazo("billing", "retry", charge.key, "--reason", "again")
    assert said.code == 1
    assert "waits, and is tried again by itself" in said.err
    said = await plazo("billing", "retry", "--all", "--reason", "again")
    assert (said.code, said.out) == (0, "nothing was refused\n")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("nothing", "--reason", "x"), 1, "there is no entry nothing"),
        (("--reason", "x"), 2, "name one entry, or write --all"),
        (("nothing", "--all", "--reason", "x"), 2, "name one entry, or write --all"),
        (("nothing",), 2, "--reason"),
    ],
)
async def test_a_retry_that_cannot_be_says_why(
    database: Pool, dsn: str, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn))
    said = await plazo("billing", "retry", *arguments)
    assert said.code == code
    assert told in said.err


async def test_both_sides_are_compared(
    database: Pool, dsn: str, tmp_path: Path, whmcs: WhmcsSide
) -> None:
    who = await an_incident(database)
    await billed_by(database, "whmcs", "42")
    charges = [await charged(database, who, number) for number in range(1, 6)]
    keys = [each.key for each in charges]
    await sent(database, whmcs.access, keys)
    credit = await taken_back(database, charges[0], "10.00")
    await sent(database, whmcs.access, [credit])
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn, **whmcs.access))
    said = await plazo("billing", "reconcile")
    assert (said.code, said.out) == (0, "6 entries compared\n")

    invoices = whmcs.whmcs.invoices
    invoices[1]["subtotal"] = "26.00"
    invoices.append({**invoices[2], "id": "99"})
    invoices[3]["status"] = "Cancelled"
    del invoices[4]
    said = await plazo("billing", "reconcile", "--json", "--tasks")
    assert said.code == 1
    assert "4 of 6 entries differ" in said.err
    found = json.loads(said.out)
    assert {each["entry"]: each["difference"] for each in found} == {
        keys[1]: "different amount", keys[2]: "doubled", keys[3]: "missing", keys[4]: "missing",
    }  # fmt: skip
    rows = await database.fetch("SELECT detail FROM tasks WHERE kind = 'billing_differs'")
    assert len(rows) == 4
    await plazo("billing", "reconcile", "--tasks")
    assert await database.fetchval("SELECT count(*) FROM tasks") == 4


async def test_amounts_are_compared_without_the_tax_that_whmcs_adds(
    database: Pool, dsn: str, tmp_path: Path, whmcs: WhmcsSide
) -> None:
    whmcs.whmcs.tax = whmcs.whmcs.tax + 1
    charge = await charged(database, await an_incident(database))
    await billed_by(database, "whmcs", "42")
    await sent(database, whmcs.access, [charge.key])
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn, **whmcs.access))
    assert (await plazo("billing", "reconcile")).code == 0


async def test_what_a_far_side_does_not_list_is_said_to_be_uncompared(
    database: Pool, dsn: str, tmp_path: Path, webhook: WebhookSide
) -> None:
    charge = await charged(database, await an_incident(database))
    await billed_by(database, "webhook")
    await sent(database, webhook.access, [charge.key])
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn, **webhook.access))
    said = await plazo("billing", "reconcile")
    assert said.code == 0
    assert "1 at webhook cannot be compared" in said.out


async def test_the_doctor_asks_where_clients_are_billed(
    dsn: str, tmp_path: Path, whmcs: WhmcsSide, webhook: WebhookSide
) -> None:
    access = whmcs.access | webhook.access
    plazo = Plazo(home=tmp_path / "home", env=environment(dsn, **access))
    said = await plazo("doctor")
    [line] = [each for each in said.out.splitlines() if each.startswith("ok     billing: ")]
    assert "the billing webhook's server answers (200); WHMCS answers" in line
    wrong = environment(dsn, **access | {"PLAZO_WHMCS_SECRET": "another-secret"})
    said = await Plazo(home=tmp_path / "home", env=wrong)("doctor")
    assert "WRONG  billing: WHMCS does not let Plazo in" in said.out
    assert "another-secret" not in said.out + said.err
    half = environment(dsn, PLAZO_WHMCS_URL="http://127.0.0.1:9")
    said = await Plazo(home=tmp_path / "home", env=half)("doctor")
    assert "WRONG  billing: WHMCS also needs PLAZO_WHMCS_IDENTIFIER" in said.out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"PLAZO_BILLING": "paypal"}, '"paypal" is no billing backend; write one of ledger, '),
        ({"PLAZO_BILLING": "stripe"}, "PLAZO_BILLING: the billing backend stripe is not set up"),
        ({"PLAZO_STRIPE_KEY": "pk_live_1"}, "is no secret or restricted key of Stripe"),
        ({"PLAZO_BILLING_WEBHOOK_SECRET": "secret"}, "does not begin with whsec_"),
        ({"PLAZO_WHMCS_URL": "billing.example"}, "is not a web address"),
    ],
)
def test_settings_that_cannot_be_say_what_to_write(given: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings, match=f"(?s).*{told[:40]}"):
        Settings.read(environment("postgresql://h/d", **given))
