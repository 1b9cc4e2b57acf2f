"""The delivery of one entry of the ledger to where its client is billed.

A story of its own, because a charge may be made months after its incident has closed. It waits for
as long as the backend is away; what a person has to put right ends it, and having the entry sent
again begins it anew.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.money.billing import Deliver, Delivered
    from workflows.steps import Effort, Step

_BILLING = Effort(
    attempt=timedelta(minutes=10),  # with the time for its turn; a dead worker is noticed sooner
    # The step itself says when the next attempt is due; this is for when it could not.
    retry=RetryPolicy(
        initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=15)
    ),
)

_HEARTBEAT = timedelta(seconds=10)
"""Until it is noticed that an attempt's worker is gone."""

DELIVER = Step("deliver_entry", Deliver, Delivered, _BILLING)


@workflow.defn(name="BillingDelivery")
class BillingDelivery:
    """Delivers the entry, and once more if it was told to meanwhile."""

    def __init__(self) -> None:
        self._woken = True

    @workflow.run
    async def run(self, what: Deliver) -> Delivered:
        while True:
            self._woken = False
            delivered: Delivered = await workflow.execute_activity(
                DELIVER.name,
                what,
                result_type=DELIVER.gives,
                start_to_close_timeout=DELIVER.effort.attempt,
                heartbeat_timeout=_HEARTBEAT,
                retry_policy=DELIVER.effort.retry,
                summary=what.entry,
            )
            if not self._woken:
                return delivered

    @workflow.signal
    def wake(self) -> None:
        """The entry waits, or waits again; told too often, this changes nothing."""
        self._woken = True
