"""What redirected mail is billed by: what the readings of its counters add up to.

How that is reckoned is in domain/money/metering.py and domain/money/redirects.py.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection

from book.money import readings
from domain.incident import Outcome
from domain.money.metering import HOST, Metered, counted
from domain.money.redirects import GIVEN_UP, Compared, Stretch, compared, is_due, metered, stretches
from domain.steps import TaskKind

_BEFORE = GIVEN_UP + timedelta(days=2)
"""Redirects that ended earlier are cut off; the days that are looked at lie wholly after that."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What one redirect used, by which source, and the readings that say so."""

    key: str
    host: str
    source: str
    metered: Metered
    elsewhere: int | None = None
    """What the host's agent counted, where another source is billed by."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an incident has used: `quantity` messages; None where no redirect was in force.

    `evidence` has the ids of the readings whose values it is made of.
    """

    quantity: int | None = None
    evidence: tuple[int, ...] = ()
    redirects: tuple[Used, ...] = ()


async def due(
    connection: Connection, source: str, hosts: Collection[str] | None
) -> dict[str, list[Stretch]]:
    """The times for which a smarthost is to be asked now, by host; of these hosts or of all."""
    now = await readings.now(connection)
    found: dict[str, list[Stretch]] = {}
    for host in await readings.metered_hosts(connection, source, hosts):
        redirects = await readings.redirects_of(connection, host, source, now - _BEFORE)
        figures, _ = await readings.of_host(connection, host, source, redirects)
        asked = [each for each in stretches(redirects, now) if is_due(each, figures, now)]
        if asked:
            found[host] = asked
    return found


async def usage(connection: Connection, incident: str) -> Usage:
    """What an incident has used so far, by what is metered by whom (docs/metering.md)."""
    rows = await connection.fetch(
        "SELECT key, host, asked_at,"
        " CASE WHEN scope <> 'address' THEN parameters ->> 'meter' END AS meter FROM measures"
        " WHERE incident = $1 AND measure = 'smarthost_redirect'"
        " AND observed IS NOT NULL AND (relayed > 0 OR observed <> 'failed') ORDER BY key",
        incident,
    )
    if not rows:
        return Usage()
    of_agents = await readings.of_measures(connection, [row["key"] for row in rows])
    by_figures: dict[tuple[str, str], dict[str, Metered]] = {}
    used = []
    for row in rows:
        agents = counted(of_agents[row["key"]])
        if row["meter"] is None:
            used.append(Used(key=row["key"], host=row["host"], source=HOST, metered=agents))
            continue
        where = row["host"], row["meter"]
        if where not in by_figures:
            first = min(each["asked_at"] for each in rows if each["host"] == row["host"])
            by_figures[where] = await _metered(connection, *where, first)
        used.append(
            Used(
                key=row["key"], host=row["host"], source=row["meter"],
                metered=by_figures[where].get(row["key"], Metered()), elsewhere=agents.quantity,
            )
        )  # fmt: skip
    return Usage(
        quantity=sum(each.metered.quantity for each in used),
        evidence=tuple(sorted({id_ for each in used for id_ in each.metered.evidence})),
        redirects=tuple(used),
    )


async def hosts_of(connection: Connection, incident: str) -> tuple[str, ...]:
    """The hosts that an incident redirected."""
    rows = await connection.fetch(
        "SELECT DISTINCT host FROM measures WHERE incident = $1"
        " AND measure = 'smarthost_redirect' AND observed IS NOT NULL ORDER BY host",
        incident,
    )
    return tuple(row["host"] for row in rows)


async def days(connection: Connection, source: str) -> dict[str, tuple[Compared, ...]]:
    """Each host's settled days of late, as the smarthost and the host's agent counted them."""
    now = await readings.now(connection)
    found: dict[str, tuple[Compared, ...]] = {}
    for host in await readings.metered_hosts(connection, source, None):
        redirects = await readings.redirects_of(connection, host, source, now - _BEFORE)
        figures, hosts = await readings.of_host(connection, host, source, redirects)
        of_late = [each for each in compared(redirects, figures, hosts, now)
                   if each.day > now - GIVEN_UP]  # fmt: skip
        found[host] = tuple(of_late)
    return found


async def unbilled(connection: Connection) -> tuple[str, ...]:
    """Incidents that ended of late and have a bill for redirected mail, which may grow."""
    rows = await connection.fetch(
        "SELECT i.id FROM incidents i WHERE i.closed_at > now() - $1::interval"
        " AND i.outcome = ANY($2) AND EXISTS"
        "   (SELECT FROM ledger l WHERE l.incident = i.id AND l.kind = 'smarthost') ORDER BY i.id",
        GIVEN_UP,
        [Outcome.REMEDIATED, Outcome.TERMINATED],
    )
    return tuple(row["id"] for row in rows)


async def ask_person(
    connection: Connection, about: str, measures: Collection[str], detail: str
) -> None:
    """Open a task about one day of a host, once; it is the incident's where there is but one."""
    await connection.execute(
        "INSERT INTO tasks (key, incident, kind, about, detail) VALUES ($1 || '/' || $2,"
        " (SELECT CASE count(DISTINCT incident) WHEN 1 THEN min(incident) END FROM measures"
        "   WHERE key = ANY($3)), $1, $2, $4) ON CONFLICT DO NOTHING",
        TaskKind.USAGE_DIFFERS,
        about,
        list(measures),
        detail,
    )


async def _metered(
    connection: Connection, host: str, source: str, since: datetime
) -> dict[str, Metered]:
    redirects = await readings.redirects_of(connection, host, source, since)
    figures, hosts = await readings.of_host(connection, host, source, redirects)
    return metered(redirects, figures, hosts, await readings.now(connection))
