"""What an act will do to an incident, told before it is done, from what is known now."""

from dataclasses import dataclass
from datetime import datetime

from domain.acts import (
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
from domain.calendar import Calendar
from domain.hosts import HeldMessage
from domain.incident import Outcome
from domain.money.costs import Settlement
from domain.units import Hours

What = (
    Acknowledge | CallOutcome | Close | Contest | Credit | Dispute | Escalate | FalsePositive
    | Fixed | KeptMail | MoveDeadline | Release | Settle | Waive
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Now:
    """What an act will meet. `held` may be a part of all that is held, `held_total` messages."""

    at: datetime
    deadline: datetime | None
    calendar: Calendar
    measure: str | None
    """In force now."""
    upcoming: str | None
    """What follows the deadline."""
    contacts: tuple[str, ...]
    held: tuple[HeldMessage, ...]
    held_total: int
    charges: tuple[str, ...]
    """Those that stand, one sentence each."""
    asked_to_call: bool


def foresee(what: What, now: Now, *, later: bool = True) -> tuple[str, ...]:
    """What will happen, one sentence each, the most important first.

    `later` is whether a moved deadline moves later.
    """
    match what:
        case Acknowledge():
            return ("It goes on record that the client has read the notice.",)
        case Fixed():
            return (
                "It goes on record that the client says it is fixed.",
                "Plazo watches for offending mail; where none is seen, it lifts the measure.",
                *_mail(what.discard_senders, what.discard_messages, now, answered=what.answered),
            )
        case Contest():
            return (
                "It goes on record that the client says that the report is wrong.",
                "Somebody of the desk gets the task to look at it.",
                f"The deadline stays: {_stamp(now.deadline)}."
                if now.deadline
                else "Nothing else changes.",
            )
        case KeptMail():
            return _mail(what.discard_senders, what.discard_messages, now, answered=True)
        case MoveDeadline(seconds=seconds):
            return _moved(seconds, now, later=later)
        case Escalate():
            return _escalated(now)
        case Release():
            return (
                f"{now.measure or 'Every measure'} is lifted without the client's word.",
                *_mail(
                    what.discard_senders, what.discard_messages, now,
                    answered=what.deliver_everything,
                ),
            )  # fmt: skip
        case Waive(charge=charge):
            return (
                f"The {charge.replace('_', ' ')} charge is forgiven, made or still to be made.",
                *now.charges,
            )
        case Credit(charge=charge, amount=amount):
            return (f"{amount or 'All that is left'} of {charge} is taken back.",)
        case Dispute(charge=charge):
            return (f"{charge} is not sent until the dispute is settled.", "The incident goes on.")
        case Settle(charge=charge, settlement=Settlement.CREDITED, amount=amount):
            return (f"{amount or 'All that is left'} of {charge} is taken back.",)
        case Settle(charge=charge):
            return (f"{charge} stands, and is sent.",)
        case FalsePositive():
            return (
                *_lifted(now),
                "Every charge of this incident is voided.",
                f"An apology goes to {', '.join(now.contacts)}.",
                "The incident is closed, and does not count on the client's ladder.",
            )
        case CallOutcome(reached=reached):
            said = "reached" if reached else "not reached"
            task = "The task to call is done." if now.asked_to_call else "No call was asked for."
            return (f"It goes on record that the client was {said} by phone.", task)
        case Close(outcome=Outcome.WITHDRAWN):
            return (
                *_lifted(now),
                "Every charge of this incident is voided.",
                "The incident is closed as withdrawn, and does not count on the client's ladder.",
            )
        case Close():
            return (
                f"{now.measure or 'No measure'} stays in force; the host is left as it is.",
                "The incident is closed with the service terminated.",
            )


def _moved(seconds: int, now: Now, *, later: bool) -> tuple[str, ...]:
    if now.deadline is None:
        return ("There is no deadline that could be moved.",)
    span = Hours(seconds)
    moved = (now.calendar.after if later else now.calendar.before)(now.deadline, span)
    sentences = [f"The deadline moves from {_stamp(now.deadline)} to {_stamp(moved)}."]
    if moved <= now.at:
        sentences.append(f"That is past: {now.upcoming or 'the next measure'} follows at once.")
    return (*sentences, f"A letter about it goes to {', '.join(now.contacts)}.")


def _escalated(now: Now) -> tuple[str, ...]:
    if now.measure is not None and now.upcoming is None:
        return (f"The contract's next measure takes the place of {now.measure}.",)
    return (
        "The wait ends.",
        f"Now follows: {now.upcoming or 'the first measure of the contract'}.",
    )


def _lifted(now: Now) -> tuple[str, ...]:
    if now.measure is None:
        return ("No measure is in force.",)
    return (f"{now.measure} is lifted.", f"All {now.held_total} held messages are delivered.")


def _mail(
    senders: tuple[str, ...], messages: tuple[str, ...], now: Now, *, answered: bool
) -> tuple[str, ...]:
    if not now.held_total:
        return ("No mail is held.",)
    named = sum(1 for each in now.held if each.sender in senders or each.queue_id in messages)
    at_least = "" if len(now.held) == now.held_total else "at least "
    if not answered and not named:
        return ("The offending sender's messages stay held; the others are delivered.",)
    rest = now.held_total - named
    return (
        f"{at_least}{named} held messages are discarded, which cannot be undone.".capitalize(),
        f"The other {rest} are delivered."
        if answered
        else "The offending sender's others stay held.",
    )


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
