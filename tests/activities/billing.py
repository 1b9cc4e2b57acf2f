"""What tests of the delivery share: the step as a worker runs it, at one far side."""

from dataclasses import dataclass

import pytest
from asyncpg import Pool
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.billing.delivery import Deliveries
from activities.billing.port import Backends
from domain.money.billing import Deliver, Delivered
from tests.real.far_sides import FarSide


@dataclass
class Step:
    """Delivers; each call is one attempt."""

    pool: Pool
    backends: Backends
    default: str = "ledger"

    async def deliver(self, key: str) -> Delivered:
        deliveries = Deliveries(
            pool=self.pool, backends=self.backends, default=self.default, worker="1@test"
        )
        delivered: Delivered = await ActivityEnvironment().run(
            deliveries.deliver_entry, Deliver(entry=key)
        )
        return delivered

    async def later(self, key: str) -> tuple[str, float]:
        """An attempt that is to be made again: why, and in how many seconds."""
        with pytest.raises(ApplicationError) as caught:
            await self.deliver(key)
        pause = caught.value.next_retry_delay
        assert pause is not None
        return caught.value.message, pause.total_seconds()


@dataclass
class World:
    """The step, and the far side that the client is billed at."""

    step: Step
    side: FarSide
