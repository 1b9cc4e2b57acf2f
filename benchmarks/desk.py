"""The desk's pages over a full book: 50,000 incidents in the list, 5,000 entries in one story.

The gateway's application answers on a socket, as in production; each page is asked for many times,
one after the other, by somebody who is signed in. Weight is what goes over the wire.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from asyncpg import Pool
from fastapi import FastAPI

from benchmarks.table import Row, Table, row
from book.console import desk, sessions
from book.database import open_pool, transaction
from book.incident import audit
from book.schema import migrate
from domain.console.desk import Role
from domain.contract import Contract, Prices
from domain.measures import Measure
from domain.parties import Jurisdiction
from domain.units import Hours, Money
from domain.wire import to_json
from gateway.app import create_app
from gateway.gateway import Gateway
from workers.embedded.home import Home, temporary_folder
from workers.embedded.postgres import Postgres
from workers.gateway_server import bound

INCIDENTS = 50_000
ENTRIES = 5_000
TIMES = 300
_STORY = "incident-s1-1"
_LIMIT_MS, _LIMIT_KB = 100.0, 100.0
PAGES = {
    "the list, most urgent first": "/",
    "the list's last page": f"/?order=urgent&after=incident-s{INCIDENTS - 60}-1",
    "the list, latest first": "/?order=latest",
    "a search by domain": "/?q=shop-4711.example",
    "a search that finds nothing": "/?q=nothing-like-this",
    "one story": f"/incidents/{_STORY}",
    "one story, every attempt": f"/incidents/{_STORY}?attempts=true",
    "the clients": "/clients",
}


@dataclass(frozen=True, kw_only=True)
class _Page:
    """What one page cost: milliseconds of each answer, and its size."""

    milliseconds: list[float]
    kilobytes: float


async def measure(times: int = TIMES) -> Table:
    """Every page `times` times."""
    async with _a_book() as pool, _serving(_app(pool)) as address:
        await _fill(pool)
        async with transaction(pool) as connection:
            await desk.add(connection, "ana", "Ana", Role.LEAD, by="bench", subject="x ana")
            token, _ = await sessions.begin(connection, "ana", None)
        async with httpx.AsyncClient(base_url=address, cookies={"plazo": token}) as browser:
            found = {name: await _ask(browser, path, times) for name, path in PAGES.items()}
    rows: list[Row] = []
    for name, page in found.items():
        ordered = sorted(page.milliseconds)
        p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        rows.append(row(f"{name}: p50", "ms", [p50]))
        rows.append(row(f"{name}: p99", "ms", [p99], at_most=_LIMIT_MS))
        rows.append(row(f"{name}: weight", "kB", [page.kilobytes], at_most=_LIMIT_KB))
    title = f"desk: {INCIDENTS:,} incidents, a story of {ENTRIES:,} entries, {times} times each"
    return Table(title=title, rows=tuple(rows))


async def _ask(browser: httpx.AsyncClient, path: str, times: int) -> _Page:
    spans, size = [], 0
    for _ in range(times):
        began = time.perf_counter()
        answer = await browser.get(path)
        spans.append((time.perf_counter() - began) * 1_000)
        answer.raise_for_status()
        size = len(answer.content)
    return _Page(milliseconds=spans, kilobytes=size / 1_000)


async def _fill(pool: Pool) -> None:
    """Straight into the tables: clients, services, incidents at every stage, one long story."""
    async with transaction(pool) as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "INSERT INTO clients (id, name, kind, language, contacts) SELECT 'c' || n,"
            " 'Client ' || n, 'business', 'en', '{a@b.example}' FROM generate_series(0, 999) AS n"
        )
        await connection.execute(
            "INSERT INTO contracts (id, client, valid, terms) SELECT 'k' || n, 'c' || n,"
            " tstzrange(NULL, NULL), $1 FROM generate_series(0, 999) AS n",
            to_json(_terms()),
        )
        await connection.execute(
            "INSERT INTO services (id, client, kind) SELECT 's' || n, 'c' || n % 1000,"
            " 'managed_vps' FROM generate_series(1, $1) AS n",
            INCIDENTS,
        )
        await connection.execute(
            "INSERT INTO incidents (id, service, number, client, contract, domain, opened_at,"
            " stage, deadline, tasks_waiting) SELECT 'incident-s' || n || '-1', 's' || n, 1,"
            " 'c' || n % 1000, 'k' || n % 1000, 'shop-' || n || '.example',"
            " now() - make_interval(mins => n), (ARRAY['waiting', 'restricted', 'notified',"
            " 'probation', 'delisting'])[n % 5 + 1], CASE WHEN n % 5 = 0 THEN now()"
            " + make_interval(mins => n % 1000) END, CASE WHEN n % 50 = 0 THEN 1 ELSE 0 END"
            " FROM generate_series(1, $1) AS n",
            INCIDENTS,
        )
        await connection.execute(
            "INSERT INTO woken (incident, revision, reports, volume) SELECT id, 1, 3, 40"
            " FROM incidents"
        )
    async with transaction(pool) as connection:
        await audit.append(connection, _STORY, [_entry(n) for n in range(ENTRIES)])
    await pool.execute("VACUUM ANALYZE")


def _terms() -> Contract:
    price = Money(1_000, "EUR")
    return Contract(
        id="k",
        client="c",
        clause="7",
        jurisdiction=Jurisdiction.ES,
        deadline=Hours.parse("4h"),
        measures=(Measure.HOLD_SERVER,),
        prices=Prices(
            delisting_first=price,
            delisting_again=price,
            smarthost_per_thousand=price,
            smarthost_minimum=price,
            dedicated_address_monthly=price,
        ),
    )


def _entry(n: int) -> tuple[str, object]:
    if n % 5 == 0:
        told = {"what": f"decided for the {n}th time", "reasons": ["a reason"], "by": "plazo"}
        return f"decision:{n}", {"kind": "decision", "number": n, **told}
    end = {"outcome": "done"} if n % 7 else {"outcome": "failed", "error": "451 later"}
    said = {"step": "send_notice", "attempt": 1 + n % 3, "worker": "w", "phase": "ended"}
    return f"run/{n}/ended", {"kind": "attempt", **said, **end}


@asynccontextmanager
async def _a_book() -> AsyncIterator[Pool]:
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        with home.claim():
            postgres = await Postgres.start(home)
            try:
                await asyncio.to_thread(migrate, postgres.dsn)
                pool = await open_pool(postgres.dsn)
                yield pool
                await pool.close()
            finally:
                await postgres.stop()


class _NoEngine:
    """Nothing is done to an incident here; only its name in Temporal's interface is shown."""

    namespace = "default"


def _app(pool: Pool) -> FastAPI:
    return create_app(
        Gateway(
            pool=pool,
            incidents=_NoEngine(),  # type: ignore[arg-type]
            provider="Provider",
            reply_to="abuse@provider.example",
            portal_secret="a secret of the benchmark",
            reporters={},
            public_url="http://127.0.0.1",
        )
    )


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", http="httptools"))
    with bound("127.0.0.1:0") as listener:
        gc.freeze()  # as the gateway does
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
