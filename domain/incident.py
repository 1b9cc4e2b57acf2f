"""An incident's stages and outcomes, its name, and what people may do at each stage."""

import re
from enum import StrEnum


class Stage(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    NOTIFIED = "notified"
    WAITING = "waiting"
    RESTRICTED = "restricted"
    VERIFYING = "verifying"
    DELISTING = "delisting"
    PROBATION = "probation"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How it ended."""

    REMEDIATED = "remediated"
    FALSE_POSITIVE = "false_positive"
    TERMINATED = "terminated"
    WITHDRAWN = "withdrawn"


class Act(StrEnum):
    """What a person or a client may do to an incident. These are the names of its Updates."""

    ACKNOWLEDGE = "acknowledge"
    FIXED = "fixed"
    CONTEST = "contest"
    KEPT_MAIL = "kept_mail"
    EXTEND = "extend"
    SHORTEN = "shorten"
    ESCALATE = "escalate"
    RELEASE = "release"
    WAIVE = "waive"
    CREDIT = "credit"
    DISPUTE = "dispute"
    SETTLE = "settle"
    FALSE_POSITIVE = "false_positive"
    CALL_OUTCOME = "call_outcome"
    CLOSE = "close"


_RUNNING = set(Stage) - {Stage.CLOSED}
_WHEN: dict[Act, set[Stage]] = {
    Act.ACKNOWLEDGE: _RUNNING,
    # The client may have read the letter before the story has gone on from sending it.
    Act.FIXED: {Stage.OPEN, Stage.NOTIFIED, Stage.WAITING, Stage.RESTRICTED},
    Act.CONTEST: _RUNNING,
    Act.KEPT_MAIL: {Stage.DELISTING, Stage.PROBATION},
    Act.EXTEND: {Stage.NOTIFIED, Stage.WAITING},
    Act.SHORTEN: {Stage.NOTIFIED, Stage.WAITING},
    Act.ESCALATE: {Stage.NOTIFIED, Stage.WAITING, Stage.RESTRICTED},
    Act.RELEASE: {Stage.RESTRICTED, Stage.VERIFYING},
    Act.WAIVE: _RUNNING,
    Act.CREDIT: _RUNNING,
    Act.DISPUTE: _RUNNING,
    Act.SETTLE: _RUNNING,
    Act.FALSE_POSITIVE: _RUNNING,
    Act.CALL_OUTCOME: _RUNNING,
    Act.CLOSE: _RUNNING,
}


def acts_at(stage: Stage) -> tuple[Act, ...]:
    """What may be done at a stage, in the order of `Act`."""
    return tuple(act for act in Act if stage in _WHEN[act])


class Refusal(Exception):
    """An act that the incident does not admit now; says the stage and what is allowed."""

    def __init__(self, act: Act, stage: Stage, why: str = "") -> None:
        allowed = ", ".join(acts_at(stage)) or "nothing, it is closed"
        because = f" ({why})" if why else ""
        super().__init__(f'"{act}" is refused at stage "{stage}"{because}; allowed now: {allowed}')
        self.act = act
        self.stage = stage


def admit(act: Act, stage: Stage) -> None:
    """Raise `Refusal` unless the act may be done at the stage."""
    if stage not in _WHEN[act]:
        raise Refusal(act, stage)


_SERVICE_ID = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


def is_service_id(text: str) -> bool:
    """A lower-case DNS-like name: it is in incident ids, and so in URLs and workflow ids."""
    return _SERVICE_ID.fullmatch(text) is not None


def incident_id(service: str, number: int) -> str:
    """`incident-<service>-<n>`: the workflow id, and the name that people use."""
    return f"incident-{service}-{number}"
