"""What each act of the API is sent, what the document says of it, and reading it."""

from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, get_type_hints

from domain.acts import (
    LONGEST_MOVE,
    MOST_MINUTES,
    Acknowledge,
    CallOutcome,
    Close,
    Contest,
    Credit,
    Dispute,
    Escalate,
    FalsePositive,
    Fixed,
    KeptMail,
    MoveDeadline,
    Release,
    Settle,
    Waive,
    ours,
)
from domain.console.foresight import What
from domain.incident import Act, Outcome
from gateway.api import examples
from gateway.api.bodies import LONGEST_REASON, fit, invalid, keepable
from gateway.api.documents import takes

_KINDS: dict[Act, type] = {
    Act.ACKNOWLEDGE: Acknowledge,
    Act.FIXED: Fixed,
    Act.CONTEST: Contest,
    Act.KEPT_MAIL: KeptMail,
    Act.EXTEND: MoveDeadline,
    Act.SHORTEN: MoveDeadline,
    Act.ESCALATE: Escalate,
    Act.RELEASE: Release,
    Act.WAIVE: Waive,
    Act.CREDIT: Credit,
    Act.DISPUTE: Dispute,
    Act.SETTLE: Settle,
    Act.FALSE_POSITIVE: FalsePositive,
    Act.CALL_OUTCOME: CallOutcome,
    Act.CLOSE: Close,
}

SUMMARIES = {
    Act.ACKNOWLEDGE: "The client has read the notice",
    Act.FIXED: "The client says that it is fixed",
    Act.CONTEST: "The client says that the report is wrong",
    Act.KEPT_MAIL: "What becomes of mail that stayed held when the measure ended",
    Act.EXTEND: "Move the deadline later",
    Act.SHORTEN: "Move the deadline earlier",
    Act.ESCALATE: "Wait no longer: restrict now, or take the contract's next measure",
    Act.RELEASE: "Lift the measure without the client's word",
    Act.WAIVE: "Forgive one kind of charge, made or still to be made",
    Act.CREDIT: "Take back a part of one charge, or all that is left of it",
    Act.DISPUTE: "The client disputes a charge: it is not sent until that is settled",
    Act.SETTLE: "End the dispute of a charge",
    Act.FALSE_POSITIVE: "There was no spam: lift everything, void the charges, apologise",
    Act.CALL_OUTCOME: "Record what came of the phone call",
    Act.CLOSE: "End it as withdrawn, or with the service terminated",
}

_WORDS = {"minLength": 1, "maxLength": LONGEST_REASON}
_LIMITS: dict[str, dict[str, Any]] = {
    "reason": _WORDS,
    "outcome": _WORDS,
    "note": {"maxLength": LONGEST_REASON},
    "seconds": {"minimum": 1, "maximum": LONGEST_MOVE},
    "minutes": {"minimum": 0, "maximum": MOST_MINUTES},
}


def _sent(kind: type) -> type:
    """What is sent for an act: the same without `by`, which is the token's owner."""
    hints = get_type_hints(kind)
    rest = [each for each in fields(kind) if each.name != "by"]
    return make_dataclass(
        kind.__name__,
        [
            (each.name, hints[each.name])
            if each.default is MISSING
            else (each.name, hints[each.name], field(default=each.default))
            for each in rest
        ],
        namespace={"__doc__": kind.__doc__},
        frozen=True,
        kw_only=True,
    )


_SENT = {kind: _sent(kind) for kind in _KINDS.values()}


def body_of(act: Act) -> type:
    """The dataclass that is sent for an act."""
    return _SENT[_KINDS[act]]


def described(act: Act) -> dict[str, Any]:
    """Its `openapi_extra`."""
    sent = body_of(act)
    limits = dict(_LIMITS)
    if act is Act.CLOSE:  # an outcome of another kind
        limits["outcome"] = {"enum": [Outcome.WITHDRAWN, Outcome.TERMINATED]}
    names = {each.name for each in fields(sent)}
    return takes(
        sent, examples.ACTS[act], **{name: it for name, it in limits.items() if name in names}
    )


def read(act: Act, sent: Any, incident: str, by: str) -> What:
    """The act, under a name. Problem 422 for what could not be put on record, or makes no sense."""
    given = {each.name: getattr(sent, each.name) for each in fields(sent)}
    what: What = _KINDS[act](by=by, **given)
    match what:
        case Acknowledge():
            pass
        case Fixed(note=note) | KeptMail(note=note):
            fit(note=note or None)
        case CallOutcome(outcome=outcome, minutes=minutes):
            fit(outcome=outcome)
            if not 0 <= minutes <= MOST_MINUTES:
                raise invalid(f"minutes: a call takes from 0 to {MOST_MINUTES:,}")
        case _:
            fit(reason=what.reason)
    match what:
        case MoveDeadline(seconds=seconds) if not 0 < seconds <= LONGEST_MOVE:
            raise invalid(f"seconds: from 1 to {LONGEST_MOVE:,}")
        case Close(outcome=outcome) if outcome not in (Outcome.WITHDRAWN, Outcome.TERMINATED):
            raise invalid("outcome: withdrawn or terminated; remediated comes by itself")
        case Credit(charge=key) | Dispute(charge=key) | Settle(charge=key):
            if not ours(incident, key):
                raise invalid(f"charge: {key[:100]!a} is none of {incident[:100]}")
        case Fixed() | KeptMail() | Release():
            keepable(*what.discard_senders, *what.discard_messages)
    return what
