"""Readings of counters: kept as they come, and never changed (0013.metering.sql)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from domain.hosts import Observation
from domain.money.metering import HOST, Reading
from domain.money.redirects import GIVEN_UP, Redirect, Stretch


async def observed(connection: Connection, host: str, seen: Observation) -> int:
    """Keep what a host's agent has counted under a redirect; all that it counted under it so far.

    An agent that had to begin again has another counter: what the one before counted stands.
    """
    if seen.relayed > 0:
        await connection.execute(
            "INSERT INTO usage_readings (source, host, measure, epoch, value, raw)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            HOST,
            host,
            seen.key,
            seen.counter,
            seen.relayed,
            {"key": seen.key, "relayed": seen.relayed, "counter": seen.counter},
        )
    total: int = await connection.fetchval(
        "SELECT least(coalesce(sum(value), 0), 2147483647)::int FROM (SELECT max(value) AS value"
        "   FROM usage_readings WHERE measure = $1 AND source = $2 GROUP BY epoch) AS counters",
        seen.key,
        HOST,
    )
    return total


async def keep_figure(
    connection: Connection,
    source: str,
    host: str,
    stretch: Stretch,
    value: int,
    raw: Mapping[str, object],
) -> None:
    """Keep what a smarthost says that a host sent in a stretch of time; the same again is one."""
    await connection.execute(
        "INSERT INTO usage_readings (source, host, epoch, value, up_to, raw)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        source,
        host,
        stretch.epoch,
        value,
        stretch.until,
        dict(raw),
    )


async def of_incident(connection: Connection, incident: str) -> tuple[Reading, ...]:
    """Every reading that an incident's usage may be made of, the oldest first."""
    found: dict[int, Reading] = {}
    keys = await connection.fetch(
        "SELECT key, host, parameters ->> 'meter' AS meter FROM measures WHERE incident = $1"
        " AND measure = 'smarthost_redirect' ORDER BY key",
        incident,
    )
    for key, several in (await of_measures(connection, [row["key"] for row in keys])).items():
        found |= {each.id: each for each in several if each.measure == key}
    for host, source in sorted({(row["host"], row["meter"]) for row in keys if row["meter"]}):
        redirects = await redirects_of(connection, host, source, None)
        own = [each for each in redirects if each.key in {row["key"] for row in keys}]
        figures, _ = await of_host(connection, host, source, own)
        found |= {each.id: each for each in figures}
    return tuple(found[number] for number in sorted(found))


async def metered_hosts(
    connection: Connection, source: str, hosts: Collection[str] | None
) -> tuple[str, ...]:
    rows = await connection.fetch(
        "SELECT DISTINCT m.host FROM measures m JOIN incidents i ON i.id = m.incident"
        " WHERE m.measure = 'smarthost_redirect' AND m.parameters ->> 'meter' = $1"
        " AND m.scope <> 'address' AND ($2::text[] IS NULL OR m.host = ANY($2))"
        " AND coalesce(m.ended_at, i.closed_at, now()) > now() - $3::interval ORDER BY m.host",
        source,
        None if hosts is None else list(hosts),
        GIVEN_UP,
    )
    return tuple(row["host"] for row in rows)


async def redirects_of(
    connection: Connection, host: str, source: str, since: datetime | None
) -> tuple[Redirect, ...]:
    """Those that a smarthost meters; after an incident is closed nothing more is its own.

    With `since`, those that had not ended before, which whatever they overlapped with is among.
    """
    rows = await connection.fetch(
        "WITH redirects AS (SELECT m.key, m.asked_at AS since,"
        "   least(m.ended_at, i.closed_at) AS until,"
        "   m.observed IS NOT NULL AND (m.relayed > 0 OR m.observed <> 'failed') AS took"
        "   FROM measures m JOIN incidents i ON i.id = m.incident WHERE m.host = $1"
        "   AND m.measure = 'smarthost_redirect' AND m.scope <> 'address'"
        "   AND m.parameters ->> 'meter' = $2)"
        " SELECT * FROM redirects WHERE until IS NULL OR $3::timestamptz IS NULL OR until > $3"
        " ORDER BY since, key",
        host,
        source,
        since,
    )
    return tuple(Redirect(**dict(row)) for row in rows)


async def of_host(
    connection: Connection, host: str, source: str, redirects: Sequence[Redirect]
) -> tuple[list[Reading], list[Reading]]:
    """The smarthost's of the host from the first of these redirects on, and the agent's of them."""
    if not redirects:
        return [], []
    figures = await connection.fetch(
        "SELECT * FROM usage_readings WHERE host = $1 AND source = $2 AND up_to > $3 ORDER BY id",
        host,
        source,
        min(each.since for each in redirects),
    )
    of_agents = await of_measures(connection, [each.key for each in redirects])
    return [_reading(row) for row in figures], [e for some in of_agents.values() for e in some]


async def of_measures(
    connection: Connection, keys: Iterable[str]
) -> defaultdict[str, list[Reading]]:
    rows = await connection.fetch(
        "SELECT * FROM usage_readings WHERE measure = ANY($1) AND source = $2 ORDER BY id",
        list(keys),
        HOST,
    )
    found: defaultdict[str, list[Reading]] = defaultdict(list)
    for row in rows:
        found[row["measure"]].append(_reading(row))
    return found


def _reading(row: Record) -> Reading:
    same = ("id", "source", "host", "measure", "epoch", "value", "taken_at", "up_to")
    return Reading(**{name: row[name] for name in same})


async def now(connection: Connection) -> datetime:
    moment: datetime = await connection.fetchval("SELECT now()")
    return moment
