"""A plan calls nobody and decides what a run would; a kept plan is done exactly, or refused with the reason.

Where the commands run, they run as people run them: in a process of their own, or by their function.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commands.run import _plan as run_plan
from integrations.sandbox import Addresses
from store.tables import contacts, holds, runs, steps
from tasks import plans, renewals
from tasks.deciding import decide, decide_follow_ups
from tasks.plans import Offline, Plan, PlanRefused
from tests.flows.crashing import ROOT
from tests.flows.shop import DAY, HARD, REVOKED, SOFT, Shop, renewal, variables_for

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 27, 18, 0, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
RENEWALS = [
    renewal("charge", SOFT, "ok", age=2),
    renewal("mail", HARD),
    renewal("sms", HARD, age=9),
    renewal("over", HARD, age=12),
    renewal("person", REVOKED),
    renewal("waits", SOFT, age=1),
]


class NetworkDenied(AssertionError):
    """Somebody called outside."""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Deny every connection and every look-up of a name at the socket; gives what was tried."""
    tried: list[Any] = []

    def deny(*what: Any, **_: Any) -> None:
        tried.append(what[-1])
        raise NetworkDenied(str(what[-1]))

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, deny)
    monkeypatch.setattr(socket, "getaddrinfo", deny)
    monkeypatch.setattr(socket, "create_connection", deny)
    yield tried
    monkeypatch.undo()
    assert tried == []


def offline(shop: Shop) -> Offline:
    """What deciding needs, and nothing that could call."""
    return Offline(shop.life.c.engine, shop.life.c.rules, shop.life.c.zone)


async def filled(shop: Shop) -> None:
    """Read the renewals and do nothing."""
    shop.seed(*RENEWALS)
    shop.put()
    await renewals.read(shop.life.c, shop.life.clock.now, "")


def test_the_fixture_denies_the_network(no_network: list[Any]) -> None:
    with pytest.raises(NetworkDenied):
        socket.create_connection(("127.0.0.1", 9))
    with pytest.raises(NetworkDenied), socket.socket() as line:
        line.connect(("127.0.0.1", 9))
    assert len(no_network) == 2
    no_network.clear()


async def test_a_plan_makes_no_call_at_all_and_writes_nothing(shop: Shop, request: pytest.FixtureRequest) -> None:
    await filled(shop)
    before = [len(shop.rows(table)) for table in (steps, holds, contacts, runs)]
    request.getfixturevalue("no_network")
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=NOW)
    follow = plans.make(offline(shop), "dunning-follow-up", DAY, NOW, made_at=NOW)
    assert len(made.actions) == 5
    assert follow.actions == []
    assert [len(shop.rows(table)) for table in (steps, holds, contacts, runs)] == before


async def test_a_plan_decides_the_same_steps_as_a_live_run_on_the_same_facts(shop: Shop) -> None:
    await filled(shop)
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=NOW)
    report = await shop.run("dunning")
    assert {action["key"] for action in made.actions} == {row.key for row in report.rows}
    assert sum(made.left.values()) + len(made.waiting) == sum(report.held.values())

    follow = plans.make(offline(shop), "dunning-follow-up", DAY, NOW, made_at=NOW)
    report = await shop.run("dunning-follow-up")
    assert {action["key"] for action in follow.actions} == {row.key for row in report.rows} != set()


async def test_decisions_come_from_our_own_tables_only(shop: Shop, request: pytest.FixtureRequest) -> None:
    await filled(shop)
    request.getfixturevalue("no_network")
    pages = [*decide(offline(shop), DAY, NOW), *decide_follow_ups(offline(shop), DAY)]
    assert sum(len(page.decisions) for page in pages) == len(RENEWALS)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Plan, Path]:
    """A plan in a file."""
    plan = Plan("dunning", DAY, NOW, "policy-1", 3, [{"key": "dunning/in_1/mail-1", "case": "in_1"}])
    plans.write(plan, tmp_path / "plan.json")
    return plan, tmp_path / "plan.json"


def test_a_kept_plan_comes_back_as_it_was(kept: tuple[Plan, Path]) -> None:
    plan, path = kept
    assert plans.read(path, now=NOW + timedelta(hours=24), policy="policy-1").data() == plan.data()


def test_a_plan_older_than_a_day_is_refused_with_the_command_for_a_new_one(kept: tuple[Plan, Path]) -> None:
    with pytest.raises(PlanRefused, match="older than 24 hours; make a new one: recoup plan dunning --on 2026-01-27"):
        plans.read(kept[1], now=NOW + timedelta(hours=24, seconds=1), policy="policy-1")


def test_a_plan_made_under_another_policy_is_refused_and_both_are_named(kept: tuple[Plan, Path]) -> None:
    with pytest.raises(PlanRefused, match="made under policy policy-1, now policy-2 is in force"):
        plans.read(kept[1], now=NOW, policy="policy-2")


@pytest.mark.parametrize("change", [{"day": "2026-01-28"}, {"cases": 4}, {"actions": []}, {"digest": "0" * 64}])
def test_a_plan_that_was_changed_by_hand_is_refused(kept: tuple[Plan, Path], change: dict[str, Any]) -> None:
    kept[1].write_text(json.dumps(json.loads(kept[1].read_text()) | change))
    with pytest.raises(PlanRefused, match="was changed after it was made"):
        plans.read(kept[1], now=NOW, policy="policy-1")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"schema": 1}', "no json", '{"made_at": "yesterday"}', "\ufeff{}"]
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanRefused, match=r"is no plan of recoup"):
        plans.read(path, now=NOW, policy="policy-1")


async def test_run_does_exactly_what_a_plan_says_and_no_other_step_that_is_due(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(shop)
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=shop.life.clock.now)
    made.actions = [action for action in made.actions if action["action"] != "sms"]
    plans.write(made, tmp_path / "plan.json")

    assert await run_plan(tmp_path / "plan.json") == 0
    assert shop.state("dunning/in_sms/sms-1") == ""
    assert {shop.state(action["key"]) for action in made.actions} == {"done"}
    assert "Did 4 of 4." in capsys.readouterr().out


async def test_run_skips_what_changed_since_the_plan_was_made_and_says_so(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(shop)
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=shop.life.clock.now)
    plans.write(made, tmp_path / "plan.json")
    shop.control.act("stripe", renewal="in_mail", do="pays")

    assert await run_plan(tmp_path / "plan.json") == 3
    said = capsys.readouterr().out
    assert "Did 4 of 5. 1 skipped because the world changed:" in said
    assert "dunning/in_mail/mail-1" in said
    assert ("mail", "dunning/in_mail/mail-1") not in shop.effects()


async def test_run_charges_no_other_amount_than_the_plan_shows(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(shop)
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=shop.life.clock.now)
    (charge,) = [action for action in made.actions if action["action"] == "charge"]
    charge["amount_max"] = "0.50"
    plans.write(made, tmp_path / "plan.json")

    assert await run_plan(tmp_path / "plan.json") == 3
    assert charge["key"] in capsys.readouterr().out
    assert shop.state(charge["key"]) == "", "the plan's amount is not the one that is due, so nothing was tried"


async def test_a_plan_that_is_run_twice_does_nothing_the_second_time(shop: Shop, tmp_path: Path) -> None:
    await filled(shop)
    made = plans.make(offline(shop), "dunning", DAY, NOW, made_at=shop.life.clock.now)
    plans.write(made, tmp_path / "plan.json")
    await run_plan(tmp_path / "plan.json")
    done = shop.effects()
    await run_plan(tmp_path / "plan.json")
    assert shop.effects() == done


async def test_the_plan_command_runs_with_the_network_denied(
    shop: Shop, vendors: Addresses, sqlite_file: Path, tmp_path: Path
) -> None:
    """The command in a process of its own, whose sockets refuse every connection."""
    await filled(shop)
    found = denied_command(vendors, sqlite_file, "plan", "dunning", "--on", DAY.isoformat(), "--json")
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["actions"]) >= 4


DENY = """
import socket, sys
def deny(*what, **_):
    raise SystemExit(f"called outside: {what[-1]}")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = deny
socket.create_connection = socket.getaddrinfo = deny
from cli import main
sys.argv = ["recoup", *sys.argv[1:]]
sys.exit(main())
"""


def denied_command(vendors: Addresses, file: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A recoup command in a process whose sockets connect to nothing."""
    env = {"PATH": os.environ["PATH"], "HOME": str(file.parent)} | variables_for(vendors, file)
    found = subprocess.run([sys.executable, "-c", DENY, *words], cwd=ROOT, env=env, capture_output=True, text=True,
                           timeout=60, check=False)  # fmt: skip
    assert "called outside" not in found.stderr
    return found
