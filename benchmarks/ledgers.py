"""A full book for the benchmarks of money: incidents that owe four charges each.

Everything is written as the program writes it: a listing, a redirect with a reading of its counter,
a phone call with its minutes, and a dedicated address that is accepted with the bill.
"""

from dataclasses import dataclass
from decimal import Decimal

from asyncpg import Pool

from domain.contract import Contract, Prices
from domain.measures import Measure
from domain.money.costs import ChargeKind, Used, bill, call
from domain.parties import Jurisdiction
from domain.units import Hours, Money
from domain.wire import to_json

KINDS = len(ChargeKind)

_MINUTES = 20
_RELAYED = 9_000
"""Messages of an incident are spread up to so many."""


def _euros(amount: str) -> Money:
    return Money.parse(f"{amount} EUR")


CONTRACT = Contract(
    id="c-0",
    client="client-0",
    clause="7.3",
    jurisdiction=Jurisdiction.ES,
    deadline=Hours.parse("4h"),
    measures=(Measure.SMARTHOST_REDIRECT,),
    prices=Prices(
        delisting_first=_euros("25.00"),
        delisting_again=_euros("60.00"),
        smarthost_per_thousand=_euros("1.20"),
        smarthost_minimum=_euros("5.00"),
        dedicated_address_monthly=_euros("4.00"),
        staff_hour=_euros("60.00"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What one incident comes to, by kind."""

    incident: str
    amounts: dict[str, Decimal]


def incident(number: int) -> str:
    return f"incident-m{number}-1"


def relayed(number: int) -> int:
    return number * 37 % _RELAYED + 1


def owed(number: int) -> Owed:
    """Reckoned from the contract alone, as no ledger has been asked."""
    used = Used(listed=True, earlier_delistings=0, relayed=relayed(number))
    dues = [*bill(used, CONTRACT), call(_MINUTES, CONTRACT)]
    amounts = {str(due.kind): due.amount.amount for due in dues if due is not None}
    amounts[str(ChargeKind.DEDICATED_ADDRESS)] = CONTRACT.prices.dedicated_address_monthly.amount
    assert len(amounts) == KINDS
    return Owed(incident=incident(number), amounts=amounts)


async def fill(pool: Pool, count: int) -> None:
    """So many incidents, each of a client of its own."""
    numbers = list(range(count))
    terms = to_json(CONTRACT)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO hosts (id) VALUES ('mx.example')")
        await connection.execute(
            "INSERT INTO clients (id, name, kind, language, contacts)"
            " SELECT 'client-' || n, 'Client', 'business', 'en', '{c@client.example}'"
            " FROM unnest($1::int[]) AS n",
            numbers,
        )
        await connection.execute(
            "INSERT INTO contracts (id, client, valid, terms) SELECT 'c-' || n, 'client-' || n,"
            " tstzrange(NULL, NULL), $2::jsonb || jsonb_build_object('id', 'c-' || n, 'client',"
            " 'client-' || n) FROM unnest($1::int[]) AS n",
            numbers,
            terms,
        )
        await connection.execute(
            "INSERT INTO services (id, client, kind)"
            " SELECT 'm' || n, 'client-' || n, 'managed_vps' FROM unnest($1::int[]) AS n",
            numbers,
        )
        await connection.execute(
            "INSERT INTO incidents (id, service, number, client, contract) SELECT 'incident-m' || n"
            " || '-1', 'm' || n, 1, 'client-' || n, 'c-' || n FROM unnest($1::int[]) AS n",
            numbers,
        )
        await connection.execute(
            "INSERT INTO listings (incident, address, zone, answer)"
            " SELECT 'incident-m' || n || '-1', '192.0.2.7', 'bl.example', '127.0.0.2'"
            " FROM unnest($1::int[]) AS n",
            numbers,
        )
        await connection.execute(
            "INSERT INTO tasks (key, incident, kind, detail, done_at, minutes)"
            " SELECT 'incident-m' || n || '-1/task/1', 'incident-m' || n || '-1', 'call_client',"
            " 'call', now(), $2 FROM unnest($1::int[]) AS n",
            numbers,
            _MINUTES,
        )
        await connection.execute(
            "INSERT INTO measures (key, incident, host, measure, scope, targets, observed, relayed)"
            " SELECT 'incident-m' || n || '-1/measure/1', 'incident-m' || n || '-1', 'mx.example',"
            " 'smarthost_redirect', 'server', '{mx.example}', 'lifted', r"
            " FROM unnest($1::int[], $2::int[]) AS t (n, r)",
            numbers,
            [relayed(number) for number in numbers],
        )
        await connection.execute(
            "INSERT INTO usage_readings (source, host, measure, epoch, value, raw)"
            " SELECT 'host', host, key, '', relayed, '{}' FROM measures"
        )
        await connection.execute("ANALYZE")
