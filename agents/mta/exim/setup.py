"""Our part of Exim's configuration: written once, put right when it changes, never in the way."""

import grp
import os
import re
from pathlib import Path

from agents.mta.exim.commands import Commands, EximFailed
from agents.mta.exim.domains import own_lists
from agents.mta.exim.files import replace_for_group
from agents.mta.exim.fragments import HOLD, SMARTHOST, fragments

FOLDER = "plazo"
"""In the configuration's folder. Exim's group reads what is in it, nobody else."""
_ASKED = re.compile(r"\bacl\s*=\s*plazo_refuses\b")
"""In an ACL of the administrator's own, where Exim has one already."""
_WITHIN = r"(?:(?!\S+ authenticator:).*\n)*?"
_CLIENT = re.compile(
    rf"^(?P<name>\S+) authenticator:\n{_WITHIN}public_name = (?:PLAIN|LOGIN)\n"
    rf"{_WITHIN}client_send = (?P<options>\S.*)$",
    re.MULTILINE,
)
"""One with which Exim logs in elsewhere; those for others to log in here have no client_send."""
_SECRETS = re.compile(r"lsearch\{(/[^{}$]+/passwd\.client)\}")


class NotSetUp(Exception):
    """Exim's configuration does not bring in ours; do what docs/measures.md says, once."""


class Setup:
    """The fragments in `config_dir/plazo`."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.folder = commands.config_dir / FOLDER
        self.others_log_in = False
        """Whether authenticators that are not ours are there for PLAIN or LOGIN, as on Debian."""
        self.passwd_client: Path | None = None
        """Where those look up logins by host."""
        self._lists: tuple[str, ...] = ()
        self.group = -1
        """Exim's own, once it is known; an agent that is not root gives files its own."""

    async def own_lists(self) -> tuple[str, ...]:
        """The named lists of domains that the host receives for. Raises NoOwnDomains."""
        if not self._lists:
            self._lists = await own_lists(self._commands)
        return self._lists

    async def look(self) -> None:
        """Learn what there is in this configuration that ours has to fit in with."""
        await self._make_folder()
        await self._look_for_others()

    async def ensure(self) -> None:
        """Have Exim use our routers and transports. Raises NotSetUp, EximFailed, NoOwnDomains."""
        await self.look()
        texts = fragments(self.folder, await self.own_lists())
        if self.others_log_in:
            # Two of one name would be an error in Exim's eyes, and no mail would go anywhere.
            del texts["authenticators.conf"]
            (self.folder / "authenticators.conf").unlink(missing_ok=True)
        changed = [name for name, text in texts.items() if self._differs(name, text)]
        for name in changed:
            replace_for_group(self.folder / name, texts[name], self.group)
        if changed:
            await self._check(changed)
        for kind, name in (("router", HOLD), ("transport", SMARTHOST)):
            if (await self._commands.tried("-bP", kind, name))[0] != 0:
                raise NotSetUp(
                    f"Exim has no {kind} {name}: bring {self.folder}/{kind}s.conf in front of the"
                    f" other {kind}s with .include_if_exists, as docs/measures.md shows"
                )

    async def require_hooks(self) -> None:
        """Raises NotSetUp unless Exim asks our ACL and its daemon knows of it."""
        if await self._commands.setting("acl_smtp_predata") != "plazo_predata":
            raise NotSetUp(self._unhooked("acl_smtp_predata"))
        ours = await self._commands.setting("acl_not_smtp") == "plazo_not_smtp"
        if not ours and _ASKED.search(await self._commands.run("-bP", "config")) is None:
            raise NotSetUp(self._unhooked("acl_not_smtp"))
        if self._older(await self._commands.setting("pid_file_path")):
            raise NotSetUp("Exim's daemon was started before our ACLs were there; reload it once")

    def _unhooked(self, acl: str) -> str:
        return (
            f"{acl} does not ask our ACL: bring {self.folder}/hooks.conf into the main part with"
            " .include_if_exists, as docs/measures.md shows"
        )

    def _older(self, pid_file: str) -> bool:
        """Whether a daemon read its configuration before our ACLs were there."""
        newest = max((self.folder / name).stat().st_mtime for name in ("hooks.conf", "acl.conf"))
        return Path(pid_file).is_file() and Path(pid_file).stat().st_mtime < newest

    def write(self, file: Path, text: str | None) -> bool:
        """Whether that changed anything. None stands for no file."""
        if text is None:
            there = file.exists()
            file.unlink(missing_ok=True)
            return there
        if not self._differs(file.name, text):
            return False
        replace_for_group(file, text, self.group)
        return True

    def _differs(self, name: str, text: str) -> bool:
        try:
            return (self.folder / name).read_text() != text
        except (FileNotFoundError, UnicodeDecodeError):
            return True

    async def _check(self, changed: list[str]) -> None:
        try:
            await self._commands.run("-bV")
        except EximFailed as error:
            # Without them, mail goes on as if we had never been here.
            for name in reversed(changed):
                (self.folder / name).unlink()
            raise EximFailed(f"Exim refuses our fragments, they are out again: {error}") from error

    async def _make_folder(self) -> None:
        self.folder.mkdir(exist_ok=True)
        if os.geteuid() != 0:
            return  # Whoever set up this user has seen to it that Exim may read what it writes.
        if self.group == -1:
            name = await self._commands.setting("exim_group")
            self.group = int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
        found = self.folder.stat()
        if (found.st_gid, found.st_mode & 0o777) != (self.group, 0o750):
            os.chown(self.folder, -1, self.group)
            self.folder.chmod(0o750)

    async def _look_for_others(self) -> None:
        self.others_log_in, self.passwd_client = False, None
        for match in _CLIENT.finditer(await self._commands.run("-bP", "authenticators")):
            if match["name"].startswith("plazo_"):
                continue
            if (secrets := _SECRETS.search(match["options"])) is not None:
                self.passwd_client = Path(secrets[1])
            self.others_log_in = True
