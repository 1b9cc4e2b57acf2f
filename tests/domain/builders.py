"""Small builders: everything ordinary unless a test says otherwise, and every ordinary thing."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from domain.calendar import AROUND_THE_CLOCK, BusinessHours, Calendar
from domain.contract import Contract, Prices
from domain.ladder import Facts
from domain.measures import Measure
from domain.parties import Client, ClientKind, Jurisdiction, Language, Service, ServiceKind
from domain.units import Hours, Money

NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
"""A Tuesday, half past two in Madrid and half past eight in New York."""
HOUR = Hours(3_600)
MADRID = BusinessHours(zone="Europe/Madrid", country="ES", subdivision="MD")
NEW_YORK = BusinessHours(zone="America/New_York", country="US", subdivision="NY")
MANAGED = [ServiceKind.MANAGED_VPS, ServiceKind.MANAGED_DEDICATED, ServiceKind.MANAGED_CLOUD]
OWN = [ServiceKind.SHARED, ServiceKind.RESELLER]


def euros(amount: str) -> Money:
    return Money.parse(f"{amount} EUR")


PRICES = Prices(
    delisting_first=euros("25.00"),
    delisting_again=euros("60.00"),
    smarthost_per_thousand=euros("1.20"),
    smarthost_minimum=euros("5.00"),
    dedicated_address_monthly=euros("4.00"),
)


def a_contract(**other: Any) -> Contract:
    ordinary: dict[str, Any] = {
        "id": "c-1",
        "client": "aurora",
        "clause": "7.3",
        "jurisdiction": Jurisdiction.ES,
        "deadline": Hours.parse("4h"),
        "measures": tuple(Measure),
        "prices": PRICES,
    }
    return Contract(**ordinary | other)


def a_client(kind: ClientKind = ClientKind.BUSINESS) -> Client:
    return Client(
        id="aurora", name="Aurora", kind=kind, language=Language.ES, contacts=("a@aurora.example",)
    )


def a_service(kind: ServiceKind = ServiceKind.MANAGED_VPS, **other: Any) -> Service:
    ordinary: dict[str, Any] = {
        "id": "vps-1",
        "client": "aurora",
        "kind": kind,
        "host": None if kind is ServiceKind.UNMANAGED else "mx1.provider.example",
        "account": "aurora" if kind in OWN else None,
        "addresses": ("192.0.2.0/28",),
    }
    return Service(**ordinary | other)


def some_facts(**other: Any) -> Facts:
    ordinary: dict[str, Any] = {
        "now": NOW,
        "reported_at": NOW,
        "earlier": (),
        "volume": 10,
        "addresses": ("192.0.2.7",),
        "domain": "shop.example",
    }
    return Facts(**ordinary | other)


def earlier(count: int) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(days=10 + n) for n in range(count))


moments = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds and adds the zone
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC]),
)
spans = st.integers(1, 60 * 3_600).map(Hours)
business = st.builds(
    BusinessHours,
    zone=st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    country=st.sampled_from(["ES", "US"]),
    opens=st.times(time(0), time(11)),
    closes=st.times(time(12), time(23, 59)),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)
calendars = st.one_of(st.just(AROUND_THE_CLOCK), business.map(Calendar))
measure_lists = st.lists(st.sampled_from(Measure), unique=True).map(tuple)
contracts = st.builds(
    a_contract,
    deadline=spans,
    measures=measure_lists,
    calendar=calendars,
    containment=st.booleans(),
    smarthost_billing=st.booleans(),
    hourly_limit=st.integers(1, 10_000),
    hard_cap=st.integers(1, 10_000),
    address_cap=st.integers(1, 50),
    window_months=st.integers(1, 36),
    reminders=st.lists(spans, max_size=3).map(tuple),
)
clients = st.builds(a_client, st.sampled_from(ClientKind))
services = st.builds(
    a_service,
    st.sampled_from(ServiceKind),
    host=st.sampled_from([None, "mx1.provider.example"]),
    account=st.sampled_from([None, "aurora"]),
)
facts = st.builds(
    some_facts,
    now=moments,
    earlier=st.lists(moments, max_size=4).map(tuple),
    volume=st.integers(0, 20_000),
    addresses=st.lists(st.sampled_from([f"192.0.2.{n}" for n in range(60)]), unique=True).map(
        tuple
    ),
    listed=st.sampled_from([(), ("192.0.2.7",)]),
    domain=st.sampled_from([None, "shop.example", "two words", "a\nb.example"]),
)
