"""Living through days with the pretended vendors: the real flows and books; only the outside and the clock are made.

Used by the demo and by the scenario tests. The clock stands where it is put, ours and the vendors' alike.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import settings
from commands.pretended import variables
from flows import refunds_watch
from flows.dunning import follow_up, take_steps
from flows.reconcile import settle_unknown
from flows.refunds import send_refunds
from flows.work import work
from integrations.http import PATIENCE_SECONDS
from integrations.sandbox import Addresses
from integrations.sandbox_control import Control
from tasks.connect import Connections, opened
from tasks.report import Report

MORNING, FOLLOW_UP, AFTERNOON, NIGHT = time(9), time(10), time(13), time(23, 59)
SATURDAY = 5

Operation = Callable[[str, date, bool], Awaitable[Report | None]]
"""(operation, day, waiting only) -> what was done; None where Prefect keeps the report."""
More = Callable[[], Awaitable[None]]
"""What happens in a day beside dunning."""


@dataclass(slots=True)
class Clock:
    """Our clock: it stands where it was put."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Simulation:
    """A shop with its open connections, its vendors' control and the clock of both."""

    c: Connections
    control: Control
    clock: Clock

    def put(self, day: date, at: time) -> None:
        """Put both clocks to a time of day in the shop's zone."""
        self.clock.now = datetime.combine(day, at, ZoneInfo(self.c.zone)).astimezone(UTC)
        self.control.clock(self.clock.now)

    async def live(
        self, day: date, operate: Operation | None = None, *, before_noon: More | None = None,
        afternoon: More | None = None,
    ) -> list[Report]:  # fmt: skip
        """One day: dunning in the morning, personal mails on weekdays, waiting messages and reconcile at noon.

        `before_noon` and `afternoon` are what else the day holds; they put the clock themselves, never back.
        """
        act = operate or plain
        self.put(day, MORNING)
        reports = [await act("dunning", day, False)]
        if before_noon:
            await before_noon()
        if day.weekday() < SATURDAY:
            self.put(day, FOLLOW_UP)
            reports.append(await act("dunning-follow-up", day, False))
        self.put(day, AFTERNOON)
        reports.append(await act("reconcile", day, False))
        reports.append(await act("dunning", day, True))
        if afternoon:
            await afternoon()
        self.put(day, NIGHT)
        return [report for report in reports if report is not None]


async def plain(operation: str, day: date, waiting_only: bool) -> Report:
    """Run an operation without Prefect."""
    async with work(operation, day.isoformat(), alone=operation != "refunds") as w:
        if operation == "dunning":
            await take_steps(w, waiting_only=waiting_only)
        elif operation == "dunning-follow-up":
            await follow_up(w)
        elif operation == "refunds":
            await send_refunds(w)
        elif operation == "refunds-exposure":
            await refunds_watch.follow(w)
        elif operation == "refunds-reconcile":
            await refunds_watch.compare(w)
        else:
            await settle_unknown(w)
        return w.report


@asynccontextmanager
async def simulated(
    found: settings.Settings, addresses: Addresses, start: datetime, *, timeout_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[Simulation]:
    """Open a shop whose vendors are the pretended ones at `addresses`."""
    clock, control = Clock(start), Control(addresses)
    try:
        async with opened(lambda: found, clock=clock, timeout_seconds=timeout_seconds) as c:
            control.clock(start)
            yield Simulation(c, control, clock)
    finally:
        control.close()


def pretended(
    addresses: Addresses, home: Path, *, name: str, zone: str, currency: str, database_url: str = ""
) -> settings.Settings:
    """Settings that point every vendor at the pretended ones."""
    chosen = environment(addresses, home, name=name, zone=zone, currency=currency)
    return settings.load(env=chosen | ({"RECOUP_DATABASE_URL": database_url} if database_url else {}))


def environment(addresses: Addresses, home: Path, *, name: str, zone: str, currency: str) -> dict[str, str]:
    """The variables with which any command finds the same shop and its pretended vendors."""
    return variables(addresses.port, addresses.mail_port) | {
        "RECOUP_HOME": str(home),
        "RECOUP_SHOP__NAME": name,
        "RECOUP_SHOP__TIME_ZONE": zone,
        "RECOUP_SHOP__CURRENCY": currency,
    }
