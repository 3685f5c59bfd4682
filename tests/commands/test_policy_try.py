"""`recoup policy try refunds`: counts by rule first, the money in both directions, and nothing is changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from domain.refund_case import Window
from domain.refunds import decide
from policies.refunds import load_refunds
from store import decisions
from store.db import transaction
from store.refund_tables import decisions as table
from tests.domain.refund_values import NOW, facts, replaced
from tests.policies.conftest import Pages, pages

ROOT = Path(__file__).parents[2]
__all__ = ["pages"]
SEEN = {"by_customer": (Window(30, 0, 0), Window(365, 0, 0))}
PAID = facts(history=SEEN)


@pytest.fixture
def home(sqlite_engine: Engine, sqlite_file: Path) -> Path:
    """A database with two paid cases and one that is no VIP."""
    policy = load_refunds().policy
    with transaction(sqlite_engine) as connection:
        for number, found in enumerate((PAID, PAID, facts(shopper={"tags": ("newsletter",)}, history=SEEN))):
            one = replaced(found, case=f"loop-{number}/label-1")
            decisions.record(connection, [decisions.Made(decide(one, policy, NOW), one)], NOW, "run-1")
    return sqlite_file.parent


def recoup(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the folder of the database."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(home), "NO_COLOR": "1"}
    command = [sys.executable, str(ROOT / "cli.py"), "policy", "try", *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_with_the_same_policy_everybody_is_decided_the_same(home: Path) -> None:
    ended = recoup(home, "refunds", "--since", "2026-11-01")
    assert ended.returncode == 0, ended.stderr
    assert "Decided 3 decisions of 3 cases again. Nothing was sent or booked." in ended.stdout
    assert "Everybody would have been decided the same." in ended.stdout
    assert "no decisions yet" in recoup(home, "refunds", "--since", "2026-11-24").stdout


def test_a_changed_policy_says_who_differs_by_rule_and_the_money(home: Path, pages: Pages) -> None:
    pages.change("refunds.toml", "[caps.order]            # G-01\nUSD = 50000", "[caps.order]\nUSD = 10000")
    pages.change("refunds.toml", 'tags = ["VIP"]', 'tags = ["VIP", "newsletter"]')
    words = ("refunds", "--since", "2026-11-01", "--policies", str(pages.folder))
    shown = recoup(home, *words)
    assert shown.returncode == 3, shown.stderr
    assert "3 cases would have been decided otherwise" in shown.stdout
    assert "Early refunds: nothing more, 240.00 USD less." in shown.stdout
    document = json.loads(recoup(home, *words, "--json").stdout)
    assert document["counts"] == [
        {"was": "pay R-01", "would_be": "approve G-01", "cases": 2},
        {"was": "never V-01", "would_be": "approve G-01", "cases": 1},
    ]
    assert document["money"] == [{"currency": "USD", "more_minor": 0, "less_minor": 24_000}]
    assert document["policy"] == load_refunds(pages.folder).version


def test_what_cannot_be_read_is_named_and_stops_nothing(home: Path, sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as connection:
        connection.execute(update(table).where(table.c.case_id == "loop-1/label-1").values(facts='{"version":9}'))
    ended = recoup(home, "refunds", "--since", "2026-11-01")
    assert ended.returncode == 3
    assert "Decided 2 decisions of 2 cases again" in ended.stdout
    assert "loop-1/label-1, decided 2026-11-23T09:00:00.000000Z: stored facts say version 9" in ended.stderr


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "2026-11"])
def test_a_day_that_is_none_is_wrong_use(home: Path, since: str) -> None:
    ended = recoup(home, "refunds", "--since", since)
    assert ended.returncode == 2
    assert f"--since '{since}' is no date" in ended.stderr


def test_a_policy_that_cannot_be_used_is_refused_with_file_and_line(home: Path, pages: Pages) -> None:
    pages.change("refunds.toml", "grace_days = 30", 'grace_days = "30"')
    ended = recoup(home, "refunds", "--since", "2026-11-01", "--policies", str(pages.folder))
    assert ended.returncode == 2
    line = pages.line_of("refunds.toml", "grace_days")
    assert f"refunds.toml:{line}: vip.grace_days: is the text" in ended.stderr
