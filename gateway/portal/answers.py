"""What the client says, brought to its incident: once, and if what it rests upon still holds."""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi.responses import HTMLResponse

from book.console.portal import count_held, standing
from book.database import transaction
from book.letters.notices import zone_of
from book.money import closed, ledger
from domain.acts import Acknowledge, Contest, Dispute, Fixed, KeptMail
from domain.console.portal import PortalDone
from domain.incident import Act, Stage
from domain.ladder import unmet
from gateway.gateway import Gateway, book_at_hand
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.portal import words
from gateway.portal.visits import Visit, page_of
from gateway.problems import Problem
from templates.render import render_page, render_portal

log = logging.getLogger("plazo.gateway")

What = Acknowledge | Contest | Dispute | Fixed | KeptMail


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A form as it came. `seen` marks what its page showed; forms from elsewhere have none."""

    act: Act
    what: What
    seen: str | None = None


async def take(gateway: Gateway, visit: Visit, sent: Sent) -> HTMLResponse:
    incident, language, act = visit.incident, visit.language, sent.act
    # A form that is sent twice is one act; the same words on a page of later are another.
    said = f"{incident}\n{act}\n{sent.seen or visit.now.revision}\n{sent.what}"
    once = hashlib.sha256(said.encode()).hexdigest()
    try:
        if (changed := await _changed(gateway, visit, sent, once)) is not None:
            return changed
        if visit.now.stage is Stage.CLOSED and isinstance(sent.what, Dispute):
            await _disputed_after_the_end(gateway, visit, sent.what, once)
        else:
            await gateway.incidents.act(incident, act, sent.what, once=once)
    except Refused as error:
        log.info("act refused", extra={"incident": incident, "act": act, "why": str(error)})
        raise await _refused(gateway, visit, sent.what) from error
    except (NoSuchIncident, EngineAway) as error:
        # The incident is in the book: its workflow is only about to begin, or out of reach.
        log.warning("act not taken", extra={"incident": incident, "act": act, "why": str(error)})
        raise Problem(
            503,
            "engine-away",
            words.say(language, "try_again"),
            title=words.say(language, "away"),
            headers={"Retry-After": "60"},
            language=language,
        ) from error
    log.info("act", extra={"incident": incident, "act": act})
    done = await _done(gateway, visit, sent)
    return HTMLResponse(render_page("portal_done.html", language, page=done))


async def _changed(gateway: Gateway, visit: Visit, sent: Sent, once: str) -> HTMLResponse | None:
    """The page as it is now, where the answer rests upon what is no longer so. Nothing was done.

    Unless this very form was taken before: then it is what has changed things.
    """
    if sent.seen is None:
        return None
    changed = visit.now.answerable.changed_since(sent.seen)
    if not changed or await gateway.incidents.answered(visit.incident, once) is not None:
        return None
    written = sent.what.note if isinstance(sent.what, Fixed | KeptMail) else ""
    now = replace(await page_of(gateway, visit), changed=changed, note=written)
    return HTMLResponse(render_portal(now, visit.language), 409)


async def _disputed_after_the_end(gateway: Gateway, visit: Visit, what: Dispute, once: str) -> None:
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await closed.correct(connection, visit.incident, what, once=once)
    except (LookupError, ledger.Refused) as error:
        raise Refused(str(error)) from error


async def _done(gateway: Gateway, visit: Visit, sent: Sent) -> PortalDone:
    async with gateway.reading() as connection:
        held = await count_held(connection, visit.incident)
    done = PortalDone(
        token=visit.token,
        incident=visit.incident,
        provider=gateway.provider,
        act=sent.act,
        at=datetime.now(UTC),
        zone=zone_of(visit.who.contract),
        held=held,
    )
    match sent.what:
        case Acknowledge():
            return done
        case Contest(reason=reason) | Dispute(reason=reason):
            return replace(done, note=reason)
        case Fixed(accepts=accepts, answered=answered):
            done = replace(done, accepted=accepts, answered=answered)
        case KeptMail():
            done = replace(done, answered=True)
    return replace(
        done,
        discard_senders=sent.what.discard_senders,
        discard_messages=sent.what.discard_messages,
        note=sent.what.note,
    )


async def _refused(gateway: Gateway, visit: Visit, what: What) -> Problem:
    async with gateway.reading() as connection:
        now = await standing(connection, visit.incident) or visit.now
    left = unmet(now.answerable.conditions, what.accepts) if isinstance(what, Fixed) else ()
    return Problem(
        409,
        "refused",
        words.refusal(visit.language, now.stage, left),
        title=words.say(visit.language, "refused"),
        language=visit.language,
    )
