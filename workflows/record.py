"""How an incident's decisions reach the audit chain: on the back of its next step.

Every activity that the workflow starts carries, in a header, the decisions that are not on record
yet and how the incident looks now. The activity's side writes them before it does anything, in one
transaction (`activities/record.py`). So no effect can happen before the decision that led to it is
on record, and no workflow step is spent on keeping the record.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from domain.chronicle import HEADER, Chronicle


@runtime_checkable
class Chronicled(Protocol):
    """A workflow that has decisions to put on record."""

    def chronicle(self) -> Chronicle: ...

    def carried(self, chronicle: Chronicle) -> None: ...

    def arrived(self, chronicle: Chronicle, *, recorded: bool) -> None: ...


class CarryDecisions(Interceptor):
    """Worker interceptor: attaches the chronicle of a `Chronicled` workflow to its activities."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        story = workflow.instance()
        if not isinstance(story, Chronicled):
            return super().start_activity(input)
        chronicle = story.chronicle()
        converter = workflow.payload_converter()
        headers: Mapping[str, Payload] = {
            **input.headers,
            HEADER: converter.to_payload(chronicle),
        }
        input.headers = headers
        handle = super().start_activity(input)
        story.carried(chronicle)
        handle.add_done_callback(
            lambda done: story.arrived(
                chronicle, recorded=not done.cancelled() and done.exception() is None
            )
        )
        return handle
