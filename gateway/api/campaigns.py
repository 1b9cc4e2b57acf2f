"""`/v1/campaigns`: bulk mail that clients announced, written down and withdrawn."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.database import transaction
from book.intake import campaigns
from book.intake.campaigns import Announced, NotAnnounced
from domain.hosts import Campaign
from domain.intake.complaints import canonical_domain
from gateway.api import examples
from gateway.api.answers import LONGEST_TEXT, MOST, a_page, asked, single, told
from gateway.api.bodies import LONGEST_REASON, fit, invalid, keepable, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems, takes
from gateway.api.who import Actor, Reader
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem

router = APIRouter(prefix="/v1/campaigns", tags=["clients"], responses=ALWAYS)

Number = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[examples.CAMPAIGN.id])]
_UNKNOWN = problems(404)
_WORDS = {"minLength": 1, "maxLength": LONGEST_REASON}


@dataclass(frozen=True, kw_only=True)
class Campaigns:
    """Some campaigns, and where the list goes on."""

    rows: tuple[Announced, ...]
    after: int | None


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What a client announced: a window, and copies of a message within it."""

    service: str
    begins_at: datetime
    ends_at: datetime
    """The first moment that is no longer covered."""
    messages: int
    """Copies altogether: one message to ten people is ten."""
    reason: str
    domain: str | None = None
    """The sender domain; needed where services share the host."""
    announced_by: str | None = None
    """Who of the client said so; the client itself if nobody is named."""


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """Why a campaign is over."""

    reason: str


@router.get(
    "",
    summary="Campaigns to come and under way, the latest first",
    operation_id="list_campaigns",
    responses=gives(Campaigns, Campaigns(rows=(examples.CAMPAIGN,), after=None), "Some campaigns."),
)
async def listed(
    gateway: TheGateway,
    person: Reader,
    service: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    over_too: Annotated[bool, Query(description="Those that are over or withdrawn, too.")] = False,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        rows = await campaigns.announced(
            connection, service=None if service is None else asked(service), over_too=over_too
        )
    shown, last = a_page(
        rows, lambda row: str(row.id), None if after is None else str(after), limit
    )
    return told(Campaigns(rows=shown, after=None if last is None else int(last)))


@router.get(
    "/{number}",
    summary="One campaign",
    operation_id="read_campaign",
    responses={
        **gives(Announced, examples.CAMPAIGN, "The campaign.", tagged=True), **_UNKNOWN,
    },
)  # fmt: skip
async def one(request: Request, gateway: TheGateway, person: Reader, number: Number) -> Response:
    return single(request, await _campaign(gateway, number))


@router.post(
    "",
    status_code=201,
    summary="Write down what a client announced",
    operation_id="announce_campaign",
    responses={
        **gives(Announced, examples.CAMPAIGN, "On record.", status=201),
        **SENT,
        **problems(_409="It cannot be taken down as it was announced; the detail says why."),
    },
    openapi_extra=takes(
        Announcement,
        {
            "service": "vps-1", "begins_at": "2026-12-01T09:00:00+01:00",
            "ends_at": "2026-12-01T18:00:00+01:00", "messages": 20_000,
            "domain": "shop.example", "reason": "Newsletter, announced by mail.",
        },
        messages={"minimum": 1},
        reason=_WORDS,
    ),
)  # fmt: skip
async def announce(request: Request, gateway: TheGateway, person: Actor) -> Response:
    said = await taken(request, Announcement)
    fit(reason=said.reason, announced_by=said.announced_by)
    keepable(said.service)
    try:
        campaign = Campaign(
            id="new",
            begins_at=said.begins_at,
            ends_at=said.ends_at,
            messages=said.messages,
            domain=None if said.domain is None else canonical_domain(said.domain) or said.domain,
        )
    except ValueError as error:
        raise invalid(str(error)) from error
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                number = await campaigns.announce(
                    connection, said.service, campaign, announced_by=said.announced_by,
                    recorded_by=person.name, reason=said.reason,
                )  # fmt: skip
    except NotAnnounced as error:
        raise Problem(409, "not-announced", f"{error}.") from error
    return told(await _campaign(gateway, number), 201)


@router.post(
    "/{number}/withdraw",
    summary="End a campaign now",
    operation_id="withdraw_campaign",
    responses={
        **gives(Announced, examples.CAMPAIGN, "It is over."),
        **_UNKNOWN,
        **SENT,
        **problems(_409="It is over or withdrawn already."),
    },
    openapi_extra=takes(Withdrawal, {"reason": "They have put it off."}, reason=_WORDS),
)
async def withdraw(
    request: Request, gateway: TheGateway, person: Actor, number: Number
) -> Response:
    why = await taken(request, Withdrawal)
    fit(reason=why.reason)
    await _campaign(gateway, number)
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await campaigns.withdraw(connection, number, by=person.name, why=why.reason)
    except NotAnnounced as error:
        raise Problem(409, "not-announced", f"{error}.") from error
    return told(await _campaign(gateway, number))


async def _campaign(gateway: Gateway, number: int) -> Announced:
    async with gateway.reading() as connection:
        found = await campaigns.announced(connection, over_too=True, number=number)
    if not found:
        raise Problem(404, "no-such-campaign", f"There is no campaign {number}.")
    return found[0]
