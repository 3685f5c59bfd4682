"""What finance and support read of early refunds: the statement's part, what is out, and what differs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from commands.refund_statements import render_refunds
from domain.differences import difference
from domain.exposure import Change, Exposure, changed
from domain.money import Money
from ledger import refund_entries, refund_reports
from store import db, differences, exposures
from store.refund_tables import decisions
from store.tables import steps
from tests.commands.test_ledger import recoup
from tests.domain.refund_values import facts
from tests.ledger.examples import about, new_step, post_well, settled
from tests.store.test_cases import row

AT = datetime(2026, 1, 15, 8, tzinfo=UTC)
CASE = "loop-98765/label-4"
STATEMENT = """\
Refunds on first scan, January 2026 · EUR
                                       Cases                       EUR
  Refunded to VIPs on the first scan       2                    (99.80)
    Goods on their way, at cost            1                     20.00
    Goods given up, at cost                1                    (20.00)
  Lines, by their part of the refund   Lines
    refunded before the goods              2                     99.80
    given up                               1                     49.90
  Not received yet, as of 2026-01-16   Lines                       EUR
    0 to 7 days                            1                     49.90
    8 to 30 days                           0                      0.00
    31 to 60 days                          0                      0.00
    more than 60 days                      0                      0.00

  Held by guards                       Cases
    G-01 waited for a yes                  2
    E-09 held                              1
  G-01: order cap on open refunds
  E-09: scanned at a plausible place

  Money before the goods were in: 119 hours over 1 refund (estimate, no money and in no sum above)"""


def line_of(case: str, engine: Engine, at: datetime, state: str) -> Exposure:
    """One open line of a refund that is done."""
    with db.transaction(engine) as connection:
        connection.execute(insert(steps), [row(steps, key=f"refunds/{case}", case_id=case, state="done")])
        found = facts(case=case)
        (line,) = exposures.open_lines(
            connection, [exposures.Opened(found, Money(4990, "EUR"), "shop-7")], due_days=21, at=at
        )
        if state != "open":
            change = Change("X-01", state, 1, at + timedelta(hours=119), "")  # type: ignore[arg-type]
            exposures.change(connection, line, changed(line, change))
    return line


@pytest.fixture
def books(sqlite_engine: Engine) -> Engine:
    """Two refunds: the goods of one are on their way, the other's were given up; a third came back whole."""
    for number, places in enumerate((["open"], ["open", "lost"])):
        case = f"loop-{number}/label-4"
        context = about(f"refunds/{case}", operation="refunds", case=case, vendor_ref=f"re_{number}")
        (refund,) = refund_entries.vip_refund(context, Money(4990, "EUR"), mover="storefront")
        booked, was = [refund], "new"
        for place in places:
            line = refund_entries.line_context(context, f"{place}-a")
            entry = refund_entries.moved(line, was, place, Money(4990, "EUR"), Money(2000, "EUR"))  # type: ignore[arg-type]
            booked, was = [*booked, *([entry] if entry else [])], place
        post_well(sqlite_engine, settled(*booked, new_step=new_step(case)))
    line_of("loop-8/label-4", sqlite_engine, AT, "open")
    line_of("loop-9/label-4", sqlite_engine, AT, "received")
    with db.transaction(sqlite_engine) as connection:
        for number, (rule, outcome) in enumerate(
            [("G-01", "approve"), ("G-01", "approve"), ("E-09", "hold"), ("R-01", "pay")]
        ):
            told = {"case_id": f"loop-{number}/label-4", "at": "2026-01-15T08:00:00.000000Z"}
            connection.execute(insert(decisions), [row(decisions, rule=rule, outcome=outcome, **told)])
    return sqlite_engine


def part(books: Engine) -> Any:
    with db.reading(books) as connection:
        return refund_reports.refund_part(connection, "2026-01", "UTC")


def test_the_statement_tells_of_refunds_goods_exposure_guards_and_an_estimate(books: Engine) -> None:
    assert render_refunds(part(books), "2026-01") == STATEMENT


def test_a_shop_that_refunds_nothing_early_has_no_such_part(sqlite_engine: Engine) -> None:
    assert render_refunds(part(sqlite_engine), "2026-01") == ""


def test_the_printed_statement_ends_with_the_part_and_its_data_keep_the_estimate_apart(
    books: Engine, tmp_path: Path
) -> None:
    printed = recoup(books, tmp_path, "ledger", "statement", "--month", "2026-01")
    assert printed.returncode == 0, printed.stderr
    assert "Refunds on first scan, January 2026 · EUR" in printed.stdout
    assert "renewals that failed" not in printed.stdout, "nothing failed in this shop"
    data = json.loads(recoup(books, tmp_path, "ledger", "statement", "--month", "2026-01", "--json").stdout)
    assert data["books"] == []
    (book,) = data["refunds"]["books"]
    assert (book["refunded"]["minor"], book["refunded"]["count"]) == (-9980, 2)
    assert data["refunds"]["estimate"] == {"refunds": 1, "minutes_earlier_than_the_goods": 119 * 60}
    assert [each["minor"] for each in data["refunds"]["exposure"]["by_age"]] == [4990, 0, 0, 0]


def test_what_is_out_is_listed_line_by_line(books: Engine, tmp_path: Path) -> None:
    printed = recoup(books, tmp_path, "refunds", "exposure")
    assert printed.returncode == 0, printed.stderr
    assert "loop-8/label-4" in printed.stdout
    assert "loop-9/label-4" not in printed.stdout
    assert "0 to 7 days: 1 lines, 49.90 EUR" in printed.stdout
    data = json.loads(recoup(books, tmp_path, "refunds", "exposure", "--json").stdout)
    assert [(line["case_id"], line["left_minor"]) for line in data["lines"]] == [("loop-8/label-4", 4990)]


def test_an_open_difference_is_listed_with_what_to_do_and_ends_with_3(books: Engine, tmp_path: Path) -> None:
    agreed = recoup(books, tmp_path, "refunds", "differences")
    assert (agreed.returncode, "agree" in agreed.stdout) == (0, True)
    found = difference("double_refund", CASE, "5001/re_2", "twice")
    with db.transaction(books) as connection:
        differences.take(connection, [found], {"5001"}, AT)
    printed = recoup(books, tmp_path, "refunds", "differences", "--json")
    assert printed.returncode == 3
    (told,) = json.loads(printed.stdout)
    assert (told["kind"], told["owner"]) == ("double_refund", "finance")
    with db.transaction(books) as connection:
        differences.take(connection, [], {"5001"}, AT + timedelta(days=1))
    assert recoup(books, tmp_path, "refunds", "differences", "--all").returncode == 0
