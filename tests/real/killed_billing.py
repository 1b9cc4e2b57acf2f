"""`plazo worker`, that is killed with SIGKILL once so many deliveries have come to a point.

`python -m tests.real.killed_billing POINT COUNT`, with the worker's own environment. POINT: `begun`
(on record, nothing sent), `sent` (the far side has answered, nothing on record), `kept` (on record,
and the engine does not know).
"""

import asyncio
import os
import signal
import sys
from typing import Any

from activities.billing import whmcs
from activities.billing.delivery import Deliveries
from workers.cli import main

whmcs.SETTLES = 1.0  # the stand-in has no request that goes on when its caller has gone


def _die_at(point: str, count: int) -> None:
    arrived = 0

    async def die() -> None:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(3_600)

    send, keep = Deliveries._send, Deliveries._sent

    async def _send(self: Any, what: Any) -> Any:
        if point == "begun":
            await die()
        return await send(self, what)

    async def _sent(self: Any, what: Any, far_id: str) -> Any:
        if point == "sent":
            await die()
        found = await keep(self, what, far_id)
        if point == "kept":
            await die()
        return found

    Deliveries._send, Deliveries._sent = _send, _sent  # type: ignore[method-assign]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _die_at(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["plazo", "worker"]
    main()
