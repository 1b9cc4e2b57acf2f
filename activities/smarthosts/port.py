"""A smarthost's own usage figures, and how the file that reads them is found.

A plain `HOST:PORT` has none: what the host's agent counted in the mail server's log stands. A new
kind is one new file in this folder, with a function marked `@register("kind")`.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import activities.smarthosts

_KIND = re.compile(r"([a-z][a-z0-9]+):.+:[0-9]+")


class NoFigures(Exception):
    """The smarthost did not tell its figures now; what the agent counted stands until it does."""


class Meter(Protocol):
    """Reads what one mail host sent through the smarthost."""

    async def relayed(self, host: str, since: datetime, until: datetime) -> int:
        """Messages taken from `host` within that time. Raises NoFigures."""


Maker = Callable[[str], Meter]
_makers: dict[str, Maker] = {}


def register(kind: str) -> Callable[[Maker], Maker]:
    """Make a kind's figures readable. The function gets the key of the smarthost's API."""

    def keep(maker: Maker) -> Maker:
        _makers[kind] = maker
        return maker

    return keep


def meter(address: str | None, key: str | None) -> Meter | None:
    """The reader of a smarthost at `KIND:HOST:PORT`; None where it has no figures, or no key."""
    for module in pkgutil.iter_modules(activities.smarthosts.__path__, "activities.smarthosts."):
        importlib.import_module(module.name)
    match = _KIND.fullmatch(address or "")
    if match is None or key is None or match[1] not in _makers:
        return None
    return _makers[match[1]](key)
