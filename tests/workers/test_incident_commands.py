"""`plazo incident` and `plazo client`: what the console shows, in a terminal and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import audit
from domain.console.pages import IncidentRow
from domain.console.timeline import Timeline
from domain.console.views import ClientRow
from domain.wire import from_json
from tests.book.provider import INCIDENT, an_incident
from tests.workers.command import Plazo


@pytest.fixture
async def plazo(database: Pool, dsn: str, tmp_path: Path) -> Plazo:
    """The command line of a provider with one incident."""
    await an_incident(database)
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def read(plazo: Plazo, *arguments: str) -> Any:
    said = await plazo(*arguments, "--json")
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


async def test_incidents_are_found_by_what_is_known_of_them(plazo: Plazo) -> None:
    for text in ("vps-1", "192.0.2.7", "2001:db8::1"):
        rows = [from_json(IncidentRow, row) for row in await read(plazo, "incident", "find", text)]
        assert [row.incident for row in rows] == ([INCIDENT] if "2001" not in text else [])
    said = await plazo("incident", "find", "vps")
    assert INCIDENT in said.out
    assert (await plazo("incident", "find", " ")).code == 2


async def test_a_list_says_where_it_goes_on(plazo: Plazo, database: Pool) -> None:
    await database.execute("UPDATE incidents SET stage = 'closed', outcome = 'remediated'")
    await database.execute(
        "INSERT INTO incidents (id, service, number, client, contract) SELECT 'incident-vps-1-2',"
        " service, 2, client, contract FROM incidents"
    )
    first = await plazo("incident", "list", "--limit=1")
    assert "more: --after incident-vps-1-2" in first.out
    [row] = await read(plazo, "incident", "list", "--after=incident-vps-1-2")
    assert row["incident"] == INCIDENT
    [row] = await read(plazo, "incident", "list", "--urgent")
    assert row["incident"] == "incident-vps-1-2"
    [row] = await read(plazo, "incident", "list", "--outcome=remediated")
    assert row["incident"] == INCIDENT
    refused = await plazo("incident", "list", "--after=nothing")
    assert (refused.code, "no incident nothing" in refused.err) == (1, True)
    assert (await plazo("incident", "list", "--urgent", "--stage=closed")).code == 2


async def test_the_story_of_an_incident_is_told_the_latest_first(
    plazo: Plazo, database: Pool
) -> None:
    decided = {"kind": "decision", "number": 1, "at": "2026-03-01T10:00:00+00:00",
               "what": "escalated by a person", "reasons": ["it goes on"], "by": "ana"}  # fmt: skip
    async with transaction(database) as connection:
        await audit.append(connection, INCIDENT, [("decision:1", decided)])
    told = from_json(Timeline, await read(plazo, "incident", "timeline", INCIDENT))
    assert told.moments[0].what == "escalated by a person"
    assert {moment.kind for moment in told.moments} >= {"report", "decision"}
    table = (await plazo("incident", "timeline", INCIDENT)).out
    assert table.index("escalated by a person") < table.index("1 report of")
    assert "it goes on" in table
    before = told.moments[0].at.isoformat()
    earlier = await read(plazo, "incident", "timeline", INCIDENT, f"--before={before}")
    assert earlier["total"] == told.total - 1
    assert (await plazo("incident", "timeline", "nothing")).code == 1
    assert (await plazo("incident", "timeline", INCIDENT, "--before=noon")).code == 2


async def test_an_act_can_be_shown_without_being_done(plazo: Plazo, database: Pool) -> None:
    await database.execute(
        "UPDATE incidents SET stage = 'waiting', deadline = '2026-03-03 10:00+00'"
    )
    said = await plazo("incident", "extend", INCIDENT, "4h", "--reason", "they asked", "--dry-run")
    assert said.code == 0
    assert "from 2026-03-03 10:00 UTC to 2026-03-03 14:00 UTC" in said.out
    assert said.out.endswith("Nothing was done.\n")
    said = await plazo("incident", "false-positive", INCIDENT, "--reason", "forged", "--dry-run")
    assert "Every charge of this incident is voided." in said.out
    refused = await plazo("incident", "release", INCIDENT, "--reason", "x", "--dry-run")
    assert refused.code == 1
    assert '"release" is refused at stage "waiting"; allowed now: ' in refused.err
    assert (await plazo("incident", "escalate", "nothing", "--reason=x", "--dry-run")).code == 1
    entries = await database.fetchval("SELECT count(*) FROM audit WHERE incident = $1", INCIDENT)
    assert entries == 1


async def test_what_would_become_of_a_charge_is_shown_even_of_a_closed_incident(
    plazo: Plazo, database: Pool
) -> None:
    await database.execute(
        "INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity, unit,"
        " unit_price, amount, currency, reason, by) SELECT id || '/delisting/1', 'charge', id,"
        " client, contract, '7.3', 'delisting', 1, 'incident', 25, 25, 'EUR', 'first', 'plazo'"
        " FROM incidents"
    )
    charge = f"{INCIDENT}/delisting/1"
    for stage in ("waiting", "closed"):
        await database.execute("UPDATE incidents SET stage = $1", stage)
        for command, told in (
            (("credit", charge, "--amount=5.00 EUR"), f"5.00 EUR of {charge} is taken back."),
            (("dispute", charge), f"{charge} is not sent until the dispute is settled."),
            (("settle", charge, "upheld"), f"{charge} stands, and is sent."),
            (("waive", INCIDENT, "delisting"), "The delisting charge is forgiven"),
        ):
            said = await plazo("billing", *command, "--reason=x", "--dry-run")
            assert (said.code, said.err) == (0, "")
            assert told in said.out
            assert said.out.endswith("Nothing was done.\n")
    assert await database.fetchval("SELECT count(*) FROM ledger") == 1


async def test_clients_are_listed_and_shown_with_their_place_on_the_ladder(plazo: Plazo) -> None:
    [row] = [from_json(ClientRow, row) for row in await read(plazo, "client", "list")]
    assert (row.open, row.counted) == (1, 1)
    assert await read(plazo, "client", "list", "nobody") == []
    shown = await read(plazo, "client", "show", row.client)
    assert shown["ladder"]["counted"] == [INCIDENT]
    assert shown["services"][0]["service"] == "vps-1"
    table = (await plazo("client", "show", row.client)).out
    assert "its next incident would be number 2 (1 counted within 12 months" in table
    assert INCIDENT in table
    nobody = await plazo("client", "show", "nobody")
    assert (nobody.code, "plazo client list" in nobody.err) == (1, True)


async def test_shells_complete_commands_and_options(tmp_path: Path) -> None:
    plazo = Plazo(home=tmp_path / "home", env={})
    for words, at, found in (
        ("plazo incid", 1, "incident"),
        ("plazo incident time", 2, "timeline"),
        ("plazo incident list --sta", 3, "--stage"),
        ("plazo incident list --stage wait", 4, "waiting"),
    ):
        said = await plazo(
            env={"_PLAZO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        )
        assert (said.code, said.err) == (0, "")
        assert found in said.out.split()
