"""A real Rspamd, set up as docs/intake.md says, and a gateway that it posts to."""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.test_agents import served
from tests.gateway.world import INCIDENT, PASSWORD, World, a_world
from tests.workers.outside import free_port

pytestmark = pytest.mark.real

SECONDS = 90.0
SPAM = "Cheap pills ñ"

_CONF = {
    "options.inc": """
dns {{ nameserver = ["127.0.0.1:{deaf}:10"]; timeout = 0.05s; retransmits = 1; }}
disable_hyperscan = true;
pidfile = "{home}/rspamd.pid";
control_socket = "{home}/control mode=0600";
""",
    "logging.inc": 'type = "console";\nlevel = "info";\n',
    "worker-normal.inc": 'bind_socket = "127.0.0.1:{port}";\ncount = 1;\n',
    "worker-controller.inc": "enabled = false;\n",
    "worker-proxy.inc": "enabled = false;\n",
    "worker-fuzzy.inc": "enabled = false;\n",
    "multimap.conf": """
SPAM_OF_THE_TEST {{
  type = "header";
  header = "Subject";
  regexp = true;
  map = "{home}/subjects";
  score = 30.0;
}}
""",
    "metadata_exporter.conf": """
rules {{
  PLAZO {{
    backend = "http";
    url = "{gateway}/v1/reports?reporter=filter";
    user = "filter";
    password = "{password}";
    mime_type = "application/json";
    selector = "is_spam";
    formatter = "json";
    defer = true;
  }}
}}
""",
}
"""What is in `local.d`. It asks nobody's DNS: the resolver is a socket that answers nothing."""


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "a private Rspamd is started by root, as the user _rspamd"
    if shutil.which("rspamd") is None:
        return "Rspamd is not installed (Debian: apt-get install --no-install-recommends rspamd)"
    return None


@asynccontextmanager
async def an_rspamd(gateway: str) -> AsyncIterator[tuple[str, Path]]:
    """Where it scans by HTTP, and its log."""
    if (why := _missing()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    home = Path(tempfile.mkdtemp(prefix="rspamd"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = free_port()
        (home / "local.d").mkdir()
        for name, text in _CONF.items():
            (home / "local.d" / name).write_text(
                text.format(
                    home=home, port=port, gateway=gateway, password=PASSWORD,
                    deaf=deaf.getsockname()[1],
                )
            )  # fmt: skip
        (home / "subjects").write_text("/cheap pills/i\n")
        shutil.chown(home, "_rspamd", "_rspamd")
        home.chmod(0o755)  # noqa: ASYNC240
        log = home.with_suffix(".log")
        with log.open("wb") as written:
            process = await asyncio.create_subprocess_exec(
                "rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd",
                f"--var=LOCAL_CONFDIR={home}", f"--var=DBDIR={home}", f"--var=RUNDIR={home}",
                f"--var=LOGDIR={home}", stdout=written, stderr=written,
            )  # fmt: skip
        try:
            await _answers(port)
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()
            shutil.rmtree(home)
            log.unlink()


async def _answers(port: int) -> None:
    async with asyncio.timeout(SECONDS), httpx.AsyncClient() as http:
        while True:
            try:
                await http.get(f"http://127.0.0.1:{port}/ping")
                return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


@pytest.fixture
async def world(database: Any) -> AsyncIterator[World]:
    async with a_world(database) as made:
        yield made


async def scan(rspamd: str, subject: str, **headers: str) -> str:
    """The action that it takes, as a mail server asks it."""
    message = EmailMessage()
    message["From"], message["To"] = "info@shop.example", "ana.lopez@far.example"
    message["Subject"], message["Message-ID"] = subject, f"<{subject[:5]}@shop.example>"
    message.set_content("Buy now.")
    given = {
        "Ip": "192.0.2.7", "From": "info@shop.example", "Rcpt": "ana.lopez@far.example",
        "Queue-Id": "4fXB1", "Helo": "mx.shop.example", "Hostname": "mx.shop.example",
    } | headers  # fmt: skip
    async with httpx.AsyncClient(timeout=SECONDS) as http:
        answer = await http.post(f"{rspamd}/checkv2", content=message.as_bytes(), headers=given)
    action: str = answer.json()["action"]
    return action


async def reports(world: World, count: int) -> list[Any]:
    """Those on record, once there are so many that were read."""
    async with asyncio.timeout(SECONDS):
        while True:
            await world.read()
            rows: list[Any] = await world.pool.fetch("SELECT * FROM reports ORDER BY received_at")
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.1)


async def test_what_a_real_rspamd_takes_for_spam_is_a_report_and_is_not_put_off(
    world: World,
) -> None:
    async with served(world.pool) as (gateway, _), an_rspamd(gateway) as (rspamd, log):
        assert await scan(rspamd, "Invoice") in ("no action", "greylist")
        assert await scan(rspamd, SPAM) == "reject"
        [report] = await reports(world, 1)
        said = await asyncio.to_thread(log.read_text)
    assert (report["format"], report["reporter"]) == ("rspamd", "filter")
    assert (str(report["address"]), report["domain"]) == ("192.0.2.7", "shop.example")
    assert report["incident"] == INCIDENT
    assert report["message_id"] == "<Cheap@shop.example>"
    assert "ana.lopez" not in " ".join(report["headers"])
    assert "unexpected http status" not in said


async def test_of_a_user_who_logged_in_the_address_is_nobodys_server(world: World) -> None:
    async with served(world.pool) as (gateway, _), an_rspamd(gateway) as (rspamd, _):
        assert await scan(rspamd, SPAM, User="ana@shop.example") == "reject"
        [report] = await reports(world, 1)
    assert (report["address"], report["domain"]) == (None, "shop.example")
    assert report["incident"] is None
