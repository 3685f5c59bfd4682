"""The flows that `benchmarks.dispatch` wakes: they note when they handled which event, and do nothing else."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from prefect import State, flow
from prefect.states import Completed

from store import inbox
from store.db import connect, transaction

FILE, DATABASE = "RECOUP_BENCH_FILE", "RECOUP_BENCH_DATABASE"
OPERATION = "refunds"


@flow(name="bench-handle")
async def handle(event: str = "") -> None:
    """Handle the one event that Prefect's trigger names."""
    note([event])


@flow(name="bench-dispatched")
async def dispatched() -> State[str]:
    """Handle everything that waits in the inbox, as a woken operation does."""
    now = datetime.now(UTC)
    engine = connect(os.environ[DATABASE])
    with transaction(engine) as connection:
        rows = inbox.claim(connection, OPERATION, "bench", now)
        inbox.done(connection, {row.id: "handled" for row in rows}, now)
    engine.dispose()
    note([row.identity for row in rows])
    return Completed(message=f"handled {len(rows)}", data="")


def note(events: list[str]) -> None:
    """Append who was handled and when, in one write, for several processes do so."""
    lines = "".join(f"{event} {time.time()}\n" for event in events)
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(lines)


def noted() -> dict[str, float]:
    """When each event was handled for the first time."""
    file = Path(os.environ[FILE])
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {event: float(at) for event, at in reversed([line.split(" ") for line in lines])}
