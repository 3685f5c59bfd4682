"""A process that dies anywhere: started again, it has done nothing twice and lost nothing.

Each trial: a day with every kind of effect on which the process is gone at a random line of ours; then the same day
once more, reconcile, and the next two days. RECOUP_TEST_KILLS says how many trials, RECOUP_TEST_SEED repeats one run.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from integrations.sandbox import Addresses
from integrations.sandbox_control import Control
from store import db
from tests.flows.crashing import DIED, ROOT
from tests.flows.shop import DAY, HARD, REVOKED, SOFT, customer, effects, renewal, unsound

KILLS = int(os.environ.get("RECOUP_TEST_KILLS", "25"))
SEED = int(os.environ.get("RECOUP_TEST_SEED", str(random.SystemRandom().randrange(10**6))))
KILLED_FROM_OUTSIDE = 5

Act = tuple[str, str, str, bool]


def day_of(day: date) -> list[Act]:
    """What happens on a day: everything once, and the waiting messages at one o'clock."""
    acts = (("09:00", "dunning", False), ("10:00", "dunning-follow-up", False), ("10:30", "reconcile", False))
    return [(day.isoformat(), *act) for act in (*acts, ("13:00", "dunning", True))]


def rest_of(day: date) -> list[Act]:
    """Started again in the afternoon: the same once more, and reconcile."""
    acts = (("14:00", "dunning"), ("14:30", "dunning-follow-up"), ("15:00", "reconcile"), ("15:30", "dunning"))
    return [(day.isoformat(), *act, False) for act in acts]


NEXT, LAST = DAY + timedelta(days=1), DAY + timedelta(days=2)
RECOVERY = [*rest_of(DAY), *day_of(NEXT), *day_of(LAST), *rest_of(LAST)[2:3]]
RENEWALS = [
    renewal("paid", SOFT, "ok", age=2),
    renewal("declined", SOFT, SOFT, "ok", age=2),
    renewal("mail", HARD),
    renewal("sms", HARD, age=9),
    renewal("over", HARD, age=12),
    renewal("both", HARD, age=12, customer="cus_over"),
    renewal("person", REVOKED),
    renewal("cancelled", SOFT, age=3),
    renewal("old", HARD, age=28),
    renewal("alone", SOFT, age=4),
]
CANCELS = {"do": "cancels", "at": "2026-01-27T06:00:00Z"}
PAYS = {"do": "pays", "at": "2026-01-27T06:30:00Z"}


class Runner:
    """The process that forks one child per order; see `tests.flows.crashing`."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.flows.crashing"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def live(self, addresses: Addresses, file: Path, acts: list[Act], *, die_at: int | None = None,
             kill_after: float = 0) -> tuple[int, int]:  # fmt: skip
        """Have a child live through the acts; returns its exit status and how many lines of ours it ran."""
        order = {"port": addresses.port, "mail_port": addresses.mail_port, "file": str(file)}
        self._say(order | {"acts": acts, "die_at": die_at})
        pid = self._hear()["pid"]
        if kill_after:
            Timer(kill_after, _kill, [pid]).start()
        found = self._hear()
        return found["status"], found["lines"]

    def close(self) -> None:
        """End it."""
        self.process.communicate(timeout=10)

    def _say(self, order: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


class Trial:
    """One life with its own database; the vendors live on."""

    def __init__(self, runner: Runner, addresses: Addresses, control: Control, file: Path) -> None:
        self.runner, self.addresses, self.control, self.file = runner, addresses, control, file
        control.reset()
        control.post("/_sandbox/clock", {"now": f"{DAY - timedelta(days=30)}T12:00:00Z"})
        scripted = {"in_cancelled": [CANCELS], "in_alone": [PAYS]}
        items = [{**item, "actions": scripted.get(item["id"], [])} for item in RENEWALS]
        people = [customer(name) for name in sorted({item["customer"][4:] for item in RENEWALS})]
        control.seed({"stripe": {"customers": people, "renewals": items}})

    def live(self, acts: list[Act], **how: Any) -> tuple[int, int]:
        """One stretch of life; see Runner.live."""
        return self.runner.live(self.addresses, self.file, acts, **how)

    def recover(self) -> list[str]:
        """Start again, live on, and say what does not hold."""
        status, _ = self.live(RECOVERY)
        if status:
            return [f"the process that was started again ended with {status}"]
        engine = db.connect(f"sqlite:///{self.file}")
        try:
            return unsound(engine, self.control, {item["id"]: 1 for item in RENEWALS})
        finally:
            engine.dispose()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # It was quicker.


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    found = Runner()
    yield found
    found.close()


@pytest.fixture(scope="module")
def control(vendors: Addresses) -> Iterator[Control]:
    found = Control(vendors)
    yield found
    found.close()


@pytest.fixture
def trials(runner: Runner, vendors: Addresses, control: Control, sqlite_template: Path, tmp_path: Path) -> Any:
    """Makes trials, each with a fresh database."""

    def make(number: int) -> Trial:
        folder = tmp_path / str(number)
        folder.mkdir()
        return Trial(runner, vendors, control, Path(shutil.copy(sqlite_template, folder / "recoup.db")))

    return make


def test_a_day_without_a_crash_has_every_kind_of_effect_once(trials: Any) -> None:
    trial = trials(0)
    status, lines = trial.live(day_of(DAY), die_at=0)
    assert (status, lines > 1000) == (0, True)
    done = effects(trial.control)
    assert {kind for kind, _ in done} == {"charge", "mail", "sms", "ticket", "message"}
    assert trial.recover() == []


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.slow
def test_a_crash_at_any_line_leaves_at_most_one_effect_per_key_and_every_case_accounted_for(trials: Any) -> None:
    chance = random.Random(SEED)
    _, lines = trials(0).live(day_of(DAY), die_at=0)
    died = 0
    for number in range(1, KILLS + 1):
        trial, die_at = trials(number), chance.randint(1, lines)
        status, _ = trial.live(day_of(DAY), die_at=die_at)
        died += status == DIED
        wrong = trial.recover()
        assert not wrong, f"RECOUP_TEST_SEED={SEED}, kill {number} at line {die_at} of {lines}: {wrong}"
    print(f"seed {SEED}: {died} of {KILLS} died at one of {lines} lines")
    assert died >= KILLS * 0.8, "the others ran fewer lines than the first and ended before their line came"


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_a_process_killed_from_outside_leaves_nothing_twice_and_nothing_lost(trials: Any) -> None:
    chance = random.Random(SEED)
    for number in range(KILLED_FROM_OUTSIDE):
        trial, after = trials(number), chance.uniform(0.1, 1.5)
        trial.live(day_of(DAY), kill_after=after)
        wrong = trial.recover()
        assert not wrong, f"RECOUP_TEST_SEED={SEED}, killed after {after:.2f} s: {wrong}"
