"""Moments, spans, amounts and counts, as each language writes them (CLDR, by Babel)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from domain.money.currencies import decimals
from domain.parties import Language
from domain.units import Money
from templates.words import WORDS


def moment(when: datetime, language: Language, zone: str) -> str:
    """A moment with its weekday, in the reader's time zone and in UTC.

    `Tuesday, 24 November 2026, 14:30 (Europe/Madrid; 13:30 UTC)`. The UTC date is given where it
    is another. Raises ValueError when `when` is naive: a deadline without a zone is no deadline.
    """
    if when.tzinfo is None:
        raise ValueError(f"{when} has no time zone; a letter needs an aware datetime")
    local, utc = when.astimezone(ZoneInfo(zone)), when.astimezone(UTC)
    said = f"{_date(local, language, 'date')}, {local:%H:%M}"
    if zone == "UTC":
        return f"{said} (UTC)"
    universal = f"{utc:%H:%M} UTC"
    if utc.date() != local.date():
        universal += WORDS[language]["moment"]["on"] + _date(utc, language, "day")
    return f"{said} ({zone}; {universal})"


def stamp(when: datetime, zone: str) -> str:
    """A moment for tables: `2026-11-24 14:30`, in the given time zone."""
    return f"{when.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def span(length: timedelta, language: Language) -> str:
    """A length of time in its two largest units: `1 day 3 hours`, `25 minutes`."""
    minutes = max(0, int(length.total_seconds())) // 60
    days, minutes = divmod(minutes, 1_440)
    hours, minutes = divmod(minutes, 60)
    parts = [
        format_unit(amount, f"duration-{unit}", locale=language)
        for amount, unit in ((days, "day"), (hours, "hour"), (minutes, "minute"))
        if amount
    ]
    return " ".join(parts[:2]) or WORDS[language]["moment"]["less_than_a_minute"]


def count(number: int, language: Language) -> str:
    """A whole number with the language's thousands separator: `12,500`, `12.500`."""
    return format_decimal(number, locale=language)


def money(amount: Money, language: Language) -> str:
    """An amount with its currency code: `1,250.00 EUR`, `1.250,00 EUR`."""
    places = "." + "0" * decimals(amount.currency) if decimals(amount.currency) else ""
    return format_currency(
        amount.amount,
        amount.currency,
        format=f"#,##0{places} \u00a4\u00a4",
        locale=language,
        currency_digits=False,  # CLDR's; these are ISO 4217's
    )


def size(octets: int, language: Language) -> str:
    """A message's size, in kB of 1,000 octets, rounded up."""
    return f"{count(-(-octets // 1_000), language)} kB"


def _date(day: date, language: Language, pattern: str) -> str:
    return format_date(day, WORDS[language]["moment"][pattern], locale=language)
