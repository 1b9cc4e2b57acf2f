"""What an agent needs of a mail server, and how to find the file that speaks to it.

A new mail server is one new file in this folder: a class that fits `MailHost`, and a function that
makes it from an address, marked `@register("name")`.
"""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import agents.mta
from domain.hosts import Desired, Observation
from domain.measures import Measure


class MailHost(Protocol):
    """A mail server on this machine.

    Every verb may be repeated: asked twice, it changes nothing and says the same. An exception
    means that it did not succeed and may be asked again later; its words go on record.
    """

    @property
    def name(self) -> str:
        """Such as "postfix"."""

    @property
    def can(self) -> frozenset[Measure]:
        """The measures that it can carry out."""

    async def apply(self, measure: Desired) -> Observation:
        """Bring the measure in force, beside those that are; APPLIED once it really is."""

    async def lift(self, measure: Desired) -> Observation:
        """End it and see to what it held; LIFTED with the fate of every message it ever held."""

    async def observe(self, measure: Desired) -> Observation:
        """How a measure in force stands now: what it holds, what went through the smarthost."""


Maker = Callable[[str, Path], MailHost]
_makers: dict[str, Maker] = {}


class UnknownMailHost(ValueError):
    """The address names no mail server that there is a file for."""


class CannotCarryOut(Exception):
    """The measure as it was asked for cannot be brought in force; asking again will not help."""


def register(name: str) -> Callable[[Maker], Maker]:
    """Make `name:rest` an address. The function gets the rest and the agent's state directory."""

    def keep(maker: Maker) -> Maker:
        _makers[name] = maker
        return maker

    return keep


def mail_host(address: str, state_dir: Path) -> MailHost:
    """The mail server at an address such as `postfix:/etc/postfix`.

    `state_dir` is where it may keep small files of its own. Raises UnknownMailHost.
    """
    for module in pkgutil.iter_modules(agents.mta.__path__, "agents.mta."):
        importlib.import_module(module.name)
    name, _, rest = address.partition(":")
    if name not in _makers:
        known = ", ".join(sorted(_makers))
        raise UnknownMailHost(f'"{address}": no mail server is called "{name}"; known: {known}')
    return _makers[name](rest, state_dir)
