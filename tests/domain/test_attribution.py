"""Whose address it was: the longest prefix that was somebody's at that moment, and their terms."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intake.attribution import NO_ADDRESS, Held, Index, Place, unknown, without_contract

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def always(by: str) -> list[Held]:
    return [Held(None, None, by)]


def an_index(**prefixes: str) -> Index:
    """One client with a contract of no end, whose services have these prefixes."""
    index = Index()
    index.agree("aurora", always("c-1"))
    for service, prefix in prefixes.items():
        index.rent(service, "aurora")
        index.hold(prefix, always(service))
    return index


def service_at(index: Index, address: str, at: datetime = JULY) -> str:
    place = index.place(address, at)
    return place.service if isinstance(place, Place) else place


def test_an_address_gives_service_client_and_contract() -> None:
    place = an_index(vps="192.0.2.7/32").place("192.0.2.7", JULY)
    assert place == Place(service="vps", client="aurora", contract="c-1")


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("192.0.2.7", "one"),
        ("192.0.2.8", "narrow"),
        ("192.0.2.99", "wide"),
        ("2001:db8:7::1", "six"),
        ("2001:db8:7::2", "wider"),
    ],
)
def test_the_longest_prefix_has_it(address: str, service: str) -> None:
    index = an_index(
        wide="192.0.2.0/24", one="192.0.2.7/32", narrow="192.0.2.0/28",
        six="2001:db8:7::1/128", wider="2001:db8::/32",
    )  # fmt: skip
    assert service_at(index, address) == service


def test_a_longer_prefix_that_was_nobodys_then_leaves_it_to_the_wider_one() -> None:
    index = an_index(wide="192.0.2.0/24", narrow="192.0.2.0/28")
    index.hold("192.0.2.0/28", [Held(JULY, None, "narrow")])
    assert service_at(index, "192.0.2.7", JANUARY) == "wide"
    assert service_at(index, "192.0.2.7", JULY) == "narrow"


def test_a_period_has_its_beginning_and_not_its_end() -> None:
    index = an_index(first="192.0.2.7/32", second="192.0.2.8/32")
    index.hold("192.0.2.7/32", [Held(None, JULY, "first"), Held(JULY, None, "second")])
    assert service_at(index, "192.0.2.7", JULY - INSTANT) == "first"
    assert service_at(index, "192.0.2.7", JULY) == "second"


def test_the_contract_is_the_one_in_force_when_the_mail_was_sent() -> None:
    index = an_index(vps="192.0.2.7/32")
    index.agree("aurora", [Held(JANUARY, JULY, "old"), Held(JULY, None, "new")])
    contracts = [index.place("192.0.2.7", at) for at in (JULY - INSTANT, JULY)]
    assert [cast(Place, each).contract for each in contracts] == ["old", "new"]
    assert index.place("192.0.2.7", JANUARY - INSTANT) == without_contract("aurora")


def test_what_is_said_last_of_a_prefix_replaces_what_was_said_before() -> None:
    index = an_index(first="192.0.2.7/32", second="192.0.2.8/32")
    index.hold("192.0.2.7/32", always("second"))
    assert service_at(index, "192.0.2.7") == "second"
    index.hold("192.0.2.7/32", [])
    assert service_at(index, "192.0.2.7") == unknown("192.0.2.7")
    assert len(index) == 1


def test_a_service_that_changes_hands_is_the_new_clients() -> None:
    index = an_index(vps="192.0.2.7/32")
    index.rent("vps", "boreal")
    assert index.place("192.0.2.7", JULY) == without_contract("boreal")
    index.agree("boreal", always("b-1"))
    assert cast(Place, index.place("192.0.2.7", JULY)).client == "boreal"


def test_without_an_address_there_is_no_place() -> None:
    assert an_index().place(None, JULY) == NO_ADDRESS


NETWORKS = st.one_of(
    st.builds(
        lambda host, length: ip_network((0x0A000000 | host, length), strict=False),
        st.integers(0, 255), st.integers(24, 32),
    ),
    st.builds(
        lambda host, length: ip_network((0x20010DB8 << 96 | host, length), strict=False),
        st.integers(0, 255), st.integers(120, 128),
    ),
)  # fmt: skip


@given(st.lists(NETWORKS, max_size=30), st.integers(0, 255), st.booleans())
def test_it_finds_what_looking_at_every_prefix_finds(
    networks: list[IPv4Network | IPv6Network], host: int, six: bool
) -> None:
    address = ip_address((0x20010DB8 << 96 | host) if six else (0x0A000000 | host))
    index = Index()
    index.agree("aurora", always("c-1"))
    for network in networks:
        index.rent(f"s-{network}", "aurora")
        index.hold(str(network), always(f"s-{network}"))
    covering = [each for each in networks if address in each]
    longest = max(covering, key=lambda each: each.prefixlen, default=None)
    expected = unknown(str(address)) if longest is None else f"s-{longest}"
    assert service_at(index, str(address)) == expected
