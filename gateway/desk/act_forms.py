"""The forms of the desk's acts, read into what the incident's workflow takes."""

from collections import defaultdict
from collections.abc import Sequence

from domain.acts import (
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
)
from domain.console.foresight import What
from domain.incident import Act, Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind, Settlement
from domain.units import Hours, Money

LONGEST_REASON = 2_000
"""Characters, as the page's `maxlength` says."""

Fields = defaultdict[str, list[str]]


def read(act: Act, fields: Fields, by: str) -> What:
    """What a form asks for. Raises ValueError with what to change."""
    reason = " ".join("".join(fields["reason"]).split())
    if not reason:
        raise ValueError("give a reason; it goes on record")
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"the reason has more than {LONGEST_REASON:,} characters")
    senders = tuple(dict.fromkeys(fields["discard_sender"]))
    messages = tuple(dict.fromkeys(fields["discard_message"]))
    match act:
        case Act.ACKNOWLEDGE:
            return Acknowledge(by=by)
        case Act.FIXED:
            return Fixed(
                by=by,
                note=reason,
                accepts=tuple(Term(_one_of(each, list(Term))) for each in fields["accept"]),
                answered=_checked(fields, "deliver_rest"),
                discard_senders=senders,
                discard_messages=messages,
            )
        case Act.CONTEST:
            return Contest(by=by, reason=reason)
        case Act.KEPT_MAIL:
            return KeptMail(by=by, note=reason, discard_senders=senders, discard_messages=messages)
        case Act.EXTEND | Act.SHORTEN:
            return MoveDeadline(
                by=by, reason=reason, seconds=Hours.parse(_only(fields, "span")).seconds
            )
        case Act.ESCALATE:
            return Escalate(by=by, reason=reason)
        case Act.RELEASE:
            return Release(
                by=by,
                reason=reason,
                deliver_everything=_checked(fields, "deliver_rest"),
                discard_senders=senders,
                discard_messages=messages,
            )
        case Act.WAIVE:
            kind = ChargeKind(_one_of(_only(fields, "charge"), list(ChargeKind)))
            return Waive(by=by, charge=kind, reason=reason)
        case Act.CREDIT:
            return Credit(
                by=by, charge=_only(fields, "charge"), reason=reason, amount=_amount(fields)
            )
        case Act.DISPUTE:
            return Dispute(by=by, charge=_only(fields, "charge"), reason=reason)
        case Act.SETTLE:
            how = Settlement(_one_of(_only(fields, "settlement"), list(Settlement)))
            amount = _amount(fields) if how is Settlement.CREDITED else None
            return Settle(
                by=by,
                charge=_only(fields, "charge"),
                settlement=how,
                reason=reason,
                amount=amount,
            )
        case Act.FALSE_POSITIVE:
            return FalsePositive(by=by, reason=reason)
        case Act.CALL_OUTCOME:
            reached = _one_of(_only(fields, "reached"), ["yes", "no"]) == "yes"
            return CallOutcome(by=by, outcome=reason, reached=reached, minutes=_minutes(fields))
        case Act.CLOSE:
            ways = [Outcome.WITHDRAWN, Outcome.TERMINATED]
            return Close(
                by=by, reason=reason, outcome=Outcome(_one_of(_only(fields, "outcome"), ways))
            )


def _only(fields: Fields, name: str) -> str:
    if len(fields[name]) != 1 or not fields[name][0].strip():
        raise ValueError(f"{name.replace('_', ' ')} is missing")
    return fields[name][0].strip()


def _one_of(given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise ValueError(f'"{given[:60]}" is none of {", ".join(known)}')
    return given


def _amount(fields: Fields) -> Money | None:
    """What is taken back; None: all that is left."""
    given = "".join(fields["amount"]).strip()
    return Money.parse(given) if given else None


def _minutes(fields: Fields) -> int:
    given = "".join(fields["minutes"]).strip() or "0"
    if not given.isdecimal() or int(given[:9]) > MOST_MINUTES:
        raise ValueError(f'"{given[:20]}" is no number of minutes up to {MOST_MINUTES:,}')
    return int(given)


def _checked(fields: Fields, name: str) -> bool:
    return fields[name] == ["yes"]
