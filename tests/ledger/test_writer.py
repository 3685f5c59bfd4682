"""The writer: many threads, one commit for many, a full disk, a busy file, a killed process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from domain.money import Money
from ledger import checks, lookups
from ledger.errors import Conflict, LedgerError, ReadOnly, Unavailable, WriterClosed
from ledger.posting import Writer
from store import db, schema
from tests.conftest import Database
from tests.ledger.examples import clock, failed, post_well, rows, settled

THREADS, KEYS = 8, 50


def verified(engine: Engine) -> checks.Verification:
    with db.reading(engine) as connection:
        return checks.verify(connection)


def in_threads(work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_eight_threads_post_the_same_keys_and_each_is_booked_once(engine: Engine) -> None:
    answers: Counter[str] = Counter()
    with Writer(engine, clock=clock, batch=16) as writer:

        def work(number: int) -> None:
            # Half of the threads come with another amount for the same keys.
            amount = Money(100 + number % 2, "EUR")
            futures = [writer.submit(settled(failed(f"k{key}", amount))) for key in range(KEYS)]
            for future in futures:
                try:
                    answers["replayed" if future.result(60).replayed else "booked"] += 1
                except Conflict:
                    answers["conflict"] += 1

        in_threads(work)
    assert answers == {"booked": KEYS, "replayed": KEYS * 3, "conflict": KEYS * 4}
    assert rows(engine, "SELECT COUNT(*) FROM ledger_entries") == [(KEYS,)]
    assert verified(engine).proven


def test_several_writers_take_turns_and_the_chain_holds(database: Database) -> None:
    answers: Counter[str] = Counter()
    engines = [db.connect(str(database.app.url)) for _ in range(3)]

    def work(number: int) -> None:
        writer = Writer(engines[number % 3], clock=clock)
        for key in range(10):
            for answer in writer.post([settled(failed(f"k{key}")), settled(failed(f"own-{number}-{key}"))]):
                answers[type(answer).__name__ + str(getattr(answer, "replayed", ""))] += 1

    in_threads(work)
    for engine in engines:
        engine.dispose()
    assert answers == {"PostedFalse": 10 + THREADS * 10, "PostedTrue": (THREADS - 1) * 10}
    assert verified(database.app).proven and verified(database.app).entries == 90


def test_what_is_queued_together_shares_a_commit(sqlite_engine: Engine) -> None:
    commits = []
    event.listen(sqlite_engine, "commit", lambda connection: commits.append(1))
    gate = threading.Event()
    with Writer(sqlite_engine, clock=lambda: (gate.wait(10), clock())[1], batch=64) as writer:
        futures = [writer.submit(settled(failed(f"k{number}"))) for number in range(129)]
        gate.set()
        for future in futures:
            future.result(10)
    # The first may go alone; the others wait behind it and go 64 at a time.
    assert len(commits) <= 4


def test_closing_writes_what_is_queued_and_refuses_what_comes_later(engine: Engine) -> None:
    writer = Writer(engine, clock=clock, batch=4).start()
    futures = [writer.submit(settled(failed(f"k{number}"))) for number in range(30)]
    writer.close()
    writer.close()
    assert [future.result(0).key for future in futures] == [f"k{number}" for number in range(30)]
    with pytest.raises(WriterClosed, match="late was not booked"):
        writer.submit(settled(failed("late")))


def test_a_settlement_that_nobody_waits_for_any_more_is_not_booked(engine: Engine) -> None:
    gate = threading.Event()
    with Writer(engine, clock=lambda: (gate.wait(10), clock())[1], batch=1) as writer:
        first = writer.submit(settled(failed("first")))
        while not first.running():
            time.sleep(0.001)
        cancelled, last = writer.submit(settled(failed("cancelled"))), writer.submit(settled(failed("last")))
        assert cancelled.cancel()
        gate.set()
        last.result(10)
    assert rows(engine, "SELECT source_key FROM ledger_entries ORDER BY seq") == [("first",), ("last",)]


def test_a_mistake_in_the_writer_reaches_every_caller_and_the_writer_goes_on(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [True]

    def faulty() -> Any:
        if broken.pop() if broken else False:
            raise ZeroDivisionError("the clock is broken")
        return clock()

    with Writer(engine, clock=faulty) as writer:
        with pytest.raises(ZeroDivisionError):
            writer.submit(settled(failed("a"))).result(10)
        assert writer.submit(settled(failed("a"))).result(10).first_seq == 1
    assert "nothing of them was written" in caplog.text


def test_a_full_disk_is_a_retryable_error_without_a_partial_entry_and_reads_go_on(sqlite_file: Path) -> None:
    engine = db.connect(f"sqlite:///{sqlite_file}")
    limit = [0]
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {limit[0]}"))
    limit[0] = 2**30
    post_well(engine, settled(failed("first")))
    limit[0] = 1  # SQLite takes no less than what the file has: not one page more can be written.
    big = [settled(failed(f"k{number:04}"), detail="x" * 400) for number in range(400)]
    answers = Writer(engine, clock=clock).post(big)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert all(isinstance(answer, LedgerError) and answer.retryable for answer in answers)
    assert "full" in str(answers[0]) and "Nothing was booked" in str(answers[0])
    assert rows(engine, "SELECT source_key FROM ledger_entries") == [("first",)]
    assert verified(engine).proven
    limit[0] = 2**30
    post_well(engine, *big)
    assert verified(engine).entries == 401
    engine.dispose()


def test_a_busy_file_is_a_retryable_error(sqlite_file: Path) -> None:
    blocker, engine = db.connect(f"sqlite:///{sqlite_file}"), db.connect(f"sqlite:///{sqlite_file}")
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 50"))
    with db.transaction(blocker):
        (answer,) = Writer(engine, clock=clock).post([settled(failed("k"))])
        assert isinstance(answer, Unavailable) and "locked" in str(answer)
        assert rows(engine, "SELECT COUNT(*) FROM ledger_entries") == [(0,)]
    post_well(engine, settled(failed("k")))
    blocker.dispose()
    engine.dispose()


def test_a_database_that_is_read_only_is_no_reason_to_try_again(sqlite_file: Path) -> None:
    engine = create_engine(f"sqlite:///file:{sqlite_file}?mode=ro&uri=true")
    (answer,) = Writer(engine, clock=clock).post([settled(failed("k"))])
    assert isinstance(answer, ReadOnly) and not answer.retryable
    engine.dispose()


def test_a_role_without_the_right_to_write_is_told_so(postgresql_database: Database) -> None:
    with db.transaction(postgresql_database.owner) as connection:
        connection.exec_driver_sql("REVOKE INSERT ON ledger_entries FROM recoup_app")
    (answer,) = Writer(postgresql_database.app, clock=clock).post([settled(failed("k"))])
    assert isinstance(answer, ReadOnly) and "permission denied" in str(answer)


def test_a_server_that_is_gone_is_a_retryable_error() -> None:
    engine = db.connect("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    (answer,) = Writer(engine, clock=clock).post([settled(failed("k"))])
    assert isinstance(answer, Unavailable)
    engine.dispose()


POSTING = """
import sys
from store import db
from ledger.posting import Writer
from tests.ledger.examples import clock, failed, settled
writer = Writer(db.connect(sys.argv[1]), clock=clock, batch=8)
with writer:
    for number in range(int(sys.argv[2]), 100_000):
        writer.submit(settled(failed(f"k{number}"))).add_done_callback(
            lambda done: print(done.result().key, flush=True)
        )
"""


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.11, 0.23])
def test_a_file_whose_writer_was_killed_verifies_and_has_everything_that_was_acknowledged(
    sqlite_file: Path, delay: float
) -> None:
    url = f"sqlite:///{sqlite_file}"
    command = [sys.executable, "-c", POSTING, url, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip()]
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        # The last line may be cut off by the kill: only what ends with a line break was acknowledged.
        rest = process.stdout.read()
        acknowledged += rest[: rest.rfind("\n") + 1].split()
    engine = db.connect(url)
    proof = verified(engine)
    assert proof.proven and proof.entries >= len(acknowledged) > 0
    with db.reading(engine) as connection:
        assert set(lookups.entries(connection, acknowledged)) == set(acknowledged)
    assert schema.check(engine) == []
    answers = post_well(engine, *(settled(failed(key)) for key in acknowledged[:20]))
    assert all(answer.replayed for answer in answers)
    engine.dispose()
