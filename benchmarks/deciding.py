"""Deciding open cases streamed from the database: rate of the pure function, of the stream, and peak memory.

Each size runs in a process of its own, so that its peak memory is its own. The bare thing beside it is a plain
sqlite3 cursor that reads the same case rows and does nothing with them.
"""

import json
import resource
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows import Row
from domain.dunning import next_step
from policies.load import FOLDER, load_dunning
from store import cases, policy_versions, schema
from store.db import connect, reading, transaction
from tasks.deciding import decide
from tasks.plans import Offline
from tasks.rules import load_rules

SIZES = (10_000, 100_000, 1_000_000)
TODAY = date(2026, 1, 22)
NOW = datetime(2026, 1, 22, 9, tzinfo=UTC)
TREATMENTS = ("wait", "soon", "cautious", "fix", "never")
MEMORY_AIM_MB, RATE_AIM = 400, 100_000
FLAT = 1.25
"""Peak memory may grow by so much from 100,000 to 1,000,000 cases."""


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """One row per size for the stream and the pure function, and one for memory."""
    found, peaks = [], {}
    for size in sizes:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "cases.db"
            fill(path, size)
            answer = subprocess.run(
                [sys.executable, "-m", "benchmarks.deciding", str(path)], check=True, capture_output=True, text=True
            )
            measured = json.loads(answer.stdout)
        peaks[size] = measured["peak_mb"]
        found.append(_stream(size, measured))
        found.append(_pure(size, measured))
    found.append(_memory(peaks))
    return found


def fill(path: Path, size: int) -> None:
    """A database of `size` open cases a week after their failure, each with a person, an attempt and a step."""

    engine = connect(f"sqlite:///{path}")
    schema.migrate(engine)
    policy = load_dunning()
    with transaction(engine) as connection:
        policy_versions.remember(connection, "dunning", policy.version, policy.body, NOW)
    engine.dispose()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA synchronous=OFF")
    for table, make in (("people", _person), ("cases", _case), ("attempts", _attempt), ("steps", _step)):
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        marks = ",".join("?" * len(columns))
        raw.executemany(
            f"INSERT INTO {table} VALUES ({marks})",
            ([made.get(name, "") for name in columns] for made in (make(n, policy.version) for n in range(size))),
        )
    raw.commit()
    raw.close()


def measure(path: Path) -> dict[str, float]:
    """Rates and peak memory of one database; runs in a process of its own."""

    engine = connect(f"sqlite:///{path}")
    source = Offline(engine, load_rules(engine, FOLDER), "UTC")
    started = time.perf_counter()
    decided = sum(len(page.decisions) for page in decide(source, TODAY, NOW))
    streamed = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "decided": decided,
        "stream": decided / streamed,
        "bare": _bare(path),
        "pure": _pure_rate(source),
        "call": _call_rate(),
        "peak_mb": peak,
    }


def _pure_rate(source: object) -> float:
    """Decisions a second of `next_step` alone, over the first page of cases, best of five."""

    page = next(cases.stream(source.engine, "dunning", page=10_000))  # type: ignore[attr-defined]
    with reading(source.engine) as connection:  # type: ignore[attr-defined]
        groups = cases.facts(connection, page, now=NOW, zone="UTC", revoke_all_from="9999-12-31")
        facts = [case for group in groups for case in group]
    policy = source.rules.now.policy  # type: ignore[attr-defined]
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for case in facts:
            next_step(case, policy, TODAY)
        best = min(best, time.perf_counter() - started)
    return len(facts) / best


def _call_rate() -> float:
    """Bare calls a second of a function with the same arguments that does nothing."""

    def nothing(case: object, policy: object, today: object) -> None:
        return None

    started = time.perf_counter()
    for number in range(1_000_000):
        nothing(number, None, TODAY)
    return 1_000_000 / (time.perf_counter() - started)


def _bare(path: Path) -> float:
    """Case rows a second of a plain cursor."""
    raw = sqlite3.connect(path)
    started = time.perf_counter()
    count = sum(1 for _ in raw.execute("SELECT * FROM cases ORDER BY customer, id"))
    return count / (time.perf_counter() - started)


def _stream(size: int, found: dict[str, float]) -> Row:
    return Row(
        f"decide {size:,} cases from the database",
        f"{found['stream']:,.0f}/s, peak {found['peak_mb']:.0f} MB",
        f"{found['bare']:,.0f} rows/s read",
        f"{found['stream'] / found['bare']:.2f}",
        f"peak under {MEMORY_AIM_MB} MB",
        found["peak_mb"] < MEMORY_AIM_MB,
    )


def _pure(size: int, found: dict[str, float]) -> Row:
    return Row(
        f"the pure function, of {size:,}",
        f"{found['pure']:,.0f}/s",
        f"{found['call']:,.0f} empty calls/s",
        f"{found['pure'] / found['call']:.3f}",
        f"{RATE_AIM:,}/s",
        found["pure"] >= RATE_AIM,
    )


def _memory(peaks: dict[int, float]) -> Row:
    sizes = sorted(peaks)[-2:]
    growth = peaks[sizes[-1]] / peaks[sizes[0]]
    name = f"memory from {sizes[0]:,} to {sizes[-1]:,} cases"
    return Row(name, f"{peaks[sizes[-1]]:.0f} MB", f"{peaks[sizes[0]]:.0f} MB", f"{growth:.2f}", "flat", growth <= FLAT)


def _person(number: int, _: str) -> dict[str, object]:
    return {"id": f"cus_{number:07}", "email": f"c{number}@example.com", "language": "en", "sms_consent": 0, "vip": 0}


def _case(number: int, version: str) -> dict[str, object]:
    failed = date(2026, 1, 15) - timedelta(days=number % 5)
    card = f"card-{number:07}"
    return {
        "id": f"in_{number:07}", "operation": "dunning", "customer": f"cus_{number:07}", "state": "open",
        "subscription": f"sub_{number:07}", "opened_on": failed.isoformat(), "failed_at": f"{failed}T05:00:00.000000Z",
        "currency": "USD", "failed_minor": 4990, "remaining_minor": 4990, "treatment": TREATMENTS[number % 5],
        "card": card, "card_failed": card, "network": "visa", "auto_charge": 1, "subscription_status": "past_due",
        "policy_version": version,
    }  # fmt: skip


def _attempt(number: int, _: str) -> dict[str, object]:
    return {
        "id": f"ch_{number:07}", "case_id": f"in_{number:07}", "customer": f"cus_{number:07}",
        "card": f"card-{number:07}", "network": "visa", "at": "2026-01-15T05:00:00.000000Z", "outcome": "failed",
        "reached_network": 1, "currency": "USD", "amount_minor": 4990, "codes": "{}",
    }  # fmt: skip


def _step(number: int, version: str) -> dict[str, object]:
    return {
        "key": f"dunning/in_{number:07}/retry-1", "operation": "dunning", "case_id": f"in_{number:07}",
        "action": "charge", "rung": "retry-1", "state": "refused", "day": "2026-01-17", "policy_version": version,
        "intended_at": "2026-01-17T09:00:00.000000Z", "amount_minor": 4990, "tries": 1,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
