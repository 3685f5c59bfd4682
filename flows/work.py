"""What every run does around its three blocks: its name, open connections, the lease, and counts that are kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.runtime import flow_run

import settings
from domain.instants import day_in, named_day
from flows import events
from flows.day import run_id, scheduled_start
from store import leases, runs
from store.db import transaction
from tasks.connect import Connections, opened
from tasks.performing import Run
from tasks.report import Report


class NotYet(ValueError):
    """A run was asked to act for a day to come: it would hand over and write off what is not due. Nothing was done."""


class StepsFailed(Exception):
    """Some steps of a run could not be done or are not known; all others were tried."""


@dataclass(slots=True)
class Work:
    """One run at work. `busy` is true where another run of the operation has the lease: then nothing is done."""

    c: Connections
    run: Run
    report: Report
    busy: bool = False


def run_name() -> str:
    """`dunning 2026-01-15`: by the day it is for."""
    on = str((flow_run.parameters or {}).get("on", "today"))
    if on == "today":
        scheduled = flow_run.scheduled_start_time or datetime.now(UTC)
        on = day_in(scheduled, settings.load().shop.time_zone).isoformat()
    return f"{flow_run.flow_name} {on}"


@asynccontextmanager
async def work(operation: str, on: str, *, alone: bool = True) -> AsyncIterator[Work]:
    """Open everything for one run of `operation`; its counts are kept whatever happens.

    `alone` takes the operation's lease. Without it several may run at once: what they share is then claimed row by row.
    """
    async with opened(settings.load) as c:
        day, now = named_day(on, c.zone, c.clock(), scheduled_start())
        if day > day_in(c.clock(), c.zone):
            raise NotYet(
                f"{day} is not here yet in {c.zone}; a run acts for today or a past day. Try: recoup plan --on"
            )
        run = Run(operation, day, now, run_id())
        done = Work(c, run, Report(operation, day.isoformat(), tell=events.tell_outcomes))
        with transaction(c.engine) as connection:
            done.busy = alone and not leases.take(connection, operation, c.clock())
            if not done.busy:
                runs.begin(connection, operation, day, run.flow_run, c.clock())
        try:
            yield done
        finally:
            if not done.busy:
                with transaction(c.engine) as connection:
                    if alone:
                        leases.give_back(connection, operation)
                    runs.end(connection, operation, day, run.flow_run, c.clock(), done.report.counts())
