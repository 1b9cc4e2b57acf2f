"""A private Exim: Debian's program and configuration, its own spool, log and port, on loopback.

The packages `exim4-daemon-light`, `exim4-base` and `exim4-config` conflict with Postfix's, so they
are unpacked into a folder (.ci/run) and installed nowhere. The configuration is what Debian's own
`update-exim4.conf` makes of the split one, with the `.include_if_exists` lines of docs/measures.md.
"""

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from contextlib import suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Self

import aiosmtplib

from agents.mta.port import MailHost, mail_host

_PACKAGES = Path(os.environ.get("XDG_CACHE_HOME", "/tmp")) / "plazo-exim4"
PROGRAMS = _PACKAGES / "usr/sbin"
_USER = "Debian-exim"
_SECONDS = 30.0
HERE = "127.0.0.2"
"""Where it listens, because Exim would not send to an address that it listens on itself."""

_SECTIONS = {
    "main": "hooks", "acl": "acl", "router": "routers", "transport": "transports",
}  # fmt: skip
"""Debian's folders of `conf.d`, and the file of ours that each brings in."""


class EximHostError(Exception):
    """A command of Exim failed; the message has its words."""


def available() -> str | None:
    """Why a private Exim cannot be started here; None when it can."""
    if os.geteuid() != 0:
        return "an Exim with a spool of its own must be started by root"
    if not (_PACKAGES / "usr/sbin/exim4").exists():
        return f"Exim is not unpacked in {_PACKAGES}; .ci/run does that"
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return f"there is no user {_USER}, whom Debian's Exim needs; .ci/run makes one"
    return None


class EximHost:
    """An Exim that receives for `local_domain` and sends everything else to `next_hop`.

    Mail for any user of the local domain goes into one Maildir. Who logs in as `mailer` with
    `secret` is authenticated. `split` is Debian's choice between many small files and one.
    """

    def __init__(
        self, *, next_hop: str, local_domain: str, split: bool = True, queue_every: str = "1s"
    ) -> None:
        self.next_hop = next_hop
        self.local_domain = local_domain
        self.split = split
        self.queue_every = queue_every
        self._daemon: asyncio.subprocess.Process | None = None

    @property
    def config_dir(self) -> Path:
        return self.home / "etc"

    @property
    def plazo(self) -> Path:
        """The agent's folder."""
        return self.config_dir / "plazo"

    @property
    def log(self) -> Path:
        return self.home / "log" / "mainlog"

    def mail_host(self, state_dir: Path) -> MailHost:
        """What an agent on this host commands."""
        return mail_host(f"exim:{self.config_dir}", state_dir)

    async def submit(
        self, sender: str, recipients: list[str], message: EmailMessage, *, login: bool = False
    ) -> None:
        """Hand a message over by SMTP. Raises aiosmtplib's errors."""
        async with aiosmtplib.SMTP(
            hostname=HERE, port=self.port, start_tls=False, timeout=_SECONDS
        ) as smtp:
            if login:
                await smtp.login("mailer", "secret")
            await smtp.send_message(message, sender=sender, recipients=recipients)

    async def submit_locally(
        self, sender: str, recipients: list[str], message: EmailMessage
    ) -> None:
        """Hand a message over as a web site's script does, by the sendmail command."""
        await self.command("-i", "-oep", "-f", sender, "--", *recipients, given=message.as_bytes())

    async def command(self, *arguments: str, given: bytes = b"") -> str:
        """What `exim` prints. Raises EximHostError."""
        return await _run(*self._exim, *arguments, given=given)

    async def as_exim(self, *command: str) -> str:
        """What a command prints that Exim's own user runs."""
        return await _run(
            "setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command
        )

    async def queue(self, name: str = "") -> dict[str, str]:
        """Each sender in a queue, with " *** frozen ***" behind it where it is, by message id."""
        lines = (await self.command(f"-qG{name}", "-bpru")).splitlines()
        heads = [line.split(maxsplit=3) for line in lines if line.strip() and line[8] != " "]
        return {head[2]: head[3] for head in heads if len(head) == 4}

    def delivered(self) -> list[EmailMessage]:
        """The messages in the local Maildir, in no order."""
        parser = BytesParser(_class=EmailMessage, policy=default)
        files = (self.home / "mail" / "new").glob("*")
        return [parser.parsebytes(each.read_bytes()) for each in files]

    def panics(self) -> list[str]:
        """What Exim complained of, but for what comes of a configuration in a folder of ours."""
        file = self.home / "log" / "paniclog"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if "lost privilege for using -C" not in line]

    def configure(self, part: str, text: str) -> None:
        """Add a file to one of the folders of `conf.d`; `configured` brings it into effect."""
        (self.config_dir / "conf.d" / part / "05_test").write_text(text)

    async def configured(self) -> None:
        """Have Debian's script make the configuration that Exim reads."""
        await _run(
            str(_PACKAGES / "usr/sbin/update-exim4.conf"), "-d", str(self.config_dir),
            "-o", str(self._config),
        )  # fmt: skip

    async def start(self) -> None:
        await self.command("-bV")  # Says what is wrong with the configuration, if anything is.
        self._daemon = await asyncio.create_subprocess_exec(
            *self._exim, "-bdf", f"-q{self.queue_every}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_SECONDS):
            while not await self._listens():  # noqa: ASYNC110 - Exim tells nobody
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        assert self._daemon is not None
        self._daemon.terminate()
        await self._daemon.wait()
        self._daemon = None

    async def __aenter__(self) -> Self:
        if (why := available()) is not None:
            raise EximHostError(why)
        self.home = Path(tempfile.mkdtemp(prefix="exim"))
        self.port = _free_port()
        try:
            self._write()
            await self.configured()
            await self.start()
        except BaseException:
            await self._gone()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._gone()

    async def _gone(self) -> None:
        if self._daemon is not None:
            await self.stop()
        async with asyncio.timeout(_SECONDS):
            while self.home.exists():
                # A delivery that is about to end may still write a line.
                shutil.rmtree(self.home, ignore_errors=True)
                await asyncio.sleep(0.05)

    @property
    def _config(self) -> Path:
        return self.config_dir / "exim4.conf"

    @property
    def _exim(self) -> tuple[str, ...]:
        return (str(_PACKAGES / "usr/sbin/exim4"), "-C", str(self._config))

    async def _listens(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HERE, self.port)
            writer.close()
            await writer.wait_closed()
            return True
        return False

    def _write(self) -> None:
        self.home.chmod(0o755)
        shutil.copytree(_PACKAGES / "etc/exim4", self.config_dir)
        shutil.chown(self.config_dir / "passwd.client", "root", _USER)
        for name in ("spool", "log", "mail", "run"):
            (self.home / name).mkdir()
            shutil.chown(self.home / name, _USER, _USER)
        shutil.rmtree(self.config_dir / "conf.d" / "rewrite")
        (self.config_dir / "conf.d" / "rewrite").mkdir()
        names = {
            "home": self.home, "exim": _PACKAGES / "usr/sbin/exim4", "port": self.port,
            "domain": self.local_domain, "next_hop": self.next_hop.replace(":", "::"),
            "split": str(self.split).lower(), "here": HERE,
        }  # fmt: skip
        (self.config_dir / "update-exim4.conf.conf").write_text(_DEBCONF.format(**names))
        ours = {
            part: f".include_if_exists {self.plazo}/{f}.conf\n" for part, f in _SECTIONS.items()
        }
        theirs = {part: text.replace("@home@", str(self.home)) for part, text in _PARTS.items()}
        theirs["main"] = _MAIN.format(**names)
        for part in (*_SECTIONS, "auth", "retry"):
            folder = self.config_dir / "conf.d" / part
            text = ours.get(part, "") + theirs.get(part, "").replace("@domain@", self.local_domain)
            (folder / "00_plazo").write_text(text)
        for file in (self.config_dir / "conf.d" / "main").glob("*"):
            text = file.read_text()
            if "\nexim_path = " in text and file.name != "00_plazo":
                file.write_text(text.replace("\nexim_path = /usr/sbin/exim4", ""))
        if not self.split:
            self._join()

    def _join(self) -> None:
        """The template is the same parts in one file."""
        parts = self.config_dir / "conf.d"
        order = ("main", "acl", "router", "transport", "retry", "rewrite", "auth")
        files = [each for part in order for each in sorted((parts / part).iterdir())]
        text = "\n".join(each.read_text() for each in files)
        (self.config_dir / "exim4.conf.template").write_text(text)
        shutil.rmtree(parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port


async def _run(*command: str, given: bytes = b"") -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_SECONDS):
        out, err = await process.communicate(given)
    if process.returncode != 0:
        words = (err + out).decode(errors="replace").strip()
        raise EximHostError(f"{' '.join(command)}: {words}")
    return out.decode(errors="replace")


_DEBCONF = """\
dc_eximconfig_configtype='smarthost'
dc_other_hostnames='{domain}'
dc_local_interfaces='{here}.{port}'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost='{next_hop}'
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname='false'
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""

_MAIN = """\
exim_path = {exim}
SPOOLDIR = {home}/spool
CONFDIR = {home}/etc
log_file_path = {home}/log/%slog
pid_file_path = {home}/run/exim.pid
MAIN_QUALIFY_DOMAIN = mx.host.example
DC_minimaldns = 1
primary_hostname = mx.host.example
tls_advertise_hosts =
"""

_PARTS = {
    "router": """\

test_local:
  driver = accept
  domains = @domain@
  local_parts = ! forward : ! full : ! fail
  transport = test_maildir

test_forward:
  driver = redirect
  domains = @domain@
  local_parts = forward
  data = friend@far.example

test_fail:
  driver = redirect
  domains = @domain@
  local_parts = fail
  allow_fail
  data = :fail: nobody of that name

test_full:
  driver = accept
  domains = @domain@
  local_parts = full
  transport = test_full

""",
    "transport": """\

test_maildir:
  driver = appendfile
  directory = @home@/mail
  maildir_format
  create_directory
  user = Debian-exim

test_full:
  driver = appendfile
  directory = @home@/nowhere/mail
  maildir_format
  no_create_directory
  user = Debian-exim

""",
    "auth": """\

test_server:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{mailer}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2

""",
    "retry": "* * F,4d,1s\n",
}
