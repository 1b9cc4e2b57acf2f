"""Which address each of Postfix's SMTP clients sends from: smtp(8), `smtp_bind_address`.

Without that setting, a client takes the only address of `inet_interfaces`, if it is no loopback
one; without that, the kernel's choice. The log tells clients apart by their `syslog_name`.
"""

import re
from collections.abc import Mapping

from agents.mta.leaving import Leaving, by_the_kernel, single
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.services import Services

_BINDING = ("smtp_bind_address", "smtp_bind_address6")


async def bindings(commands: Commands) -> Mapping[str, Leaving]:
    """What leaves from where, by what stands before `/smtp[` in the log. Raises PostfixFailed."""
    services = await Services.read(commands)
    plain = await commands.setting("syslog_name", expanded=True)
    found: dict[str, Leaving] = {}
    for name in services.clients():
        own = services.setting(name, "syslog_name")
        called = plain if own is None else _filled(own, plain, name.partition("/")[0])
        bound = await _bound(commands, services, name)
        # Of two that are called the same, nobody can tell which one sent.
        same = found.get(called, bound) == bound
        found[called] = bound if same else Leaving()
    return found


async def _bound(commands: Commands, services: Services, name: str) -> Leaving:
    given = []
    for setting in _BINDING:
        own = services.setting(name, setting)
        given.append(await commands.setting(setting, expanded=True) if own is None else own)
    interfaces = services.setting(name, "inet_interfaces")
    if interfaces is None:
        interfaces = await commands.setting("inet_interfaces", expanded=True)
    listed = single(re.split(r"[\s,]+", interfaces))
    return single(given).or_else(listed).or_else(by_the_kernel())


def _filled(syslog_name: str, plain: str, service: str) -> str:
    """A `syslog_name` of master.cf, such as Debian's `${multi_instance_name?…}/$service_name`."""
    filled = re.sub(r"\$\{?multi_instance_name(?:[?:].*\})?", plain, syslog_name)
    return filled.replace("$service_name", service).replace("$syslog_name", plain)
