"""Numbers as finance reads them."""

import pytest

from commands import format


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "(0.05)"),
        (123_456_789, "EUR", "1,234,567.89"),
        (-862_700, "USD", "(8,627.00)"),
        (1_234_567, "JPY", "1,234,567"),
        (-1_234_567, "KWD", "(1,234.567)"),
        (2**63 - 1, "EUR", "92,233,720,368,547,758.07"),
    ],
)
def test_money_has_its_currencys_places_and_parentheses_for_less_than_nothing(
    minor: int, currency: str, text: str
) -> None:
    assert format.money(minor, currency) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 3, "33.3 %"), (2, 3, "66.7 %"), (1, 8, "12.5 %"), (1, 16, "6.3 %"), (0, 7, "0.0 %"), (3, 2, "150.0 %"),
     (-1, 8, "(12.5 %)"), (999, 1000, "99.9 %"), (9999, 10000, "100.0 %"), (5, 0, "-"), (0, 0, "-")],
)  # fmt: skip
def test_a_share_is_rounded_half_up_to_one_place_and_a_dash_where_there_is_no_whole(
    part: int, whole: int, text: str
) -> None:
    assert format.percent(part, whole) == text


def test_whole_numbers_are_grouped() -> None:
    assert (format.number(1234567), format.number(-12), format.number(0)) == ("1,234,567", "(12)", "0")


def test_a_hash_is_shown_by_its_ends() -> None:
    assert format.short_hash("9f2c" + "0" * 56 + "41ab") == "9f2c…41ab"
    assert format.short_hash("") == "-"
