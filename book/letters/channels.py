"""What is sent beside mail: a notice's few words, to which channels, and which have taken it."""

from dataclasses import dataclass, field

from asyncpg import Connection


@dataclass(frozen=True, kw_only=True)
class Message:
    """A notice in short, and where it goes. URLs may hold secrets, so they are not shown."""

    subject: str
    text: str
    urls: tuple[str, ...] = field(repr=False)
    told: frozenset[str]
    """SHA-256 of the URLs that have taken it."""


async def message(connection: Connection, notice: str) -> Message:
    """The notice of a key, with its client's channels. Raises LookupError if it is not written."""
    row = await connection.fetchrow(
        "SELECT n.subject, n.summary, n.link, c.channels, ARRAY(SELECT channel"
        " FROM channel_messages WHERE notice = n.key) AS told FROM notices n"
        " JOIN incidents i ON i.id = n.incident JOIN clients c ON c.id = i.client WHERE n.key = $1",
        notice,
    )
    if row is None:
        raise LookupError(f"there is no notice {notice}")
    return Message(
        subject=row["subject"],
        text="\n".join(filter(None, (row["summary"], row["link"]))),
        urls=tuple(row["channels"]),
        told=frozenset(row["told"]),
    )


async def told(connection: Connection, notice: str, channel: str) -> None:
    """This channel, by the SHA-256 of its URL, has taken it."""
    await connection.execute(
        "INSERT INTO channel_messages (notice, channel) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        notice,
        channel,
    )
