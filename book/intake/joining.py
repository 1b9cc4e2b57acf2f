"""Incidents that reports join: one open incident for each service, whoever comes at once."""

from collections.abc import Mapping

from asyncpg import Connection

from domain.incident import incident_id
from domain.intake.attribution import Place
from domain.record import canonical

_TRIES = 5
"""Each failure means that another process opened or closed an incident in that very moment."""


async def join(
    connection: Connection,
    wanted: Mapping[str, tuple[Place, str | None]],
    *,
    alone: bool = False,
) -> dict[str, str]:
    """The open incident of each service, by service; opened where there is none.

    `wanted` has for each service what an incident would be opened with: whose it is, and the
    offending domain. None of them can be closed by anybody else until the transaction ends; held
    `alone`, no other transaction can join reports to them either.
    """
    held: dict[str, str] = {}
    for _ in range(_TRIES):
        found = await connection.fetch(
            "SELECT * FROM hold_incidents($1, $2)", sorted(wanted.keys() - held), alone
        )
        held |= {row["service"]: row["incident"] for row in found}
        missing = sorted(wanted.keys() - held)
        if not missing:
            return held
        await _open(connection, [wanted[service] for service in missing])
    raise RuntimeError(f"{', '.join(missing)}: no incident stayed open while reports were kept")


async def _open(connection: Connection, wanted: list[tuple[Place, str | None]]) -> None:
    """Open the next incident of each service, unless another process has opened one first."""
    numbers = await connection.fetch(
        "SELECT s AS service, (SELECT coalesce(max(number), 0) + 1 FROM incidents"
        "   WHERE service = s) AS number FROM unnest($1::text[]) AS s",
        [place.service for place, _ in wanted],
    )
    number_of = {row["service"]: row["number"] for row in numbers}
    opened = await connection.fetch(
        "INSERT INTO incidents (id, service, number, client, contract, domain)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[],"
        "   $6::text[]) ON CONFLICT DO NOTHING RETURNING id, service, client, contract",
        [incident_id(place.service, number_of[place.service]) for place, _ in wanted],
        [place.service for place, _ in wanted],
        [number_of[place.service] for place, _ in wanted],
        [place.client for place, _ in wanted],
        [place.contract for place, _ in wanted],
        [domain for _, domain in wanted],
    )
    await connection.execute(
        "SELECT audit_append(incident, ARRAY['opened'], ARRAY[body])"
        " FROM unnest($1::text[], $2::text[]) AS opened (incident, body)",
        [row["id"] for row in opened],
        [
            canonical({
                "kind": "opened", "service": row["service"], "client": row["client"],
                "contract": row["contract"],
            })
            for row in opened
        ],
    )  # fmt: skip
