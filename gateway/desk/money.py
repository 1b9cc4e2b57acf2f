"""`/billing`: charges as they stand, what a client owes, and what is not where it is billed."""

from typing import Annotated, Literal

from asyncpg import Connection
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from book.money import balances, outbox
from domain.console.looks import MoneyPage, SentRow
from domain.letters.notices import ChargeState
from domain.money.billing import Delivery, DeliveryState
from domain.money.ledger import Balance
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn
from gateway.gateway import TheGateway

router = APIRouter(tags=["desk"], default_response_class=HTMLResponse)

_A_PAGE = 100
_MOST_STUCK = 50


@router.get("/billing", summary="Charges, balances, and what is not delivered")
async def billing(
    request: Request,
    gateway: TheGateway,
    session: SignedIn,
    client: Annotated[str, Query(max_length=200)] = "",
    state: ChargeState | Literal[""] = "",
    before: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    whose = client.strip() if client.isprintable() else ""
    since = before if before and before.isprintable() else None
    async with gateway.reading() as connection:
        found = await balances.charges(
            connection, client=whose or None, state=state or None, before=since, limit=_A_PAGE + 1
        )
        rows = found[::-1][:_A_PAGE]
        page = MoneyPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            client=whose,
            state=state or None,
            charges=rows,
            before=rows[-1].charge.key if len(found) > _A_PAGE else None,
            balances=await _owed(connection, whose) if whose else (),
            stuck=tuple(
                _row(each)
                for each in await outbox.deliveries(
                    connection, state=DeliveryState.REFUSED, client=whose or None, limit=_MOST_STUCK
                )
            ),
        )
    return shown(request, "money.html", page)


async def _owed(connection: Connection, client: str) -> tuple[Balance, ...]:
    try:
        return await balances.balances(connection, client)
    except LookupError:  # what was searched for is nobody's id
        return ()


def _row(each: Delivery) -> SentRow:
    return SentRow(
        entry=each.entry.key,
        client=each.entry.client,
        state=each.state,
        backend=each.backend,
        attempts=each.attempts,
        error=each.error,
        changed_at=each.changed_at,
    )
