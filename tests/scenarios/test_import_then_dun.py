"""A file of failed payments as people export them goes in, bad rows aside, and dunning goes on with what it brought."""

import asyncio
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from integrations.sandbox import Addresses
from ledger.checks import verify
from ledger.reports import statement
from store.db import connect, reading
from store.tables import cases, people, quarantine, steps
from tests.scenarios import invariants
from tests.scenarios.living import Lived, Vendors, live_through

ROOT = Path(__file__).resolve().parents[2]
ZONE = "America/New_York"
HEADER = "Invoice ID,Amount,Currency,Customer ID,Customer Name,Customer Email,Created date (UTC),Status,Decline Reason"
ROWS = (
    "in_1,49.90,usd,cus_1,NA,ana@example.com,1/15/2026 05:00,Failed,insufficient_funds",
    "in_2,\"1,249.00\",USD,cus_2,\"Brandt, Ben\",ben@example.com,1/15/2026 05:00,Failed,expired_card",
    "in_3,39.00,usd,cus_3,Chloé,chloe@example.com,01/15/2026 05:00,Failed,do_not_honor",
    "000123,20.00,usd,17850.0,Only in the file,only@example.com,1/15/2026 05:00,Failed,do_not_honor",
    "in_5,NA,usd,cus_5,Dora,dora@example.com,1/15/2026 05:00,Failed,do_not_honor",
    "in_6,39.00,usd,cus_6,Emil,emil@example.com,13/45/2026,Failed,do_not_honor",
    "in_7,39.00,usd,,Farah,farah@example.com,1/15/2026 05:00,Failed,do_not_honor",
    "in_8,39.00,usd,cus_8,Greta,greta@example.com,1/15/2026 05:00,Failed",
    "in_9,39.00,usd,cus_9,Hugo,hugo@example.com,1/15/2026 05:00,Paid,",
)  # fmt: skip
"""What is wrong begins on line 6; line 10 is paid and no failure at all."""
AT_THE_VENDOR = {"in_1": ("cus_1", 4990, "insufficient_funds"), "in_2": ("cus_2", 124900, "expired_card"),
                 "in_3": ("cus_3", 3900, "do_not_honor")}  # fmt: skip


class Done(NamedTuple):
    """The import's own output, and the days that were lived through afterwards."""

    code: int
    output: str
    second_output: str
    lived: Lived


@pytest.fixture(scope="module")
def done(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The file is imported twice into an empty home, then dunning runs from the 15th to the 20th."""
    home = tmp_path_factory.mktemp("import")
    file = home / "failed.csv"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([HEADER, *ROWS, ""]).encode())
    first, second = _import(home, file), _import(home, file)
    days = (date(2026, 1, 15), date(2026, 1, 20))
    lived = asyncio.run(live_through(addresses, home, _seed(), days, shop=("Northwind", ZONE, "USD")))
    return Done(first.returncode, first.stdout + first.stderr, second.stdout, lived)


def _import(home: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(home), "RECOUP_SHOP__TIME_ZONE": ZONE}
    command = [sys.executable, str(ROOT / "cli.py"), "import", "failed-payments", str(file)]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, check=False)


def _seed() -> dict[str, Any]:
    """The vendor knows three of the invoices, under the same ids; one has its money on the third day."""
    renewals = [
        {"id": id, "customer": customer, "amount": minor, "currency": "usd", "created": "2026-01-15T05:00:00+00:00",
         "card": {"fingerprint": f"fp_{id}", "network": "visa"}, "outcomes": [code]}
        for id, (customer, minor, code) in AT_THE_VENDOR.items()
    ]  # fmt: skip
    renewals[0]["ok_from"] = "2026-01-17T05:00:00+00:00"
    customers = [
        {"id": customer, "name": customer, "email": f"{customer}@example.com", "country": "US"}
        for customer, _, _ in AT_THE_VENDOR.values()
    ]
    return {"stripe": {"customers": customers, "renewals": renewals}}


def _rows(done: Done, table: Any) -> list[Any]:
    engine = connect(done.lived.settings.database_url)
    try:
        with reading(engine) as connection:
            return list(connection.execute(select(table)).all())
    finally:
        engine.dispose()


def test_bad_rows_are_kept_with_line_column_and_reason_and_the_rest_goes_in(done: Done) -> None:
    kept = sorted((row.line, row.field, bool(row.reason), row.raw) for row in _rows(done, quarantine))
    assert [(line, field) for line, field, _, _ in kept] == [
        (6, "Amount"), (7, "Created date (UTC)"), (8, "Customer ID"), (9, ""),
    ]  # fmt: skip
    assert all(why for _, _, why, _ in kept)
    assert [raw for *_, raw in kept] == list(ROWS[4:8])
    assert done.code == 3


def test_the_output_counts_what_went_in_and_holds_nobodys_address(done: Done) -> None:
    assert "example.com" not in done.output
    assert _records(done.output, "new") == 4


def _records(output: str, what: str) -> int:
    """The number behind a word in the import's table."""
    (line,) = [line for line in output.splitlines() if line.strip(" │").startswith(f"{what} ")]
    return int(line.strip(" │").removeprefix(what).split()[0])


def test_the_same_file_again_takes_nothing_in_twice(done: Done) -> None:
    assert (_records(done.second_output, "new"), _records(done.second_output, "known before")) == (0, 4)
    opened = [row.key for row in _rows(done, steps) if row.rung == "opened"]
    assert sorted(opened) == sorted(f"dunning/{id}/opened" for id in ("in_1", "in_2", "in_3", "000123"))
    assert len(_rows(done, quarantine)) == 4


def test_ids_lose_the_spreadsheets_point_zero_and_keep_their_leading_zeros(done: Done) -> None:
    by_id = {row.id: row for row in _rows(done, cases)}
    assert by_id["000123"].customer == "17850"
    assert by_id["in_2"].failed_minor == 124900
    names = {row.id: row.name for row in _rows(done, people)}
    assert names["17850"] == "Only in the file"


def test_the_vendors_answer_meets_the_imported_case_and_dunning_goes_on_with_it(done: Done) -> None:
    by_id = {row.id: row for row in _rows(done, cases)}
    assert {row.source for row in by_id.values()} == {"failed.csv"}
    assert (by_id["in_1"].state, by_id["in_1"].outcome) == ("closed", "recovered")
    taken = {(row.case_id, row.rung) for row in _rows(done, steps) if row.state in ("done", "refused")}
    assert {("in_2", "mail-1"), ("in_2", "mail-2"), ("in_3", "mail-1")} <= taken


def test_what_only_the_file_knows_is_reported_and_nobody_is_charged_or_written_to_for_it(
    done: Done, addresses: Addresses
) -> None:
    assert any("000123" in problem for problem in done.lived.problems)
    assert not [problem for problem in done.lived.problems if "000123" not in problem]
    vendors = Vendors(addresses)
    try:
        assert {told.who for told in vendors.messages()} <= {f"{customer}@example.com" for customer in _customers()}
        assert {charge.renewal for charge in vendors.charges()} == set(AT_THE_VENDOR)
        assert invariants.effects_more_than_once(vendors) == []
    finally:
        vendors.close()


def test_the_books_have_every_imported_failure_once(done: Done) -> None:
    engine = connect(done.lived.settings.database_url)
    try:
        with reading(engine) as connection:
            assert verify(connection).first is None
            (book,) = statement(connection, "2026-01").books
    finally:
        engine.dispose()
    assert (book.cohort.failed.count, book.cohort.failed.minor) == (4, 4990 + 124900 + 3900 + 2000)
    assert book.cohort.gross.minor == 4990


def _customers() -> set[str]:
    return {customer for customer, _, _ in AT_THE_VENDOR.values()}
