"""Whose address it was: prefixes, services and contracts, each in its own periods, in memory.

One dictionary for each length of prefix, the longest asked first. Of a million prefixes that is a
fifth of a radix tree's memory, and quicker (`benchmarks/attribution.py`): what providers
rent out has few lengths, and most of it is single addresses, which are found at the first look.
"""

import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

NO_ADDRESS = "the report names no sending address"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Whom a complaint concerns, and on what terms."""

    service: str
    client: str
    contract: str


class Held(NamedTuple):
    """Who, or what, had something over a half-open period: `since` is in it, `until` is not."""

    since: datetime | None
    until: datetime | None
    by: str


def unknown(address: str) -> str:
    """Why a complaint about an address that nobody had cannot be placed."""
    return f"no service had the address {address} at that time"


def without_contract(client: str) -> str:
    """Why a complaint about a client's address cannot be placed."""
    return f"client {client} had no contract in force at that time"


_Periods = str | tuple[Held, ...]
"""The bare name stands for always: that is nearly everything, and a million tuples are not."""


class _Family:
    """The prefixes of one version of IP, of `bits` bits."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.lengths: list[tuple[int, dict[int, _Periods]]] = []
        """By how many bits to the right of the prefix, fewest first: the longest prefix."""

    def hold(self, number: int, length: int, periods: _Periods | None) -> None:
        rest = self.bits - length
        held = next((held for known, held in self.lengths if known == rest), None)
        if held is None:
            held = {}
            self.lengths = sorted([*self.lengths, (rest, held)], key=lambda each: each[0])
        if periods is None:
            held.pop(number >> rest, None)
        else:
            held[number >> rest] = periods


class Index:
    """Who had which address when, whose client that is, and the contract in force then."""

    def __init__(self) -> None:
        self._v4 = _Family(32)
        self._v6 = _Family(128)
        self._clients: dict[str, str] = {}
        self._contracts: dict[str, _Periods] = {}
        self._places: dict[str, Place] = {}
        """Of services whose client has one contract for always: what `place` has found before."""

    def __len__(self) -> int:
        """How many prefixes it holds."""
        return sum(len(held) for each in (self._v4, self._v6) for _, held in each.lengths)

    def hold(self, prefix: str, periods: Iterable[Held]) -> None:
        """Say which services had a prefix, `192.0.2.0/24`, in place of all said before."""
        network, _, length = prefix.partition("/")
        family = self._v6 if ":" in network else self._v4
        family.hold(_number(network), int(length or family.bits), _compact(periods))

    def rent(self, service: str, client: str | None) -> None:
        """Say whose a service is; None for one that is no more."""
        self._places.pop(service, None)
        if client is None:
            self._clients.pop(service, None)
        else:
            self._clients[sys.intern(service)] = sys.intern(client)

    def agree(self, client: str, periods: Iterable[Held]) -> None:
        """Say which contracts a client had, in place of all said before."""
        compact = _compact(periods)
        self._places.clear()
        if compact is None:
            self._contracts.pop(client, None)
        else:
            self._contracts[sys.intern(client)] = compact

    def place(self, address: str | None, at: datetime) -> Place | str:
        """Whose an address was at a moment, or why that is not known.

        The longest of the prefixes that were somebody's at that moment decides. The address is in
        the canonical form that complaints have it in.
        """
        if address is None:
            return NO_ADDRESS
        number = _number(address)
        for rest, held in (self._v6 if ":" in address else self._v4).lengths:
            periods = held.get(number >> rest)
            service = periods if isinstance(periods, str) else _at(periods, at)
            if service is not None:
                return self._places.get(service) or self._place(service, at)
        return unknown(address)

    def _place(self, service: str, at: datetime) -> Place | str:
        client = self._clients[service]
        periods = self._contracts.get(client)
        contract = _at(periods, at)
        if contract is None:
            return without_contract(client)
        place = Place(service=service, client=client, contract=contract)
        if isinstance(periods, str):
            self._places[service] = place
        return place


def _number(address: str) -> int:
    # Ten times as quick as the `ipaddress` module, which would be most of a lookup.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, address), "big")


def _compact(periods: Iterable[Held]) -> _Periods | None:
    found = tuple(Held(each.since, each.until, sys.intern(each.by)) for each in periods)
    if len(found) == 1 and found[0].since is None and found[0].until is None:
        return found[0].by
    return found or None


def _at(periods: _Periods | None, at: datetime) -> str | None:
    if periods is None or isinstance(periods, str):
        return periods
    for since, until, by in periods:
        if (since is None or since <= at) and (until is None or at < until):
            return by
    return None
