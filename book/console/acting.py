"""What an act of the desk will meet: how an incident stands now, and what was decided meanwhile."""

from dataclasses import dataclass

from asyncpg import Connection

from book.console.portal import held_now
from book.incident.chain_rows import chain_row
from book.incident.incidents import parties
from book.letters.notices import zone_of
from domain.console.foresight import Now
from domain.incident import Act, Stage, acts_at
from domain.ladder import Condition
from domain.measures import Restriction
from domain.record import Entry
from domain.wire import from_json


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`seen` numbers the record's last entry; `meanwhile` is what was decided after `since`."""

    now: Now
    stage: Stage
    acts: tuple[Act, ...]
    conditions: tuple[Condition, ...]
    zone: str
    charges: tuple[tuple[str, str], ...]
    """Key and words of each charge that something is left of."""
    seen: int
    meanwhile: tuple[str, ...]


async def standing(connection: Connection, incident: str, *, since: int | None) -> Standing:
    """Raises LookupError when there is no such incident."""
    who = await parties(connection, incident)
    row = await connection.fetchrow(
        "SELECT i.stage, i.deadline, i.measure, i.upcoming, i.conditions, now() AS now,"
        " (SELECT seq FROM audit_heads WHERE incident = i.id) AS seen,"
        " EXISTS (SELECT FROM tasks WHERE incident = i.id AND kind = 'call_client'"
        "   AND done_at IS NULL) AS asked_to_call,"
        " ARRAY(SELECT initcap(replace(kind, '_', ' ')) || ': ' || trim_scale(sum(amount)) || ' '"
        "   || currency FROM ledger WHERE incident = i.id GROUP BY kind, currency) AS charges"
        " FROM incidents i WHERE i.id = $1",
        incident,
    )
    assert row is not None
    held, total = await held_now(connection, incident)
    stage = Stage(row["stage"])
    upcoming = row["upcoming"]
    return Standing(
        now=Now(
            at=row["now"],
            deadline=row["deadline"],
            calendar=who.contract.calendar,
            measure=row["measure"],
            upcoming=None if upcoming is None else str(from_json(Restriction, upcoming)),
            contacts=who.client.contacts,
            held=held,
            held_total=total,
            charges=tuple(row["charges"]),
            asked_to_call=row["asked_to_call"],
        ),
        stage=stage,
        acts=acts_at(stage),
        conditions=tuple(map(Condition, row["conditions"])),
        zone=zone_of(who.contract),
        charges=await _charges(connection, incident),
        seen=row["seen"] or 0,
        meanwhile=() if since is None else await _decided(connection, incident, since),
    )


async def _charges(connection: Connection, incident: str) -> tuple[tuple[str, str], ...]:
    rows = await connection.fetch(
        "SELECT c.key, replace(c.kind, '_', ' ') || ' ' || trim_scale(c.amount) || ' '"
        "   || c.currency || ': ' || c.reason AS words FROM ledger c"
        " WHERE c.incident = $1 AND c.entry = 'charge' AND ledger_left(c.key) > 0"
        " ORDER BY c.number",
        incident,
    )
    return tuple((row["key"], row["words"]) for row in rows)


async def _decided(connection: Connection, incident: str, since: int) -> tuple[str, ...]:
    """Decisions after an entry of the record, by people and by the program."""
    rows = await connection.fetch(
        "SELECT * FROM audit WHERE incident = $1 AND seq > $2 AND source LIKE 'decision:%'"
        " ORDER BY seq LIMIT 20",
        incident,
        since,
    )
    entries = [chain_row(Entry(**row)) for row in rows]
    return tuple(
        f"{entry.at:%H:%M} UTC: {entry.what}" + (f" (by {entry.by})" if entry.by else "")
        for entry in entries
    )
