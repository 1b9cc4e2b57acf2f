"""Which address each of Exim's SMTP transports sends from (The Exim Specification, `interface`).

Without the option, it is the kernel's choice. One that is worked out for each message (cPanel's, by
`/etc/mailips`) is only known from the log, with `log_selector = +outgoing_interface`.
"""

import re
from collections.abc import Mapping

from agents.mta.exim.commands import Commands
from agents.mta.leaving import Leaving, by_the_kernel, single

_TRANSPORT = re.compile(r"^(\S+) transport:\n((?:(?!\S+ transport:$).*\n?)*)", re.MULTILINE)
_DRIVER = re.compile(r"^\s*driver = smtp$", re.MULTILINE)
_INTERFACE = re.compile(r"^\s*interface = (.*)$", re.MULTILINE)
_SEPARATED = re.compile(r"<(\S)\s*(.*)")
"""A list that says what stands between its items."""


async def bindings(commands: Commands) -> Mapping[str, Leaving]:
    """What leaves from where, by transport. Raises EximFailed."""
    listing = await commands.run("-bP", "transports")
    return {
        match[1]: bound(match[2])
        for match in _TRANSPORT.finditer(listing)
        if _DRIVER.search(match[2])
    }


def bound(options: str) -> Leaving:
    """What a transport with these options, one a line, leaves from."""
    given = _INTERFACE.search(options)
    setting = given[1].strip() if given is not None else ""
    if not setting:
        return by_the_kernel()
    if "$" in setting:
        return Leaving()
    separated = _SEPARATED.fullmatch(setting)
    # The usual colon stands twice within an item: `192.0.2.7 : 2001::db8::::7`.
    items = (
        separated[2].split(separated[1])
        if separated is not None
        else [each.replace("::", ":") for each in re.split(r"(?<!:):(?!:)", setting)]
    )
    return single(items).or_else(by_the_kernel())
