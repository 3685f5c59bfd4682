"""Instants and days: fixed-width text that sorts, and one authority for which day it is."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import day_in, from_text, named_day, to_text

INSTANTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001


@given(INSTANTS, INSTANTS)
def test_text_goes_both_ways_and_sorts_like_time(one: datetime, other: datetime) -> None:
    # Python compares an hour that happens twice with nothing but itself, so both are compared in UTC.
    assert from_text(to_text(one)) == one.astimezone(UTC)
    assert (to_text(one) < to_text(other)) == (one.astimezone(UTC) < other.astimezone(UTC))
    assert len(to_text(one)) == len("2026-01-15T08:00:00.000000Z")


def test_a_naive_time_is_an_error_and_never_a_guess() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_text(datetime(2026, 1, 15))  # noqa: DTZ001


def test_the_day_is_the_shops_day() -> None:
    late = datetime(2026, 3, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert day_in(late, "America/New_York") == date(2026, 4, 1), "daylight saving: it is past midnight there"
    assert day_in(datetime(2026, 1, 16, 4, 31, tzinfo=UTC), "America/New_York") == date(2026, 1, 15)


def test_a_run_that_starts_late_decides_for_the_day_it_was_scheduled_for() -> None:
    scheduled = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)
    late = datetime(2026, 1, 16, 0, 10, tzinfo=UTC)
    assert named_day("today", "Europe/Berlin", late, scheduled)[0] == date(2026, 1, 15)


def test_a_named_day_acts_at_nine_in_the_shop_also_when_the_clocks_change() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert named_day("2026-03-29", "Europe/Berlin", now)[1] == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert named_day("2026-03-28", "Europe/Berlin", now)[1] == datetime(2026, 3, 28, 8, tzinfo=UTC)
    assert named_day("2028-02-29", "UTC", now)[0] == date(2028, 2, 29)
    with pytest.raises(ValueError, match="neither 'today' nor a date"):
        named_day("27.01.2026", "UTC", now)
