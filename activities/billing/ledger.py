"""The default: nothing is sent. The ledger is the bill, and what reads it is its export."""

from collections.abc import Mapping
from datetime import datetime

from activities.billing.port import Backend, Refused, register
from domain.money.billing import LEDGER, Outgoing, There


class Ledger:
    """Has every entry by its own key."""

    settles = 0.0
    needs_id = False

    async def find(self, what: Outgoing) -> str | None:
        return what.entry.key

    async def send(self, what: Outgoing) -> str:
        raise Refused("nothing is sent to the ledger, which has it already")

    async def there(self, account: str, since: datetime) -> tuple[There, ...] | None:
        return None

    def lists(self, far_id: str) -> bool:
        return False

    async def check(self) -> str:
        return "nothing is sent: the ledger is the bill (plazo billing export)"

    async def close(self) -> None:
        return


@register(LEDGER)
def ledger(access: Mapping[str, str]) -> Backend | None:
    return Ledger()
