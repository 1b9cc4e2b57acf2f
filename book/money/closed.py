"""Corrections to the ledger of an incident whose workflow is over, put on its chain from here.

While it runs they are Updates of the workflow (workflows/acts.py); once it has closed there is
nobody else to carry them out.
"""

from asyncpg import Connection

from book.incident import audit
from book.money import corrections
from book.money.ledger import Refused, lock_incident
from domain.acts import Credit, Dispute, Settle, Waive, unfit
from domain.incident import Stage

Correction = Credit | Dispute | Settle | Waive


async def incident_of(connection: Connection, charge: str) -> str:
    """The incident of a charge. Raises LookupError when there is no such charge."""
    found = await connection.fetchval(
        "SELECT incident FROM ledger WHERE key = $1 AND entry = 'charge'", charge
    )
    if found is None:
        raise LookupError(f"there is no charge {charge}; plazo billing list shows those there are")
    return str(found)


async def has_closed(connection: Connection, incident: str) -> bool:
    """Raises LookupError when there is no such incident."""
    stage = await connection.fetchval("SELECT stage FROM incidents WHERE id = $1", incident)
    if stage is None:
        raise LookupError(f"there is no incident {incident}")
    return bool(stage == Stage.CLOSED)


async def correct(
    connection: Connection, incident: str, what: Correction, *, once: str | None = None
) -> str:
    """Carry out a correction within the caller's transaction; what was done, in a sentence.

    The same `once` again changes nothing. Raises LookupError, Refused.
    """
    if not what.reason.strip():
        raise Refused("reason is missing")
    if (why := unfit(what)) is not None:
        raise Refused(why)
    effect = await _effect(connection, incident)
    effect = once or effect
    match what:
        case Credit():
            taken = await corrections.credit(
                connection, what.charge, what.amount, what.by, what.reason, effect=effect
            )
            said = f"credited {taken} of {what.charge}"
        case Dispute():
            await corrections.dispute(connection, what.charge, what.by, what.reason, effect=effect)
            said = f"disputed: {what.charge}"
        case Settle():
            await corrections.settle(
                connection, what.charge, what.settlement, what.amount, what.by, what.reason,
                effect=effect,
            )  # fmt: skip
            said = f"the dispute of {what.charge} is settled: {what.settlement}"
        case Waive():
            await corrections.waive(connection, incident, what.charge, what.by, what.reason)
            said = f"charge waived: {what.charge}"
    await _on_record(connection, incident, effect, said, what.by, what.reason)
    return said


async def void(connection: Connection, incident: str, by: str, why: str) -> str:
    """Void every charge of a closed incident, and end its dedicated address."""
    effect = await _effect(connection, incident)
    await corrections.void(connection, incident, by, why)
    said = "every charge is voided"
    await _on_record(connection, incident, effect, said, by, why)
    return said


async def end_address(connection: Connection, incident: str, by: str, why: str) -> str:
    """Charge no further month of a dedicated address. Raises Refused where none is in force."""
    effect = await _effect(connection, incident)
    if not await corrections.end_address(connection, incident, by, why):
        raise Refused(f"no dedicated address of {incident} is in force")
    said = "the dedicated address is charged no further"
    await _on_record(connection, incident, effect, said, by, why)
    return said


async def _effect(connection: Connection, incident: str) -> str:
    """A name that no other correction of the incident has. Locks its ledger."""
    await lock_incident(connection, incident)
    number = await connection.fetchval(
        "SELECT count(*) + 1 FROM audit WHERE incident = $1 AND source LIKE 'correction:%'",
        incident,
    )
    return f"closed-{number}"


async def _on_record(
    connection: Connection, incident: str, effect: str, what: str, by: str, why: str
) -> None:
    body = {"kind": "decision", "what": what, "reasons": [why], "by": by}
    await audit.append(connection, incident, [(f"correction:{effect}", body)])
