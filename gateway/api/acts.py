"""`/v1/incidents/<id>/acts`: what may be done to an incident now, what it will do, and doing it."""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from book.console import acting
from book.console.portal import never_held
from book.database import transaction
from book.money import closed, ledger
from domain.acts import (
    Answer,
    Credit,
    Dispute,
    Fixed,
    KeptMail,
    Release,
    Settle,
    Waive,
)
from domain.console.desk import Person, right_for
from domain.console.foresight import What, foresee
from domain.hosts import HeldMessage
from domain.incident import Act, Stage
from domain.ladder import Condition
from domain.wire import to_json
from gateway.api import examples
from gateway.api.act_bodies import SUMMARIES, body_of, described, read
from gateway.api.answers import single, told
from gateway.api.bodies import invalid, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems
from gateway.api.incidents import UNKNOWN, Name
from gateway.api.who import Reader
from gateway.desk.incident import no_such, plain
from gateway.desk.sessions import WithToken, insist
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.problems import Problem

log = logging.getLogger("plazo.gateway")

router = APIRouter(prefix="/v1/incidents", tags=["incidents"], responses=ALWAYS)


@dataclass(frozen=True, kw_only=True)
class ChargeLeft:
    """A charge that something is left of, as credits and disputes name it."""

    charge: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Possible:
    """What may be done to an incident as it stands. `seen` is what to act with."""

    incident: str
    stage: Stage
    seen: int
    """The last entry of its record."""
    acts: tuple[Act, ...]
    """That its stage admits, and the token's owner may do with this token."""
    deadline: datetime | None
    measure: str | None
    upcoming: str | None
    conditions: tuple[Condition, ...]
    """To be accepted when it is fixed."""
    charges: tuple[ChargeLeft, ...]
    held: tuple[HeldMessage, ...]
    held_total: int


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What an act will do, as far as it is known now. Nothing was done."""

    act: Act
    stage: Stage
    allowed: bool
    """Whether the stage admits it; its workflow may still refuse."""
    will: tuple[str, ...]
    """The most important first."""
    seen: int
    """What to act with, so that nothing decided in between goes unseen."""
    meanwhile: tuple[str, ...]
    """What was decided since the `seen` that was sent."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """One act of one person's, as it was sent."""

    incident: str
    act: Act
    what: What
    person: Person
    seen: int | None
    once: str
    again: bool
    """Whether it may be sent again: it has a key of its own."""


@router.get(
    "/{incident}/acts",
    summary="What may be done to an incident now",
    operation_id="read_acts",
    responses={
        **gives(Possible, examples.POSSIBLE, "As it stands.", tagged=True),
        **UNKNOWN,
    },
)
async def possible(
    request: Request, gateway: TheGateway, person: Reader, incident: Name
) -> Response:
    found = await _standing(gateway, incident, None)
    return single(
        request,
        Possible(
            incident=incident,
            stage=found.stage,
            seen=found.seen,
            acts=tuple(act for act in _admitted(found) if person.may(right_for(act))),
            deadline=found.now.deadline,
            measure=found.now.measure,
            upcoming=found.now.upcoming,
            conditions=found.conditions,
            charges=tuple(ChargeLeft(charge=key, words=words) for key, words in found.charges),
            held=found.now.held,
            held_total=found.now.held_total,
        ),
    )


_CORRECTIONS = (Act.WAIVE, Act.CREDIT, Act.DISPUTE, Act.SETTLE)
"""What is done on the book once an incident has closed."""


def _route(act: Act) -> Callable[..., Awaitable[Response]]:
    async def do(
        request: Request,
        gateway: TheGateway,
        person: WithToken,
        incident: Name,
        dry_run: Annotated[
            bool, Query(description="Say what it will do, and do nothing.")
        ] = False,
        seen: Annotated[
            int | None,
            Query(
                ge=0, le=2**31 - 1,
                description="The last entry of the record that you know of (`GET …/acts`). "
                "Where more has been decided since, it is not done, and you are told what.",
            ),
        ] = None,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1, max_length=200,
                description="The same key with the same body is one act, and is answered as the "
                "first time.",
            ),
        ] = None,
    ) -> Response:  # fmt: skip
        insist(person, right_for(act))
        sent: Any = await taken(request, body_of(act))
        what = read(act, sent, incident, person.name)
        once = uuid4().hex
        if idempotency_key is not None:
            said = [person.name, incident, act, idempotency_key, to_json(sent)]
            once = f"api-{hashlib.sha256(json.dumps(said).encode()).hexdigest()}"
        asked = _Asked(
            incident=incident, act=act, what=what, person=person, seen=seen, once=once,
            again=idempotency_key is not None,
        )  # fmt: skip
        return told(await (_foreseen(gateway, asked) if dry_run else _done(gateway, asked)))

    return do


for _act in Act:
    _done_so = gives(Answer, examples.ANSWER, "Done, or with `dry_run` what it will do.")
    _done_so[200]["model"] = Answer | Foreseen
    router.add_api_route(
        f"/{{incident}}/acts/{_act}",
        _route(_act),
        methods=["POST"],
        summary=SUMMARIES[_act],
        description=f"Needs the scope `{right_for(_act)}`. It goes on record under the name of "
        "the token's owner.",
        operation_id=f"act_{_act}",
        responses={
            **_done_so,
            **UNKNOWN,
            **SENT,
            **problems(_409="Refused at this stage, or more was decided since what was seen."),
        },
        openapi_extra=described(_act),
    )


async def _standing(gateway: Gateway, incident: str, seen: int | None) -> acting.Standing:
    async with gateway.reading() as connection:
        try:
            return await acting.standing(connection, plain(incident), since=seen)
        except LookupError as error:
            raise no_such(incident) from error


def _admitted(found: acting.Standing) -> tuple[Act, ...]:
    """What may be done now; after the end the books are still corrected."""
    return _CORRECTIONS if found.stage is Stage.CLOSED else found.acts


async def _foreseen(gateway: Gateway, asked: _Asked) -> Foreseen:
    found = await _standing(gateway, asked.incident, asked.seen)
    await _see_that_it_is_held(gateway, asked)
    return Foreseen(
        act=asked.act,
        stage=found.stage,
        allowed=asked.act in _admitted(found),
        will=foresee(asked.what, found.now, later=asked.act is Act.EXTEND),
        seen=found.seen,
        meanwhile=found.meanwhile,
    )


async def _done(gateway: Gateway, asked: _Asked) -> Answer:
    found = await _standing(gateway, asked.incident, asked.seen)
    await _see_that_it_is_held(gateway, asked)
    try:
        # It may be this very act, that is sent again.
        changed = found.meanwhile or found.stage is Stage.CLOSED
        if changed and (before := await _answered(gateway, asked)) is not None:
            return before
        if found.meanwhile:
            raise Problem(
                409,
                "decided-meanwhile",
                f"Nothing was done. Since entry {asked.seen} of its record this was decided: "
                f"{'; '.join(found.meanwhile)}. Look at it, and send it with seen={found.seen}.",
                errors=tuple({"at": "query.seen", "why": each} for each in found.meanwhile),
            )
        if found.stage is Stage.CLOSED and asked.act in _CORRECTIONS:
            return await _corrected(gateway, asked)
        try:
            answer = await gateway.incidents.act(
                asked.incident, asked.act, asked.what, once=asked.once
            )
        except Refused as error:
            # What has ended meanwhile refuses even what it has taken.
            if (before := await _answered(gateway, asked)) is not None:
                return before
            raise Problem(409, "refused", f"{error}.") from error
    except (NoSuchIncident, EngineAway) as error:
        # The incident is in the book: its workflow is only about to begin, or out of reach.
        log.warning(
            "act not taken", extra={"incident": asked.incident, "act": asked.act, "why": str(error)}
        )
        raise Problem(
            503,
            "engine-away",
            f"Its workflow does not answer ({error}). Send the same again, under the same "
            "Idempotency-Key if it had one.",
            headers={"Retry-After": "60"},
        ) from error
    log.info("act", extra={"incident": asked.incident, "act": asked.act, "by": asked.person.name})
    return answer


async def _answered(gateway: Gateway, asked: _Asked) -> Answer | None:
    """What the same act under the same key was answered before."""
    if not asked.again:
        return None
    return await gateway.incidents.answered(asked.incident, asked.once)


async def _corrected(gateway: Gateway, asked: _Asked) -> Answer:
    assert isinstance(asked.what, Credit | Dispute | Settle | Waive)
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                said = await closed.correct(connection, asked.incident, asked.what, once=asked.once)
    except (LookupError, ledger.Refused) as error:
        raise Problem(409, "refused", f"{error}.") from error
    return Answer(said=f"{said}.", stage=Stage.CLOSED)


async def _see_that_it_is_held(gateway: Gateway, asked: _Asked) -> None:
    """Problem 422 for messages to discard that were never held: a misspelling discards nothing."""
    if not isinstance(asked.what, Fixed | KeptMail | Release):
        return
    async with gateway.reading() as connection:
        strange = await never_held(
            connection, asked.incident, asked.what.discard_senders, asked.what.discard_messages
        )
    if strange:
        raise invalid(f"discard: never held in {asked.incident}: {', '.join(strange)[:300]}")
