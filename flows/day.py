"""Which run this is and when it was to start, from Prefect's runtime. Which day that is: `domain.instants`."""

from datetime import datetime

from prefect.runtime import flow_run


def scheduled_start() -> datetime | None:
    """When this run was to start, in UTC; None outside of a flow run."""
    return flow_run.scheduled_start_time if flow_run.id else None


def run_id() -> str:
    """The id of this run in the Prefect UI; empty outside of one."""
    return str(flow_run.id or "")
