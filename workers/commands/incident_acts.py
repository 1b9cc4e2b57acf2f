"""`plazo incident extend|fixed|release|…`: what people do to an incident, each with a reason."""

import asyncio
from typing import Annotated

import typer

from domain.acts import (
    Acknowledge,
    CallOutcome,
    Close,
    Contest,
    Escalate,
    FalsePositive,
    Fixed,
    KeptMail,
    MoveDeadline,
    Release,
    Waive,
)
from domain.incident import Act, Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind
from domain.units import Hours
from gateway.incidents import What
from workers.commands.acting import By, DryRun, Reason, acted, foreseen
from workers.commands.say import line

Senders = Annotated[
    list[str], typer.Option("--discard-sender", help="Discard all held mail of this sender.")
]
Messages = Annotated[
    list[str], typer.Option("--discard-message", help="Discard the held message of this queue id.")
]
_NONE: list[str] = []


def acknowledge(incident: str, by: By, dry_run: DryRun = False) -> None:
    """The client has read the notice, as they say."""
    _act(incident, Act.ACKNOWLEDGE, Acknowledge(by=by), dry_run=dry_run)


def extend(incident: str, span: str, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """Move the deadline later by SPAN (such as 4h) of the contract's calendar."""
    _act(
        incident,
        Act.EXTEND,
        MoveDeadline(by=by, seconds=_seconds(span), reason=reason),
        dry_run=dry_run,
    )


def shorten(incident: str, span: str, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """Move the deadline earlier by SPAN (such as 4h) of the contract's calendar."""
    _act(
        incident,
        Act.SHORTEN,
        MoveDeadline(by=by, seconds=_seconds(span), reason=reason),
        dry_run=dry_run,
    )


def escalate(incident: str, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """Wait no longer: restrict now, or take the contract's next measure."""
    _act(incident, Act.ESCALATE, Escalate(by=by, reason=reason), dry_run=dry_run)


def fixed(
    incident: str,
    reason: Annotated[str, typer.Option("--reason", help="What the client said.")],
    by: By,
    accept: Annotated[list[Term], typer.Option(help="A condition that the client accepts.")] = [],  # noqa: B006
    deliver_rest: Annotated[
        bool, typer.Option(help="The client answered for held mail: deliver what is not named.")
    ] = False,
    discard_sender: Senders = _NONE,
    discard_message: Messages = _NONE,
    dry_run: DryRun = False,
) -> None:
    """Record a call: the client says that it is fixed."""
    what = Fixed(
        by=by,
        note=reason,
        accepts=tuple(accept),
        answered=deliver_rest or bool(discard_sender or discard_message),
        discard_senders=tuple(discard_sender),
        discard_messages=tuple(discard_message),
    )
    _act(incident, Act.FIXED, what, dry_run=dry_run)


def contest(incident: str, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """The client says that the report is wrong: a task for the desk; the deadline runs on."""
    _act(incident, Act.CONTEST, Contest(by=by, reason=reason), dry_run=dry_run)


def kept_mail(
    incident: str,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="What the client said.")] = "",
    discard_sender: Senders = _NONE,
    discard_message: Messages = _NONE,
    dry_run: DryRun = False,
) -> None:
    """See to mail that stayed held when the measure ended; what is not named is delivered."""
    what = KeptMail(
        by=by,
        note=reason,
        discard_senders=tuple(discard_sender),
        discard_messages=tuple(discard_message),
    )
    _act(incident, Act.KEPT_MAIL, what, dry_run=dry_run)


def release(
    incident: str,
    reason: Reason,
    by: By,
    deliver_everything: Annotated[bool, typer.Option(help="Hold back no message.")] = False,
    discard_sender: Senders = _NONE,
    discard_message: Messages = _NONE,
    dry_run: DryRun = False,
) -> None:
    """Lift the measure without the client's word."""
    what = Release(
        by=by,
        reason=reason,
        deliver_everything=deliver_everything,
        discard_senders=tuple(discard_sender),
        discard_messages=tuple(discard_message),
    )
    _act(incident, Act.RELEASE, what, dry_run=dry_run)


def waive(
    incident: str, charge: ChargeKind, reason: Reason, by: By, dry_run: DryRun = False
) -> None:
    """Forgive one kind of charge, made or still to be made."""
    _act(incident, Act.WAIVE, Waive(by=by, charge=charge, reason=reason), dry_run=dry_run)


def false_positive(incident: str, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """There was no spam: lift everything, void the charges, apologise."""
    _act(incident, Act.FALSE_POSITIVE, FalsePositive(by=by, reason=reason), dry_run=dry_run)


def call(
    incident: str,
    reason: Annotated[str, typer.Option("--reason", help="What came of the call.")],
    reached: Annotated[bool, typer.Option("--reached/--not-reached")],
    by: By,
    minutes: Annotated[
        int, typer.Option(min=0, help="That it took; charged where the contract has a price.")
    ] = 0,
    dry_run: DryRun = False,
) -> None:
    """Record what came of the phone call."""
    what = CallOutcome(by=by, outcome=reason, reached=reached, minutes=minutes)
    _act(incident, Act.CALL_OUTCOME, what, dry_run=dry_run)


def close(incident: str, outcome: Outcome, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """End it as withdrawn (lifts everything) or terminated (measures stay)."""
    _act(incident, Act.CLOSE, Close(by=by, outcome=outcome, reason=reason), dry_run=dry_run)


def _act(incident: str, act: Act, what: What, *, dry_run: bool) -> None:
    if not dry_run:
        line(asyncio.run(acted(incident, act, what)))
        return
    for sentence in asyncio.run(foreseen(incident, act, what)):
        line(sentence)
    line("Nothing was done.")


def _seconds(span: str) -> int:
    try:
        return Hours.parse(span).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
