"""Entries of the ledger, delivered to where clients are billed through whatever can go wrong.

The far side is the tests' stand-in for WHMCS, which takes anything as often as it is sent, so a
charge that is sent twice is there twice. On the way to it some requests are cut off before they
arrive, and some answers after they were accepted; the delivering process is killed with SIGKILL
again and again and started anew; entries are told of that were told of before, sent or not. At the
end everything that is there is counted.

Nothing is set for the measurement: after a lost answer Plazo waits a minute before it believes that
a charge is not there, as in production.
"""

import asyncio
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
from asyncpg import Pool
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks import place
from benchmarks.clientele import clients, incident, report
from benchmarks.table import Table, row
from book.clientele.clients import keep
from book.database import open_pool, transaction
from book.incident import incidents
from book.intake import intake
from book.money import ledger
from domain.money.accounts import Account
from domain.money.billing import Deliver
from domain.money.costs import ChargeKind, Unit
from domain.money.ledger import Entry, EntryKind
from domain.units import Money
from tests.real.whmcs import IDENTIFIER, SECRET
from tests.real.wire import Fault, Wire, wire
from workers.embedded.home import Home, temporary_folder
from workers.engine import TASK_QUEUE
from workers.stack import servers
from workflows.billing import BillingDelivery

LOST, CUT = 0.02, 0.01
"""Of the requests: answers that are lost after acceptance, and requests that do not arrive."""

_KILL_AFTER = (5.0, 30.0)
"""Seconds of work before the SIGKILL that ends it."""

_PATIENCE = 1_800.0
_CREDITED = 19
"""One charge in so many is credited in part, at once."""


@dataclass
class Course:
    """What was done to the deliveries."""

    seed: int
    kills: int = 0
    lost: int = 0
    cut: int = 0
    told: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def decide(self, request: bytes) -> Fault | None:
        """What becomes of a request on the wire."""
        drawn = self.chance.random()
        if drawn < LOST:
            self.lost += 1
            return Fault.LOST
        if drawn < LOST + CUT:
            self.cut += 1
            return Fault.REFUSED
        return None


async def measure(entries: int = 10_000, at_once: int = 100, seed: int = 7) -> Table:
    """Deliver so many entries of `at_once` clients."""
    course = Course(seed)
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        with home.claim():
            async with (
                servers(home) as (postgres, temporal),
                _far_side(folder, at_once) as far,
                wire(far) as line,
            ):
                line.decide = course.decide
                pool = await open_pool(postgres.dsn)
                try:
                    client = await Client.connect(temporal.address)
                    env = _settings(postgres.dsn, temporal.address, line)
                    wanted = await _enter(pool, entries, at_once)
                    took = await _deliver(course, pool, client, folder, env)
                    found = await _there(far, at_once)
                    broken = await _unsettled(pool)
                finally:
                    await pool.close()
    missing = sum(found[key] == 0 for key in wanted)
    doubled = sum(max(found[key] - 1, 0) for key in wanted)
    return Table(
        title=f"{len(wanted):,} entries delivered to a far side that takes everything twice",
        rows=(
            row("entries of the ledger", "", len(wanted)),
            row("answers lost after acceptance", "", course.lost),
            row("requests cut off before they arrived", "", course.cut),
            row("kills of the delivering process", "", course.kills),
            row("wake-ups more than needed", "", course.told),
            row("doubled at the far side", "", doubled, at_most=0),
            row("missing at the far side", "", missing, at_most=0),
            row("not on record as sent", "", broken, at_most=0),
            row("entries a second, all of that included", "1/s", len(wanted) / took),
        ),
        notes=(f"seed {seed}; {took:.0f} s from the first start of the worker",),
    )


@asynccontextmanager
async def _far_side(folder: Path, count: int) -> AsyncIterator[int]:
    """The stand-in as a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = await place.program(
        folder / "far.log", "-m", "tests.real.whmcs", str(port), str(count), env={}
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        yield port
    finally:
        await place.end(process)


def _settings(dsn: str, temporal: str, line: Wire) -> dict[str, str]:
    return {
        "PLAZO_DATABASE_URL": dsn,
        "TEMPORAL_ADDRESS": temporal,
        "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
        "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-benchmark",
        "PLAZO_WATCH": "none",
        "PLAZO_WHMCS_URL": line.url,
        "PLAZO_WHMCS_IDENTIFIER": IDENTIFIER,
        "PLAZO_WHMCS_SECRET": SECRET,
    }


async def _enter(pool: Pool, count: int, at_once: int) -> list[str]:
    """Clients with an incident each, and the ledger's entries; their keys."""
    numbers = range(1, at_once + 1)
    terms = clients(numbers, measures="hold_domain", deadline=60, reminder=1, probation=1)
    accounts = [replace(each, billing=Account(backend="whmcs", id=each.id.removeprefix("client-")))
                for each in terms.clients]  # fmt: skip
    await keep(pool, replace(terms, clients=tuple(accounts)))
    for number in numbers:
        await intake.accept(pool, report(number))
    await pool.execute("DELETE FROM dirty")  # the incidents themselves are not what is measured
    keys: list[str] = []
    for number in numbers:
        share = count // at_once + (number <= count % at_once)
        async with transaction(pool) as connection:
            who = await incidents.parties(connection, incident(number))
            while share > 0:
                entry = _charge(who, len(keys))
                await ledger.enter_charge(connection, entry)
                keys.append(entry.key)
                share -= 1
                if share and len(keys) % _CREDITED == 0:
                    credit = f"{entry.key}/credit/1"
                    await ledger.take_back(
                        connection, credit, EntryKind.CREDIT, entry.key, Decimal(1), "ana", "kind"
                    )
                    keys.append(credit)
                    share -= 1
    return keys


def _charge(who: incidents.Parties, number: int) -> Entry:
    money = Money.parse("12.50 EUR")
    return Entry(
        key=f"{who.incident}/delisting/{number}",
        entry=EntryKind.CHARGE,
        of=None,
        incident=who.incident,
        client=who.client.id,
        contract=who.contract.id,
        clause=who.contract.clause,
        kind=ChargeKind.DELISTING,
        quantity=Decimal(1),
        unit=Unit.INCIDENT,
        unit_price=money.amount,
        amount=money,
        reason="a delisting",
        by="plazo",
        evidence=(),
        entered_at=datetime.now(UTC),
    )


async def _deliver(
    course: Course, pool: Pool, client: Client, folder: Path, env: Mapping[str, str]
) -> float:
    """Start workers and kill them, until all is delivered; seconds that it took."""
    began = time.monotonic()
    telling = asyncio.create_task(_tell_again(course, pool, client))
    try:
        async with asyncio.timeout(_PATIENCE):
            while await _unsettled(pool):
                await _one_life(course, pool, folder, env)
    finally:
        telling.cancel()
    return time.monotonic() - began


async def _one_life(course: Course, pool: Pool, folder: Path, env: Mapping[str, str]) -> None:
    log = folder / "worker.log"
    said = log.stat().st_size if log.exists() else 0
    process = await place.program(log, "-m", "workers.cli", "worker", env=env)
    span, ends = course.chance.uniform(*_KILL_AFTER), float("inf")
    while time.monotonic() < ends:
        if ends == float("inf") and b"working" in log.read_bytes()[said:]:
            ends = time.monotonic() + span
        if not await _unsettled(pool):
            await place.end(process)
            return
        if process.returncode is not None:
            raise AssertionError(log.read_text()[-2_000:])
        await asyncio.sleep(0.25)
    process.kill()
    await process.wait()
    course.kills += 1


async def _tell_again(course: Course, pool: Pool, client: Client) -> None:
    """Tell of entries that were told of before, whatever has become of them."""
    while True:
        rows = await pool.fetch(
            "SELECT entry FROM billing_deliveries WHERE woken_at IS NOT NULL"
            " ORDER BY random() LIMIT 2"
        )
        for each in rows:
            try:
                await client.start_workflow(
                    BillingDelivery.run, Deliver(entry=each["entry"]),
                    id=f"billing-{each['entry']}", task_queue=TASK_QUEUE, start_signal="wake",
                )  # fmt: skip
                course.told += 1
            except RPCError:
                continue
        await asyncio.sleep(0.5)


async def _unsettled(pool: Pool) -> int:
    found: int = await pool.fetchval(
        "SELECT count(*) FROM billing_deliveries WHERE state <> 'sent'"
    )
    return found


async def _there(port: int, at_once: int) -> Counter[str]:
    """How often each key is at the far side, as its API tells."""
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(timeout=120) as http:

        async def ask(**form: str) -> dict[str, object]:
            known = {"identifier": IDENTIFIER, "secret": SECRET, "responsetype": "json"}
            url = f"http://127.0.0.1:{port}/includes/api.php"
            answer = json.loads((await http.post(url, data={**known, **form})).content)
            assert answer["result"] == "success", answer
            return dict(answer)

        invoices = await ask(action="GetInvoices", limitnum=str(sys.maxsize))
        for each in _below(invoices["invoices"], "invoice"):
            found[each["notes"].removeprefix("plazo:")] += 1
        for number in range(1, at_once + 1):
            credits = await ask(action="GetCredits", clientid=str(number))
            for each in _below(credits["credits"], "credit"):
                found[each["description"].partition("[plazo:")[2].rstrip("]")] += 1
    return found


def _below(several: object, name: str) -> list[dict[str, str]]:
    return list(several[name]) if isinstance(several, dict) else []
