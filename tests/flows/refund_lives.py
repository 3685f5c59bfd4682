"""Lives of refund workers that end where they are told to: `python -m tests.flows.refund_lives`.

It imports everything once and forks a child for each life of an order, all of an order at once, one JSON object a
line on its input: `{"port", "mail_port", "variables", "patience", "lives": [{"acts": [[instant, what], …], "at": n or
null, "how": "gone" | "raise", "kill_after": seconds or 0}, …]}`. It answers with a list of `[status, lines]`.
`at` counts the lines that Python runs in our own effects: at the n-th the child is gone with no clean-up, or has an
exception of a class that nobody knows. Zero only counts. Nothing of ours knows of it.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import settings
from commands.simulation import Simulation, simulated
from domain.instants import day_in
from flows.reconcile import settle_unknown
from flows.refunds import send_refunds
from flows.work import work
from integrations.sandbox import Addresses

ROOT = Path(__file__).resolve().parents[2]
WATCHED = tuple(f"{ROOT}/{folder}/" for folder in ("tasks", "store", "ledger", "flows"))
CLIENTS = tuple(f"{ROOT}/integrations/{name}" for name in ("loop/client", "shopify/client", "stripe/refunds", "http"))
DIED, FAILED, STRUCK = 137, 1, 3


class Struck(Exception):
    """A mistake at a random line: a class that nobody catches by name."""


class Life(NamedTuple):
    """What one child has to live through."""

    acts: list[tuple[datetime, str]]
    at: int | None
    how: str
    kill_after: float


class Countdown:
    """Counts the lines of our effects; at the last one something happens."""

    def __init__(self, life: Life) -> None:
        self.lines, self.at, self.how = 0, life.at, life.how

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        """Follow a call line by line where it is one of ours."""
        return self.line if frame.f_code.co_filename.startswith((*WATCHED, *CLIENTS)) else None

    def line(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count a line, and let it be the last or a mistake."""
        if event == "line":
            self.lines += 1
            if self.lines == self.at and self.how == "gone":
                os._exit(DIED)
            if self.lines == self.at:
                raise Struck
        return self.line


async def act(life: Simulation, what: str) -> None:
    """One run without Prefect."""
    name = "reconcile" if what == "reconcile" else "refunds"
    async with work(name, day_in(life.clock(), life.c.zone).isoformat(), alone=name == "reconcile") as w:
        if name == "reconcile":
            await settle_unknown(w)
        else:
            await send_refunds(w, "inbox" if what == "inbox" else "sweep")


async def live(order: dict[str, Any], life: Life) -> None:
    """Do the acts, each at its time; a mistake ends its run and not the worker."""
    addresses = Addresses(order["port"], order["mail_port"], None)  # type: ignore[arg-type]
    found = settings.load(env=order["variables"])
    async with simulated(found, addresses, life.acts[0][0], timeout_seconds=order["patience"]) as open_life:
        for now, what in life.acts:
            if now != open_life.clock.now:
                open_life.clock.now = now
                open_life.control.clock(now)
            try:
                await act(open_life, what)
            except Struck:
                continue


def child(order: dict[str, Any], life: Life, answer: int) -> NoReturn:
    """Live in a forked process and say how many lines it took."""
    countdown = Countdown(life)
    if life.at is not None:
        if life.how == "gone":
            threading.settrace(countdown.enter)
        sys.settrace(countdown.enter)
    status = FAILED
    try:
        asyncio.run(live(order, life))
        status = 0
    except Struck:
        status = STRUCK
    finally:
        sys.settrace(None)
        os.write(answer, str(countdown.lines).encode())
        if status == FAILED:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stderr.flush()
        os._exit(status)


def begin(order: dict[str, Any], life: Life) -> tuple[int, int]:
    """Fork a child; gives its process id and where it says how many lines it ran."""
    out, answer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(out)
        child(order, life, answer)
    os.close(answer)
    return pid, out


def end(pid: int, out: int) -> list[int]:
    """Wait for a child: [exit status, lines]."""
    with os.fdopen(out, "rb") as found:
        lines = int(found.read() or b"0")
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), lines]


def read(wanted: dict[str, Any]) -> Life:
    """A life from its JSON."""
    acts = [(datetime.fromisoformat(now), what) for now, what in wanted["acts"]]
    return Life(acts, wanted.get("at"), wanted.get("how", "gone"), wanted.get("kill_after", 0.0))


def main() -> None:
    """Take orders until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        lives = [read(wanted) for wanted in order["lives"]]
        began = [(*begin(order, life), life.kill_after) for life in lives]
        for pid, _, after in sorted(began, key=lambda each: each[2]):
            if after:
                time.sleep(after)
                os.kill(pid, signal.SIGKILL)
        print(json.dumps([end(pid, out) for pid, out, _ in began]), flush=True)


if __name__ == "__main__":
    main()
