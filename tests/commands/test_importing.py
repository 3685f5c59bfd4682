"""Importing failed renewals: taken in once, quarantined with a reason, and found again by the vendor's own answer."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from domain.money import Money
from domain.payments import BadRow, Card, DeclineCodes, ImportedFailure
from domain.people import Person
from ledger.models import entries
from policies.load import load_dunning
from store.db import reading
from store.tables import cases, people, quarantine
from tasks.importing import keep_bad, take_in

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 9, 20, 9, tzinfo=UTC)
POLICY = load_dunning()

FILE = (
    "\ufeffid,Amount Due,Amount Remaining,Currency,Customer,Customer Name,Customer Email,"
    "Date (UTC),Status,Subscription\r\n"
    'in_1,49.90,49.90,usd,cus_1,"Larsen, Bo",bo@example.com,9/15/2026 08:00,open,sub_1\r\n'
    "in_2,49.90,49.90,usd,cus_2,Al,al@@example.com,9/5/2026,open,sub_2\r\n"
    "in_3,49.90,0,usd,cus_3,NA,,9/15/2026,paid,sub_3\r\n"
)


def failure(id: str, code: str = "insufficient_funds") -> ImportedFailure:
    """A failed renewal as a file tells it."""
    card = Card(id="card_1", fingerprint="fp_1", network="visa")
    return ImportedFailure(
        id=id,
        customer=Person(id=f"cus_{id}", name="Bo", email="bo@example.com"),
        subscription="sub_1",
        amount=Money(4990, "USD"),
        failed_at=datetime(2026, 9, 16, 1, tzinfo=UTC),
        codes=DeclineCodes(code=code, network="visa"),
        line=2,
        card=card,
    )


def count(engine: Engine, table: object) -> int:
    """How many rows a table has."""
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def test_a_failure_becomes_a_case_by_the_shops_calendar_and_is_booked_once(engine: Engine) -> None:
    taken = take_in(engine, POLICY, [failure("in_1")], source="a.csv", zone="America/New_York", now=NOW)
    assert (taken.new, taken.known, taken.unknown_codes) == (1, 0, ())
    with reading(engine) as connection:
        row = connection.execute(select(cases)).one()
    assert (row.id, row.state, row.opened_on, row.treatment) == ("in_1", "open", "2026-09-15", "wait")
    assert (row.failed_minor, row.currency, row.source) == (4990, "USD", "a.csv")
    assert (row.card, row.policy_version) == ("fp_1", POLICY.version)
    assert count(engine, entries) == 1


def test_the_same_file_twice_takes_nothing_in_twice(engine: Engine) -> None:
    bad = [BadRow(3, "Amount", "is empty", "in_9,,usd")]
    for expected in (2, 0):
        keep_bad(engine, bad, source="a.csv", now=NOW)
        taken = take_in(engine, POLICY, [failure("in_1"), failure("in_2")], source="a.csv", zone="UTC", now=NOW)
        assert (taken.new, taken.known) == (expected, 2 - expected)
    assert [count(engine, table) for table in (cases, entries, quarantine, people)] == [2, 2, 1, 2]


def test_codes_that_no_list_knows_are_told_and_treated_with_caution(engine: Engine) -> None:
    taken = take_in(engine, POLICY, [failure("in_1", "brand_new")], source="a.csv", zone="UTC", now=NOW)
    assert taken.unknown_codes == ("brand_new",)
    with reading(engine) as connection:
        assert connection.execute(select(cases.c.treatment)).scalar_one() == "cautious"


def recoup(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    env = os.environ | {"RECOUP_HOME": str(home), "COLUMNS": "120"}
    command = [sys.executable, "-m", "cli", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_counts_names_lines_and_ends_with_three_where_rows_were_bad(tmp_path: Path) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(FILE, encoding="utf-8", newline="")
    first = recoup(tmp_path / "home", "import", "failed-payments", str(file))
    assert first.returncode == 3, first.stderr
    lines = [line.split() for line in first.stdout.splitlines()]
    assert ["read", "3"] in lines
    assert ["new", "1"] in lines
    assert "Customer Email: is a text of 15 characters that is no e-mail address" in first.stdout
    assert "al@@example.com" not in first.stdout + first.stderr
    again = recoup(tmp_path / "home", "import", "failed-payments", str(file))
    assert ["known", "before", "1"] in [line.split() for line in again.stdout.splitlines()]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("a,b\n1,2\n", (), "no export that is known"),
        (FILE, ("--date-format", "Y/m/d"), "is not known"),
        ("", (), "the file is empty"),
    ],
)
def test_what_cannot_be_read_takes_nothing_in_and_says_so(
    tmp_path: Path, text: str, words: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(text, encoding="utf-8", newline="")
    refused = recoup(tmp_path / "home", "import", "failed-payments", str(file), *words)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Nothing was taken in." in refused.stderr
