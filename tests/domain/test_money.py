"""Money: exact arithmetic, exact reading, and splits that always add up."""

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import EXPONENTS, LARGEST_MINOR, Money, MoneyError, allocate, exponent, parse, plain, total

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "HUF"])
AMOUNTS = st.builds(Money, st.integers(-(10**15), 10**15), CURRENCIES)


@given(AMOUNTS)
def test_what_is_written_is_read_back(amount: Money) -> None:
    assert parse(plain(amount), amount.currency) == amount


@given(AMOUNTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(sum))
def test_a_split_always_adds_up_with_the_sign_of_the_whole(amount: Money, weights: list[int]) -> None:
    parts = allocate(amount, weights)
    assert total(parts, amount.currency) == amount
    assert all(part.minor * amount.minor >= 0 for part in parts)
    assert all(not part for part, weight in zip(parts, weights, strict=True) if not weight)


def test_a_hundred_in_three_is_34_33_33_and_stays_so() -> None:
    assert [part.minor for part in allocate(Money(100, "EUR"), [1, 1, 1])] == [34, 33, 33]
    assert [part.minor for part in allocate(Money(-100, "EUR"), [1, 1, 1])] == [-34, -33, -33]


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.34", "USD", 1234), ("12.3", "USD", 1230), ("12", "JPY", 12), ("1.234", "KWD", 1234), ("-0.50", "EUR", -50)],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.345", "USD"),
        ("12.3", "JPY"),
        ("1,234.50", "USD"),
        ("1e3", "USD"),
        ("", "USD"),
        ("NA", "EUR"),
        ("12.", "USD"),
    ],
)
def test_what_is_not_exactly_an_amount_is_refused_and_never_rounded(text: str, currency: str) -> None:
    with pytest.raises(MoneyError):
        parse(text, currency)


def test_a_float_is_never_money() -> None:
    with pytest.raises(MoneyError, match="float"):
        Money(49.90, "EUR")  # type: ignore[arg-type]


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(MoneyError, match="EUR and USD"):
        Money(1, "EUR") + Money(1, "USD")


def test_what_no_database_can_hold_is_refused_before_it_gets_there() -> None:
    assert Money(LARGEST_MINOR, "EUR").minor == 2**63 - 1
    with pytest.raises(MoneyError, match="digits"):
        Money(LARGEST_MINOR + 1, "EUR")


def test_the_exponents_are_those_of_the_standard() -> None:
    published = {currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}
    assert {code: places for code, places in published.items() if places != 2} == EXPONENTS
    assert exponent("EUR") == 2
