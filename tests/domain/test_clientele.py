"""A provider's file: all of it is read, or nothing and every mistake by line."""

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime, time
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import AROUND_THE_CLOCK
from domain.clientele.file import Clientele, Host, Unreadable, read_clientele
from domain.contract import Contract
from domain.measures import Measure
from domain.parties import ClientKind, ServiceKind
from domain.units import Hours, Money
from domain.wire import from_json, to_json

EXAMPLE = (Path(__file__).parents[2] / "docs/example.yaml").read_text()
SMALL = """\
hosts:
  mx1.provider.example:
  mx2.provider.example: {}
  edge-1: {edge: true}
clients:
  aurora:
    name: Aurora
    kind: business
    language: es
    contacts: [abuse@aurora.example]
    contracts:
      a-1:
        clause: 7.30
        jurisdiction: ES
        deadline: 4h
        measures: [hold_domain]
        prices:
          delisting_first: 25.00 EUR
          delisting_again: 60.00 EUR
          smarthost_per_thousand: 1.20 EUR
          smarthost_minimum: 5.00 EUR
          dedicated_address_monthly: 4.00 EUR
    services:
      vps-1: {kind: managed_vps, host: mx1.provider.example, addresses: [192.0.2.0/28]}
  boreal:
    name: Boreal
    kind: residential
    language: en
    contacts: [b@boreal.example]
    contracts:
      b-1:
        clause: "1"
        jurisdiction: US
        deadline: 1h
        calendar: {zone: America/New_York, country: US}
        measures: [block_port25]
        prices:
          delisting_first: 1.00 USD
          delisting_again: 1.00 USD
          smarthost_per_thousand: 1.00 USD
          smarthost_minimum: 1.00 USD
          dedicated_address_monthly: 1.00 USD
    services:
      vps-2: {kind: unmanaged, addresses: [198.51.100.7]}
"""


def changed(*changes: tuple[str, str], of: str = SMALL) -> str:
    for old, new in changes:
        assert of.count(old) == 1, old
        of = of.replace(old, new)
    return of


def errors_of(text: str) -> tuple[str, ...]:
    with pytest.raises(Unreadable) as unreadable:
        read_clientele(text)
    assert str(unreadable.value) == "\n".join(unreadable.value.errors)
    for error in unreadable.value.errors:
        assert re.match(r"line [1-9][0-9]*: ", error)
        assert error.isprintable()
    return unreadable.value.errors


# --- what is read ---------------------------------------------------------------------------


def test_the_example_in_the_docs_is_read_whole() -> None:
    read = read_clientele(EXAMPLE)
    assert [client.id for client in read.clients] == ["aurora", "villanueva", "lantern"]
    assert read.clients[1].kind is ClientKind.GOVERNMENT
    assert read.clients[0].contacts == ("abuse@aurora.example", "soporte@aurora.example")
    assert Host(id="edge-1", edge=True) in read.hosts
    assert {service.id: service.client for service in read.services} == {
        "vps-aurora": "aurora",
        "web-aurora": "aurora",
        "web-villanueva": "villanueva",
        "vps-lantern": "lantern",
        "rack-lantern": "lantern",
    }
    newest = next(each.contract for each in read.contracts if each.contract.id == "aurora-2026")
    assert newest.deadline == Hours.parse("4h")
    assert newest.measures[:2] == (Measure.RATE_LIMIT, Measure.HOLD_DOMAIN)
    assert newest.prices.delisting_again == Money.parse("60.00 EUR")
    assert newest.calendar.business is not None
    assert newest.calendar.business.opens == time(8)


def test_the_example_shows_every_field_and_only_addresses_kept_for_documentation() -> None:
    for field in fields(Contract):
        assert field.name in ("id", "client") or f" {field.name}:" in EXAMPLE
    kept = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    for service in read_clientele(EXAMPLE).services:
        for address in map(ip_network, service.addresses):
            assert any(
                address.version == block.version and address.subnet_of(block)  # type: ignore[arg-type]
                for block in map(ip_network, kept)
            )
    assert set(re.findall(r"@[\w.-]+\.(\w+)", EXAMPLE)) == {"example"}


def test_a_small_file_means_what_the_defaults_say() -> None:
    read = read_clientele(SMALL)
    assert [host.edge for host in read.hosts] == [False, False, True]
    first, second = read.contracts
    assert first.contract == Contract(
        id="a-1",
        client="aurora",
        clause="7.30",
        jurisdiction=first.contract.jurisdiction,
        deadline=Hours.parse("4h"),
        measures=(Measure.HOLD_DOMAIN,),
        prices=first.contract.prices,
    )
    assert first.contract.calendar == AROUND_THE_CLOCK
    assert (first.valid_from, first.valid_until) == (None, None)
    assert str(second.contract.calendar).startswith("business hours 09:00-18:00 America/New_York")
    assert read.services[1].kind is ServiceKind.UNMANAGED
    assert read.services[1].addresses == ("198.51.100.7/32",)


def test_a_contract_that_was_read_travels_whole() -> None:
    for signed in read_clientele(EXAMPLE).contracts:
        assert from_json(Contract, to_json(signed.contract)) == signed.contract


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-07-01", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-07-01T08:00:00+02:00", datetime(2026, 7, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_date_begins_at_midnight_in_the_zone_of_the_contract(
    written: str, meant: datetime
) -> None:
    signed = read_clientele(changed(('clause: "1"', f'clause: "1"\n        valid_from: {written}')))
    assert signed.contracts[1].valid_from == meant
    assert signed.contracts[1].valid_until is None


def test_hosts_may_stand_below_the_clients_that_name_them() -> None:
    hosts, clients = SMALL.split("clients:\n")
    assert read_clientele(f"clients:\n{clients}{hosts}") == read_clientele(SMALL)


def test_a_value_that_yaml_takes_for_something_else_is_read_as_it_stands() -> None:
    read = read_clientele(
        changed(
            ("country: US}", "country: NO, opens: 08:00, closes: 16:30}"),
            ("name: Boreal", "name: No"),
        )
    )
    office = read.contracts[1].contract.calendar.business
    assert office is not None
    assert (office.country, office.opens, office.closes) == ("NO", time(8), time(16, 30))
    assert read.clients[1].name == "No"


# --- what is refused ------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_by_line_and_nothing_is_read() -> None:
    broken = changed(
        ("measures: [hold_domain]", "measures: [hold_domian]"),
        ("delisting_first: 25.00 EUR", "delisting_first: -25.00 EUR"),
        ("    contacts: [b@boreal.example]\n", ""),
        ("198.51.100.7", "192.0.2.3"),
    )
    assert errors_of(broken) == (
        'line 16: unknown measure "hold_domian"; did you mean hold_domain?',
        'line 18: "-25.00 EUR" is negative; a fee is 0.00 EUR or more',
        'line 25: client "boreal" has no contacts; add `contacts: [abuse@client.example]`',
        "line 43: 192.0.2.3/32 of vps-2 overlaps 192.0.2.0/28 of vps-1 (line 24); "
        "write every address once",
    )


B_2 = """\
      b-2:
        clause: "1"
        jurisdiction: US
        deadline: 1h
        measures: [block_port25]
        prices: {delisting_first: 1 USD, delisting_again: 1 USD, smarthost_per_thousand: 1 USD,
                 smarthost_minimum: 1 USD, dedicated_address_monthly: 1 USD}
"""


def two_contracts(first: str, second: str) -> str:
    """Boreal with contracts b-1 and b-2 and the periods given."""
    below = B_2.replace("b-2:\n", f"b-2:\n        {second}\n")
    return changed(
        ('clause: "1"\n        jurisdiction: US\n        deadline: 1h\n        calendar',
         f'{first}\n        clause: "1"\n        jurisdiction: US\n        deadline: 1h\n'
         "        calendar"),
        ("    services:\n      vps-2", f"{below}    services:\n      vps-2"),
    )  # fmt: skip


NONE = "# open-ended"


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (NONE, NONE, True),
        ("valid_until: 2026-07-01T04:00:00Z", "valid_from: 2026-07-01T04:00:00Z", False),
        ("valid_until: 2026-07-01T04:00:01Z", "valid_from: 2026-07-01T04:00:00Z", True),
        ("valid_until: 2026-07-01T04:00:00Z", NONE, True),
        ("valid_from: 2026-07-01T04:00:00Z", "valid_until: 2026-07-01T04:00:00Z", False),
        ("valid_from: 2026-07-01T04:00:00Z", "valid_from: 2027-01-01", True),
    ],
)
def test_contracts_of_one_client_never_overlap(first: str, second: str, overlap: bool) -> None:
    text = two_contracts(first, second)
    if not overlap:
        assert len(read_clientele(text).contracts) == 3
        return
    (error,) = errors_of(text)
    assert re.match(r"line \d+: contract b-[12] begins before b-[12] \(line \d+\) has ended", error)


def test_a_contract_is_held_against_the_one_that_ends_last() -> None:
    text = two_contracts("valid_until: 2030-01-01", "valid_from: 2026-01-01")
    text = changed(
        ("valid_from: 2026-01-01", "valid_from: 2026-01-01\n        valid_until: 2026-02-01"),
        ("    services:\n      vps-2",
         B_2.replace("b-2:\n", "b-3:\n        valid_from: 2027-01-01\n")
         + "    services:\n      vps-2"),
        of=text,
    )  # fmt: skip
    second, third = errors_of(text)
    assert "contract b-2 begins before b-1" in second
    assert "contract b-3 begins before b-1" in third


ONE_MISTAKE: list[tuple[str, str, str]] = [
    ("kind: business", "kind: busines", 'line 8: unknown kind "busines"; did you mean business?'),
    ("language: es", "language: fr", 'line 9: unknown language "fr"; write one of en, es'),
    ("jurisdiction: ES", "jurisdiction: FR",
     'line 14: unknown jurisdiction "FR"; write one of ES, US'),
    ("kind: managed_vps", "kind: managed", 'line 24: unknown kind "managed"; did you mean'),
    ("America/New_York", "America/NewYork", 'line 35: "America/NewYork" is no time zone'),
    ("country: US}", "country: XX}", 'line 35: no holidays are known of "XX"; write ISO 3166'),
    ("country: US}", "country: US, subdivision: ZZ}",
     'line 35: no holidays are known of "US-ZZ"'),
    ("country: US}", "country: US, opens: 19:00}", "line 35: opens 19:00 is not before closes"),
    ("country: US}", "country: US, weekdays: [noday]}", 'line 35: unknown weekday "noday"'),
    ("calendar: {zone: America/New_York, country: US}", "calendar: office hours",
     'line 35: unknown calendar "office hours"; write `around the clock`'),
    ("calendar: {zone: America/New_York, country: US}", "calendar: {country: US}",
     "line 35: the calendar has no zone; add `zone: Europe/Madrid`"),
    ("delisting_again: 60.00 EUR", "delisting_again: 60.00 USD",
     "line 19: delisting_again is in USD and delisting_first in EUR"),
    ("delisting_again: 60.00 EUR", "delisting_again: 60.00 JPY",
     "line 19: delisting_again is in JPY and delisting_first in EUR"),
    ("delisting_again: 60.00 EUR", "delisting_again: 60", 'line 19: "60" is not an amount'),
    ("          delisting_again: 60.00 EUR\n", "", "line 18: prices has no delisting_again"),
    ("deadline: 4h", "deadline: 4 hours", 'line 15: "4 hours" is not a span of time'),
    ("deadline: 4h", "deadline: 0h", "line 15: a deadline of 0 s gives no time at all"),
    ("deadline: 4h", "deadline: 4h\n        reminders: [4h]", "line 16: a reminder is due before"),
    ("deadline: 4h", "deadline: 4h\n        chasers: [2d, 1d]", "line 16: write the spans of"),
    ("deadline: 4h", "deadline: 4h\n        window_months: 121", "line 16: write a window of at"),
    ("deadline: 4h", "deadline: 4h\n        hard_cap: 0", 'line 16: "0" is not a whole number'),
    ("deadline: 4h", "deadline: 4h\n        containment: no", 'line 16: "no" is neither true nor'),
    ("deadline: 4h", "deadline: 4h\n        deadlin: 4h",
     'line 16: contract "a-1" has no "deadlin"'),
    ("deadline: 4h", "deadline: 4h\n        valid_from: soon", 'line 16: "soon" is not a date'),
    ("deadline: 4h",
     "deadline: 4h\n        valid_from: 2027-01-01\n        valid_until: 2026-01-01",
     "line 17: write a valid_until after valid_from"),
    ("measures: [hold_domain]", "measures: []", "line 16: this is not a list of one or more"),
    ("measures: [hold_domain]", "measures: [hold_domain, hold_domain]",
     'line 16: "hold_domain" is in this list twice'),
    ("contacts: [abuse@aurora.example]", "contacts: []", "line 10: this is not a list of one"),
    ("contacts: [abuse@aurora.example]", "contacts: [abuse]", 'line 10: "abuse" is not a mail'),
    ("contacts: [abuse@aurora.example]", "contacts: [abuse@aurora.example]\n    phone: soon",
     'line 11: "soon" is not a phone number'),
    ("name: Aurora\n", "name: Aurora\n    name: Boreal\n", 'line 8: "name" is in client "aurora"'),
    ("name: Aurora\n", "nmae: Aurora\n", 'line 6: client "aurora" has no name; add `name:'),
    ("clients:\n  aurora:", "clients:\n  Aurora SL:", 'line 6: "Aurora SL" cannot be a name'),
    ("      a-1:", "      b-1:", 'line 31: contract "b-1" is in the file already (line 12)'),
    ("      vps-2: {", "      vps-1: {",
     'line 44: service "vps-1" is in the file already (line 24)'),
    ("  boreal:\n", "  aurora:\n", 'line 25: "aurora" is in the client list already (line 6)'),
    ("host: mx1.provider.example", "host: mx9.provider.example", "line 24: unknown host"),
    ("host: mx1.provider.example", "host: edge-1", "line 24: edge-1 is at the edge"),
    ("host: mx1.provider.example", "account: aurora", "line 24: .* which has no account"),
    ("kind: unmanaged,", "kind: unmanaged, account: boreal,", "line 44: .* which has no account"),
    ("kind: unmanaged, addresses: [198.51.100.7]", "kind: unmanaged",
     "line 44: .* has neither addresses nor a host"),
    ("kind: managed_vps, host", "kind: shared, host", "line 24: .* is shared and names no account"),
    ("kind: unmanaged,", "kind: managed_vps, host: mx1.provider.example,",
     'line 24: service "vps-1" is managed_vps on mx1.provider.example, where "vps-2" of boreal'),
    ("[192.0.2.0/28]", "[192.0.2.1/28]", "line 24: .* write 192.0.2.0/28 for the block"),
    ("[192.0.2.0/28]", "[192.0.2.0/28, 192.0.2.0/28]", "line 24: .* is in this list twice"),
    ("[192.0.2.0/28]", "[192.0.2.0/28, 192.0.2.9]", "line 24: 192.0.2.9/32 of vps-1 overlaps"),
    ("[192.0.2.0/28]", "[192.0.2.0/28, 198.51.100.0/24]", "line 44: 198.51.100.7/32 of vps-2"),
    ("[192.0.2.0/28]", "[192.0.2.0/28, 198.51.100.7]", "line 44: 198.51.100.7/32"),
    ("clients:\n", "cleints:\n", "line 1: the file has no clients"),
    ("  mx2.provider.example: {}", "  mx2.provider.example: {edge: maybe}", 'line 3: "maybe"'),
    ("  mx2.provider.example: {}", "  mx2.provider.example: {key: x}",
     'line 3: host .* has no "key"'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), ONE_MISTAKE)
def test_a_mistake_is_told_by_its_line_with_what_to_write(old: str, new: str, said: str) -> None:
    errors = errors_of(changed((old, new)))
    pattern = re.escape(said).replace(r"\.\*", ".*")
    assert any(re.match(pattern, error) for error in errors), errors


def test_a_deadline_that_its_calendar_never_reaches_is_refused() -> None:
    text = changed(
        ("country: US}", "country: US, opens: 09:00, closes: 09:01}"),
        ("deadline: 1h", "deadline: 60d"),
    )
    (error,) = errors_of(text)
    assert error.startswith("line 34: no working day within five years")


def test_accounts_of_several_clients_may_share_a_host_that_nobody_has_alone() -> None:
    text = changed(
        ("kind: managed_vps, host: mx1.provider.example, addresses: [192.0.2.0/28]",
         "kind: shared, host: mx1.provider.example, account: aurora"),
        ("kind: unmanaged, addresses: [198.51.100.7]",
         "kind: reseller, host: mx1.provider.example, account: boreal"),
    )  # fmt: skip
    assert [service.account for service in read_clientele(text).services] == ["aurora", "boreal"]


def of_both_versions(prefixes: Iterable[str]) -> str:
    return changed(("[192.0.2.0/28]", f"[{', '.join(prefixes)}]"))


def test_the_two_versions_of_the_protocol_never_overlap() -> None:
    # 2001:db8::/32 begins with the bits of 32.1.13.184, and is something else.
    services = read_clientele(of_both_versions(["32.1.13.184", "2001:db8::/32"])).services
    assert services[0].addresses == ("32.1.13.184/32", "2001:db8::/32")


blocks = st.builds(
    lambda bits, size: str(ip_network((bits >> (32 - size) << (32 - size), size))),
    st.integers(0xC0000200, 0xC00002FF),
    st.integers(24, 32),
)


@given(st.lists(blocks, min_size=1, max_size=6, unique=True))
def test_prefixes_are_refused_exactly_where_two_of_them_overlap(prefixes: list[str]) -> None:
    networks = list(map(ip_network, prefixes))
    overlap = any(one.overlaps(other) for n, one in enumerate(networks) for other in networks[:n])
    text = of_both_versions(prefixes)
    if overlap:
        assert all("overlaps" in error for error in errors_of(text))
    else:
        assert read_clientele(text).services[0].addresses == tuple(prefixes)


LINES = EXAMPLE.splitlines()


@given(
    start=st.integers(0, len(LINES) - 1),
    length=st.integers(0, 5),
    put=st.lists(
        st.sampled_from([*LINES, "", "  x: [", "x", "- y", "    services: ~"]), max_size=3
    ),
)
def test_whatever_is_done_to_a_file_it_is_read_whole_or_refused_by_line(
    start: int, length: int, put: list[str]
) -> None:
    text = "\n".join([*LINES[:start], *put, *LINES[start + length :]])
    try:
        assert isinstance(read_clientele(text), Clientele)
    except Unreadable as unreadable:
        last = text.count("\n") + 1
        numbers = [int(error.split(":")[0].removeprefix("line ")) for error in unreadable.errors]
        assert numbers
        assert numbers == sorted(numbers)
        assert numbers[-1] <= last + 1


@given(st.text())
def test_no_text_at_all_makes_reading_fail_otherwise(text: str) -> None:
    with pytest.raises(Unreadable):
        read_clientele(text)
