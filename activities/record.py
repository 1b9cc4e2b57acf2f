"""The audit chain's side of the work: each attempt of each step, with what led to it.

Before a step does anything, the decisions that came with it and the start of this attempt are put
on the chain in one statement; what came of it follows. So nothing is done that is not on record,
and the record costs no workflow step (`workflows/record.py` is the other half).
"""

import asyncio
from typing import Any

from asyncpg import Pool
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.smtp import as_text
from book.incident import audit
from domain.chronicle import HEADER, Chronicle
from domain.wire import to_json

_WORDS = 500
"""Characters of an error that go on record; a mail server's refusal is shorter."""


class RecordAttempts(Interceptor):
    """Worker interceptor: keeps the chronicle that each activity carries, and its attempts.

    `worker` is the identity of the process, as Temporal shows it.
    """

    def __init__(self, pool: Pool, worker: str) -> None:
        self._pool = pool
        self._worker = worker

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self._pool, self._worker)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, pool: Pool, worker: str) -> None:
        super().__init__(next)
        self._pool = pool
        self._worker = worker

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        carried = input.headers.get(HEADER)
        if carried is None:
            return await super().execute_activity(input)
        converter = activity.payload_converter()
        [chronicle] = converter.from_payloads([carried], [Chronicle])
        await self._begin(chronicle, input.args[0] if input.args else None)
        try:
            result = await super().execute_activity(input)
        except asyncio.CancelledError:
            # The worker stops, or nobody waits for this step any more: say so all the same.
            await asyncio.shield(self._end(chronicle.incident, {"outcome": "cancelled"}))
            raise
        except Exception as error:
            words = as_text(f"{type(error).__name__}: {error}")[:_WORDS]
            await self._end(chronicle.incident, {"outcome": "failed", "error": words})
            raise
        await self._end(chronicle.incident, {"outcome": "done", "result": to_json(result)})
        return result

    async def _begin(self, chronicle: Chronicle, asked: object) -> None:
        entries: list[tuple[str, object]] = [
            (f"decision:{decision.number}", {"kind": "decision", **_spelled(decision)})
            for decision in chronicle.decisions
        ]
        started = _attempt("started", worker=self._worker, asked=to_json(asked))
        async with self._pool.acquire() as connection:
            await audit.append_and_show(connection, chronicle, [*entries, started])

    async def _end(self, incident: str, came_of_it: dict[str, object]) -> None:
        ended = _attempt("ended", worker=self._worker, **came_of_it)
        async with self._pool.acquire() as connection:
            await audit.append(connection, incident, [ended])


def _attempt(phase: str, **more: object) -> tuple[str, object]:
    """One entry about the attempt that is running here, named so that it cannot be told twice."""
    info = activity.info()
    source = f"{info.workflow_run_id}/{info.activity_id}/{info.attempt}/{phase}"
    body = {
        "kind": "attempt",
        "phase": phase,
        "step": info.activity_type,
        "attempt": info.attempt,
        **more,
    }
    return source, body


def _spelled(decision: object) -> dict[str, object]:
    spelled = to_json(decision)
    assert isinstance(spelled, dict)
    return dict(spelled)
