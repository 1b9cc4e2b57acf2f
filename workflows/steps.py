"""The steps that an incident asks of the world: name, types, retries and time-outs, stated once.

Retries go on until the step succeeds: an incident must not fail because a mail server was down for
a day. What no retry can mend is marked so by the activity, at the place where that is known.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio.common import RetryPolicy

from domain import steps

Takes = TypeVar("Takes")
Gives = TypeVar("Gives")


@dataclass(frozen=True)
class Effort:
    """How long one attempt may take, and how the next is spaced."""

    attempt: timedelta
    retry: RetryPolicy
    altogether: timedelta | None = None
    """After which the step is given up and the story goes on without; None: never."""


BOOKS = Effort(
    attempt=timedelta(seconds=30),
    retry=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
)
"""PostgreSQL: quick, and back within a minute of its return."""

MAIL = Effort(
    attempt=timedelta(minutes=2),
    retry=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5)),
    altogether=timedelta(hours=1),
)
"""The provider's own mail server may be down. The contract's clock and the spam run on meanwhile,
so after an hour it is a person who tells the client."""

LOOKUP = Effort(
    attempt=timedelta(minutes=2),
    retry=RetryPolicy(
        initial_interval=timedelta(seconds=10), maximum_interval=timedelta(minutes=15)
    ),
)
"""Many DNS questions, each with its own time-out inside the attempt."""


@dataclass(frozen=True)
class Step(Generic[Takes, Gives]):
    """The typed interface of one activity."""

    name: str
    takes: type[Takes]
    gives: type[Gives]
    effort: Effort = BOOKS


ASSESS = Step("assess", steps.Assess, steps.Assessment, LOOKUP)
IMPOSE = Step("impose_measure", steps.Impose, steps.Imposed)
LIFT = Step("lift_measures", steps.Lift, steps.Done)
SEND_NOTICE = Step("send_notice", steps.SendNotice, steps.NoticeSent, MAIL)
ASK_PERSON = Step("ask_person", steps.AskPerson, steps.Done)
COMPLETE_TASKS = Step("complete_tasks", steps.CompleteTasks, steps.Done)
RECKON = Step("reckon_deadline", steps.Reckon, steps.Moments)
VERIFY = Step("verify_remedy", steps.Verify, steps.Verified)
BILL = Step("record_charges", steps.Bill, steps.Billed)
WAIVE = Step("waive_charge", steps.WaiveCharge, steps.Done)
CREDIT = Step("credit_charge", steps.CreditCharge, steps.Done)
DISPUTE = Step("dispute_charge", steps.DisputeCharge, steps.Done)
SETTLE = Step("settle_dispute", steps.SettleDispute, steps.Done)
SEND_TO_CHANNELS = Step("send_to_channels", steps.SendToChannels, steps.ChannelsTold, MAIL)
CHECK_LISTS = Step("check_blocklists", steps.CheckLists, steps.Listings, LOOKUP)
REQUEST_DELISTING = Step(
    "request_delisting", steps.RequestDelisting, steps.DelistingRequested, MAIL
)
SET_RIGHT = Step("set_right", steps.SetRight, steps.Done)
KEEP_RECORD = Step("keep_record", steps.KeepRecord, steps.Done)
FINISH = Step("close_incident", steps.Finish, steps.Finished)

ALL: tuple[Step[object, object], ...] = (
    ASSESS, IMPOSE, LIFT, SEND_NOTICE, ASK_PERSON, COMPLETE_TASKS, RECKON, VERIFY, BILL, WAIVE,
    CREDIT, DISPUTE, SETTLE, CHECK_LISTS, SET_RIGHT, KEEP_RECORD, FINISH, SEND_TO_CHANNELS,
)  # type: ignore[assignment]  # fmt: skip
"""Every step; the worker is checked against it before it starts."""
