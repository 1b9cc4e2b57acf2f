"""Measures as desired state: what a host should have, and what its agent saw there."""

import hashlib
import secrets
from dataclasses import astuple, replace

from asyncpg import Connection, Record

from book.incident import edges
from book.money import readings
from domain.hosts import Counts, Desired, DesiredState, HeldMessage, Observation, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.parties import Service

_MOST_DETAIL = 1_000
"""Characters of an agent's words that are kept; they travel to the workflow with the news."""

_LARGEST = 2**31 - 1
"""Of a number that is kept. A message of two gigabytes must not keep all others off the record."""


class NoSuchHost(LookupError):
    """The host is not in the book of record; import it first (`plazo import`)."""


async def impose(
    connection: Connection,
    incident: str,
    key: str,
    restriction: Restriction,
    service: Service,
    parameters: dict[str, object],
    instead_of: tuple[str, ...],
) -> str | None:
    """Write that a measure is wanted in place of others; why it cannot be, or None when it is."""
    barred = await connection.fetchval(
        "SELECT barred FROM incidents WHERE id = $1 FOR SHARE", incident
    )
    if barred:
        return "the incident has ended, and its measures are lifted for good"
    parts = await _parts(connection, restriction, service)
    if isinstance(parts, str):
        return parts
    await connection.execute(
        "INSERT INTO measures (key, incident, host, measure, scope, targets, parameters)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        key,
        incident,
        min(parts),
        restriction.measure,
        restriction.scope,
        list(restriction.targets),
        parameters,
    )
    if len(parts) > 1:
        await edges.share(connection, key, parts)
    replaced = [other for other in instead_of if other != key]
    if not replaced:
        return None
    # What a replaced measure holds is kept: what becomes of it is for the last lift to say.
    await connection.execute(
        "UPDATE measures m SET wanted = 'lifted', keep_senders = ARRAY("
        "  SELECT sender FROM held_messages WHERE measure = m.key"
        "  UNION SELECT '@' || unnest(m.targets) WHERE m.scope = 'domain')"
        " WHERE incident = $1 AND key = ANY($2) AND wanted <> 'lifted'",
        incident,
        replaced,
    )
    return None


async def lift(
    connection: Connection,
    incident: str,
    keys: tuple[str, ...],
    *,
    discard_senders: tuple[str, ...] = (),
    discard_messages: tuple[str, ...] = (),
    keep_senders: tuple[str, ...] = (),
) -> None:
    """Write that measures are to end, with what is to become of the mail that they hold.

    One that has ended, and kept mail, is asked again: the new word is about that mail.
    """
    await connection.execute(
        "UPDATE measures SET wanted = 'lifted', discard_senders = $3, discard_messages = $4,"
        " keep_senders = $5, observed = nullif(observed, 'lifted')"
        " WHERE incident = $1 AND key = ANY($2)"
        " AND (observed IS DISTINCT FROM 'lifted' OR kept > 0)",
        incident,
        list(keys),
        list(discard_senders),
        list(discard_messages),
        list(keep_senders),
    )


async def held_senders(connection: Connection, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Everybody whose mail these measures hold."""
    rows = await connection.fetch(
        "SELECT DISTINCT sender FROM held_messages WHERE measure = ANY($1)", list(keys)
    )
    return tuple(sorted(row["sender"] for row in rows))


async def lift_for_good(connection: Connection, incident: str) -> None:
    """End every measure of an incident and admit no other; all held mail is delivered."""
    await connection.execute("UPDATE incidents SET barred = true WHERE id = $1", incident)
    keys = await connection.fetch("SELECT key FROM measures WHERE incident = $1", incident)
    await lift(connection, incident, tuple(row["key"] for row in keys))


async def desired(connection: Connection, host: str) -> DesiredState:
    """Every measure that the host's agent still has something to do about."""
    # In one snapshot, or a change between the two would be taken for known.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        revision = await connection.fetchval("SELECT revision FROM hosts WHERE id = $1", host)
        rows = await connection.fetch(
            "SELECT m.*, coalesce(p.targets, m.targets) AS aimed_at FROM"
            " (SELECT key FROM measures WHERE host = $1"
            "   UNION SELECT measure FROM measure_parts WHERE host = $1) mine"
            " JOIN measures m USING (key)"
            " LEFT JOIN measure_parts p ON p.measure = m.key AND p.host = $1"
            " WHERE NOT (wanted = 'lifted'"
            "   AND (CASE WHEN p.host IS NULL THEN m.observed ELSE p.observed END)"
            "     IS NOT DISTINCT FROM 'lifted')"
            " ORDER BY asked_at, key",
            host,
        )
    return DesiredState(revision=revision or 0, measures=tuple(_desired(row) for row in rows))


async def observe(connection: Connection, host: str, seen: Observation) -> bool:
    """Keep what an agent saw of one of its own measures; False for a measure that is not its."""
    counts = seen.counts or Counts.of(seen.messages)
    before = await connection.fetchrow(
        "SELECT incident, measure, observed, wanted, EXISTS ("
        "   SELECT FROM measure_parts WHERE measure = key) AS shared FROM measures"
        " WHERE key = $1 AND (host = $2 OR EXISTS ("
        "   SELECT FROM measure_parts WHERE measure = key AND host = $2)) FOR UPDATE",
        seen.key,
        host,
    )
    if before is None:
        return False
    relayed = 0
    if before["measure"] == Measure.SMARTHOST_REDIRECT:
        # However late it comes: a counter that only counts up takes nothing back.
        relayed = await readings.observed(connection, host, seen)
    if before["wanted"] == before["observed"] == "lifted" and seen.observed != "lifted":
        return True  # said before it was lifted, and late
    if before["shared"]:
        come_to = await edges.together(connection, host, seen)
        if come_to is None:
            return True
        seen = come_to
    await connection.execute(
        "UPDATE measures SET observed = $2, observed_at = now(), detail = $3,"
        " relayed = $4, held = $5, delivered = $6, discarded = $7, kept = $8,"
        " also = CASE WHEN cardinality($9::text[]) > 0 THEN $9 ELSE also END,"
        " ended_at = CASE $2 WHEN 'lifted' THEN coalesce(ended_at, now())"
        "   WHEN 'failed' THEN ended_at END WHERE key = $1",
        seen.key,
        seen.observed,
        seen.detail[:_MOST_DETAIL],
        relayed,
        *(min(count, _LARGEST) for count in astuple(counts)),
        list(seen.also),
    )
    await connection.executemany(
        "INSERT INTO held_messages (measure, queue_id, sender, recipients, bytes, arrived_at, fate)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (measure, queue_id) DO UPDATE SET fate = EXCLUDED.fate",
        [_row(seen.key, message) for message in seen.messages],
    )
    if before["observed"] != seen.observed:
        await connection.execute("SELECT mark_dirty($1)", before["incident"])
    return True


async def enrol(connection: Connection, host: str) -> str:
    """Give a host a new key, which replaces an earlier one; only its hash is kept."""
    key = f"plazo_host_{secrets.token_urlsafe(32)}"
    known = await connection.fetchval(
        "UPDATE hosts SET key_sha256 = $2 WHERE id = $1 RETURNING id",
        host,
        hashlib.sha256(key.encode()).digest(),
    )
    if known is None:
        raise NoSuchHost(f'"{host}" is not in the book of record; import it first')
    return key


async def host_of(connection: Connection, key: str) -> str | None:
    """The host that a key belongs to, which has been heard of now; None for an unknown key."""
    digest = hashlib.sha256(key.encode()).digest()
    found: str | None = await connection.fetchval(
        "SELECT id FROM hosts WHERE key_sha256 = $1", digest
    )
    # Now and then, and never waiting: a host's row is locked while its measures change.
    await connection.execute(
        "UPDATE hosts SET seen_at = now() WHERE id = (SELECT id FROM hosts WHERE id = $1"
        " AND (seen_at IS NULL OR seen_at < now() - interval '30 seconds')"
        " FOR UPDATE SKIP LOCKED)",
        found,
    )
    return found


async def _parts(
    connection: Connection, restriction: Restriction, service: Service
) -> dict[str, list[str]] | str:
    """Targets by the host that carries the measure out; or why there is none.

    Addresses are acted upon at the edge, everything else on the service's own mail host.
    """
    targets = list(restriction.targets)
    if restriction.scope is Scope.ADDRESS:
        parts = await edges.guarding(connection, restriction.targets)
        guarded = {each for part in parts.values() for each in part}
        if left := [each for each in targets if each not in guarded]:
            return (
                f"there is no agent at the edge that guards {', '.join(left)}; see `plazo host "
                "enrol`, and `guards` in the file of clients"
            )
        return parts
    query = "SELECT id FROM hosts WHERE id = $1 AND key_sha256 IS NOT NULL"
    host = await connection.fetchval(query, service.host)
    if host is None:
        return (
            f"there is no agent on {service.host} that could carry it out; see `plazo host enrol`"
        )
    return {host: targets}


def _desired(row: Record) -> Desired:
    return Desired(
        key=row["key"],
        restriction=replace(restriction_of(row), targets=tuple(row["aimed_at"])),
        wanted=Wanted(row["wanted"]),
        hourly_limit=row["parameters"].get("hourly_limit"),
        smarthost=row["parameters"].get("smarthost"),
        discard_senders=tuple(row["discard_senders"]),
        discard_messages=tuple(row["discard_messages"]),
        keep_senders=tuple(row["keep_senders"]),
    )


def restriction_of(row: Record) -> Restriction:
    """The measure that a row of `measures` is about."""
    return Restriction(
        measure=Measure(row["measure"]), scope=Scope(row["scope"]), targets=tuple(row["targets"])
    )


def _row(key: str, message: HeldMessage) -> tuple[object, ...]:
    return (
        key,
        message.queue_id,
        message.sender,
        message.recipients,
        min(message.bytes, _LARGEST),
        message.arrived_at,
        message.fate,
    )
