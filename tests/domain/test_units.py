"""Spans and amounts: read strictly, written as they are read, never off by a hundred."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money.currencies import CURRENCIES
from domain.units import Hours, Money


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14_400),
        ("90m", 5_400),
        ("90 min", 5_400),
        ("1d 12h", 129_600),
        ("1.5h", 5_400),
        (" 6S ", 6),
        ("0h", 0),
    ],
)
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert Hours.parse(text) == Hours(seconds)


@pytest.mark.parametrize(
    "text", ["", "4", "h", "-4h", "4 hours", "4h or so", "1e3h", "4h,", "٤h", "9" * 400 + "h"]
)
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 4h, 90m or 1d 12h"):
        Hours.parse(text)


def test_a_span_is_never_negative_and_never_longer_than_a_year() -> None:
    with pytest.raises(ValueError, match="negative"):
        Hours(-1)
    with pytest.raises(ValueError, match="366 days"):
        Hours.parse("367d")


@given(st.integers(0, 366 * 86_400).map(Hours))
def test_a_span_is_read_as_it_is_written(span: Hours) -> None:
    assert Hours.parse(str(span)) == span
    assert span.half().seconds * 2 in (span.seconds, span.seconds - 1)


@pytest.mark.parametrize(
    ("text", "minor"), [("25.00 EUR", 2_500), ("25 EUR", 2_500), ("0.5 EUR", 50), (" 0  EUR ", 0)]
)
def test_an_amount_is_read(text: str, minor: int) -> None:
    assert Money.parse(text) == Money(minor, "EUR")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-25.00 EUR", "negative; a fee is 0.00 EUR or more"),
        ("0.005 EUR", "EUR has at most 2 decimals"),
        ("25", "write it as 25.00 EUR"),
        ("25,00 EUR", "write it as 25.00 EUR"),
        ("1e3 EUR", "write it as 25.00 EUR"),
        ("NaN EUR", "write it as 25.00 EUR"),
        ("٢٥ EUR", "write it as 25.00 EUR"),
        ("25.00 eur", "write it as 25.00 EUR"),
        ("9999999999 EUR", "write it as 25.00 EUR"),
        ("25.5 JPY", "JPY has no decimals"),
        ("0.0001 KWD", "KWD has at most 3 decimals"),
        ("25.00 EUT", "no currency of ISO 4217"),
        ("1 XAU", "no currency of ISO 4217"),
    ],
)
def test_what_is_no_amount_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Money.parse(text)


@pytest.mark.parametrize(
    ("text", "minor"), [("25 JPY", 25), ("1.234 KWD", 1_234), ("0.0001 CLF", 1), ("3 IQD", 3_000)]
)
def test_an_amount_is_kept_in_its_currencys_minor_unit(text: str, minor: int) -> None:
    amount = Money.parse(text)
    assert amount.minor == minor
    assert Money.parse(str(amount)) == amount


@pytest.mark.parametrize(
    ("exact", "currency", "minor"),
    [
        ("0.005", "EUR", 0),
        ("0.015", "EUR", 2),
        ("0.0151", "EUR", 2),
        ("2.5", "JPY", 2),
        ("3.5", "JPY", 4),
        ("0.0005", "KWD", 0),
        ("-0.015", "EUR", -2),
    ],
)
def test_an_exact_amount_is_rounded_half_to_even(exact: str, currency: str, minor: int) -> None:
    assert Money.of(Decimal(exact), currency) == Money(minor, currency)


def test_two_currencies_have_no_difference() -> None:
    with pytest.raises(ValueError, match="two currencies"):
        Money(1, "EUR").minus(Money(1, "USD"))


def test_no_amount_is_without_a_currency() -> None:
    with pytest.raises(ValueError, match="not a currency code"):
        Money(1, "")


@given(st.integers(0, 10**9 - 1), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_is_read_as_it_is_written(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.parse(str(amount)) == amount
