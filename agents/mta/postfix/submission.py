"""`require_authenticated_smtp`: nobody hands over mail for other hosts without saying who he is.

Two settings of main.cf get an element in front, which is asked first and taken away at the end, so
that the administrator's stay as they are: `authorized_submit_users` (the sendmail command, which
PHP's mail() runs, is refused to everybody but root) and `smtpd_relay_restrictions` (without AUTH,
SMTP is for the host's own domains only, from this machine and from mynetworks as well).
"""

import re

from agents.mta.port import CannotCarryOut
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.services import Services

_USERS, _RELAY = "authorized_submit_users", "smtpd_relay_restrictions"
_OURS = {
    _USERS: "root, !static:all",
    _RELAY: "permit_sasl_authenticated, reject_unauth_destination",
}
_AUTH = "smtpd_sasl_auth_enable"


class Submission:
    """Who may hand over mail to one instance."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._loaded: bool | None = None
        """What Postfix has read for certain: one that was cut off may not have told it."""

    async def require(self, required: bool) -> str:
        """Have AUTH required or not; what it does not reach, or "". Raises CannotCarryOut."""
        found = await self._commands.settings(*_OURS)
        beyond = await self._beyond() if required else ""
        wanted = {name: _with(name, value, required) for name, value in found.items()}
        changed = {name: value for name, value in wanted.items() if value != found[name]}
        if changed:
            await self._write(changed, required)
        if changed or self._loaded is not required:
            self._loaded = None
            await self._commands.reload()
        self._loaded = required
        return beyond

    async def _write(self, changed: dict[str, str], required: bool) -> None:
        usual = {} if required else await self._usual(*changed)
        ended = [name for name, value in changed.items() if value == usual.get(name)]
        said = [f"{name} = {value}" for name, value in changed.items() if name not in ended]
        if said:
            await self._commands.run("postconf", "-e", *said)
        if ended:
            await self._commands.run("postconf", "-X", *ended)

    async def _usual(self, *names: str) -> dict[str, str]:
        lines = (await self._commands.configuration("-dh", *names)).splitlines()
        return {name: line.strip() for name, line in zip(names, lines, strict=True)}

    async def _beyond(self) -> str:
        services = await Services.read(self._commands)
        inward = services.smtpd()
        on = await self._commands.setting(_AUTH, expanded=True)
        if not any((services.setting(name, _AUTH) or on) == "yes" for name in inward):
            raise CannotCarryOut(
                f"no service of this Postfix offers AUTH ({_AUTH}), so nothing at all could be sent"
            )
        own = [name for name in inward if services.setting(name, _RELAY) is not None]
        for name in inward:
            # What a filter hands back has no AUTH; it was let in, and must not be refused now.
            if services.setting(name, "content_filter") is not None and name not in own:
                raise CannotCarryOut(
                    f"{name} takes mail back from a content filter; give it its own "
                    f"-o {_RELAY}=permit_mynetworks,reject in master.cf"
                )
        open_to = [
            name for name in own if "permit_mynetworks" in str(services.setting(name, _RELAY))
        ]
        if not open_to:
            return ""
        return f"{', '.join(open_to)} has its own {_RELAY} in master.cf and goes on as it was"


def _with(name: str, value: str, required: bool) -> str:
    theirs = re.sub(rf"{re.escape(_OURS[name])}[,\s]*", "", value).strip(", \t")
    if not required:
        return theirs
    return f"{_OURS[name]}, {theirs}" if theirs else _OURS[name]
