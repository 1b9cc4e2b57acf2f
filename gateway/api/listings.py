"""`/v1/listings`: when an address or a domain was on which blocklist."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from book.blocklists import periods, snds
from domain.intake.complaints import canonical_address, canonical_domain
from gateway.api import examples
from gateway.api.answers import single
from gateway.api.documents import ALWAYS, gives
from gateway.api.who import Reader
from gateway.gateway import TheGateway
from gateway.problems import Problem

router = APIRouter(prefix="/v1/listings", tags=["listings"], responses=ALWAYS)

_LONGEST = 253
"""Characters of a domain name (RFC 1035 §2.3.4)."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What is known of an address or a domain; nothing is asked of any list for it."""

    subject: str
    """In its canonical spelling."""
    listings: tuple[periods.Period, ...]
    """The newest first."""
    snds: tuple[snds.Day, ...]
    """What Microsoft has counted of the address, the newest day first."""


@router.get(
    "/{subject}",
    summary="One address's or domain's history on blocklists",
    operation_id="read_listings",
    responses=gives(
        History,
        History(subject=examples.ADDRESS, listings=(examples.PERIOD,), snds=()),
        "Empty where it was never seen on one.",
        tagged=True,
    ),
)
async def history(
    request: Request,
    gateway: TheGateway,
    person: Reader,
    subject: Annotated[str, Path(max_length=_LONGEST, examples=[examples.ADDRESS])],
) -> Response:
    address = canonical_address(subject)
    known = address or canonical_domain(subject)
    if known is None:
        raise Problem(
            422, "invalid-request", f"{subject[:100]!a} is neither an IP address nor a domain."
        )
    async with gateway.reading() as connection:
        days = await snds.of_address(connection, known) if address else ()
        found = await periods.history(connection, known)
    return single(request, History(subject=known, listings=found, snds=days))
