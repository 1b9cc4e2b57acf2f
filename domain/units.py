"""Quantities that must never be bare numbers."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

_HOURS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(h|min|m|s|d)")
_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
_LONGEST = 366 * 86_400
"""A year: no contract gives more, and no date that is reckoned with it overflows."""

_NOT_IN_HUNDREDTHS = {
    "BHD", "BIF", "CLF", "CLP", "DJF", "GNF", "IQD", "ISK", "JOD", "JPY", "KMF", "KRW", "KWD",
    "LYD", "OMR", "PYG", "RWF", "TND", "UGX", "UYI", "UYW", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
"""Currencies whose minor unit is not a hundredth (ISO 4217, list one): no, 3 or 4 decimals."""


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
    """An amount in hundredths (cents) of an ISO 4217 currency, never negative.

    Currencies of no decimals or of three (JPY, KWD) are refused: no amount is ever off by ten.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.minor < 0:
            raise ValueError("an amount cannot be negative")
        if re.fullmatch("[A-Z]{3}", self.currency) is None:
            raise ValueError(f'"{self.currency}" is not a currency code such as EUR')
        if self.currency in _NOT_IN_HUNDREDTHS:
            raise ValueError(f"{self.currency} has no hundredths; take one that has, such as EUR")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `25.00 EUR`. Negative amounts, more than two decimals, other forms: ValueError."""
        match = re.fullmatch(r"\s*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s+([A-Z]{3})\s*", text)
        if match is None:
            raise ValueError(f'"{text}" is not an amount; write it as 25.00 EUR')
        amount = Decimal(match[1]) * 100
        if amount < 0:
            raise ValueError(f'"{text}" is negative; a fee is 0.00 {match[2]} or more')
        if amount != amount.to_integral_value():
            raise ValueError(f'"{text}" has more than two decimals')
        return cls(int(amount), match[2])

    def times(self, factor: int) -> "Money":
        return Money(self.minor * factor, self.currency)

    def __str__(self) -> str:
        return f"{self.minor // 100}.{self.minor % 100:02d} {self.currency}"
