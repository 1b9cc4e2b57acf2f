"""Charges of before there was a ledger: all are on it, and come to the same."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from asyncpg import Connection

from book.schema import MIGRATIONS
from tests.conftest import to_database

LEDGER = "0011.ledger"

BEFORE = """
INSERT INTO clients (id, name, kind, language, contacts)
    VALUES ('aurora', 'Aurora', 'business', 'es', '{a@aurora.example}');
INSERT INTO contracts (id, client, valid, terms)
    VALUES ('c-1', 'aurora', tstzrange(NULL, NULL), '{"clause": "7.3"}');
INSERT INTO services (id, client, kind) VALUES ('vps-1', 'aurora', 'managed_vps');
INSERT INTO incidents (id, service, number, client, contract, stage, barred, outcome)
    VALUES ('i-1', 'vps-1', 1, 'aurora', 'c-1', 'closed', true, 'remediated');
INSERT INTO listings (incident, address, zone, answer)
    VALUES ('i-1', '192.0.2.7', 'bl.example', '127.0.0.2');
INSERT INTO charges (key, incident, kind, minor, currency, reason, state, state_by, state_why)
    VALUES ('i-1/delisting/1', 'i-1', 'delisting', 2500, 'EUR', 'the first', 'due', NULL, NULL),
    ('i-1/smarthost/1', 'i-1', 'smarthost', 501, 'EUR', 'metered', 'waived', 'ana', 'goodwill'),
    ('i-1/dedicated_address/1', 'i-1', 'dedicated_address', 400, 'EUR', 'a month', 'voided',
        'plazo', 'no spam'),
    ('i-1/smarthost/2', 'i-1', 'smarthost', 0, 'EUR', 'nothing', 'waived', 'ana', 'goodwill');
"""


@pytest_asyncio.fixture
async def old(server: str) -> AsyncIterator[str]:
    """The address of a database as it was before the ledger, with charges in it."""
    root = await asyncpg.connect(server)
    await root.execute("CREATE DATABASE before_the_ledger")
    url = to_database(server, "before_the_ledger")
    connection = await asyncpg.connect(url)
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.stem < LEDGER:
            await connection.execute(path.read_text())
    await connection.execute(BEFORE)
    await connection.close()
    yield url
    await root.execute("DROP DATABASE before_the_ledger WITH (FORCE)")
    await root.close()


async def migrated(url: str) -> Connection:
    connection = await asyncpg.connect(url)
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.stem >= LEDGER:
            await connection.execute(path.read_text())
    return connection


async def test_every_charge_is_an_entry_with_what_became_of_it(old: str) -> None:
    connection = await migrated(old)
    rows = await connection.fetch("SELECT key, state, amount, remains FROM charges ORDER BY key")
    entries = await connection.fetch("SELECT key, clause, unit, evidence FROM ledger")
    await connection.close()
    assert [
        (row["key"], row["state"], str(row["amount"]), str(row["remains"])) for row in rows
    ] == [
        ("i-1/dedicated_address/1", "voided", "4.00", "0.00"),
        ("i-1/delisting/1", "due", "25.00", "25.00"),
        ("i-1/smarthost/1", "waived", "5.01", "0.00"),
        ("i-1/smarthost/2", "due", "0.00", "0.00"),
    ]
    assert len(entries) == 6
    assert {row["clause"] for row in entries} == {"7.3"}
    [listing] = [row["evidence"] for row in entries if row["key"] == "i-1/delisting/1"]
    assert listing == '[{"ref": "192.0.2.7 bl.example", "what": "listing"}]'


async def test_no_month_of_an_old_address_is_charged_by_surprise(old: str) -> None:
    connection = await migrated(old)
    assert await connection.fetchval("SELECT count(*) FROM dedicated_addresses") == 0
    await connection.close()
