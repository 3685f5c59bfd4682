"""`recoup ledger`: the books as a person and as a script read them, and the exit code when they do not hold."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from commands.output import Failure
from commands.statements import month_name, render_statement
from domain.money import Money
from ledger import entries, reports
from store import db
from tests.ledger.examples import about, failed, post_well, recovered, settled

ROOT = Path(__file__).parents[2]

STATEMENT = """\
Statement, January 2026 · EUR · management statement
                                       Cases                       EUR
  Recovered                                2                     99.80
    After a message                        1                     49.90
    Personal follow-up by support          1                     49.90
  Given back
    Refunded                               1                    (49.90)
  Costs, accrued from the price list
    Texts                                  1                     (0.08)
  Result                                                         49.82

Renewals that failed in January 2026, and what became of them so far
                                       Cases of failed             EUR of failed
  Failed                                   4   100.0 %          199.60   100.0 %
  Recovered, gross                         2    50.0 %           99.80    50.0 %
    Silent retry                           0     0.0 %            0.00     0.0 %
    Customer's own action                  0     0.0 %            0.00     0.0 %
    After a message                        1    25.0 %           49.90    25.0 %
    Personal follow-up by support          1    25.0 %           49.90    25.0 %
  Refunded                                (1)  (25.0 %)         (49.90)  (25.0 %)
  Recovered, net                           1    25.0 %           49.90    25.0 %
  Lost                                     1    25.0 %           49.90    25.0 %
    Cancelled                              1    25.0 %           49.90    25.0 %
  Still open                               2    50.0 %           99.80    50.0 %
  Every share is over all 4 renewals that failed.

As of entry 9, 2026-01-16T12:00:00.000000Z · chain {ends}"""


@pytest.fixture
def books(sqlite_engine: Engine) -> Engine:
    """Four renewals fail; two are paid, one of them is refunded, one is lost."""
    paid = recovered("dunning/in_1/retry-1", vendor_ref="pi_1")
    booked = [
        *(failed(f"dunning/in_{number}/failed") for number in range(4)),
        paid,
        recovered("dunning/in_2/paid", phase="support"),
        entries.money_back(paid, about("dunning/in_1/refund"), Money(4990, "EUR"), "refund"),
        entries.renewal_lost(about("dunning/in_3/lost"), Money(4990, "EUR"), "cancelled"),
        entries.message_cost(about("dunning/in_1/sms-1"), Money(8, "EUR"), "sms"),
    ]
    post_well(sqlite_engine, *(settled(entry) for entry in booked))
    return sqlite_engine


def recoup(books: Engine | str, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the real command in a process of its own, with these books."""
    url = books if isinstance(books, str) else str(books.url)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(home), "RECOUP_DATABASE_URL": url}
    command = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, check=False)


def test_a_statement_is_one_page_of_text_and_always_the_same(books: Engine) -> None:
    with db.reading(books) as connection:
        report = reports.statement(connection, "2026-01")
    assert render_statement(report) == STATEMENT.format(ends=f"{report.head[:4]}…{report.head[-4:]}")


def test_the_statement_of_the_newest_month_is_printed_when_none_is_named(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "statement")
    assert (done.returncode, done.stdout.splitlines()[:9]) == (0, STATEMENT.splitlines()[:9])
    assert "recoup ledger verify" in done.stderr


def test_the_statement_as_data_has_whole_minor_units(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "statement", "--month", "2026-01", "--json")
    data: dict[str, Any] = json.loads(done.stdout)
    (book,) = data["books"]
    assert (book["currency"], book["result_minor"], book["decimal_places"]) == ("EUR", 4982, 2)
    assert book["cohort"]["rates"]["by_money_net"] == {"part": 4990, "whole": 19960}


def test_a_month_without_bookings_says_so(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "statement", "--month", "2020-02")
    assert done.returncode == 0 and "Nothing was booked for this month" in done.stdout


def test_what_is_no_month_is_wrong_use(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "statement", "--month", "2026-13")
    assert done.returncode == 2 and "the month from 01 to 12" in done.stderr and not done.stdout


def test_verify_proves_the_books_and_says_what_it_proved(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "verify")
    assert done.returncode == 0 and done.stdout.startswith("✓ Verified: 9 entries, 24 postings.")
    data = json.loads(recoup(books, tmp_path, "ledger", "verify", "--json").stdout)
    assert data["proven"] and data["first"] is None and data["guards"] == []


def test_verify_names_a_changed_amount_and_exits_with_5(books: Engine, tmp_path: Path) -> None:
    with db.transaction(books) as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_postings_no_update")
        connection.exec_driver_sql("UPDATE ledger_postings SET minor = 9940 WHERE seq = 5 AND line = 1")
    done = recoup(books, tmp_path, "ledger", "verify")
    assert done.returncode == 5
    assert "First of 2 findings: entry 5 (dunning/in_1/retry-1)" in done.stderr and "off by 4950" in done.stderr
    asked = recoup(books, tmp_path, "ledger", "verify", "--json")
    assert asked.returncode == 5 and json.loads(asked.stdout)["first"]["seq"] == 5


def test_verify_of_good_books_without_a_guard_finds_the_guard(books: Engine, tmp_path: Path) -> None:
    with db.transaction(books) as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_entries_no_delete")
    done = recoup(books, tmp_path, "ledger", "verify")
    assert done.returncode == 3 and "ledger_entries_no_delete is missing" in done.stderr


def test_a_trace_walks_from_the_vendors_reference_to_step_entry_and_refund(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "trace", "pi_1")
    assert done.returncode == 0
    for words in ("dunning/in_1/retry-1", "D-01: it failed", "brave-otter", "taken back by dunning/in_1/refund"):
        assert words in done.stdout
    (found,) = json.loads(recoup(books, tmp_path, "ledger", "trace", "pi_1", "--json").stdout)
    assert found["entries"][0]["postings"][0] == {
        "account": "Assets:Clearing:Payments",
        "minor": 4990,
        "currency": "EUR",
    }


def test_a_trace_of_nothing_is_wrong_use_with_a_way_on(books: Engine, tmp_path: Path) -> None:
    done = recoup(books, tmp_path, "ledger", "trace", "no-such-key")
    assert done.returncode == 2 and "recoup explain" in done.stderr


def test_where_there_are_no_books_none_are_made(tmp_path: Path) -> None:
    file = tmp_path / "none.db"
    done = recoup(f"sqlite:///{file}", tmp_path, "ledger", "verify")
    assert done.returncode == 2 and "There are no books yet" in done.stderr and not file.exists()
    file.touch()
    done = recoup(f"sqlite:///{file}", tmp_path, "ledger", "statement")
    assert done.returncode == 2 and "no ledger tables" in done.stderr


def test_no_heavy_package_is_imported_to_read_the_books(books: Engine, tmp_path: Path) -> None:
    code = (
        "import sys; from commands import ledger; ledger.statement(json=True); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'prefect', 'pandas', 'httpx', 'alembic'}))"
    )
    env = {"RECOUP_HOME": str(tmp_path), "RECOUP_DATABASE_URL": str(books.url), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_months_have_names() -> None:
    assert (month_name("2026-01"), month_name("2027-12")) == ("January 2026", "December 2027")


def test_a_failure_of_the_command_is_a_failure_to_a_person() -> None:
    from commands.ledger import broken
    from ledger.checks import Finding, Verification

    finding = Finding(7, "k", "chain", "aa", "bb", "entry 7 (k) was chained to another entry")
    failure = broken(Verification(10, 20, "cc", finding, 0))
    assert isinstance(failure, Failure) and failure.code == 5
    assert failure.what == finding.message and failure.cause == "chain: expected aa, found bb"
