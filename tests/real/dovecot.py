"""A private Dovecot: its own configuration, certificate and mail, on loopback, beside no other."""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from imap_tools import MailBox

from gateway.mail.account import Account
from tests.workers.outside import free_port

USER, PASSWORD = "abuse@provider.example", "pässwort of a test"
_SECONDS = 20.0


def available() -> str | None:
    """Why a private Dovecot cannot be started here; None when it can."""
    if os.geteuid() != 0:
        return "Dovecot's master must be started by root"
    if shutil.which("dovecot") is None:
        return "Dovecot is not installed (Debian: apt-get install dovecot-imapd)"
    return None


@dataclass(kw_only=True)
class Dovecot:
    """An IMAP server with one mailbox. `port` is for TLS from the start, `plain` for STARTTLS."""

    home: Path
    capability: str = ""
    """What it says that it can; everything if empty."""
    port: int = field(default_factory=free_port)
    plain: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def account(self) -> Account:
        return Account.at(self.url)

    @property
    def url(self) -> str:
        return f"imaps://{USER.replace('@', '%40')}@localhost:{self.port}/INBOX"

    @property
    def authority(self) -> Path:
        """The file of who signed its certificate."""
        return self.home / "authority.pem"

    @contextmanager
    def as_somebody(self, folder: str = "INBOX") -> Iterator[MailBox]:
        """The mailbox as people see it."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with MailBox("localhost", self.port, timeout=_SECONDS, ssl_context=context) as opened:
            yield opened.login_utf8(USER, PASSWORD, folder)

    def deliver(self, *messages: bytes, flags: str | None = None) -> None:
        with self.as_somebody() as box:
            for message in messages:
                box.append(message, "INBOX", flag_set=flags)

    def within(self, folder: str) -> list[tuple[bytes, bool]]:
        """The messages in a folder, and whether somebody has seen each."""
        with self.as_somebody() as box:
            if not box.folder.exists(folder):
                return []
            box.folder.set(folder)
            found = box.fetch(mark_seen=False, bulk=True)
            return [(each.obj.as_bytes(), "\\Seen" in each.flags) for each in found]

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            "dovecot", "-F", "-c", str(self.home / "dovecot.conf"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop it, whoever is connected."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_SECONDS):
            await self.process.wait()

    def write(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        certificate = authority.issue_cert("localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.home / "server.pem"))
        (self.home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (self.home / "mail").mkdir()
        shutil.chown(self.home / "mail", "nobody", "nogroup")
        self.home.chmod(0o755)
        said = f"imap_capability = {self.capability}" if self.capability else ""
        (self.home / "dovecot.conf").write_text(
            _CONF.format(home=self.home, port=self.port, plain=self.plain, said=said)
        )


@asynccontextmanager
async def a_dovecot(capability: str = "") -> AsyncIterator[Dovecot]:
    # Short, because Dovecot's sockets live below it and their paths may have 107 characters.
    home = Path(tempfile.mkdtemp(prefix="dov"))
    server = Dovecot(home=home, capability=capability)
    try:
        server.write()
        await server.start()
        yield server
    finally:
        if server.process is not None:
            await server.stop()
        shutil.rmtree(home)


_CONF = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.pem
mail_location = maildir:{home}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 50
{said}
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""
