"""What a measure asks of the firewall: addresses, and where their port 25 leads instead."""

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from agents.edge.ruleset import Address, Elements, blocking, turning
from agents.mta.port import CannotCarryOut
from agents.smarthosts.port import NoLogin, smarthost
from domain.hosts import Desired
from domain.intake.complaints import canonical_address
from domain.measures import Measure, Scope

_SECONDS = 10.0
"""Longest that a smarthost's name may take to be looked up; other measures wait meanwhile."""


class SmarthostUnknown(Exception):
    """The smarthost's name cannot be looked up now; the same is worth trying again."""


async def aim(measure: Desired, before: Elements, state_dir: Path) -> Elements:
    """What the sets need for the measure; `before` is what it needed when it was last asked.

    Raises CannotCarryOut for what is no address or cannot be done at an edge, SmarthostUnknown.
    """
    addresses = _addresses(measure)
    if measure.restriction.measure is not Measure.SMARTHOST_REDIRECT:
        return blocking(addresses)
    host, port = _relay(measure, state_dir)
    through = await _looked_up(host, port, before)
    for address in addresses:
        if address.version not in through:
            raise CannotCarryOut(
                f"the smarthost {host} has no IPv{address.version} address for {address}"
            )
    return turning(addresses, through, port)


def _addresses(measure: Desired) -> list[Address]:
    restriction = measure.restriction
    if restriction.scope is not Scope.ADDRESS:
        raise CannotCarryOut(f"an edge takes hold of addresses, not of a {restriction.scope}")
    addresses = []
    for target in restriction.targets:
        if (known := canonical_address(target)) is None:
            raise CannotCarryOut(f'"{target}" is no IP address')
        addresses.append(ip_address(known))
    return addresses


def _relay(measure: Desired, state_dir: Path) -> tuple[str, int]:
    """A relay that takes the client's mail as it comes: here nobody can add a login or a header."""
    try:
        found = smarthost(measure, state_dir)
    except NoLogin as error:
        raise CannotCarryOut(f'an edge cannot log in to "{measure.smarthost}"') from error
    if found.login is not None or found.identity_headers:
        raise CannotCarryOut(f'an edge can add neither login nor header for "{measure.smarthost}"')
    return found.host, found.port


async def _looked_up(host: str, port: int, before: Elements) -> Mapping[int, Address]:
    """One address by IP version: the one that is in use while it is still right, else the first.

    What was in use goes on where no name server answers: a redirect ends for no outage.
    """
    used = {
        leads.rpartition(" . ")[0]
        for name, elements in before.items()
        if name.startswith("smarthosts")
        for leads in elements.values()
    }
    try:
        async with asyncio.timeout(_SECONDS):
            answers = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        found = [str(answer[4][0]) for answer in answers]
    except (OSError, UnicodeError, TimeoutError) as error:
        if not used:
            raise SmarthostUnknown(
                f'the smarthost "{host}" cannot be looked up: {error}'
            ) from error
        found = list(used)
    through: dict[int, Address] = {}
    for text in sorted(found, key=lambda each: each not in used):
        address = ip_address(text)
        through.setdefault(address.version, address)
    return through
