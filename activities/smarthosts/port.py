"""A smarthost's own usage figures, and how the file that reads them is found.

A figure is of all that one host sent in a time that we name, so it is the state of a counter that
began with that time: asked for again it is the same or, where something was counted late, higher.

A plain `HOST:PORT` has none: what the host's agent counted in the mail server's log stands. A new
kind is one new file in this folder, with a function marked `@register("kind")`.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import activities.smarthosts

_KIND = re.compile(r"([a-z][a-z0-9]+):.+:[0-9]+")


class NoFigures(Exception):
    """The smarthost did not tell its figures now; they are asked for again, and billed then."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How many messages, and what was asked and answered word for word, as evidence."""

    messages: int
    raw: Mapping[str, object]


class Meter(Protocol):
    """Reads what one mail host sent through the smarthost."""

    @property
    def kind(self) -> str:
        """Such as "mailchannels": the source of the readings."""

    async def sent(self, host: str, since: datetime, until: datetime) -> Figure:
        """What `host` sent from `since` up to `until`, which is excluded. Raises NoFigures."""


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
