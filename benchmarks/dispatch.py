"""Waking a flow: our dispatcher beside Prefect's own event trigger with a worker, and beside a bare flow call.

The same events on the same server, each handled by a flow that only notes the time. Prefect's trigger makes a run and a
process per event; the dispatcher makes runs in this process, one for all that wait.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import get_client
from prefect.events import emit_event
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.events.worker import EventsWorker
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_LOGGING_LEVEL, temporary_settings

from benchmarks import dispatched
from benchmarks.rows import Row
from deployments import processes
from deployments.prefect_api import ensure_pool
from store import inbox, schema
from store.db import connect, transaction
from web.dispatching import Dispatcher, Job

EVENTS, SINGLE = 20, 25
AIM_SECONDS = 0.3
WITHIN_SECONDS, DRAINS_WITHIN_SECONDS = 600.0, 10.0
POOL, NAME = "bench", "recoup.bench.heard"


def rows(events: int = EVENTS, single: int = SINGLE) -> list[Row]:
    """Two rows: many events at once, and one event at a time."""
    with TemporaryDirectory(prefix="recoup-bench-") as folder, _prefect(Path(folder)) as api_url:
        return asyncio.run(_rows(Path(folder), api_url, events, single))


async def _rows(folder: Path, api_url: str, events: int, single: int) -> list[Row]:
    os.environ |= {dispatched.FILE: str(folder / "noted"), dispatched.DATABASE: f"sqlite:///{folder / 'bench.db'}"}
    async with get_client() as client:
        theirs = await _by_trigger(client, folder, api_url, events)
        ours, one = await _by_dispatcher(client, events, single)
    bare = await _bare(single)
    return [
        Row(
            f"wake for {events} events at once", f"{ours:.2f} s to the last", f"{theirs:.1f} s by Prefect's trigger",
            f"{theirs / ours:.0f}", "more than 1", ours < theirs,
        ),
        Row(
            "wake for one event", f"{one * 1000:.0f} ms median to the flow's first line",
            f"{bare * 1000:.0f} ms by a bare flow call", f"{bare / one:.2f}", f"under {AIM_SECONDS} s",
            one < AIM_SECONDS,
        ),
    ]  # fmt: skip


async def _by_trigger(client: Any, folder: Path, api_url: str, events: int) -> float:
    """Seconds from the first event to the last one handled, by an automation and a worker."""
    await ensure_pool(client, POOL)
    deployment = await client.create_deployment(
        await client.create_flow(dispatched.handle), "bench", work_pool_name=POOL, pull_steps=[],
        entrypoint="benchmarks.dispatched.handle", parameter_openapi_schema={},
    )  # fmt: skip
    trigger = EventTrigger(expect={NAME}, posture="Reactive", threshold=1)
    run = RunDeployment(deployment_id=deployment, parameters={"event": "{{ event.resource.id }}"})
    await client.create_automation(AutomationCore(name="bench", trigger=trigger, actions=[run]))
    worker = processes.start_worker(folder / "prefect", api_url, POOL, events)
    try:
        await _until_online(client)
        began = time.time()
        names = [f"trigger-{number}" for number in range(events)]
        for each in names:
            emit_event(NAME, resource={"prefect.resource.id": each})
        return await _all_noted(names) - began
    finally:
        worker.stop()


async def _by_dispatcher(client: Any, events: int, single: int) -> tuple[float, float]:
    """Seconds from the first of many events to the last one handled; median seconds of one event at a time."""
    await client.create_deployment(await client.create_flow(dispatched.dispatched), "bench")
    engine = connect(os.environ[dispatched.DATABASE])
    schema.migrate(engine)
    job = Job(flow=dispatched.dispatched, deployment="bench-dispatched/bench")
    dispatcher = Dispatcher({dispatched.OPERATION: job}, engine)
    dispatcher.start()
    try:
        while dispatcher.standing()[dispatched.OPERATION] != "open":
            await asyncio.sleep(0.05)
        ones = [await _heard(engine, dispatcher, [f"one-{number}"]) for number in range(single)]
        many = await _heard(engine, dispatcher, [f"many-{number}" for number in range(events)])
    finally:
        await asyncio.to_thread(dispatcher.stop)
        engine.dispose()
    return many, statistics.median(ones)


async def _heard(engine: Any, dispatcher: Any, names: list[str]) -> float:
    """Keep events as the receiver does, wake for each, and wait for the last."""
    began = time.time()
    for name in names:
        heard = inbox.Heard("loop", "loop", dispatched.OPERATION, "bench", name, b"{}", "a", "waiting")
        with transaction(engine) as connection:
            inbox.keep(connection, [heard], datetime.now(UTC))
        dispatcher.wake(dispatched.OPERATION)
    took = await _all_noted(names) - began
    await asyncio.sleep(0.1)  # The run ends after its first line; the next event is one of its own.
    return took


async def _bare(single: int) -> float:
    """Median seconds to the first line of a flow that is only called."""
    took = []
    for number in range(single):
        began = time.time()
        await dispatched.handle(f"bare-{number}")
        took.append(dispatched.noted()[f"bare-{number}"] - began)
    return statistics.median(took)


async def _all_noted(names: list[str]) -> float:
    """When the last of them was handled."""
    deadline = time.time() + WITHIN_SECONDS
    while set(names) - set(noted := dispatched.noted()):
        assert time.time() < deadline, f"{len(set(names) - set(noted))} of {len(names)} events were never handled"
        await asyncio.sleep(0.005)
    return max(noted[name] for name in names)


async def _until_online(client: Any) -> None:
    """A worker that has not asked for the first time yet would be measured too."""
    deadline = time.time() + WITHIN_SECONDS
    while not any(each.last_heartbeat_time for each in await client.read_workers_for_work_pool(POOL)):
        assert time.time() < deadline, "the worker did not come"
        await asyncio.sleep(0.2)


@contextmanager
def _prefect(folder: Path) -> Iterator[str]:
    """A server of its own, and Prefect's settings in this process pointing at it."""
    home, port = folder / "prefect", processes.free_port()
    address = processes.server_address("127.0.0.1", port)
    env = processes.prefect_env(home, f"{address}/api", {"PREFECT_LOGGING_LEVEL": "ERROR"})
    ours = {name: value for name, value in env.items() if name.startswith(("PREFECT_", "DO_NOT"))}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    server = processes.start_server(home, "127.0.0.1", port)
    try:
        processes.wait_until_healthy(server, address)

        changed = {PREFECT_API_URL: f"{address}/api", PREFECT_HOME: str(home), PREFECT_LOGGING_LEVEL: "ERROR"}
        with temporary_settings(changed):
            setup_logging()
            yield f"{address}/api"
            # While the server is there: without it Prefect would try for a minute at the exit.
            EventsWorker.drain_all(timeout=DRAINS_WITHIN_SECONDS)
            APILogWorker.drain_all(timeout=DRAINS_WITHIN_SECONDS)
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
