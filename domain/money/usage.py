"""One pass of the metering: what goes into its steps, and what comes out."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class MeterPass:
    """Read what is due, compare what is settled, bill what came late."""


@dataclass(frozen=True, kw_only=True)
class TakeReadings:
    """Ask the smarthost for every figure that is due."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How many figures were told; `untold` says by host why others were not."""

    readings: int = 0
    untold: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """Hold the smarthost's figures against the hosts' own counts, day by day."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """How many days were compared, and how many of them differ."""

    days: int = 0
    differ: int = 0


@dataclass(frozen=True, kw_only=True)
class BillLate:
    """Charge what closed incidents owe for figures that came after their last bill."""


@dataclass(frozen=True, kw_only=True)
class BilledLate:
    """How many closed incidents were looked at, and the keys of what they were charged late."""

    incidents: int = 0
    charges: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PassMetered:
    """What one pass did."""

    taken: Taken
    reconciled: Reconciled
    billed: BilledLate
