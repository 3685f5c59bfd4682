"""One run of an operation at a time, between processes and within one, and never for ever."""

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select

from flows.ending import end
from flows.work import work
from store import leases
from store.db import reading, transaction
from store.tables import leases as table
from tests.flows.shop import DAY, HARD, Shop, renewal

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 27, 14, 0, tzinfo=UTC)


def take(engine: Engine, at: datetime = NOW) -> bool:
    """Whether a run gets the lease now."""
    with transaction(engine) as connection:
        return leases.take(connection, "dunning", at)


def held_by(engine: Engine, holder: str) -> None:
    """Have somebody else hold the lease."""
    with transaction(engine) as connection:
        until = "2026-01-27T14:30:00.000000Z"
        connection.execute(insert(table).values(name="dunning", holder=holder, until=until))


def gone_process() -> int:
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_second_run_in_the_same_process_does_not_get_the_lease_until_it_is_given_back(engine: Engine) -> None:
    assert take(engine)
    assert not take(engine)
    with transaction(engine) as connection:
        leases.give_back(connection, "dunning")
    assert take(engine)


def test_another_living_process_keeps_its_lease_and_ours_cannot_give_it_back(engine: Engine) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        held_by(engine, f"{socket.gethostname()}:{other.pid}:00000000")
        with transaction(engine) as connection:
            leases.give_back(connection, "dunning")
        assert not take(engine)
        other.communicate(b"\n")
    assert take(engine), "its holder is gone"


def test_the_lease_of_a_process_that_died_is_taken_over_at_once(engine: Engine) -> None:
    held_by(engine, f"{socket.gethostname()}:{gone_process()}:00000000")
    assert take(engine)


def test_the_lease_of_an_earlier_start_with_our_process_id_is_taken_over_as_in_a_container(engine: Engine) -> None:
    host, pid, _ = leases.me().rsplit(":", 2)
    held_by(engine, f"{host}:{pid}:00000000")
    assert take(engine)


def test_the_lease_of_another_machine_runs_out_after_half_an_hour_and_not_before(engine: Engine) -> None:
    held_by(engine, "elsewhere:1:00000000")
    assert not take(engine, NOW + timedelta(minutes=29))
    assert take(engine, NOW + timedelta(minutes=30))


def test_a_long_run_keeps_its_lease_by_renewing_it(engine: Engine) -> None:
    assert take(engine)
    with transaction(engine) as connection:
        leases.renew(connection, "dunning", NOW + timedelta(minutes=25))
        until = connection.execute(select(table.c.until)).scalar_one()
    assert until == "2026-01-27T14:55:00.000000Z"
    assert not take(engine, NOW + timedelta(minutes=54))


async def test_a_run_beside_another_does_nothing_says_so_and_leaves_the_others_lease(shop: Shop) -> None:
    shop.seed(renewal("0", HARD))
    shop.put()
    async with work("dunning", DAY.isoformat()) as first:
        report = await shop.run("dunning", at=None)
        assert (report.states, shop.effects()) == ({}, {})
        async with work("dunning", DAY.isoformat()) as second:
            assert second.busy
            assert "Another run of this operation is at work" in str((await end(second)).message)
        with reading(first.c.engine) as connection:
            assert connection.execute(select(table.c.holder)).scalar_one() == leases.me()
    assert (await shop.run("dunning")).actions == {("mail", "done"): 1}


async def test_different_operations_run_side_by_side(shop: Shop) -> None:
    async with work("dunning", DAY.isoformat()), work("reconcile", DAY.isoformat()) as second:
        assert not second.busy


async def test_a_run_that_fails_gives_its_lease_back(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError):
        async with work("dunning", DAY.isoformat()):
            raise ZeroDivisionError
    assert shop.rows(table) == []
