"""Which domains a Postfix receives mail for (ADDRESS_CLASS_README): mail to them is inbound."""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from agents.mta.postfix.commands import Commands, WithoutAWord

_CLASSES = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")
_TABLE = re.compile(r"[a-z]+:.+")


async def own_domains(commands: Commands, domains: Iterable[str]) -> set[str]:
    """Those of the domains that are the host's own; addresses without a domain ("") are too."""
    asked = {domain for domain in domains if not re.search(r"\s", domain)}
    own = asked & {""}
    if asked == own:
        return own
    for setting in _CLASSES:
        for item in items(await commands.setting(setting, expanded=True)):
            own |= await _listed(commands, item.lower() if "/" not in item else item, asked - own)
    return own


async def classes(commands: Commands) -> tuple[set[str], list[str]]:
    """The names that the host receives mail for, and the tables that have more of them."""
    names: set[str] = set()
    tables: list[str] = []
    for setting in _CLASSES:
        for item in items(await commands.setting(setting, expanded=True)):
            if item.startswith("/"):
                names |= await _names_in(item)
            elif _TABLE.fullmatch(item):
                tables.append(item)
            else:
                names.add(item.lower())
    return names, list(dict.fromkeys(tables))


def items(value: str) -> list[str]:
    """A list's elements; commas and spaces within braces belong to a table's name."""
    return [match[0] for match in re.finditer(r"(?:[^\s,{}]|\{[^}]*\})+", value)]


async def _listed(commands: Commands, item: str, asked: set[str]) -> set[str]:
    if item.startswith("/"):
        return _matching(await _names_in(item), asked)
    if _TABLE.fullmatch(item):
        try:
            found = await commands.run("postmap", "-q", "-", item, given="\n".join([*asked, ""]))
        except WithoutAWord:
            return set()
        return {line.split("\t", 1)[0] for line in found.splitlines()} & asked
    return _matching({item}, asked)


async def _names_in(file: str) -> set[str]:
    lines = (await asyncio.to_thread(Path(file).read_text)).splitlines()
    return {line.strip().lower() for line in lines if line.strip() and not line.startswith("#")}


def _matching(names: set[str], asked: set[str]) -> set[str]:
    below = tuple(name for name in names if name.startswith("."))
    return {each for each in asked if each in names or (below and each.endswith(below))}
