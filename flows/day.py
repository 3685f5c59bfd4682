"""What a run is called and when it was to start, from Prefect's runtime. Which day that is: `domain.instants`."""

from datetime import UTC, datetime

from prefect.runtime import flow_run

import settings
from domain.instants import day_in


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
        on = day_in(scheduled, settings.load().shop.time_zone).isoformat()
    return f"{flow_run.flow_name} {on}"
