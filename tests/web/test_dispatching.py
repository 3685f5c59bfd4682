"""The dispatcher: when it runs, one run for many events, the pause switch, failures, and a clean stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import Engine

from deployments.processes import free_port
from store.backlog import Backlog, backlog
from store.db import reading, transaction
from store.inbox import claim
from tests.prefect_server import prefect_server
from tests.web.prefect_flows import OPERATION, Taker, at_once, deploy, done, put, runs_of, until
from web import deployment_runs
from web.dispatching import PER_RUN, Dispatcher, Job, Rhythm, got_on, runs_wanted

__all__ = ["prefect_server"]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = Rhythm(look=0.3, switch=0.2, renew=60.0, first_retry=0.1, longest_retry=0.4, drain=0.3)
UNASKED = Rhythm(look=60.0, switch=0.2, renew=60.0, first_retry=0.1, longest_retry=0.4, drain=10.0)
with_prefect = [
    pytest.mark.prefect,
    pytest.mark.xdist_group("prefect"),
    pytest.mark.anyio,
    pytest.mark.usefixtures("prefect_server"),
]


def prefect(function: Any) -> Any:
    """A test that needs the shared Prefect server."""
    for mark in with_prefect:
        function = mark(function)
    return function


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


Start = Callable[..., Dispatcher]


@pytest.fixture
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """Starts dispatchers and stops them after the test."""
    started: list[Dispatcher] = []

    def begin(job: Job, engine: Engine, rhythm: Rhythm = QUICK, **options: Any) -> Dispatcher:
        found = Dispatcher({OPERATION: job}, engine, rhythm=rhythm, **options)
        found.start()
        started.append(found)
        return found

    yield begin
    for each in started:
        assert await asyncio.to_thread(each.stop)


@pytest.mark.parametrize(
    ("count", "waits_for", "running", "at_once", "wanted"),
    [
        (0, 60.0, 0, 4, 0),
        (1, 0.0, 0, 1, 1),
        (1, 60.0, 1, 1, 0),
        (1, 0.1, 1, 4, 0),
        (1, 0.5, 1, 4, 1),
        (PER_RUN, 0.0, 1, 4, 0),
        (PER_RUN + 1, 0.0, 1, 4, 1),
        (9 * PER_RUN, 60.0, 4, 4, 0),
    ],
)
def test_another_run_begins_where_none_runs_or_one_is_not_enough(
    count: int, waits_for: float, running: int, at_once: int, wanted: int
) -> None:
    waiting = Backlog(count, "a", NOW - timedelta(seconds=waits_for))
    assert runs_wanted(waiting, running, at_once, NOW) == wanted


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Backlog(3, "a"), Backlog(0), True),
        (Backlog(3, "a"), Backlog(2, "a"), True),
        (Backlog(3, "a"), Backlog(9, "b"), True),
        (Backlog(3, "a"), Backlog(3, "a"), False),
        (Backlog(3, "a"), Backlog(9, "a"), False),
    ],
)
def test_a_run_got_on_where_the_oldest_event_is_gone_however_many_came_meanwhile(
    before: Backlog, after: Backlog, expected: bool
) -> None:
    assert got_on(before, after) is expected


def test_the_backlog_counts_what_can_be_claimed_and_names_the_oldest_that_nobody_has(engine: Engine) -> None:
    put(engine, ["a", "b", "c"])
    later = datetime.now(UTC) + timedelta(minutes=10)
    with transaction(engine) as connection:
        first = claim(connection, OPERATION, "dead", datetime.now(UTC), limit=1)
    with reading(engine) as connection:
        now = backlog(connection, OPERATION, datetime.now(UTC))
        after_its_lease = backlog(connection, OPERATION, later)
        assert backlog(connection, "nobody", later) == Backlog(0)
    assert (now.count, after_its_lease.count) == (2, 3)
    assert now.oldest == after_its_lease.oldest != first[0].id


@prefect
async def test_a_run_stands_under_its_deployment_with_its_name_and_what_it_said(sqlite_engine: Engine) -> None:
    put(sqlite_engine, ["a", "b"])
    found = Taker(sqlite_engine, at_once).flow()
    ident, name = await deploy(found)
    async with deployment_runs.connected() as client:
        switch = await deployment_runs.switch_of(client, name)
        assert switch == (ident, False)
        assert await deployment_runs.switch_of(client, "nobody/nobody") is None
        ran = await deployment_runs.run(client, ident, found, "refunds now", {"holder": "me"})
    (run,) = await runs_of(ident)
    assert (ran.completed, ran.message, ran.flow_run) == (True, "took 2", str(run.id))
    assert (run.name, run.state_name, run.tags, run.parameters) == (
        "refunds now", "Completed", [deployment_runs.TAG], {"holder": "me"},
    )  # fmt: skip


@prefect
async def test_many_events_at_once_are_one_run_and_a_second_event_is_a_second_run(
    sqlite_engine: Engine, start: Start
) -> None:
    taker = Taker(sqlite_engine, at_once)
    found = taker.flow()
    _, name = await deploy(found)
    dispatcher = start(Job(flow=found, deployment=name, parameters={"holder": "one"}), sqlite_engine, UNASKED)
    await until(lambda: dispatcher.standing() == {OPERATION: "open"})
    put(sqlite_engine, [f"burst-{number}" for number in range(200)])
    for _ in range(200):
        dispatcher.wake(OPERATION)
    await until(lambda: done(sqlite_engine) == 200)
    assert taker.runs == ["one"]
    put(sqlite_engine, ["later"])
    dispatcher.wake(OPERATION)
    dispatcher.wake("nobody")
    await until(lambda: done(sqlite_engine) == 201)
    assert taker.runs == ["one", "one"]


@prefect
async def test_what_waits_is_found_without_being_told(sqlite_engine: Engine, start: Start) -> None:
    put(sqlite_engine, ["before the start"])
    taker = Taker(sqlite_engine, at_once)
    found = taker.flow()
    _, name = await deploy(found)
    start(Job(flow=found, deployment=name), sqlite_engine)
    await until(lambda: done(sqlite_engine) == 1)
    put(sqlite_engine, ["by another receiver"])
    await until(lambda: done(sqlite_engine) == 2)


@prefect
async def test_a_paused_deployment_is_not_run_and_its_events_wait(sqlite_engine: Engine, start: Start) -> None:
    taker = Taker(sqlite_engine, at_once)
    found = taker.flow()
    ident, name = await deploy(found)
    async with get_client() as client:
        await client.pause_deployment(ident)
        dispatcher = start(Job(flow=found, deployment=name), sqlite_engine)
        await until(lambda: dispatcher.standing() == {OPERATION: "paused"})
        put(sqlite_engine, ["a"])
        dispatcher.wake(OPERATION)
        await asyncio.sleep(0.6)
        assert taker.runs == []
        await client.resume_deployment(ident)
    await until(lambda: done(sqlite_engine) == 1)


@prefect
async def test_where_prefect_never_answered_nothing_runs_and_the_stop_is_clean(
    sqlite_engine: Engine, start: Start
) -> None:
    taker = Taker(sqlite_engine, at_once)
    put(sqlite_engine, ["a"])
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        dispatcher = start(Job(flow=taker.flow(), deployment="a/a"), sqlite_engine)
        await asyncio.sleep(0.5)
        assert dispatcher.standing() == {OPERATION: "unknown"}
    assert (taker.runs, done(sqlite_engine)) == ([], 0)


@prefect
async def test_a_run_that_fails_is_tried_again_later_each_time_and_loses_nothing(
    sqlite_engine: Engine, start: Start
) -> None:
    async def twice(number: int) -> None:
        if number <= 2:
            raise OSError("the vendor is away")

    taker = Taker(sqlite_engine, twice)
    found = taker.flow()
    ident, name = await deploy(found)
    put(sqlite_engine, ["a"])
    start(Job(flow=found, deployment=name), sqlite_engine)
    await until(lambda: done(sqlite_engine) == 1)
    await until(lambda: len(taker.ended) == 3)
    runs = await runs_of(ident)
    assert [run.state_name for run in runs][:2] == ["Failed", "Failed"]
    first, second, third = (run.start_time for run in runs)
    assert (second - first).total_seconds() >= 0.1
    assert (third - second).total_seconds() >= 0.2


@prefect
async def test_a_run_that_gets_nothing_done_is_not_repeated_at_once(sqlite_engine: Engine, start: Start) -> None:
    """Another run may hold the operation: then ours says so and completes."""
    taker = Taker(sqlite_engine, at_once, takes=False)
    found = taker.flow()
    _, name = await deploy(found)
    put(sqlite_engine, ["a"])
    slow = Rhythm(look=0.1, switch=0.2, first_retry=0.5, longest_retry=5.0, drain=1.0)
    dispatcher = start(Job(flow=found, deployment=name), sqlite_engine, slow)
    await until(lambda: len(taker.runs) == 1)
    for _ in range(10):
        dispatcher.wake(OPERATION)
        await asyncio.sleep(0.03)
    assert len(taker.runs) == 1


@prefect
async def test_a_stop_cancels_what_does_not_end_and_prefect_knows(sqlite_engine: Engine, start: Start) -> None:
    async def for_ever(_number: int) -> None:
        await asyncio.sleep(60)

    taker = Taker(sqlite_engine, for_ever)
    found = taker.flow()
    ident, name = await deploy(found)
    put(sqlite_engine, ["a"])
    dispatcher = start(Job(flow=found, deployment=name), sqlite_engine)
    await until(lambda: len(taker.runs) == 1)
    assert await asyncio.to_thread(dispatcher.stop)
    assert len(taker.ended) == 1
    (run,) = await runs_of(ident)
    assert run.state_name == "Crashed"
    assert not dispatcher.alive
    dispatcher.wake(OPERATION)


@prefect
async def test_a_stop_lets_a_short_run_end(sqlite_engine: Engine, start: Start) -> None:
    async def a_moment(_number: int) -> None:
        await asyncio.sleep(0.5)

    taker = Taker(sqlite_engine, a_moment)
    found = taker.flow()
    ident, name = await deploy(found)
    put(sqlite_engine, ["a"])
    dispatcher = start(Job(flow=found, deployment=name), sqlite_engine, UNASKED)
    await until(lambda: len(taker.runs) == 1)
    assert await asyncio.to_thread(dispatcher.stop)
    assert done(sqlite_engine) == 1
    assert [run.state_name for run in await runs_of(ident)] == ["Completed"]


@prefect
async def test_connections_are_opened_anew_without_a_run_between_two(sqlite_engine: Engine, start: Start) -> None:
    from contextlib import asynccontextmanager
    from contextvars import ContextVar

    opened: list[int] = []
    seen: list[int] = []
    current: ContextVar[int] = ContextVar("current")

    @asynccontextmanager
    async def inside() -> AsyncIterator[None]:
        token = current.set(len(opened))
        opened.append(len(opened))
        try:
            yield
        finally:
            current.reset(token)

    async def look(_number: int) -> None:
        seen.append(current.get())
        await asyncio.sleep(0.4)

    taker = Taker(sqlite_engine, look)
    found = taker.flow()
    _, name = await deploy(found)
    often = Rhythm(look=0.1, switch=0.2, renew=0.3, first_retry=0.1, drain=5.0)
    start(Job(flow=found, deployment=name), sqlite_engine, often, inside=inside)
    for number in range(3):
        put(sqlite_engine, [str(number)])
        await until(lambda wanted=number + 1: done(sqlite_engine) == len(seen) == wanted)
    assert len(opened) >= 3
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
