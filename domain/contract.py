"""What a client agreed to: deadline, calendar, ordered measures, prices."""

from dataclasses import dataclass, field, fields

from domain.calendar import AROUND_THE_CLOCK, Calendar
from domain.measures import Measure
from domain.parties import Jurisdiction
from domain.units import Hours, Money


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What an incident may cost the client. Every amount is in the contract's one currency."""

    delisting_first: Money
    delisting_again: Money
    smarthost_per_thousand: Money
    smarthost_minimum: Money
    dedicated_address_monthly: Money

    def __post_init__(self) -> None:
        currencies = sorted({getattr(self, each.name).currency for each in fields(self)})
        if len(currencies) > 1:
            raise ValueError(f"a contract has one currency, not {' and '.join(currencies)}")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The terms in force for one client over one period."""

    id: str
    client: str
    clause: str
    """The client's own clause that the notices cite, such as "7.3"."""
    jurisdiction: Jurisdiction
    deadline: Hours
    measures: tuple[Measure, ...]
    """Consented to, in the client's order of preference."""
    prices: Prices
    calendar: Calendar = field(default=AROUND_THE_CLOCK)
    containment: bool = True
    """Whether `rate_limit` or `smarthost_redirect` may start at minute zero."""
    smarthost_billing: bool = True
    """Consent to be billed for smarthost traffic; without it that measure is passed over."""
    hourly_limit: int = 100
    """Messages an hour under `rate_limit`."""
    hard_cap: int = 1_000
    """Messages seen in one incident that end the wait at once."""
    address_cap: int = 10
    """Addresses of one service seen sending that leave no wait: that is no single mailbox."""
    window_months: int = 12
    probation: Hours = Hours(24 * 3_600)
    reminders: tuple[Hours, ...] = (Hours(3_600),)
    """How long before the deadline a reminder goes out."""
    chasers: tuple[Hours, ...] = (Hours(86_400), Hours(3 * 86_400), Hours(7 * 86_400))
    """After a restriction without an answer: when to write again, the last as a final notice."""

    def __post_init__(self) -> None:
        if not self.deadline.seconds:
            raise ValueError("a deadline of 0 s is no deadline")
        for name in ("hourly_limit", "hard_cap", "address_cap", "window_months"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more")
