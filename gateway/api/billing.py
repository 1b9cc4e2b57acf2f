"""`/v1/billing`: the ledger's entries, charges as they stand, balances, and deliveries.

What people do to a charge (credit, dispute, settle, waive) is an act of its incident.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.database import transaction
from book.money import balances, ledger, outbox
from domain.letters.notices import ChargeState
from domain.money.billing import Delivery, DeliveryState
from domain.money.ledger import Balance, Dispute, Entry, Standing
from gateway.api import examples
from gateway.api.answers import (
    LONGEST_KEY,
    LONGEST_TEXT,
    MOST,
    asked,
    more,
    single,
    told,
    unknown_cursor,
)
from gateway.api.bodies import LONGEST_REASON, fit, keepable, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems, takes
from gateway.api.who import Reader, Settler
from gateway.gateway import TheGateway, book_at_hand
from gateway.problems import Problem

router = APIRouter(prefix="/v1/billing", tags=["billing"], responses=ALWAYS)

Client = Annotated[str | None, Query(max_length=LONGEST_TEXT)]
Incident = Annotated[str | None, Query(max_length=LONGEST_TEXT)]
After = Annotated[str | None, Query(max_length=LONGEST_KEY, description="A key.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@dataclass(frozen=True, kw_only=True)
class Entries:
    """Some entries in the order in which they were made, and where the list goes on."""

    rows: tuple[Entry, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Charges:
    """Some charges as they stand, the latest first, and where the list goes on."""

    rows: tuple[Standing, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class ChargeHistory:
    """One charge as it stands, what took back a part of it, and its disputes."""

    charge: Standing
    entries: tuple[Entry, ...]
    """Its own, its credits and its void."""
    disputes: tuple[Dispute, ...]
    delivery: Delivery | None
    """How it stands where its client is billed."""


@dataclass(frozen=True, kw_only=True)
class Balances:
    """What a client owes in each currency, then what each of its incidents comes to."""

    client: str
    rows: tuple[Balance, ...]


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Some entries with how they stand where their clients are billed."""

    rows: tuple[Delivery, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Which entry to send again; all that were refused if none is named."""

    reason: str
    entry: str | None = None


@dataclass(frozen=True, kw_only=True)
class Retried:
    """The keys of the entries that are sent again."""

    entries: tuple[str, ...]


@router.get(
    "/entries",
    summary="The ledger's entries, the oldest first",
    operation_id="list_entries",
    responses=gives(Entries, Entries(rows=(examples.ENTRY,), after=None), "Some entries."),
)
async def entries(
    gateway: TheGateway,
    person: Reader,
    client: Client = None,
    incident: Incident = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    async with gateway.reading() as connection:
        try:
            number = 0 if after is None else await ledger.number_of(connection, asked(after))
        except LookupError as error:
            raise unknown_cursor(after or "") from error
        rows = await ledger.entries(
            connection,
            client=None if client is None else asked(client),
            incident=None if incident is None else asked(incident),
            after=number,
            limit=limit + 1,
        )
    return told(Entries(rows=rows[:limit], after=more([row.key for row in rows], limit)))


@router.get(
    "/charges",
    summary="Charges as they stand, the latest first",
    operation_id="list_charges",
    responses=gives(Charges, Charges(rows=(examples.STANDING,), after=None), "Some charges."),
)
async def charges(
    gateway: TheGateway,
    person: Reader,
    client: Client = None,
    incident: Incident = None,
    state: ChargeState | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    async with gateway.reading() as connection:
        try:
            if after is not None:
                await ledger.number_of(connection, asked(after))
        except LookupError as error:
            raise unknown_cursor(after or "") from error
        found = await balances.charges(
            connection,
            client=None if client is None else asked(client),
            incident=None if incident is None else asked(incident),
            state=state,
            before=None if after is None else asked(after),
            limit=limit + 1,
        )
    rows = found[::-1]
    return told(Charges(rows=rows[:limit], after=more([row.charge.key for row in rows], limit)))


@router.get(
    "/charges/{key:path}",
    summary="One charge with its credits and disputes",
    operation_id="read_charge",
    responses={
        **gives(
            ChargeHistory,
            ChargeHistory(
                charge=examples.STANDING, entries=(examples.ENTRY,), disputes=(), delivery=None
            ),
            "The charge.",
            tagged=True,
        ),
        **problems(404),
    },
)
async def charge(
    request: Request,
    gateway: TheGateway,
    person: Reader,
    key: Annotated[
        str,
        Path(
            max_length=LONGEST_KEY,
            description="As the list has it, percent-encoded.",
            examples=[examples.ENTRY.key],
        ),
    ],
) -> Response:
    async with gateway.reading() as connection:
        [entry] = await ledger.entries(connection, key=asked(key)) or (None,)
        if entry is None or entry.of is not None:
            raise Problem(404, "no-such-charge", f"There is no charge {key[:100]!a}.")
        of_its_incident = await balances.charges(connection, incident=entry.incident)
        all_entries = await ledger.entries(connection, incident=entry.incident)
        found = ChargeHistory(
            charge=next(each for each in of_its_incident if each.charge.key == entry.key),
            entries=tuple(each for each in all_entries if entry.key in (each.key, each.of)),
            disputes=await balances.disputes(connection, entry.key),
            delivery=await outbox.state_of(connection, entry.key),
        )
    return single(request, found)


@router.get(
    "/balances/{client}",
    summary="What a client owes: sums of the ledger's entries",
    operation_id="read_balances",
    responses={
        **gives(
            Balances,
            Balances(client=examples.CLIENT, rows=(examples.BALANCE,)),
            "Altogether, and by incident.",
            tagged=True,
        ),
        **problems(404),
    },
)
async def balance(
    request: Request,
    gateway: TheGateway,
    person: Reader,
    client: Annotated[str, Path(max_length=LONGEST_TEXT, examples=[examples.CLIENT])],
) -> Response:
    async with gateway.reading() as connection:
        try:
            rows = await balances.balances(connection, client if client.isprintable() else "")
        except LookupError as error:
            raise Problem(404, "no-such-client", f"There is no client {client[:100]!a}.") from error
    return single(request, Balances(client=client, rows=rows))


@router.get(
    "/deliveries",
    summary="How entries stand where their clients are billed, in the ledger's order",
    operation_id="list_deliveries",
    responses=gives(Deliveries, Deliveries(rows=(examples.DELIVERY,), after=None), "Some of them."),
)
async def deliveries(
    gateway: TheGateway,
    person: Reader,
    state: DeliveryState | None = None,
    client: Client = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    async with gateway.reading() as connection:
        if after is not None and await outbox.state_of(connection, asked(after)) is None:
            raise unknown_cursor(after)
        rows = await outbox.deliveries(
            connection,
            state=state,
            client=None if client is None else asked(client),
            after=None if after is None else asked(after),
            limit=limit + 1,
        )
    return told(Deliveries(rows=rows[:limit], after=more([row.entry.key for row in rows], limit)))


@router.post(
    "/deliveries/retry",
    summary="Have entries sent again",
    description="Needs the scope `settle`. What only waits is tried by itself.",
    operation_id="retry_deliveries",
    responses={
        **gives(Retried, Retried(entries=(examples.ENTRY.key,)), "They are sent again."),
        **SENT,
        **problems(_409="Nothing like this was refused."),
    },
    openapi_extra=takes(
        Retry,
        {"reason": "The account there is open again.", "entry": examples.ENTRY.key},
        reason={"minLength": 1, "maxLength": LONGEST_REASON},
    ),
)
async def retry(request: Request, gateway: TheGateway, person: Settler) -> Response:
    what = await taken(request, Retry)
    fit(reason=what.reason)
    keepable(what.entry or "")
    with book_at_hand():
        async with transaction(gateway.pool) as connection:
            keys = await outbox.retry(connection, what.entry, by=person.name, why=what.reason)
    if not keys:
        raise Problem(
            409, "nothing-to-retry", "No such entry was refused; GET /v1/billing/deliveries."
        )
    return told(Retried(entries=keys))
