"""The schema of letters, channels and tasks: what was there before, and what it refuses."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
import pytest_asyncio
from asyncpg import Connection, Pool

from book.clientele import clients
from book.database import transaction
from book.letters import channels, deliveries, notices
from book.schema import MIGRATIONS
from domain.clientele.file import Host
from domain.letters.causes import Cause, Platform
from domain.letters.notices import HeldFrom
from domain.parties import Language
from tests.book.letters import MESSAGE_ID, a_letter
from tests.book.provider import (
    ADDRESS,
    HOST,
    INCIDENT,
    a_clientele,
    an_incident,
    imposed,
    reported,
    seen,
)
from tests.conftest import to_database
from tests.gateway.world import a_message

KEY = f"{INCIDENT}/notice/1"


@pytest_asyncio.fixture
async def before(server: str) -> AsyncIterator[Connection]:
    """A database of the schema before people, with a provider's one letter in it."""
    admin = await asyncpg.connect(server)
    await admin.execute("CREATE DATABASE before_people")
    connection = await asyncpg.connect(to_database(server, "before_people"))
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name < "0014":
            await connection.execute(file.read_text())
    yield connection
    await connection.close()
    await admin.execute("DROP DATABASE before_people WITH (FORCE)")
    await admin.close()


async def test_letters_of_before_are_deliveries_after(before: Connection) -> None:
    await before.execute(
        "INSERT INTO clients VALUES ('c', 'C', 'business', 'es', '{a@c.example,b@c.example}');"
        " INSERT INTO contracts VALUES ('k', 'c', '(,)', '{}');"
        " INSERT INTO services VALUES ('s', 'c', 'managed_vps');"
        " INSERT INTO incidents (id, service, number, client, contract)"
        "   VALUES ('i', 's', 1, 'c', 'k');"
        " INSERT INTO notices (key, incident, notice, message_id, recipients, subject, body, html,"
        "   sent_at, response) VALUES ('i/notice/1', 'i', 'deadline', '<abc@p.example>',"
        "   '{a@c.example,b@c.example}', 'S', 'b', 'h', now(), '250 ok')"
    )
    await before.execute((MIGRATIONS / "0014.people.sql").read_text())
    row = await before.fetchrow("SELECT * FROM deliveries")
    assert row is not None
    assert (row["message_id"], row["envelope"], row["contact"]) == (
        "<abc@p.example>", "abc", "a@c.example",
    )  # fmt: skip
    assert (row["response"], row["failed_at"]) == ("250 ok", None)
    assert await before.fetchval("SELECT summary FROM notices") == ""


async def test_an_import_keeps_channels_platform_and_language(database: Pool) -> None:
    clientele = a_clientele()
    [client] = clientele.clients
    told = replace(client, channels=("json://x.example/y",), language=Language("pt"))
    hosts = (Host(id=HOST, platform=Platform.PLESK), *clientele.hosts[1:])
    await clients.keep(database, replace(clientele, clients=(told,), hosts=hosts))
    row = await database.fetchrow("SELECT channels, language FROM clients")
    assert row is not None
    assert (row["channels"], row["language"]) == (["json://x.example/y"], "pt")
    assert await database.fetchval("SELECT platform FROM hosts WHERE id = $1", HOST) == "plesk"
    await clients.keep(database, a_clientele())
    assert await database.fetchval("SELECT platform FROM hosts WHERE id = $1", HOST) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clients SET language = 'EN'",
        "UPDATE hosts SET platform = 'directadmin'",
        "UPDATE deliveries SET failed_at = now()",
        "UPDATE deliveries SET why = 'x'",
        "INSERT INTO tasks (key, kind, detail, minutes) VALUES ('t', 'k', 'd', -1)",
        "INSERT INTO correspondence VALUES ('1', 'incident-vps-1-1', NULL, 'gossip', '', '', '')",
    ],
)
async def test_the_database_refuses_what_makes_no_sense(database: Pool, statement: str) -> None:
    await an_incident(database)
    await a_letter(database)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await database.execute(statement)


async def test_a_delivery_fails_once_and_the_next_contact_follows(database: Pool) -> None:
    await an_incident(database)
    await a_letter(database, contact="a@c.example")
    await database.execute("UPDATE clients SET contacts = '{a@c.example,b@c.example}'")
    async with transaction(database) as connection:
        assert await deliveries.fail(connection, MESSAGE_ID, "5.1.1 unknown")
        assert not await deliveries.fail(connection, MESSAGE_ID, "5.1.1 unknown")
        assert await deliveries.current(connection, KEY) is None
        assert await deliveries.next_contact(connection, KEY) == ("b@c.example", False)
        assert await deliveries.failures(connection, INCIDENT) == ("a@c.example: 5.1.1 unknown",)
    await database.execute("UPDATE clients SET contacts = '{a@c.example}'")
    async with transaction(database) as connection:
        assert await deliveries.next_contact(connection, KEY) is None


async def test_a_channel_is_told_of_a_letter_that_is_written_and_of_no_other(
    database: Pool,
) -> None:
    await an_incident(database)
    await a_letter(database, link=None)
    async with transaction(database) as connection:
        await channels.told(connection, KEY, "digest")
        await channels.told(connection, KEY, "digest")
        message = await channels.message(connection, KEY)
        assert (message.text, message.told) == ("Actúe.", frozenset({"digest"}))
        with pytest.raises(LookupError, match="no notice"):
            await channels.message(connection, "another")


async def test_a_letters_facts_have_cause_platform_and_held_senders(database: Pool) -> None:
    who = await an_incident(database)
    for number, line in enumerate(("X-PHP-Script: a/b.php", "X-PHP-Script: a/c.php", "Subject: x")):
        await reported(database, f"r-{number + 2}", headers=(line,), address=ADDRESS)
    await imposed(database, who)
    messages = tuple(a_message(f"q{n}", "a@shop.example" if n else "") for n in range(3))
    await seen(database, messages=messages, also=("blog.example",))
    async with transaction(database) as connection:
        facts = await notices.facts(
            connection, who, notices.Sender(provider="P", reply_to="abuse@p.example"),
            portal_url="https://p.example", deadline=None, measure=None, upcoming=None,
        )  # fmt: skip
    assert (facts.cause, facts.platform) == (Cause.SCRIPT, None)
    assert facts.because == "X-PHP-Script: a/b.php"
    assert facts.held_from == (
        HeldFrom(sender="a@shop.example", messages=2), HeldFrom(sender="", messages=1),
    )  # fmt: skip
    assert facts.also == ("blog.example",)
    assert facts.last_seen is not None
    assert facts.last_seen >= facts.first_seen
