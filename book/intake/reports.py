"""Reports written down: any number at once in one transaction, each whole and each kept once.

A report's rows are named `REPORTER/ID/0` and on, one for each complaint.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncpg import Connection

from book.intake import evidence
from book.intake.attribution import Attribution
from book.intake.joining import join
from book.intake.rows import Row, insert
from book.intake.unplaced import LATEST, hand_to_a_person, sent_long_ago, wait_for_imports
from domain.intake.attribution import Place
from domain.intake.complaints import Complaint


class ReportedOtherwise(ValueError):
    """This reporter has reported something else under this id; give each report an id of its own"""

    def __init__(self, reporter: str, report: str) -> None:
        super().__init__(
            f"{reporter} has reported something else as {report}; "
            "give each report an id of its own, the same at every try"
        )


@dataclass(frozen=True, kw_only=True)
class Received:
    """A report as it came. `id` is the sender's own, the same at every try; it holds no slash."""

    id: str
    reporter: str
    content: bytes
    media_type: str
    complaints: tuple[Complaint, ...]
    unread: str | None = None
    """Why no format understood it. It is kept whole, for a person to read."""
    received_at: datetime | None = None
    """When it came, if it is not put on record at once."""

    def __post_init__(self) -> None:
        if self.unread is not None and self.complaints:
            raise ValueError(f"{self.id}: what could not be read has no complaints")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What became of it: the incidents that it joined or opened, or why it is `unplaced`."""

    reports: tuple[str, ...]
    incidents: tuple[str, ...]
    unplaced: tuple[str, ...] = ()


async def keep(
    connection: Connection, batch: Sequence[Received], attribution: Attribution
) -> list[Accepted | ReportedOtherwise]:
    """Write reports down in the connection's transaction; what became of each, in their order.

    One that is known already, by its reporter and id, changes nothing and is answered as before;
    with other contents it is ReportedOtherwise.
    """
    names = [f"{each.reporter}/{each.id}/" for each in batch]
    digests = [evidence.digest(each.content) for each in batch]
    claimed = await connection.fetch("SELECT * FROM claim_reports($1)", sorted(set(names)))
    first: dict[str, bytes] = {row["name"]: row["evidence"] for row in claimed}
    known = frozenset(first)
    new: list[tuple[str, bytes, Received]] = []
    for name, digest, received in zip(names, digests, batch, strict=True):
        if name not in first:
            first[name] = digest
            new.append((name, digest, received))
    answers = {name: await _answer(connection, name) for name in known}
    if new:
        answers |= await _keep_new(connection, new, attribution)
    return [
        answers[name]
        if first[name] == digest
        else ReportedOtherwise(received.reporter, received.id)
        for name, digest, received in zip(names, digests, batch, strict=True)
    ]


async def _answer(connection: Connection, name: str) -> Accepted:
    """What was answered of a known report: each row by the primary key, from number 0 on."""
    rows = await connection.fetch(
        "WITH RECURSIVE kept AS ("
        "  SELECT 0 AS number, id, incident, unplaced FROM reports WHERE id = $1::text || '0'"
        "  UNION ALL SELECT k.number + 1, r.id, r.incident, r.unplaced FROM kept k"
        "    JOIN reports r ON r.id = $1::text || (k.number + 1)::text)"
        " SELECT * FROM kept ORDER BY number",
        name,
    )
    return _accepted((row["id"], row["incident"], row["unplaced"]) for row in rows)


def _accepted(rows: Iterable[tuple[str, str | None, str | None]]) -> Accepted:
    kept = list(rows)
    return Accepted(
        reports=tuple(name for name, _, _ in kept),
        incidents=tuple(sorted({incident for _, incident, _ in kept if incident})),
        unplaced=tuple(why for _, _, why in kept if why),
    )


async def _keep_new(
    connection: Connection, new: Sequence[tuple[str, bytes, Received]], attribution: Attribution
) -> dict[str, Accepted]:
    await evidence.keep(
        connection,
        ((digest, received.content, received.media_type) for _, digest, received in new),
    )
    rows = await _rows(connection, new, attribution)
    opened_with = {
        row.place.service: (row.place, row.complaint.domain if row.complaint else None)
        for row in sorted(rows, key=lambda row: row.order, reverse=True)
        if isinstance(row.place, Place)
    }
    joined = await join(connection, opened_with) if opened_with else {}
    await insert(connection, rows, joined)
    await hand_to_a_person(connection, rows)
    if joined:
        await connection.execute(
            "SELECT mark_dirty(incident) FROM unnest($1::text[]) AS incident",
            sorted(joined.values()),
        )
    kept: dict[str, list[tuple[str, str | None, str | None]]] = {name: [] for name, _, _ in new}
    for row in rows:
        report = row.name[: row.name.rindex("/") + 1]
        if isinstance(row.place, Place):
            kept[report].append((row.name, joined[row.place.service], None))
        else:
            kept[report].append((row.name, None, row.place))
    return {name: _accepted(parts) for name, parts in kept.items()}


async def _rows(
    connection: Connection, new: Sequence[tuple[str, bytes, Received]], attribution: Attribution
) -> list[Row]:
    """Every row to be, placed."""
    mails = [(each.address, each.sent_at) for _, _, report in new for each in report.complaints]
    places = await attribution.places(connection, mails)
    if any(isinstance(place, str) for place in places):
        # An import attaches what waits, and must see all of it: after one, ask again.
        await wait_for_imports(connection)
        places = await attribution.places(connection, mails)
    too_old = datetime.now(UTC) - LATEST
    placed = (
        place if sent_at > too_old else sent_long_ago(sent_at)
        for place, (_, sent_at) in zip(places, mails, strict=True)
    )
    rows = []
    for name, digest, received in new:
        for number, complaint in enumerate(received.complaints):
            rows.append(
                Row(
                    name=f"{name}{number}", reporter=received.reporter, evidence=digest,
                    complaint=complaint, place=next(placed),
                    received_at=received.received_at,
                )
            )  # fmt: skip
        if received.unread is not None:
            # Whatever the reason quotes, it must not keep the report off the record.
            why = received.unread.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
            rows.append(
                Row(
                    name=f"{name}0", reporter=received.reporter, evidence=digest,
                    complaint=None, place=why, received_at=received.received_at,
                )
            )  # fmt: skip
    return rows
