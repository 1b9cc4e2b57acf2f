"""Our part of Exim's configuration: written once, put right when it changes, never in the way."""

import grp
import os
import re
from pathlib import Path

from agents.mta.exim.commands import Commands, EximFailed
from agents.mta.exim.domains import own_lists
from agents.mta.exim.files import replace_for_group
from agents.mta.exim.fragments import HOLD, SMARTHOST, fragments
from agents.mta.exim.logins import take_back

FOLDER = "plazo"
"""In the configuration's folder. Exim's group reads what is in it, nobody else."""
_ASKED = re.compile(r"\bacl\s*=\s*plazo_refuses\b")
"""In an ACL of the administrator's own, where Exim has one already."""
_EARLIER = "authenticators.conf"
"""Of agents that had Exim log in to smarthosts itself."""


class NotSetUp(Exception):
    """Exim's configuration does not bring in ours; do what docs/measures.md says, once."""


class Setup:
    """The fragments in `config_dir/plazo`."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.folder = commands.config_dir / FOLDER
        self._lists: tuple[str, ...] = ()
        self.group = -1
        """Exim's own, once it is known; an agent that is not root gives files its own."""

    async def own_lists(self) -> tuple[str, ...]:
        """The named lists of domains that the host receives for. Raises NoOwnDomains."""
        if not self._lists:
            self._lists = await own_lists(self._commands)
        return self._lists

    async def look(self) -> None:
        """Have our folder there, and nothing of what earlier agents needed."""
        await self._make_folder()
        (self.folder / _EARLIER).unlink(missing_ok=True)
        take_back(self._commands.config_dir / "passwd.client", self.group)

    async def ensure(self) -> None:
        """Have Exim use our routers and transports. Raises NotSetUp, EximFailed, NoOwnDomains."""
        await self.look()
        texts = fragments(self.folder, await self.own_lists())
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
