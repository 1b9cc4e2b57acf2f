"""Which links to an incident's portal page open it: those of its current issue."""

from asyncpg import Connection

from book.incident import audit


async def issue(connection: Connection, incident: str) -> int:
    """The number of the issue. Raises LookupError when there is no such incident."""
    found: int | None = await connection.fetchval(
        "SELECT link_issue FROM incidents WHERE id = $1", incident
    )
    if found is None:
        raise LookupError(f"there is no incident {incident}")
    return found


async def revoke(connection: Connection, incident: str, by: str, why: str) -> int:
    """Have every link that was sent open nothing any more, within the caller's transaction.

    Letters from now on carry links of the new issue, whose number it gives; it is on the incident's
    record. Raises LookupError, and ValueError without a reason.
    """
    if not why.strip():
        raise ValueError("give a reason; it goes on record")
    now: int | None = await connection.fetchval(
        "UPDATE incidents SET link_issue = link_issue + 1 WHERE id = $1 RETURNING link_issue",
        incident,
    )
    if now is None:
        raise LookupError(f"there is no incident {incident}")
    body = {
        "kind": "decision",
        "what": "every link to the portal that was sent is revoked",
        "reasons": [why],
        "by": by,
    }
    await audit.append(connection, incident, [(f"decision:links-{now}", body)])
    return now
