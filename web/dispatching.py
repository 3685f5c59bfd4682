"""The dispatcher: wakes an operation's flow when the inbox has something for it, in this process, seconds saved.

It decides when a run begins and nothing else: which event is whose is between the flow and the inbox, so a run that
dies loses nothing, and a second run is harmless. It has a thread and an event loop of its own: a run never holds up
the receiver, and Prefect's engine leaves the handlers of signals alone. A deployment that somebody paused in
Prefect's pages is not run; its events wait.
"""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from prefect.flows import Flow
from sqlalchemy import Engine

from store.backlog import Backlog, backlog
from store.db import reading
from web import deployment_runs
from web.deployment_runs import Ran, Switch
from web.warm import Inside, Warm, warm

log = logging.getLogger(__name__)

PER_RUN = 500
"""Events that one run claims at once: more than that are worth a second run beside the first."""
TOO_LONG = timedelta(seconds=0.3)
"""What waits longer than this beside a run is worth another one; only PostgreSQL lets several run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run when an operation has something waiting: a flow, under `flow/deployment`, with parameters."""

    flow: Flow[..., Any]
    deployment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """In seconds: how often to look unasked, at the inbox and at the switch, and how long to wait for what."""

    look: float = 2.0
    switch: float = 3.0
    renew: float = 60.0
    first_retry: float = 0.5
    longest_retry: float = 60.0
    drain: float = 10.0


@dataclass(slots=True)
class Line:
    """One operation: its job, its switch as it was last seen, and what went wrong in a row."""

    operation: str
    job: Job
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    switch: Switch | None = None
    failures: int = 0
    not_before: float = 0.0


def runs_wanted(waiting: Backlog, running: int, at_once: int, now: datetime) -> int:
    """How many more runs to begin now: one where none runs; another where one run is not enough."""
    if not waiting.count or running >= at_once:
        return 0
    if not running:
        return 1
    late = waiting.since is not None and now - waiting.since > TOO_LONG
    return 1 if late or waiting.count > PER_RUN * running else 0


def got_on(before: Backlog, after: Backlog) -> bool:
    """Whether a run got anything done, although new events came meanwhile: the oldest one goes first."""
    return not after.count or after.count < before.count or after.oldest != before.oldest


class Dispatcher:
    """Started once, in any thread; `wake` may be called from every thread and costs microseconds.

    `at_once` runs at most over all operations: 1 on SQLite, where runs beside each other only wait for its lock.
    """

    def __init__(
        self,
        jobs: Mapping[str, Job],
        engine: Engine,
        *,
        at_once: int = 1,
        inside: Inside = nullcontext,
        zone: str = "UTC",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rhythm: Rhythm | None = None,
    ) -> None:
        self._jobs, self._engine, self._at_once = dict(jobs), engine, at_once
        self._inside, self._clock, self._rhythm = inside, clock, rhythm or Rhythm()
        self._zone = ZoneInfo(zone)
        self._lines: dict[str, Line] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._warm: Warm | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False
        # Prefect's settings are found through a context variable, which a bare thread would not see.
        within = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: within.run(asyncio.run, self._serve()), name="dispatcher", daemon=True
        )

    def start(self) -> None:
        """Begin to look and to run; returns at once, also where Prefect does not answer yet."""
        self._thread.start()

    def wake(self, operation: str) -> None:
        """Something came for this operation. Many calls in a row are one look; an unknown operation is no matter."""
        self._tell(operation)

    def stop(self, within_seconds: float = 30.0) -> bool:
        """Begin no run any more, give those at work a while, cancel what is left, and wait; True where all ended."""
        self._stopping = True
        self._tell(*self._jobs)
        self._thread.join(within_seconds)
        return not self._thread.is_alive()

    def standing(self) -> dict[str, Literal["open", "paused", "unknown"]]:
        """Each operation's switch as it was last seen; `unknown` where Prefect never said, and then nothing runs."""
        found = {name: line.switch for name, line in self._lines.items()}
        return {name: _word(found.get(name)) for name in self._jobs}

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def _tell(self, *operations: str) -> None:
        try:
            if self._loop:
                self._loop.call_soon_threadsafe(self._set, operations)
        except RuntimeError:
            return  # The loop is closed, for it was stopped; what waits is found at the next start.

    def _set(self, operations: tuple[str, ...]) -> None:
        for operation in operations:
            if line := self._lines.get(operation):
                line.woken.set()

    async def _serve(self) -> None:
        self._lines = {name: Line(name, job) for name, job in self._jobs.items()}
        self._loop = asyncio.get_running_loop()
        others = [asyncio.create_task(self._keep_warm())]
        others += [asyncio.create_task(self._watch(line)) for line in self._lines.values()]
        try:
            await asyncio.gather(*(self._look_after(line) for line in self._lines.values()))
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._end()

    async def _keep_warm(self) -> None:
        """Have everything open, and open it anew now and then; the old one closes after its last run."""
        while True:
            try:
                new = await warm(self._inside)
            except Exception as error:
                log.warning("not ready: %s; what comes waits in the inbox", type(error).__name__)
                await asyncio.sleep(self._rhythm.switch)
                continue
            old, self._warm = self._warm, new
            if old:
                _held(self._closing, asyncio.create_task(old.close()))
            self._set(tuple(self._lines))
            await asyncio.sleep(self._rhythm.renew)

    async def _watch(self, line: Line) -> None:
        """Read the switch every few seconds. Where nobody answers, what was last seen goes on to hold."""
        while True:
            if self._warm:
                try:
                    seen = await deployment_runs.switch_of(self._warm.client, line.job.deployment)
                except Exception as error:
                    log.warning("%s: the switch cannot be read: %s", line.operation, type(error).__name__)
                else:
                    if seen != line.switch:
                        log.info("%s: %s is %s", line.operation, line.job.deployment, _word(seen))
                    line.switch = seen
                    line.woken.set()
            await asyncio.sleep(self._rhythm.switch if self._warm else self._rhythm.switch / 30)

    async def _look_after(self, line: Line) -> None:
        """Begin runs while something waits and the switch is on."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            pause = line.not_before - loop.time()
            try:
                async with asyncio.timeout(pause if pause > 0 else self._rhythm.look):
                    await line.woken.wait()
            except TimeoutError:
                pass
            line.woken.clear()
            held_back = line.not_before > loop.time() or line.switch is None or line.switch.paused
            if self._warm and not held_back and not self._stopping:
                self._begin(line, self._warm, line.switch)

    def _begin(self, line: Line, opened: Warm, switch: Switch | None) -> None:
        waiting = self._look(line)
        if waiting is None or switch is None or not waiting.count or len(self._runs) >= self._at_once:
            return
        if runs_wanted(waiting, len(self._runs), self._at_once, self._clock()):
            run = opened.start(self._run(line, opened, switch, waiting))
            _held(self._runs, run)
            run.add_done_callback(lambda _: self._set(tuple(self._lines)))
        else:
            asyncio.get_running_loop().call_later(TOO_LONG.total_seconds(), line.woken.set)

    async def _run(self, line: Line, opened: Warm, switch: Switch, before: Backlog) -> None:
        ran: Ran | None = None
        name = f"{line.operation} {self._clock().astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        try:
            ran = await deployment_runs.run(opened.client, switch.deployment, line.job.flow, name, line.job.parameters)
            log.info("%s: run %s %s", line.operation, ran.flow_run, ran.state)
        except Exception as error:
            log.warning("%s: no run: %s", line.operation, type(error).__name__)
        self._judge(line, ran, before)

    def _judge(self, line: Line, ran: Ran | None, before: Backlog) -> None:
        """After a run that got nothing done, wait before the next one, longer each time."""
        after = self._look(line)
        if ran is not None and after is not None and got_on(before, after):
            line.failures, line.not_before = 0, 0.0
            return
        line.failures += 1
        pause = min(self._rhythm.longest_retry, self._rhythm.first_retry * 2 ** (line.failures - 1))
        line.not_before = asyncio.get_running_loop().time() + pause
        log.warning("%s: nothing done %d times in a row; again in %.1f s", line.operation, line.failures, pause)

    def _look(self, line: Line) -> Backlog | None:
        """What waits; None where our database does not answer."""
        try:
            with reading(self._engine) as connection:
                return backlog(connection, line.operation, self._clock())
        except Exception as error:
            log.warning("%s: the inbox cannot be read: %s", line.operation, type(error).__name__)
            return None

    async def _end(self) -> None:
        """Let the runs at work end, cancel those that do not, and wait until Prefect was told."""
        if self._runs:
            _, left = await asyncio.wait(self._runs, timeout=self._rhythm.drain)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._warm:
            await self._warm.close()
        await asyncio.gather(*self._closing, return_exceptions=True)


def _held(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    """Keep a task until it is done; the loop alone would let it be collected."""
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _word(switch: Switch | None) -> Literal["open", "paused", "unknown"]:
    if switch is None:
        return "unknown"
    return "paused" if switch.paused else "open"
