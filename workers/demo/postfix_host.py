"""A private Postfix: its own configuration, queue and port, on loopback, beside no other.

Debian's binaries, none of its instance: nothing under /etc/postfix or /var/spool/postfix is read
or written, and nothing is asked of init. It needs root, as Postfix's own `master` does.
"""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import tempfile
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, Self

import aiosmtplib

from agents.mta.port import MailHost, mail_host

_DAEMONS = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix")
_SECONDS = 30.0
"""Longest that one of Postfix's own commands may take."""


class PostfixHostError(Exception):
    """A command of Postfix failed; the message has its words."""


def available() -> str | None:
    """Why a private Postfix cannot be started here; None when it can."""
    if os.geteuid() != 0:
        return "Postfix's master must be started by root"
    if shutil.which("postfix") is None or _daemons() is None:
        return "Postfix is not installed (Debian: apt-get install postfix)"
    return None


class PostfixHost:
    """A Postfix that receives for `local_domain` and sends everything else to `next_hop`.

    `next_hop` (`127.0.0.1:port`) stands for the internet. Mail for any user of the local
    domain goes into the one Maildir `maildir`.
    """

    def __init__(self, *, next_hop: str, local_domain: str, hostname: str = "mx.host.example"):
        self.next_hop = next_hop
        self.local_domain = local_domain
        self.hostname = hostname

    @property
    def name(self) -> str:
        """What runs here, with its version."""
        return f"Postfix {self._version}"

    def mail_host(self, state_dir: Path) -> MailHost:
        """What an agent on this host commands."""
        return mail_host(f"postfix:{self.config_dir}", state_dir)

    @property
    def config_dir(self) -> Path:
        return self.home / "etc"

    @property
    def maildir(self) -> Path:
        return self.home / "mail" / "local"

    @property
    def log(self) -> Path:
        return self.home / "log" / "mail.log"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def submit(self, sender: str, recipients: list[str], message: EmailMessage) -> None:
        """Hand a message over by SMTP. Raises aiosmtplib's errors."""
        await aiosmtplib.send(
            message, sender=sender, recipients=recipients,
            hostname="127.0.0.1", port=self.port, start_tls=False, timeout=_SECONDS,
        )  # fmt: skip

    async def submit_locally(
        self, sender: str, recipients: list[str], message: EmailMessage
    ) -> None:
        """Hand a message over as a web site's script does, by the sendmail command."""
        await _run(
            "sendmail", "-C", str(self.config_dir), "-i", "-f", sender, "--", *recipients,
            given=message.as_bytes(),
        )  # fmt: skip

    async def queue(self) -> list[dict[str, Any]]:
        """Every queue entry as `postqueue -j` shows it."""
        listing = await self.command("postqueue", "-j")
        return [json.loads(line) for line in listing.splitlines()]

    def delivered(self) -> list[EmailMessage]:
        """The messages in the local Maildir, in no order."""
        parser = BytesParser(_class=EmailMessage, policy=default)
        files = (self.maildir / "new").glob("*")
        return [parser.parsebytes(each.read_bytes()) for each in files]

    async def command(self, program: str, *arguments: str) -> str:
        """Run one of Postfix's commands on this instance; its output. Raises PostfixHostError."""
        return await _run(program, "-c", str(self.config_dir), *arguments)

    async def start(self) -> None:
        await self.command("postfix", "start")

    async def stop(self) -> None:
        """Stop it, and see that it is gone."""
        await self.command("postfix", "stop")
        if _locked(self.home / "queue" / "pid" / "master.pid"):
            raise PostfixHostError(f"the Postfix in {self.home} is still running after its stop")

    async def __aenter__(self) -> Self:
        if (why := available()) is not None:
            raise PostfixHostError(why)
        # Short, because Postfix's sockets live below it and their paths may have 107 characters.
        self.home = Path(tempfile.mkdtemp(prefix="pfx"))
        self.port = _free_port()
        try:
            self._write()
            self._version = (await self.command("postconf", "-h", "mail_version")).strip()
            await self.start()
        except BaseException:
            shutil.rmtree(self.home, ignore_errors=True)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if _locked(self.home / "queue" / "pid" / "master.pid"):
            await self.stop()
        shutil.rmtree(self.home)

    def _write(self) -> None:
        self.home.chmod(0o755)
        for name in ("etc", "queue", "log"):
            (self.home / name).mkdir()
        for name in ("data", "mail"):
            (self.home / name).mkdir()
            shutil.chown(self.home / name, "postfix", "postfix")
        owner = (self.home / "mail").stat()
        host, port = self.next_hop.rsplit(":", 1)
        main = _MAIN.format(
            home=self.home, hostname=self.hostname, domain=self.local_domain, daemons=_daemons(),
            next_hop=f"[{host}]:{port}", uid=owner.st_uid, gid=owner.st_gid,
        )  # fmt: skip
        (self.config_dir / "main.cf").write_text(main)
        (self.config_dir / "master.cf").write_text(_MASTER.format(port=self.port))


def _daemons() -> str | None:
    return next((path for path in _DAEMONS if (Path(path) / "master").exists()), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _locked(pid_file: Path) -> bool:
    """Whether a master holds its pid file, which is how Postfix itself tells."""
    try:
        with pid_file.open("r+") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


async def _run(program: str, *arguments: str, given: bytes = b"") -> str:
    process = await asyncio.create_subprocess_exec(
        program, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_SECONDS):
        out, err = await process.communicate(given)
    if process.returncode != 0:
        words = err.decode(errors="replace").strip()
        raise PostfixHostError(f"{program} {' '.join(arguments)}: {words}")
    return out.decode(errors="replace")


_MAIN = """\
compatibility_level = 3.6
command_directory = /usr/sbin
daemon_directory = {daemons}
data_directory = {home}/data
queue_directory = {home}/queue
mail_owner = postfix
setgid_group = postdrop
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
enable_long_queue_ids = yes
myhostname = {hostname}
myorigin = $myhostname
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = {next_hop}
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = static:local/
virtual_transport = virtual
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 1   1 pickup
cleanup   unix  n - n -   0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -   - trivial-rewrite
bounce    unix  - - n -   0 bounce
defer     unix  - - n -   0 bounce
trace     unix  - - n -   0 bounce
verify    unix  - - n -   1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -   - proxymap
proxywrite unix - - n -   1 proxymap
smtp      unix  - - n -   - smtp
relay     unix  - - n -   - smtp
showq     unix  n - n -   - showq
error     unix  - - n -   - error
retry     unix  - - n -   - error
discard   unix  - - n -   - discard
local     unix  - n n -   - local
virtual   unix  - n n -   - virtual
lmtp      unix  - - n -   - lmtp
anvil     unix  - - n -   1 anvil
scache    unix  - - n -   1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
