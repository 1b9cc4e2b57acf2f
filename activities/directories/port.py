"""Another program that has clients, and how the file that reads it is found.

A new program is one new file in this folder, with a function marked `@register("kind")`. It tells
clients and what they rent in that program's own words; what they mean is for the source's file to
say (domain/clientele/sources.py), and for domain/clientele/understood.py to work out.
"""

import importlib
import os
import pkgutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import activities.directories
from domain.clientele.listed import Listed
from domain.clientele.sources import Source


class NotListed(Exception):
    """The clients could not be read, not even one by one; the message says what to do."""


class Directory(Protocol):
    """Reads all clients that rent something."""

    async def listed(self) -> tuple[Listed, ...]:
        """All of them, or none: raises NotListed where any part could not be read."""


Maker = Callable[[Source], Directory]
_makers: dict[str, Maker] = {}


def register(kind: str) -> Callable[[Maker], Maker]:
    """Make a program readable. The function gets the source as its file describes it."""

    def keep(maker: Maker) -> Maker:
        _makers[kind] = maker
        return maker

    return keep


def directory(source: Source) -> Directory:
    """The reader of a source. Raises NotListed for a kind that there is no file for."""
    package = activities.directories
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    if source.kind not in _makers:
        known = ", ".join(sorted(_makers))
        raise NotListed(f'clients cannot be read from "{source.kind}"; write from: one of {known}')
    return _makers[source.kind](source)


def secret(file: str, form: str) -> str:
    """The one line of a file that others cannot read. Raises NotListed that says what to put there.

    `form` is what the line looks like, such as IDENTIFIER:SECRET.
    """
    try:
        # Opened once: what was checked is what is read.
        with Path(file).open() as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            line = opened.read(1_000).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotListed(f"{file} cannot be read; put {form} there, mode 0600") from error
    if mode & 0o077:
        raise NotListed(f"{file} can be read by others; chmod 600 it, and change the key")
    if not line or not line.isascii() or not line.isprintable():
        raise NotListed(f"{file} is not one line {form}; rewrite it")
    return line
