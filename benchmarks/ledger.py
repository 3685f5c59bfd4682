"""How fast the books are: posting against bare sqlite3, queued posts against one commit each, the statement.

Every ratio is measured in one run on one file system: the two sides take turns, and the median of the rounds
counts. Rows are written by the product's own code; nothing is switched off.
"""

import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from benchmarks.rows import Row
from domain.money import Money
from ledger import entries, reports
from ledger.checks import verify
from ledger.entries import Context
from ledger.posting import Posted, Writer
from ledger.settlements import NewStep, Settlement
from store import db, schema

BATCH = 256
"""Settlements in one commit, on both sides: the writer's own default."""
START = datetime(2025, 1, 1, 9, tzinfo=UTC)
PHASES = ("silent_retry", "customer_action", "message", "support")
MIRRORED = ("steps", "ledger_entries", "ledger_postings")
"""The tables whose rows the bare side inserts; it keeps no head, no roll-up and no guards."""


SHARE_OF_BARE, GAIN_OF_QUEUEING, STATEMENT_SECONDS = 1 / 3, 10, 0.050
"""The aims."""


def rows(posted: int = 100_000, sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)) -> list[Row]:
    """All lines of the ledger's benchmark."""
    return [*posting(posted), *group_commit(), *statement(sizes)]


def facts(count: int, first: int = 0) -> Iterator[Settlement]:
    """Settlements as dunning makes them, in the order of time: each case fails, four of five are paid.

    A million cover twenty-four months. The ids are like a payments vendor's: time first, then noise.
    """
    for number in range(first, first + count):
        case, step = divmod(number, 2)
        at = START + timedelta(seconds=124 * case)
        paid = step and case % 5
        invoice = f"in_1{case:08}{case * 2_654_435_761 % 2**32:08x}"
        key = f"dunning/{invoice}/{'retry-1' if step else 'failed'}"
        about = Context(
            key=key, occurred_at=at, effective_on=at.date(), belongs_to=f"{at:%Y-%m}", operation="dunning",
            case=invoice, vendor="payments", vendor_ref=invoice.replace("in_", "pi_") if step else invoice,
            flow_run="brave-otter", policy_version="p1",
        )  # fmt: skip
        yield _settlement(about, Money(1_000 + case % 9_000, "EUR"), step, paid, PHASES[case % 4])


def posting(count: int = 100_000, rounds: int = 3) -> list[Row]:
    """Entries a second with all protections, against the same rows put into bare tables by `executemany`."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        for number in range(rounds):
            path = Path(folder) / f"ours-{number}.db"
            engine = _fresh(path)
            ours.append(_post_all(engine, count))
            engine.dispose()
            bare.append(_insert_bare(path, Path(folder) / f"bare-{number}.db"))
            path.unlink()
    return [_rate(f"post {count:,} entries, all protections", count, ours, bare, "at least 1/3", SHARE_OF_BARE)]


def group_commit(count: int = 5_000, alone: int = 500) -> list[Row]:
    """Posts queued together against one commit for each, both durable (`synchronous=FULL`)."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        engine = _fresh(Path(folder) / "books.db")
        single = Writer(engine, clock=_now)
        one_each = _timed(lambda: [single.post([fact])[0] for fact in facts(alone)]) / alone
        with Writer(engine, clock=_now) as writer:
            queued = list(facts(count, first=alone))
            together = _timed(lambda: [future.result() for future in [writer.submit(fact) for fact in queued]]) / count
        engine.dispose()
    return [
        _rate(
            f"{count:,} posts queued, bare: one commit each", 1, [together], [one_each], "at least 10", GAIN_OF_QUEUEING
        )
    ]


def statement(sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)) -> list[Row]:
    """The month's statement from the roll-up at growing sizes, against summing the postings of the month."""
    found = []
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        engine = _fresh(Path(folder) / "books.db")
        done = 0
        for size in sizes:
            posted = _post_all(engine, size - done, first=done) / (size - done)
            done = size
            found += [_statement_row(engine, size), _growth("post, per entry", size, posted * 1e6)]
            proof = _timed(lambda: _verify(engine)) / size
            found.append(_growth("verify, per entry", size, proof * 1e6))
        engine.dispose()
    return found


def _statement_row(engine: Engine, size: int) -> Row:
    month = "2025-01"

    def ours() -> None:
        with db.reading(engine) as connection:
            assert reports.statement(connection, month).books

    def scan() -> None:
        with db.reading(engine) as connection:
            connection.exec_driver_sql(
                "SELECT p.account, p.currency, SUM(p.minor) FROM ledger_entries e JOIN ledger_postings p "
                f"ON p.seq = e.seq WHERE e.effective_on LIKE '{month}%' GROUP BY 1, 2"
            ).fetchall()

    mine, theirs = statistics.median(_timed(ours) for _ in range(9)), _timed(scan)
    return Row(
        name=f"month's statement over {size:,} entries, bare: full scan",
        ours=f"{mine * 1e3:.1f} ms",
        bare=f"{theirs * 1e3:.1f} ms",
        ratio=f"{theirs / mine:,.0f}",
        aim="under 50 ms",
        met=mine < STATEMENT_SECONDS,
    )


def _growth(name: str, size: int, value: float) -> Row:
    return Row(f"{name} of {size:,}", f"{value:.1f} us", "", "", "the same at every size")


def _settlement(about: Context, amount: Money, step: int, paid: int, phase: str) -> Settlement:
    if not step:
        booked = entries.renewal_failed(about, amount)
    elif paid:
        booked = entries.renewal_recovered(about, amount, amount, phase)
    else:
        booked = entries.renewal_lost(about, amount, "cancelled")
    new = NewStep(
        operation="dunning", case_id=about.case, action="charge", day=about.effective_on.isoformat(), rule="D-03",
        reason="the third day after the failure", policy_version="p1", flow_run=about.flow_run,
    )  # fmt: skip
    return Settlement(
        key=about.key, state="done", at=about.occurred_at, vendor=about.vendor, vendor_ref=about.vendor_ref,
        amount=amount, entries=(booked,), new_step=new,
    )  # fmt: skip


def _post_all(engine: Engine, count: int, first: int = 0) -> float:
    """Seconds in which the writer posts `count` settlements, batch by batch; making them is not counted."""
    writer, seconds = Writer(engine, clock=_now), 0.0
    for start in range(first, first + count, BATCH):
        batch = list(facts(min(BATCH, first + count - start), first=start))
        seconds += _timed(lambda batch=batch: _checked(writer.post(batch)))  # type: ignore[misc]
    return seconds


def _insert_bare(ours: Path, bare: Path) -> float:
    """Seconds in which sqlite3 puts the rows of our file into tables with a primary key and nothing else."""
    source, target = sqlite3.connect(ours), sqlite3.connect(bare, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000", "wal_autocheckpoint=4000"):
        target.execute(f"PRAGMA {pragma}")
    for table in MIRRORED:
        columns = source.execute(f"SELECT name, type, pk FROM pragma_table_info('{table}')").fetchall()
        key = ", ".join(name for name, _, _ in sorted((c for c in columns if c[2]), key=lambda column: column[2]))
        names = ", ".join(f"{name} {kind} NOT NULL" for name, kind, _ in columns)
        target.execute(f"CREATE TABLE {table} ({names}, PRIMARY KEY ({key}))")
    seconds = sum(_bare_batch(target, rows) for rows in _bare_batches(source))
    source.close()
    target.close()
    return seconds


def _bare_batches(source: sqlite3.Connection) -> Iterator[dict[str, list[Any]]]:
    last = source.execute("SELECT MAX(seq) FROM ledger_entries").fetchone()[0]
    for start in range(1, last + 1, BATCH):
        reach = start, start + BATCH - 1
        yield {
            "steps": source.execute(
                "SELECT s.* FROM ledger_entries e JOIN steps s ON s.key = e.source_key "
                "WHERE e.seq BETWEEN ? AND ? ORDER BY e.seq", reach,
            ).fetchall(),
            "ledger_entries": source.execute(
                "SELECT * FROM ledger_entries WHERE seq BETWEEN ? AND ?", reach
            ).fetchall(),
            "ledger_postings": source.execute(
                "SELECT * FROM ledger_postings WHERE seq BETWEEN ? AND ?", reach
            ).fetchall(),
        }  # fmt: skip


def _bare_batch(target: sqlite3.Connection, rows: dict[str, list[Any]]) -> float:
    def insert() -> None:
        target.execute("BEGIN IMMEDIATE")
        for table, batch in rows.items():
            target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(batch[0]))})", batch)
        target.execute("COMMIT")

    return _timed(insert)


def _rate(name: str, count: int, ours: list[float], bare: list[float], aim: str, least: float) -> Row:
    mine, theirs = count / statistics.median(ours), count / statistics.median(bare)
    return Row(name, f"{mine:,.0f}/s", f"{theirs:,.0f}/s", f"{mine / theirs:.2f}", aim, mine / theirs >= least)


def _verify(engine: Engine) -> None:
    with db.reading(engine) as connection:
        assert verify(connection).proven


def _checked(answers: list[Any]) -> None:
    assert all(isinstance(answer, Posted) for answer in answers), answers[0]


def _fresh(path: Path) -> Engine:
    engine = db.connect(f"sqlite:///{path}")
    schema.migrate(engine)
    return engine


def _now() -> datetime:
    return datetime.now(UTC)


def _timed(work: Callable[[], object]) -> float:
    # What was made before is not to be walked through by the collector while the clock runs.
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
