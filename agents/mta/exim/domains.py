"""Which domains an Exim receives mail for: mail to them is inbound."""

import re
from collections.abc import Iterable

from agents.mta.exim.commands import Commands

_LISTS = ("local_domains", "relay_to_domains", "relay_domains")
"""As Debian and cPanel name them; the first is in every configuration that Exim comes with."""
_DOMAIN = re.compile(r"[a-z0-9._-]{1,253}")
"""What is asked about is part of an expansion, and senders choose it: nothing else may be in it."""


class NoOwnDomains(Exception):
    """Exim's configuration names no list of its own domains; call it `local_domains`."""


async def own_lists(commands: Commands) -> tuple[str, ...]:
    """The named lists that this configuration has. Raises NoOwnDomains."""
    found = [name for name in _LISTS if (await commands.tried("-bP", f"+{name}"))[0] == 0]
    if not found:
        raise NoOwnDomains(f"{commands.config_dir}: there is no domainlist {' or '.join(_LISTS)}")
    return tuple(found)


async def own_domains(
    commands: Commands, lists: tuple[str, ...], domains: Iterable[str]
) -> set[str]:
    """Those of the domains that are the host's own."""
    asked = sorted({domain for domain in domains if _DOMAIN.fullmatch(domain)})
    if not asked:
        return set()
    ours = " : ".join(f"+{name}" for name in lists)
    questions = [f"${{if match_domain{{{each}}}{{{ours}}}{{own}}{{other}}}}" for each in asked]
    printed = await commands.run("-be", given="\n".join([*questions, ""]))
    answers = re.findall(r"^(?:> )*(own|other)$", printed, re.MULTILINE)
    return {domain for domain, answer in zip(asked, answers, strict=True) if answer == "own"}
