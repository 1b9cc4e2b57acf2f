"""What the units leave to an agent is enough for what it has to do, and opens no message."""

import asyncio
import json
import os
import shutil
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.wire import to_json
from tests.real.exim import host as exims
from tests.real.units import (
    EDGE,
    EXIM,
    HOST,
    here_or_failed,
    under,
)
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real

SECONDS = 60.0
SHOP, FAR = "info@shop.example", "friend@far.example"

ACT = """
import asyncio, sys
from pathlib import Path
from agents.mta.port import mail_host
from domain.hosts import Desired
from domain.wire import from_text
async def main(verb, address, state, measure):
    host = mail_host(address, Path(state))
    seen = await getattr(host, verb)(from_text(Desired, measure))
    print(seen.observed, *sorted(str(each.fate) for each in seen.messages))
asyncio.run(main(*sys.argv[1:]))
"""
BLOCK = """
import asyncio, sys
from pathlib import Path
from agents.edge.firewall import Edge
from domain.hosts import Desired
from domain.wire import from_text
async def main(state, *measures):
    edge = Edge(Path(state))
    for verb, measure in zip((edge.apply, edge.observe, edge.lift), measures):
        print((await verb(from_text(Desired, measure))).observed)
asyncio.run(main(*sys.argv[1:]))
"""
READ = """
import sys
for path in sys.argv[1:]:
    try:
        open(path, "rb").read()
        print("read")
    except PermissionError:
        print("refused")
"""


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "a secret"
    message.set_content("Nobody but the recipient reads this.")
    return message


def a_hold(wanted: Wanted) -> str:
    restriction = Restriction(
        measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",)
    )
    return json.dumps(to_json(Desired(key="hold", restriction=restriction, wanted=wanted)))


async def held_and_released(
    unit: tuple[str, ...], address: str, state: Path, host: PostfixHost | exims.EximHost,
    writable: tuple[Path, ...],
) -> str:  # fmt: skip
    """Hold, see and release a message in the sandbox; what comes of reading its file there."""

    async def agent(verb: str, wanted: Wanted) -> str:
        return await under(
            unit, ACT, verb, address, str(state), a_hold(wanted), writable=(*writable, state)
        )

    assert await agent("apply", Wanted.APPLIED) == "applied\n"
    await host.submit(SHOP, [FAR], a_message())
    async with asyncio.timeout(SECONDS):
        while await agent("observe", Wanted.APPLIED) != "applied None\n":
            pass
    files = [each for folder in writable for each in folder.rglob("*") if each.is_file()]
    secret = b"Nobody but the recipient"
    [held] = [str(each) for each in files if secret in each.read_bytes()]
    said = await under(unit, READ, held, writable=writable)
    assert await agent("lift", Wanted.LIFTED) == "lifted delivered\n"
    return said.strip()


async def taken_and_ended(
    unit: tuple[str, ...], address: str, state: Path, smarthost: str, writable: tuple[Path, ...],
    *measures: Measure,
) -> None:  # fmt: skip
    """Bring measures on the whole server in force and lift them, each in the sandbox."""
    for measure in measures:
        restriction = Restriction(measure=measure, scope=Scope.SERVER, targets=("mx",))
        wanted = Desired(
            key=measure, restriction=restriction, wanted=Wanted.APPLIED, hourly_limit=100,
            smarthost=smarthost,
        )  # fmt: skip
        for verb, asked in (("apply", wanted), ("lift", replace(wanted, wanted=Wanted.LIFTED))):
            said = await under(
                unit, ACT, verb, address, str(state), json.dumps(to_json(asked)),
                writable=(*writable, state),
            )  # fmt: skip
            assert said.strip() == asked.wanted


async def test_the_host_agents_sandbox_is_enough_for_postfix_and_for_no_message(
    postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    # What ReadWritePaths= and StateDirectory= name, of this instance.
    writable = (postfix.config_dir, postfix.home / "queue", postfix.home / "data")
    address = f"postfix:{postfix.config_dir}"
    assert await held_and_released((HOST,), address, tmp_path, postfix, writable) == "refused"
    await internet.wait_for(lambda each: each.subject == "a secret")
    assert internet.subjects() == ["a secret"]
    await taken_and_ended(
        (HOST,), address, tmp_path, internet.address, writable,
        Measure.HOLD_SERVER, Measure.SMARTHOST_REDIRECT, Measure.RATE_LIMIT,
    )  # fmt: skip


async def test_with_its_drop_in_the_sandbox_is_enough_for_exim(
    internet: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here_or_failed(exims.available())
    monkeypatch.setenv("PATH", f"{exims.PROGRAMS}:{os.environ['PATH']}")
    async with exims.EximHost(next_hop=internet.address, local_domain="shop.example") as exim:
        writable = (exim.config_dir, exim.home / "spool", exim.home / "log")
        address = f"exim:{exim.config_dir}"
        await held_and_released((HOST, EXIM), address, tmp_path, exim, writable)
        await internet.wait_for(lambda each: each.subject == "a secret")
        assert internet.subjects() == ["a secret"]
        await taken_and_ended(
            (HOST, EXIM), address, tmp_path, internet.address, writable,
            Measure.HOLD_SERVER, Measure.SMARTHOST_REDIRECT,
        )  # fmt: skip
        assert exim.panics() == []


async def test_outside_of_its_folders_the_sandbox_lets_nothing_be_written(tmp_path: Path) -> None:
    code = (
        "import sys\ntry:\n    open(sys.argv[1], 'w')\nexcept OSError as e:\n    print(e.strerror)"
    )
    outside = tmp_path / "outside"
    said = await under((HOST,), code, str(outside), writable=())
    assert said == "Read-only file system\n"
    assert await under((HOST,), code, str(outside), writable=(tmp_path,)) == ""


async def test_the_edge_agents_sandbox_is_enough_for_nftables(tmp_path: Path) -> None:
    here_or_failed(None if shutil.which("nft") else "nft is not installed (Debian: nftables)")
    restriction = Restriction(
        measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=("192.0.2.7",)
    )
    wanted = (Wanted.APPLIED, Wanted.APPLIED, Wanted.LIFTED)
    measures = [Desired(key="block", restriction=restriction, wanted=each) for each in wanted]
    asked = [json.dumps(to_json(each)) for each in measures]
    said = await under(
        (EDGE,), BLOCK, str(tmp_path), *asked, writable=(tmp_path,), own_network=True
    )
    assert said == "applied\napplied\nlifted\n"
