"""What a client agreed to: deadline, calendar, ordered measures, prices."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.calendar import AROUND_THE_CLOCK, Calendar
from domain.measures import Measure
from domain.parties import Jurisdiction
from domain.units import Hours, Money


class Rounding(StrEnum):
    """What a smarthost's price per thousand is multiplied with."""

    BEGUN_THOUSAND = "begun_thousand"
    """Thousands that have begun: one message costs what a thousand do."""
    PRO_RATA = "pro_rata"
    """The messages themselves, exactly; the amount is rounded half to even to the minor unit."""


PRICED = (
    "delisting_first", "delisting_again", "smarthost_per_thousand", "smarthost_minimum",
    "dedicated_address_monthly", "staff_hour",
)  # fmt: skip
CAPS = ("cap_incident", "cap_month")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What an incident may cost the client. Every amount is in the contract's one currency.

    Amounts are net: tax is the billing system's.
    """

    delisting_first: Money
    delisting_again: Money
    smarthost_per_thousand: Money
    smarthost_minimum: Money
    dedicated_address_monthly: Money
    staff_hour: Money | None = None
    """For phone calls, by begun quarters of an hour; None: they cost nothing."""
    cap_incident: Money | None = None
    """The most that one incident comes to; None: no cap."""
    cap_month: Money | None = None
    """The most that is charged under the contract in one calendar month; None: no cap."""
    rounding: Rounding = Rounding.BEGUN_THOUSAND
    clauses: dict[str, str] = field(default_factory=dict)
    """The contract's clause of a price, by its name in `PRICED`, where it is not the contract's."""

    def __post_init__(self) -> None:
        amounts = {name: getattr(self, name) for name in (*PRICED, *CAPS)}
        given = {name: amount for name, amount in amounts.items() if amount is not None}
        currencies = sorted({amount.currency for amount in given.values()})
        if len(currencies) > 1:
            raise ValueError(f"a contract has one currency, not {' and '.join(currencies)}")
        for name, amount in given.items():
            if amount.minor < 0 or (name in CAPS and not amount.minor):
                raise ValueError(f"{name} of {amount} is no price; write more, or leave it out")
        if unknown := sorted(set(self.clauses) - set(PRICED)):
            raise ValueError(f"there is no price {', '.join(unknown)} to give a clause to")

    @property
    def currency(self) -> str:
        return self.delisting_first.currency


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

    @property
    def zone(self) -> str:
        """The time zone that a client reads moments in, and months begin in: its calendar's."""
        return self.calendar.business.zone if self.calendar.business else "UTC"

    def clause_of(self, price: str) -> str:
        """The clause that a price of `PRICED` stands in."""
        return self.prices.clauses.get(price, self.clause)

    def __post_init__(self) -> None:
        if not self.deadline.seconds:
            raise ValueError("a deadline of 0 s is no deadline")
        for name in ("hourly_limit", "hard_cap", "address_cap", "window_months"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more")
