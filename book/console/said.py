"""What a client has said of an incident, read back from its record: acts, and mail."""

from asyncpg import Connection

from book.incident.chain_rows import chain_row
from book.incident.incidents import Parties
from domain.acts import recalled
from domain.console.pages import ChainRow
from domain.console.portal import SaidRow
from domain.incident import Act
from domain.letters.correspondence import Kind
from domain.record import Entry, canonical

_MOST = 50

_BEGIN = (
    ("acknowledged", Act.ACKNOWLEDGE),
    ("the client says that it is fixed", Act.FIXED),
    ("the client says that the report is wrong", Act.CONTEST),
    ("decided on mail that stayed held", Act.KEPT_MAIL),
    ("disputed: ", Act.DISPUTE),
)
"""How the decisions begin that the workflow, or the book after the end, writes for each act."""


def client_name(who: Parties) -> str:
    """Who the client is on record."""
    return f"client {who.client.id}"


async def by_client(connection: Connection, who: Parties) -> tuple[SaidRow, ...]:
    """In order; of the last fifty of each kind."""
    name = client_name(who)
    rows = await connection.fetch(
        "SELECT * FROM audit WHERE incident = $1 AND strpos(body, $2) > 0"
        " ORDER BY seq DESC LIMIT $3",
        who.incident,
        canonical({"by": name})[1:-1],
        _MOST,
    )
    entries = [chain_row(Entry(**row)) for row in rows]
    mail = await connection.fetch(
        "SELECT received_at, said FROM correspondence WHERE incident = $1 AND kind = $2"
        " ORDER BY received_at DESC LIMIT $3",
        who.incident,
        Kind.REPLY,
        _MOST,
    )
    said = [_said(entry) for entry in entries if entry.by == name]
    said += [SaidRow(at=row["received_at"], act=None, note=row["said"]) for row in mail]
    return tuple(sorted(said, key=lambda row: row.at))


def _said(entry: ChainRow) -> SaidRow:
    act = next((act for begins, act in _BEGIN if entry.what.startswith(begins)), None)
    found = recalled(entry.reasons)
    return SaidRow(
        at=entry.at,
        act=act,
        about=entry.what.partition(": ")[2] if act is Act.DISPUTE else "",
        note=found.note,
        accepted=found.accepts,
        discard_senders=found.senders,
        discard_messages=found.messages,
    )
