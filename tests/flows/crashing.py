"""A process that lives through days of dunning and dies where it is told to: `python -m tests.flows.crashing`.

It imports everything once and forks a child for each order, one JSON object a line on its input:
`{"port", "mail_port", "file", "acts": [["2026-01-27", "09:00", operation, waiting only], …], "die_at": n or null}`.
It answers `{"pid"}` when the child runs and `{"status", "lines"}` when it has ended. `die_at` counts the lines that
Python runs in our own effects (`WATCHED`), in every thread; at the n-th the child is gone, with no clean-up. Zero
only counts, null does not even count. Nothing of ours knows of it.
"""

import asyncio
import json
import os
import sys
import threading
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from commands.simulation import plain, simulated
from integrations.sandbox import Addresses
from tests.flows.shop import settings_for

ROOT = Path(__file__).resolve().parents[2]
WATCHED = tuple(f"{ROOT}/{folder}/" for folder in ("tasks", "store", "ledger", "flows"))
CLIENTS = tuple(f"{ROOT}/integrations/{vendor}/client.py" for vendor in ("stripe", "twilio", "gorgias", "mail"))
DIED = 137
FAILED = 1


class Order(NamedTuple):
    """What one child has to live through."""

    addresses: Addresses
    file: Path
    acts: list[tuple[date, time, str, bool]]
    die_at: int | None


class Countdown:
    """Counts the lines of our effects; at the last one the process is gone."""

    def __init__(self, die_at: int) -> None:
        self.lines, self.die_at = 0, die_at

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        """Follow a call line by line where it is one of ours."""
        return self.line if frame.f_code.co_filename.startswith((*WATCHED, *CLIENTS)) else None

    def line(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count a line, and be gone at the last."""
        if event == "line":
            self.lines += 1
            if self.lines == self.die_at:
                os._exit(DIED)
        return self.line


async def live(order: Order) -> None:
    """Do the acts, each at its time."""
    start = datetime.combine(order.acts[0][0], time(12), UTC)
    settings = settings_for(order.addresses, order.file)
    async with simulated(settings, order.addresses, start) as life:
        for day, at, operation, waiting_only in order.acts:
            life.put(day, at)
            await plain(operation, day, waiting_only)


def child(order: Order, answer: int) -> NoReturn:
    """Live in a forked process and say how many lines it took."""
    countdown = Countdown(order.die_at or 0)
    if order.die_at is not None:
        threading.settrace(countdown.enter)
        sys.settrace(countdown.enter)
    status = FAILED
    try:
        asyncio.run(live(order))
        status = 0
    finally:
        sys.settrace(None)
        os.write(answer, str(countdown.lines).encode())
        sys.stderr.flush()
        os._exit(status)


def read(line: str) -> Order:
    """An order from its JSON."""
    wanted = json.loads(line)
    acts = [(date.fromisoformat(day), time.fromisoformat(at), *how) for day, at, *how in wanted["acts"]]
    addresses = Addresses(wanted["port"], wanted["mail_port"], None)  # type: ignore[arg-type]
    return Order(addresses, Path(wanted["file"]), acts, wanted["die_at"])


def main() -> None:
    """Take orders until the input ends."""
    for line in sys.stdin:
        order = read(line)
        out, answer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(out)
            child(order, answer)
        os.close(answer)
        print(json.dumps({"pid": pid}), flush=True)
        with os.fdopen(out, "rb") as found:
            lines = int(found.read() or b"0")
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status), "lines": lines}), flush=True)


if __name__ == "__main__":
    main()
