"""Moments, spans, amounts and counts, as each language writes them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.parties import Language
from domain.units import Money

_DAYS = {
    Language.EN: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    Language.ES: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
}
_MONTHS = {
    Language.EN: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    Language.ES: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
}
_UNITS = {
    Language.EN: (("day", "days"), ("hour", "hours"), ("minute", "minutes")),
    Language.ES: (("día", "días"), ("hora", "horas"), ("minuto", "minutos")),
}
_LESS_THAN_A_MINUTE = {
    Language.EN: "less than a minute",
    Language.ES: "menos de un minuto",
}


def moment(when: datetime, language: Language, zone: str) -> str:
    """A moment with its weekday, in the reader's time zone and in UTC.

    `Tuesday, 24 November 2026, 14:30 (Europe/Madrid; 13:30 UTC)`. The UTC date is given where it
    is another. Raises ValueError when `when` is naive: a deadline without a zone is no deadline.
    """
    if when.tzinfo is None:
        raise ValueError(f"{when} has no time zone; a letter needs an aware datetime")
    local, utc = when.astimezone(ZoneInfo(zone)), when.astimezone(UTC)
    weekday = _DAYS[language][local.weekday()]
    comma = "," if language is Language.EN else ""
    said = f"{weekday}{comma} {_date(local, language, year=True)}, {local:%H:%M}"
    if zone == "UTC":
        return f"{said} (UTC)"
    universal = f"{utc:%H:%M} UTC"
    if utc.date() != local.date():
        universal += {Language.EN: " on ", Language.ES: " del "}[language]
        universal += _date(utc, language, year=False)
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
        f"{amount} {one if amount == 1 else more}"
        for amount, (one, more) in zip((days, hours, minutes), _UNITS[language], strict=True)
        if amount
    ]
    return " ".join(parts[:2]) or _LESS_THAN_A_MINUTE[language]


def count(number: int, language: Language) -> str:
    """A whole number with the language's thousands separator: `12,500`, `12.500`."""
    said = f"{number:,}"
    return said if language is Language.EN else said.replace(",", ".")


def money(amount: Money, language: Language) -> str:
    """An amount with its currency code: `1,250.00 EUR`, `1.250,00 EUR`."""
    units, cents = divmod(amount.minor, 100)
    point = "." if language is Language.EN else ","
    return f"{count(units, language)}{point}{cents:02d} {amount.currency}"


def size(octets: int, language: Language) -> str:
    """A message's size, in kB of 1,000 octets, rounded up."""
    return f"{count(-(-octets // 1_000), language)} kB"


def _date(day: datetime, language: Language, *, year: bool) -> str:
    month = _MONTHS[language][day.month - 1]
    of = " " if language is Language.EN else " de "
    return f"{day.day}{of}{month}" + (f"{of}{day.year}" if year else "")
