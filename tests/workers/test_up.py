"""`plazo up` of an ordinary user, and the commands beside it: they find it by themselves."""

import asyncio
import getpass
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
import pytest_asyncio
from dotenv import dotenv_values

from domain.record import Entry, verify
from tests.gateway.peer import a_peer
from tests.gateway.test_arrival import a_complaint as a_letter
from tests.workers.command import NOBODY, ROOT, Plazo, Running
from tests.workers.outside import (
    Outside,
    a_complaint,
    a_home,
    clients_file,
    forwarding,
    free_port,
    outside,
    up,
)

pytestmark = pytest.mark.real


@dataclass(frozen=True, kw_only=True)
class Site:
    """A stack that is up, what is around it, and the command line beside it."""

    home: Path
    plazo: Plazo
    running: Running
    around: Outside

    @property
    def known(self) -> dict[str, str]:
        """What the stack tells the other commands."""
        found = dotenv_values(self.home / "plazo.env")
        return {name: value for name, value in found.items() if value}

    async def report(self, number: int) -> str:
        """The incident of that client's service; tests that change one take their own."""
        said = await self.plazo("report", "-", given=a_complaint(number))
        assert said.code == 0, said.err
        return said.out.strip()

    async def show(self, incident: str) -> dict[str, Any]:
        said = await self.plazo("incident", "show", incident, "--json")
        assert said.code == 0, said.err
        page: dict[str, Any] = json.loads(said.out)
        return page

    async def until(self, incident: str, *stages: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                page = await self.show(incident)
                if page["stage"] in stages:
                    return page


@pytest_asyncio.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    with a_home() as home:
        async with outside() as around, up(home, around) as (plazo, running):
            said = await plazo("import", "-", given=clients_file(6, deadline=36_000))
            assert said.code == 0, said.err
            yield Site(home=home, plazo=plazo, running=running, around=around)
            assert await running.ends(signal.SIGTERM) == 0


async def test_it_says_where_everything_is(site: Site) -> None:
    told = site.running.text
    assert f"State         {site.home}" in told
    for name in ("Temporal UI", "Console"):
        found = re.search(rf"{name} +(http://\S+)", told)
        assert found is not None
        async with httpx.AsyncClient() as http:
            path = "/readyz" if name == "Console" else "/"
            assert (await http.get(found[1] + path, follow_redirects=True)).status_code == 200
    if ROOT:
        owners = {each.uids().real for each in children(site.running)}
        assert owners == {NOBODY}
    assert (site.home / "plazo.env").stat().st_mode & 0o777 == 0o600


async def test_the_abuse_mailbox_takes_mail_from_a_stranger(site: Site) -> None:
    found = re.search(r"Abuse mail +(\S+) .* for (\S+)\)", site.running.text)
    assert found is not None
    async with a_peer(found[1], "EHLO stranger.example") as peer:
        assert (await peer.delivers(a_letter(), found[2]))[:3] == "250"
        assert (await peer.says("MAIL FROM:<a@far.example>"))[:3] == "250"
        assert (await peer.says("RCPT TO:<nobody@far.example>"))[:3] == "550"
    book = await asyncpg.connect(site.known["PLAZO_DATABASE_URL"])
    try:
        rows = await book.fetch("SELECT incident FROM reports WHERE reporter LIKE 'mail:%'")
    finally:
        await book.close()
    assert [row["incident"] for row in rows] == [None]


def children(running: Running) -> list[psutil.Process]:
    return psutil.Process(running.process.pid).children(recursive=True)


async def test_a_second_one_on_the_same_state_is_refused(site: Site) -> None:
    said = await site.plazo("up")
    assert said.code == 1
    assert f"in use by process {site.running.process.pid}" in said.err
    assert "PLAZO_HOME" in said.err


async def test_importing_again_changes_nothing_and_a_mistake_imports_nothing(site: Site) -> None:
    file = clients_file(6, deadline=36_000)
    said = await site.plazo("import", "-", given=file)
    assert said.out == "imported 6 clients, 6 contracts, 6 hosts, 6 services, 6 addresses\n"
    wrong = file.replace(b"name: Client", b"name: Another").replace(b"vps-6:", b"VPS 6:")
    said = await site.plazo("import", "-", given=wrong)
    assert said.code == 1
    assert "VPS 6" in said.err
    page = await site.show(await site.report(1))
    assert page["client"] == "Client 1 SL"


async def test_the_same_report_twice_is_one_report_and_one_incident(
    site: Site, tmp_path: Path
) -> None:
    file = site.home.parent / "report.json"
    file.write_bytes(a_complaint(2))
    file.chmod(0o644)
    first, second = await site.plazo("report", str(file)), await site.plazo("report", str(file))
    assert first.out == second.out == "incident-vps-2-1\n"
    assert (await site.show("incident-vps-2-1"))["reports"] == 1
    said = await site.plazo("report", "--json", "-", given=a_complaint(2))
    assert json.loads(said.out)["incidents"] == ["incident-vps-2-1"]
    assert (await site.show("incident-vps-2-1"))["reports"] == 2


async def test_a_report_about_nobody_is_kept_for_a_person(site: Site) -> None:
    said = await site.plazo("report", "-", given=a_complaint(99))
    assert (said.code, said.out) == (0, "")
    assert "kept for a person" in said.err
    assert "203.0.113.99" in said.err


async def test_incidents_are_listed_and_shown(site: Site) -> None:
    incident = await site.report(1)
    page = await site.until(incident, "waiting")
    listed = json.loads((await site.plazo("incident", "list", "--json")).out)
    [row] = [each for each in listed if each["incident"] == incident]
    assert (row["client"], row["stage"]) == ("client-1", "waiting")
    said = await site.plazo("incident", "list", "--stage", "waiting", "--client", "client-1")
    assert incident in said.out
    said = await site.plazo("incident", "list", "--client", "somebody")
    assert incident not in said.out
    shown = (await site.plazo("incident", "show", incident)).out
    assert f"{incident}: waiting" in shown
    assert "deadline" in shown
    assert f"may be done now: {', '.join(page['acts'])}" in shown
    said = await site.plazo("incident", "show", "incident-none-1")
    assert (said.code, said.err) == (1, "plazo: there is no incident incident-none-1\n")


async def test_people_act_on_an_incident_by_name_and_with_a_reason(site: Site) -> None:
    incident = await site.report(3)
    before = await site.until(incident, "waiting")
    said = await site.plazo("incident", "extend", incident, "4h", "--reason", "they are at it")
    assert said.code == 0, said.err
    assert "Stage: waiting" in said.out
    after = await site.show(incident)
    assert after["deadline"] > before["deadline"]
    told = [each["by"] for each in after["chain"] if "they are at it" in each["reasons"]]
    assert ("nobody" if ROOT else getpass.getuser()) in told

    said = await site.plazo(
        "incident", "waive", incident, "delisting", "--reason", "goodwill", "--by", "ana"
    )
    assert said.code == 0, said.err
    said = await site.plazo("incident", "call", incident, "--not-reached", "--reason", "no answer")
    assert said.code == 0, said.err
    by = [each["by"] for each in (await site.show(incident))["chain"]]
    assert "ana" in by

    said = await site.plazo("incident", "release", incident, "--reason", "x")
    assert (said.code, said.out) == (1, "")
    assert "allowed now: " in said.err


async def test_an_incident_that_is_fixed_closes_and_then_admits_nothing(site: Site) -> None:
    incident = await site.report(4)
    await site.until(incident, "waiting")
    said = await site.plazo("incident", "fixed", incident, "--reason", "they cleaned it up")
    assert said.code == 0, said.err
    page = await site.until(incident, "closed")
    assert page["outcome"] == "remediated"
    said = await site.plazo("incident", "extend", incident, "4h", "--reason", "x")
    assert said.code == 1
    assert f"{incident} is closed" in said.err
    said = await site.plazo("incident", "extend", "incident-none-1", "4h", "--reason", "x")
    assert (said.code, said.err) == (1, "plazo: there is no incident incident-none-1\n")


async def test_chains_are_whole_and_can_be_recomputed_elsewhere(site: Site) -> None:
    incident = await site.report(1)
    await site.until(incident, "waiting")
    said = await site.plazo("audit", "verify")
    assert said.code == 0, said.err
    assert re.search(rf"^{incident}: \d+ entries, whole$", said.out, re.MULTILINE)
    assert (await site.plazo("audit", "verify", "incident-none-1")).code == 1
    said = await site.plazo("audit", "export", incident)
    entries = [entry_of(each) for each in json.loads(said.out)]
    assert verify(incident, entries, len(entries), entries[-1].hash) is None


def entry_of(exported: dict[str, Any]) -> Entry:
    hashes = {name: bytes.fromhex(exported[name]) for name in ("previous", "hash")}
    return Entry(**{**exported, **hashes, "at": datetime.fromisoformat(exported["at"])})


async def test_a_host_gets_a_key(site: Site) -> None:
    said = await site.plazo("host", "enrol", "mx1.provider.example")
    assert said.out.startswith("plazo_host_")
    said = await site.plazo("host", "enrol", "mx9.provider.example")
    assert said.code == 1
    assert "import it first" in said.err


async def test_the_schema_is_current_already(site: Site) -> None:
    assert (await site.plazo("migrate")).out == "current already\n"


async def test_the_doctor_finds_nothing_and_shows_no_secret(site: Site) -> None:
    said = await site.plazo("doctor", env=site.around.settings)
    assert said.code == 0, said.out
    assert said.out.count("\nok ") == 5
    known = site.known
    for name in ("PLAZO_PORTAL_SECRET", "PLAZO_DATABASE_URL"):
        assert known[name] not in said.out


async def test_the_doctor_says_what_to_mend(site: Site) -> None:
    port = free_port()
    said = await site.plazo(
        "doctor",
        env={
            **site.around.settings,
            "PLAZO_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "PLAZO_BLOCKLISTS": "bl.example, other.example",
            "TEMPORAL_NAMESPACE": "elsewhere",
            "PLAZO_DATABASE_URL": f"postgresql://plazo:pa55word@127.0.0.1:{port}/plazo",
        },
    )
    assert said.code == 1
    wrong = [line for line in said.out.splitlines() if line.startswith("WRONG")]
    for line, words in zip(
        wrong,
        ("PLAZO_DATABASE_URL", "TEMPORAL_NAMESPACE", "PLAZO_SMTP_URL", "PLAZO_BLOCKLISTS"),
        strict=True,
    ):
        assert words in line
    assert "pa55word" not in said.out + said.err
    assert "4 of 5 checks" in said.err


async def test_commands_name_the_server_that_does_not_answer(site: Site) -> None:
    port = free_port()
    away = {
        "PLAZO_DATABASE_URL": f"postgresql://127.0.0.1:{port}/plazo?user=me&password=pa55word",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
    }
    said = await site.plazo("incident", "list", env=away)
    assert said.code == 1
    assert f"plazo: PostgreSQL at 127.0.0.1:{port}/plazo cannot be reached" in said.err
    assert "PLAZO_DATABASE_URL" in said.err
    assert "pa55word" not in said.err
    said = await site.plazo("incident", "escalate", "incident-1", "--reason", "x", env=away)
    assert said.code == 1
    assert f"plazo: Temporal at 127.0.0.1:{port} cannot be reached" in said.err
    assert "TEMPORAL_ADDRESS" in said.err


async def test_a_worker_waits_for_its_servers_and_starts_once_they_are_there(site: Site) -> None:
    known = {**site.known, **site.around.settings}
    database, temporal = free_port(), free_port()
    _, _, behind = known["PLAZO_DATABASE_URL"].rpartition("@")
    address, _, _ = behind.partition("/")
    env = {
        **known,
        "PLAZO_DATABASE_URL": known["PLAZO_DATABASE_URL"].replace(address, f"127.0.0.1:{database}"),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
    }
    async with site.plazo.running("worker", env=env) as worker:
        await worker.says(f"PostgreSQL at 127.0.0.1:{database}/")
        async with forwarding(database, address):
            await worker.says(f"Temporal at 127.0.0.1:{temporal} cannot be reached")
            async with forwarding(temporal, known["TEMPORAL_ADDRESS"]):
                await worker.says("working")
                assert await worker.ends(signal.SIGTERM) == 0
    assert "Traceback" not in worker.text


@pytest.mark.parametrize("process", ["worker", "gateway"])
async def test_a_process_that_waits_for_its_servers_can_be_told_to_stop(
    site: Site, process: str
) -> None:
    port = free_port()
    env = {**site.known, "PLAZO_DATABASE_URL": f"postgresql://127.0.0.1:{port}/plazo"}
    async with site.plazo.running(process, env=env) as waiting:
        await waiting.says("trying again")
        assert await waiting.ends(signal.SIGTERM) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_gateway_serves_where_it_is_told_and_says_when_it_cannot(
    site: Site, host: str
) -> None:
    if host == "[::1]" and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    port = free_port()
    env = {**site.known, "PLAZO_LISTEN": f"{host}:{port}"}
    async with site.plazo.running("gateway", env=env) as gateway:
        await gateway.says("listening on")
        async with httpx.AsyncClient() as http, asyncio.timeout(20):
            while True:
                try:
                    answer = await http.get(f"http://{host}:{port}/readyz")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.1)
        assert answer.status_code == 200
        said = await site.plazo("gateway", env=env)
        assert said.code == 1
        assert f"cannot listen on {host}:{port}" in said.err
        assert "PLAZO_LISTEN" in said.err
        assert await gateway.ends(signal.SIGTERM) == 0


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def test_a_touched_record_is_found_and_the_first_touched_entry_named(site: Site) -> None:
    incident = await site.report(5)
    await site.until(incident, "waiting")
    connection = await asyncpg.connect(site.known["PLAZO_DATABASE_URL"])
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE audit SET body = replace(body, 'kind', 'kinD') WHERE incident = $1"
            " AND seq IN (2, 4)",
            incident,
        )
    await connection.close()
    for arguments in ((), (incident,)):
        said = await site.plazo("audit", "verify", *arguments)
        assert said.code == 1
        assert said.err == f"plazo: {incident}: entry 2: was changed after it was appended\n"
        assert f"{incident}: " in said.out
        assert "broken" in said.out
    shown = (await site.plazo("incident", "show", incident)).out
    assert f"THE CHAIN IS BROKEN: {incident}: entry 2" in shown


async def test_told_to_stop_it_ends_everything_in_order() -> None:
    with a_home() as home:
        async with outside() as around, up(home, around) as (plazo, running):
            below = children(running)
            assert len(below) >= 2
            assert await running.ends(signal.SIGTERM) == 0
            assert not [each for each in below if each.is_running()]
            assert not (home / "plazo.env").exists()
            assert "Stopping." in running.text
            assert "Traceback" not in running.text
            said = await plazo("incident", "list")
            assert (said.code, "no stack is up" in said.err) == (1, True)
