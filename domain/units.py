"""Quantities that must never be bare numbers."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.money.currencies import CURRENCIES, decimals

_HOURS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(h|min|m|s|d)")
_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
_LONGEST = 366 * 86_400
"""A year: no contract gives more, and no date that is reckoned with it overflows."""


@dataclass(frozen=True, order=True)
class Hours:
    """A span of a contract's calendar, in whole seconds: `Hours.parse("4h")`, `"1d 12h"`."""

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError(f"a span of time cannot be negative: {self.seconds} s")
        if self.seconds > _LONGEST:
            raise ValueError("a span of time cannot be longer than 366 days")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `4h`, `90m`, `1d 12h` or `6s`. Raises ValueError with what was expected."""
        compact = text.strip().lower()
        parts = _HOURS.findall(compact)
        if not parts or _HOURS.sub("", compact).strip():
            raise ValueError(f'"{text}" is not a span of time; write it as 4h, 90m or 1d 12h')
        return cls(round(sum(float(number) * _SECONDS[unit] for number, unit in parts)))

    def half(self) -> "Hours":
        """Half of it, rounded down: the second incident's deadline."""
        return Hours(self.seconds // 2)

    def __str__(self) -> str:
        hours, rest = divmod(self.seconds, 3_600)
        minutes, seconds = divmod(rest, 60)
        parts = [f"{n} {u}" for n, u in ((hours, "h"), (minutes, "min"), (seconds, "s")) if n]
        return " ".join(parts) or "0 s"


@dataclass(frozen=True)
class Money:
    """An amount in the minor unit of an ISO 4217 currency: cents of EUR, whole JPY, fils of KWD.

    Negative only where something is taken back.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if re.fullmatch("[A-Z]{3}", self.currency) is None:
            raise ValueError(f'"{self.currency}" is not a currency code such as EUR')

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `25.00 EUR`, `2500 JPY`. ValueError for what is negative, no currency of ISO 4217,
        or has more decimals than the currency.
        """
        match = re.fullmatch(r"\s*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s+([A-Z]{3})\s*", text)
        if match is None:
            raise ValueError(f'"{text}" is not an amount; write it as 25.00 EUR')
        amount, currency = Decimal(match[1]), match[2]
        if currency not in CURRENCIES:
            raise ValueError(f'"{currency}" is no currency of ISO 4217; write one such as EUR')
        if amount < 0:
            raise ValueError(f'"{text}" is negative; a fee is {cls(0, currency)} or more')
        minor = amount.scaleb(decimals(currency))
        if minor != minor.to_integral_value():
            most = decimals(currency)
            said = f"at most {most} decimals" if most else "no decimals"
            raise ValueError(f'"{text}" has too many decimals; {currency} has {said}')
        return cls(int(minor), currency)

    @classmethod
    def of(cls, amount: Decimal | Fraction, currency: str) -> Self:
        """An exact amount brought to the minor unit, half to even."""
        exact = Fraction(amount) * 10 ** decimals(currency)
        return cls(round(exact), currency)

    @property
    def amount(self) -> Decimal:
        """In the currency's major unit, with all of its decimals."""
        return Decimal(self.minor).scaleb(-decimals(self.currency))

    def times(self, factor: int) -> "Money":
        return Money(self.minor * factor, self.currency)

    def minus(self, other: "Money") -> "Money":
        """The difference. ValueError between two currencies."""
        if other.currency != self.currency:
            raise ValueError(f"{self} and {other} are two currencies")
        return Money(self.minor - other.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"
