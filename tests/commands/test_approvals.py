"""`recoup approvals`, `approve`, `stop` and `go`, as a person types them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

import settings
from commands.output import DONE, FOUND, WRONG_USE
from commands.shell import run
from domain.money import Money
from settings import load
from store import approvals, returns, switches
from store.db import reading, transaction
from tasks.database import open_database

CASE = "loop-98765/label-4"
NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A shop's own database; nothing else is needed, and no Prefect answers."""
    found = load(env={"RECOUP_PREFECT__PORT": "9"}, home=tmp_path)
    settings.use(found)
    return open_database(found)


def ask(engine: Engine, minor: int = 60000) -> None:
    with transaction(engine) as connection:
        approvals.ask(
            connection, CASE, Money(minor, "USD"), rule="G-01", reason="above the order cap",
            due=NOW + timedelta(days=1), at=NOW,
        )  # fmt: skip


def test_nothing_waits_is_said(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approvals"]) == DONE
    assert "Nothing waits" in capsys.readouterr().out


def test_what_waits_is_listed_with_its_amount_and_reason_and_is_found_by_the_exit_code(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(engine)
    assert run(["approvals", "--json"]) == FOUND
    (row,) = json.loads(capsys.readouterr().out)["waiting"]
    assert (row["case"], row["amount"], row["why"]) == (CASE, "600.00 USD", "G-01 above the order cap")


def test_a_yes_is_kept_with_who_gave_it_and_cannot_be_given_twice(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(engine)
    assert run(["approve", f"refunds/{CASE}", "--by", "Mara", "--note", "long-time customer"]) == DONE
    with reading(engine) as connection:
        said = approvals.latest(connection, [CASE])[CASE]
    assert (said.decision, said.decided_by, said.minor) == ("approved", "Mara", 60000)
    assert run(["approve", CASE, "--reject"]) == WRONG_USE
    assert "recoup approvals" in capsys.readouterr().err


def test_another_amount_is_another_question(engine: Engine) -> None:
    ask(engine)
    ask(engine, 70000)
    with reading(engine) as connection:
        (row,) = approvals.waiting(connection)
    assert row.minor == 70000


def test_a_stop_holds_until_it_is_lifted_and_says_who_and_why(engine: Engine) -> None:
    assert run(["stop", "refunds", "--why", "double refunds seen", "--by", "Mara"]) == DONE
    with reading(engine) as connection:
        assert switches.stopped(connection, "refunds").startswith("stopped by Mara")
    assert run(["go", "refunds"]) == DONE
    with reading(engine) as connection:
        assert switches.stopped(connection, "refunds") == ""
        assert returns.to_look_at(connection, NOW, 10) == []


def test_only_what_there_is_can_be_stopped(engine: Engine) -> None:
    assert run(["stop", "everything", "--why", "x"]) == WRONG_USE
