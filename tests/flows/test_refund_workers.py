"""Workers and their events: who holds what for how long, what a dead worker leaves, and what kills one again and again.

The trials with two real processes on PostgreSQL are here too; those on SQLite are in `test_refund_crash`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from flows.refunds import act_on
from flows.work import work
from integrations.sandbox import Addresses
from store import db, inbox, inbox_admin
from store.event_tables import inbox as table
from store.inbox import Heard
from tasks import refund_events, refund_inbox, refund_polling, refund_telling
from tasks.actions import ACTIONS
from tasks.performing import perform_all
from tests.conftest import Database
from tests.flows.refund_trials import MOVERS, TRIALS, Trial
from tests.flows.returns_shop import NOON, Returns, case_of
from tests.flows.shop import DAY, Shop, open_shop

pytestmark = pytest.mark.anyio
AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
LEASE = inbox.LEASE + timedelta(seconds=1)
KEY = f"refunds/{case_of()}"


@dataclass
class Opened:
    """What the claims of a run look at."""

    engine: Engine
    now: datetime = AT

    def clock(self) -> datetime:
        """The time as the test has put it."""
        return self.now


@pytest.fixture
def c(engine: Engine) -> Opened:
    """An inbox on each database."""
    return Opened(engine)


def keep(c: Any, count: int) -> None:
    heard = [
        Heard("loop", "loop", "refunds", "label.updated", f"evt_{n:03}", b"{}", "a", "waiting") for n in range(count)
    ]
    with db.transaction(c.engine) as connection:
        inbox.keep(connection, heard, c.clock())


def rows(c: Any) -> dict[str, Any]:
    with db.reading(c.engine) as connection:
        return {row.identity: row for row in connection.execute(select(table))}


def close(c: Any, taken: list[Any]) -> None:
    with db.transaction(c.engine) as connection:
        inbox.done(connection, {row.id: "seen" for row in taken}, c.clock())


def work_through(c: Opened, dies_over: str) -> tuple[int, list[int]]:
    """Runs until nothing is due: (how many died, how many events each took)."""
    deaths, sizes = 0, list[int]()
    while taken := refund_inbox.claim(c):  # type: ignore[arg-type]
        sizes.append(len(taken))
        if any(row.identity == dies_over for row in taken):
            deaths += 1
            c.now += LEASE
        else:
            close(c, taken)
        assert len(sizes) < 100, "it goes on for ever"
    return deaths, sizes


def test_an_event_over_which_every_worker_dies_takes_no_other_with_it_and_is_failed_in_the_end(c: Opened) -> None:
    keep(c, 40)
    deaths, sizes = work_through(c, "evt_007")
    found = rows(c)
    assert (deaths, sizes[0]) == (inbox.MOST_DEATHS, 40)
    assert {row.state for name, row in found.items() if name != "evt_007"} == {"done"}
    assert (found["evt_007"].state, found["evt_007"].not_before) == ("failed", inbox.NEVER)
    assert "5 runs died over it" in found["evt_007"].outcome
    with db.reading(c.engine) as connection:
        assert [row.identity for row in inbox_admin.listing(connection)] == ["evt_007"]


def test_a_person_may_try_what_was_given_up_as_often_as_anything_else(c: Opened) -> None:
    keep(c, 1)
    work_through(c, "evt_000")
    with db.transaction(c.engine) as connection:
        ident = rows(c)["evt_000"].id
        assert inbox_admin.replay(connection, ident, c.now, operation="refunds", topic="label.updated") == "waiting"
    assert work_through(c, "evt_000")[0] == inbox.MOST_DEATHS
    assert rows(c)["evt_000"].state == "failed"


def test_new_events_go_before_those_that_a_worker_died_over(c: Opened) -> None:
    keep(c, 1)
    refund_inbox.claim(c)  # type: ignore[arg-type]
    c.now += LEASE
    keep(c, 3)
    assert [row.identity for row in refund_inbox.claim(c)] == ["evt_001", "evt_002"]  # type: ignore[arg-type]
    assert [row.identity for row in refund_inbox.claim(c)] == ["evt_000"]  # type: ignore[arg-type]


async def test_a_claim_is_kept_as_long_as_its_run_lives_and_taken_over_when_it_does_not(c: Opened) -> None:
    keep(c, 2)
    mine = refund_inbox.claim(c)  # type: ignore[arg-type]
    async with refund_inbox.held(c, mine, every=0.01):  # type: ignore[arg-type]
        for _ in range(4):
            c.now += timedelta(minutes=4)
            await asyncio.sleep(0.1)
            assert refund_inbox.claim(c) == []  # type: ignore[arg-type]
    c.now += LEASE
    await asyncio.sleep(0.05)
    assert len(refund_inbox.claim(c)) == 2  # type: ignore[arg-type]


async def test_a_run_renews_its_own_claims_and_not_those_of_another_run_in_the_same_process(c: Opened) -> None:
    keep(c, 1)
    left = refund_inbox.claim(c)  # type: ignore[arg-type]
    keep(c, 2)
    mine = refund_inbox.claim(c)  # type: ignore[arg-type]
    async with refund_inbox.held(c, mine, every=0.01):  # type: ignore[arg-type]
        c.now += timedelta(minutes=4)
        await asyncio.sleep(0.1)
        c.now += timedelta(minutes=4)
        assert [row.id for row in refund_inbox.claim(c)] == [row.id for row in left]  # type: ignore[arg-type]


async def test_a_run_that_fails_over_its_events_says_so_with_them_and_they_come_again(c: Opened) -> None:
    keep(c, 2)
    with pytest.raises(KeyError):
        async with refund_inbox.held(c, refund_inbox.claim(c)):  # type: ignore[arg-type]
            raise KeyError("something about a person")
    assert {(row.state, row.deaths) for row in rows(c).values()} == {("failed", 1)}
    assert all(
        row.outcome.startswith("the run failed: our own mistake, KeyError in test_refund_workers")
        for row in rows(c).values()
    )
    assert refund_inbox.claim(c) == []  # type: ignore[arg-type]
    c.now += refund_inbox.AGAIN
    assert len(refund_inbox.claim(c)) == 2  # type: ignore[arg-type]


async def test_events_over_which_every_run_fails_are_not_tried_for_ever(c: Opened) -> None:
    keep(c, 1)
    for _ in range(inbox.MOST_DEATHS):
        with pytest.raises(KeyError):
            async with refund_inbox.held(c, refund_inbox.claim(c)):  # type: ignore[arg-type]
                raise KeyError
        c.now += refund_inbox.AGAIN
    assert refund_inbox.claim(c) == []  # type: ignore[arg-type]
    assert rows(c)["evt_000"].not_before == inbox.NEVER


async def test_a_run_that_is_told_to_stop_gives_its_events_back_at_once(c: Opened) -> None:
    keep(c, 2)
    with pytest.raises(asyncio.CancelledError):
        async with refund_inbox.held(c, refund_inbox.claim(c)):  # type: ignore[arg-type]
            raise asyncio.CancelledError
    assert {(row.state, row.tries, row.deaths) for row in rows(c).values()} == {("waiting", 0, 0)}


@pytest.fixture
def returns(shop: Shop) -> Returns:
    """A VIP's parcel is scanned, and the portal has told so."""
    found = Returns(shop)
    found.seed()
    found.act()
    return found


async def test_a_run_that_died_between_hearing_of_a_scan_and_deciding_leaves_it_to_the_next(returns: Returns) -> None:
    returns.hear("501")
    taken = await refund_events.take_in(returns.c, refund_inbox.claim(returns.c))
    assert taken.cases == [case_of()]
    await returns.run("inbox")
    assert returns.paid() == []
    returns.at(NOON + LEASE)
    await returns.run("inbox")
    assert returns.paid() == [(KEY, 5000)]


async def test_a_run_that_died_after_reading_a_list_and_before_deciding_leaves_it_to_the_next(returns: Returns) -> None:
    async with work("refunds", DAY.isoformat(), alone=False) as w:
        assert (await refund_polling.poll(returns.c, w.report)).cases == [case_of()]
    await returns.run()
    assert returns.paid() == [(KEY, 5000)]


async def test_an_event_that_our_own_code_stumbles_over_stops_no_other(returns: Returns) -> None:
    returns.hear("501")
    strange = Heard("x", "a vendor that nobody knows", "refunds", "x", "evt_1", b"{}", "a", "waiting")
    with db.transaction(returns.c.engine) as connection:
        inbox.keep(connection, [strange], returns.c.clock())
    await returns.run("inbox")
    assert returns.paid() == [(KEY, 5000)]
    failed = rows(returns.c)["evt_1"]
    assert (failed.state, failed.not_before) == ("failed", inbox.NEVER)
    assert failed.outcome.startswith("unreadable: our own mistake, KeyError")


async def test_a_step_that_stands_twice_in_one_chunk_is_performed_once(returns: Returns) -> None:
    async with work("refunds", DAY.isoformat(), alone=False) as w:
        await act_on(w, await refund_polling.poll(returns.c, w.report))
        due = refund_telling.tellings(returns.c, w.run)
        outcomes = await perform_all(returns.c, due * 2, w.run, ACTIONS)
    assert [outcome.state for outcome in outcomes] == ["done"]
    assert len(returns.shop.control.mails()) == 1


@pytest.fixture
async def on_postgresql(vendors: Addresses, postgresql_database: Database, tmp_path: Path) -> AsyncIterator[Returns]:
    """The same shop with its tables in PostgreSQL."""
    url = postgresql_database.app.url.render_as_string(hide_password=False)
    async with open_shop(vendors, tmp_path / "unused.db", changed={"RECOUP_DATABASE_URL": url}) as found:
        yield Returns(found)


async def test_many_runs_at_once_on_postgresql_pay_one_scan_once(on_postgresql: Returns) -> None:
    on_postgresql.seed()
    on_postgresql.act()
    for _ in range(6):
        on_postgresql.hear("501")
    await asyncio.gather(*(on_postgresql.run(source) for source in ("inbox", "sweep", "inbox", "sweep")))
    assert on_postgresql.paid() == [(KEY, 5000)]
    assert len(on_postgresql.shop.control.mails()) == 1


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(TRIALS))
@pytest.mark.parametrize("mover", MOVERS)
def test_two_workers_on_postgresql_that_die_anywhere_pay_every_label_once(
    mover: str, number: int, begin: Callable[..., Trial], postgresql_database: Database
) -> None:
    trial = begin(mover, postgresql_database.app, number)
    assert trial.lived_through() == [], trial
