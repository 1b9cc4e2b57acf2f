"""The steps of the metering: read, compare, bill what came late."""

from dataclasses import dataclass, field

from asyncpg import Pool
from temporalio import activity

from activities.smarthosts.port import Meter
from activities.smarthosts.reading import read_due
from book.database import transaction
from book.incident import incidents
from book.money import bills, usage
from domain.money.costs import ChargeKind
from domain.money.metering import Tolerance
from domain.money.redirects import Compared
from domain.money.usage import BilledLate, BillLate, Reconcile, Reconciled, Taken, TakeReadings

_SECONDS = 240.0
"""For all questions of a pass; a step's attempt may take five minutes."""


@dataclass(frozen=True)
class Metering:
    """Verbs on `pool`. Without a `meter` the hosts' own counts are all that there is."""

    pool: Pool
    meter: Meter | None = None
    tolerance: Tolerance = field(default=Tolerance())

    @activity.defn(name="take_readings")
    async def take_readings(self, what: TakeReadings) -> Taken:
        """Read every figure that is due; what is not told now is asked for by the next pass."""
        if self.meter is None:
            return Taken()
        read = await read_due(self.pool, self.meter, seconds=_SECONDS)
        return Taken(readings=read.readings, untold=dict(read.untold))

    @activity.defn(name="reconcile_usage")
    async def reconcile_usage(self, what: Reconcile) -> Reconciled:
        """Open a task for each day of a host that both have counted too differently, once."""
        if self.meter is None:
            return Reconciled()
        compared, differ = 0, 0
        async with transaction(self.pool) as connection:
            for host, days in (await usage.days(connection, self.meter.kind)).items():
                for day in days:
                    compared += 1
                    apart = self.tolerance.passed_by(day.smarthost, day.host)
                    if day.read and not apart:
                        continue
                    differ += 1
                    detail = _said(host, day, self.meter.kind, self.tolerance)
                    name = f"{host} {day.day:%Y-%m-%d}"
                    await usage.ask_person(connection, name, day.keys, detail)
        return Reconciled(days=compared, differ=differ)

    @activity.defn(name="bill_late_usage")
    async def bill_late_usage(self, what: BillLate) -> BilledLate:
        """Charge the difference; an incident that owes nothing more is charged nothing."""
        async with self.pool.acquire() as connection:
            closed = await usage.unbilled(connection)
        charges: list[str] = []
        for incident in closed:
            async with transaction(self.pool) as connection:
                who = await incidents.parties(connection, incident)
                charges += await bills.charge_only(connection, who, ChargeKind.SMARTHOST)
        return BilledLate(incidents=len(closed), charges=tuple(charges))


def _said(host: str, day: Compared, kind: str, tolerance: Tolerance) -> str:
    measures = ", ".join(day.keys) or "no measure that was seen in force"
    own = f"the host's own log {day.host:,}"
    if not day.read:
        return (
            f"on {day.day:%Y-%m-%d} {kind} has told no final figure of {host}, and {own} "
            f"({measures}): see to PLAZO_SMARTHOST_KEY; what it tells later is billed then"
        )
    return (
        f"on {day.day:%Y-%m-%d} {kind} counted {day.smarthost:,} messages from {host}, and {own} "
        f"({measures}): more than {tolerance.percent:g} % and {tolerance.messages} messages apart. "
        f"The bill is by {kind}; see `plazo billing usage INCIDENT`, and whether the host logs in "
        "as its own sub-account, whether its agent was away, and who else uses that login"
    )
