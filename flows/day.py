"""Which day a run is for, and its names: the day it was scheduled for, in the shop's time zone."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from prefect.runtime import flow_run

from domain.instants import day_in

START = time(9, 0)
"""A run for a day that is named, not today's, acts as if it were this time there."""


def day_of(on: str, zone: str, now: datetime, scheduled: datetime | None = None) -> tuple[date, datetime]:
    """(day, instant) for the parameter `on`: `today` or an ISO date; a ValueError says what to write.

    `today` is the day the run was scheduled for, so a run that starts late decides for its own day.
    """
    if on == "today":
        return day_in(scheduled or now, zone), now
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise ValueError(f"on: {on!r} is neither 'today' nor a date like 2026-01-27") from None
    if day == day_in(now, zone):
        return day, now
    return day, datetime.combine(day, START, ZoneInfo(zone)).astimezone(UTC)


def scheduled_start() -> datetime | None:
    """When this run was to start, in UTC; None outside of a flow run."""
    return flow_run.scheduled_start_time if flow_run.id else None


def run_id() -> str:
    """The id of this run in the Prefect UI; empty outside of one."""
    return str(flow_run.id or "")


def run_name() -> str:
    """`dunning 2026-01-15`: by the day it is for."""
    on = str((flow_run.parameters or {}).get("on", "today"))
    if on == "today":
        scheduled = flow_run.scheduled_start_time or datetime.now(UTC)
        on = scheduled.date().isoformat()
    return f"{flow_run.flow_name} {on}"
