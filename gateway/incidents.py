"""What people do to an incident, brought to its workflow: one Update each, answered or refused."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.acts import (
    Acknowledge,
    Answer,
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
from domain.incident import Act

What = (
    Acknowledge | CallOutcome | Close | Contest | Credit | Dispute | Escalate | FalsePositive
    | Fixed | KeptMail | MoveDeadline | Release | Settle | Waive
)  # fmt: skip
"""What an act carries: one dataclass for each of `Act`, `MoveDeadline` for two of them."""

PATIENCE = 30.0
"""Seconds that an act may take; a worker that lives answers within one."""

_PAUSES = (0.2, 1.0)
"""Seconds before an act is tried again under the same id."""

_HEALTH = timedelta(seconds=3)


class Refused(Exception):
    """The incident does not admit the act now; its words say why and what is allowed."""


class NoSuchIncident(Exception):
    """There is no workflow of this name: the id is wrong, or it has only just been opened."""


class EngineAway(Exception):
    """Temporal or its workers gave no answer; the act may be repeated, under the same id."""


class Incidents:
    """The incidents of `client`'s namespace. The command line acts through this as well."""

    def __init__(self, client: Client, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._patience = patience

    @property
    def namespace(self) -> str:
        return self._client.namespace

    async def act(self, incident: str, act: Act, what: What, *, once: str | None = None) -> Answer:
        """Carry out an act, and say what it did.

        The same `once` again is answered as the first time and changes nothing. Raises Refused,
        NoSuchIncident or EngineAway.
        """
        try:
            async with asyncio.timeout(self._patience):
                return await self._repeated(incident, act, what, once or uuid4().hex)
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise EngineAway(
                f"{incident} gave no answer within {self._patience:.0f} s; look whether it is on "
                "record before you try again"
            ) from error
        except RuntimeError as error:  # a client that has never been connected
            raise EngineAway(str(error)) from error

    async def answered(self, incident: str, once: str) -> Answer | None:
        """What an act was answered that was carried out under this id; None if none was.

        A long story forgets it when it turns to its next run. Raises EngineAway.
        """
        handle = self._client.get_workflow_handle(incident).get_update_handle(
            once, result_type=Answer
        )
        try:
            answer: Answer = await handle.result(rpc_timeout=_HEALTH)
        except WorkflowUpdateFailedError:
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise EngineAway(str(error)) from error
        except (RPCTimeoutOrCancelledError, RuntimeError) as error:
            raise EngineAway(f"{incident} gave no answer: {error}") from error
        return answer

    async def available(self) -> bool:
        """Whether Temporal answers."""
        try:
            async with asyncio.timeout(_HEALTH.total_seconds()):
                return await self._client.service_client.check_health(timeout=_HEALTH)
        except (RPCError, RuntimeError, TimeoutError):
            return False

    async def _repeated(self, incident: str, act: Act, what: What, once: str) -> Answer:
        """An act that meets the turn of a long story to its next run is given up by the server."""
        for pause in _PAUSES:
            try:
                return await self._update(incident, act, what, once)
            except EngineAway:
                await asyncio.sleep(pause)
        return await self._update(incident, act, what, once)

    async def _update(self, incident: str, act: Act, what: What, once: str) -> Answer:
        handle = self._client.get_workflow_handle(incident)
        try:
            answer: Answer = await handle.execute_update(
                str(act), what, id=once, result_type=Answer
            )
        except WorkflowUpdateFailedError as error:
            raise Refused(_why(act, error)) from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise EngineAway(str(error)) from error
            if await self._has_ended(incident):
                raise Refused(f'"{act}" is refused: {incident} is closed') from error
            raise NoSuchIncident(f"there is no incident {incident}") from error
        return answer

    async def _has_ended(self, incident: str) -> bool:
        try:
            found = await self._client.get_workflow_handle(incident).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise EngineAway(str(error)) from error
        return found.status is not WorkflowExecutionStatus.RUNNING


def _why(act: Act, error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "Refusal":
        return cause.message
    # Accepted and then not carried out: the workflow ended, or one of its steps failed.
    while isinstance(cause, ActivityError) and cause.cause is not None:
        cause = cause.cause  # what the step said, such as what the ledger refuses
    said = cause.message if isinstance(cause, ApplicationError) else cause
    return f'"{act}" was not carried out: {said}'
