"""Ports on the loopback address that stay the same from run to run, so that links stay valid."""

import json
import secrets
import socket

from workers.embedded import NotStarted
from workers.embedded.home import Home

LOOPBACK = "127.0.0.1"

_RANGE = range(20_000, 30_000)
"""Below what Linux and macOS hand out to outgoing connections, which could take it meanwhile."""


class PortTaken(NotStarted):
    """The port that was asked for is in use."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(
            f"port {port} for {name} is in use on {LOOPBACK}; choose another, or none to let one "
            "be found"
        )


def port_for(home: Home, name: str, asked: int | None = None) -> int:
    """The port asked for; else the one of the run before, if free; else a free one, now kept.

    Raises PortTaken, only for a port asked for.
    """
    if asked is not None:
        if not is_free(asked):
            raise PortTaken(name, asked)
        return asked
    file = home.path / "ports.json"
    try:
        kept: dict[str, int] = json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        kept = {}
    if name not in kept or not is_free(kept[name]):
        kept[name] = _find(taken=set(kept.values()))
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(kept, indent=1))
        fresh.replace(file)
    return kept[name]


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do: connections of the run before that still linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _find(taken: set[int]) -> int:
    while True:
        port = secrets.choice(_RANGE)
        if port not in taken and is_free(port):
            return port
