"""Instants as text: UTC, fixed width, `2026-01-15T08:00:00.000000Z`, so that they sort and hash the same everywhere."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LENGTH = len("2026-01-15T08:00:00.000000Z")
START = time(9, 0)
"""A run for a day that is named, not today's, acts as if it were this time in the shop."""


def to_text(instant: datetime) -> str:
    """An aware datetime as fixed-width UTC text; a naive one is an error, never a guess."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone; this datetime has none")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def from_text(text: str) -> datetime:
    """The instant that `to_text` wrote."""
    if len(text) != LENGTH or text[-1] != "Z":
        raise ValueError(f"an instant is written like 2026-01-15T08:00:00.000000Z, not {text!r}")
    return datetime.fromisoformat(text)


def day_in(instant: datetime, zone: str) -> date:
    """The calendar day of the instant in an IANA zone: the one authority for "which day"."""
    return instant.astimezone(ZoneInfo(zone)).date()


def add_days(day: date, count: int) -> date:
    """The day `count` days later; a calendar day, so no daylight saving trap."""
    return day + timedelta(days=count)


def named_day(on: str, zone: str, now: datetime, scheduled: datetime | None = None) -> tuple[date, datetime]:
    """(day, instant) for `today` or an ISO date in the shop's zone; a ValueError says what to write.

    `today` is the day for which a run was `scheduled`, so a run that starts late decides for its own day.
    """
    if on == "today":
        return day_in(scheduled or now, zone), now
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise ValueError(f"{on!r} is neither 'today' nor a date like 2026-01-27") from None
    if day == day_in(now, zone):
        return day, now
    return day, datetime.combine(day, START, ZoneInfo(zone)).astimezone(UTC)
