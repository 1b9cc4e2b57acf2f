"""One pass over what falls due by the calendar: what goes into its steps, and what comes out."""

from dataclasses import dataclass

from domain.steps import NearCap


@dataclass(frozen=True, kw_only=True)
class ChargePass:
    """Tell of caps that come near, then charge the months that have begun."""


@dataclass(frozen=True, kw_only=True)
class LookAtCaps:
    """Look at the next incidents under a contract with a cap, by name, beyond `after`."""

    after: str = ""


@dataclass(frozen=True, kw_only=True)
class CapsSeen:
    """Caps that come near and nobody was told of. `after` is None where all were looked at."""

    after: str | None = None
    near: tuple[NearCap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChargeMonths:
    """Charge the begun months of the next dedicated addresses, by incident, beyond `after`."""

    after: str = ""


@dataclass(frozen=True, kw_only=True)
class MonthsCharged:
    """How many months are new on the ledger. `after` is None where all were looked at."""

    after: str | None = None
    months: int = 0


@dataclass(frozen=True, kw_only=True)
class PassCharged:
    """What one pass did."""

    told: int = 0
    months: int = 0
