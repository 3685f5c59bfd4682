"""Verification finds what was changed behind the guards, and names the first row that is wrong."""

import tracemalloc

import pytest
from sqlalchemy import Engine

from ledger import checks
from ledger.checks import Verification
from store import db, schema
from tests.conftest import Database
from tests.ledger.examples import failed, post_well, recovered, rows, settled


@pytest.fixture
def books(database: Database) -> Engine:
    """Ten entries, and no guards left: gives the connection of whoever removed them."""
    post_well(database.app, *(settled(failed(f"f{number}")) for number in range(5)))
    post_well(database.app, *(settled(recovered(f"r{number}")) for number in range(5)))
    dialect = database.owner.dialect.name
    with db.transaction(database.owner) as connection:
        for guard in schema.GUARDS[dialect]:
            table = next(name for name in schema.RIGHTS if guard.startswith(name))
            connection.exec_driver_sql(f"DROP TRIGGER {guard}" + ("" if dialect == "sqlite" else f" ON {table}"))
    return database.owner


def tamper(engine: Engine, *statements: str) -> Verification:
    with db.transaction(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for statement in statements:
            connection.exec_driver_sql(statement)
    with db.reading(engine) as connection:
        return checks.verify(connection)


def test_books_that_nobody_touched_prove_themselves(books: Engine) -> None:
    with db.reading(books) as connection:
        proof = checks.verify(connection)
    assert proof.proven and (proof.entries, proof.postings, proof.further) == (10, 30, 0)
    assert [(proof.head,)] == rows(books, "SELECT hash FROM ledger_head")


def test_empty_books_prove_themselves(engine: Engine) -> None:
    with db.reading(engine) as connection:
        assert checks.verify(connection).proven


def test_one_changed_amount_is_named_with_its_row_and_both_hashes(books: Engine) -> None:
    (booked,) = rows(books, "SELECT hash FROM ledger_entries WHERE seq = 7")
    proof = tamper(books, "UPDATE ledger_postings SET minor = minor + 90 WHERE seq = 7 AND line = 1")
    assert proof.first is not None
    assert (proof.first.seq, proof.first.source_key, proof.first.what) == (7, "r1", "postings")
    assert proof.first.expected == booked[0] and len(proof.first.found) == 64 and proof.first.found != booked[0]
    assert "off by 90 minor units of EUR" in proof.first.message
    # The roll-up no longer fits either: an effect, counted and not told as a second cause.
    assert proof.further == 1


def test_an_amount_changed_on_both_sides_is_found_though_it_balances(books: Engine) -> None:
    proof = tamper(books, "UPDATE ledger_postings SET minor = minor * 2 WHERE seq = 3")
    assert proof.first is not None and (proof.first.seq, proof.first.what) == (3, "content")


@pytest.mark.parametrize(
    "column", ["kind", "occurred_at", "recorded_at", "flow_run", "vendor_ref", "reverses", "case_id"]
)
def test_a_change_of_any_column_is_found(books: Engine, column: str) -> None:
    proof = tamper(books, f"UPDATE ledger_entries SET {column} = 'forged' WHERE seq = 4")
    assert proof.first is not None and proof.first.seq == 4


def test_a_rehashed_entry_is_found_at_the_next_one(books: Engine) -> None:
    proof = tamper(books, f"UPDATE ledger_entries SET hash = '{'a' * 64}' WHERE seq = 4")
    assert proof.first is not None and (proof.first.seq, proof.first.what) == (4, "content")
    with db.reading(books) as connection:
        row, lines = list(checks.read_entries(connection))[3]
    forged = [*row[:-1]]
    forged[11] = "another-run"
    digest = checks.hashing.digest(forged, lines)
    proof = tamper(books, f"UPDATE ledger_entries SET flow_run = 'another-run', hash = '{digest}' WHERE seq = 4")
    assert proof.first is not None and (proof.first.seq, proof.first.what) == (5, "chain")


def test_an_entry_that_was_taken_out_is_named(books: Engine) -> None:
    proof = tamper(books, "DELETE FROM ledger_postings WHERE seq = 6", "DELETE FROM ledger_entries WHERE seq = 6")
    assert proof.first is not None and (proof.first.seq, proof.first.what) == (7, "sequence")
    assert "entries 6 to 6 are missing before 7" in proof.first.message


def test_entries_cut_off_at_the_end_are_found_by_the_head(books: Engine) -> None:
    proof = tamper(books, "DELETE FROM ledger_postings WHERE seq > 8", "DELETE FROM ledger_entries WHERE seq > 8")
    assert proof.first is not None and (proof.first.what, proof.first.expected, proof.first.found) == (
        "head",
        "10",
        "8",
    )


def test_a_line_that_was_added_or_taken_away_is_found(books: Engine) -> None:
    added = "INSERT INTO ledger_postings VALUES (2, 3, 'Memo:Dunning:Open', 5, 'EUR')"
    proof = tamper(books, added)
    assert proof.first is not None and (proof.first.seq, proof.first.what) == (2, "postings")
    proof = tamper(books, "DELETE FROM ledger_postings WHERE seq = 1")
    assert proof.first is not None and proof.first.seq == 1 and "it has no postings" in proof.first.message


def test_a_roll_up_that_says_something_else_than_the_entries_is_found(books: Engine) -> None:
    proof = tamper(books, "UPDATE ledger_rollup SET count = count + 1 WHERE account = 'Memo:Dunning:Open'")
    assert proof.first is not None and (proof.first.what, proof.further) == ("roll-up", 0)
    proof = tamper(books, "DELETE FROM ledger_rollup WHERE account = 'Memo:Dunning:Open'")
    assert proof.first is not None and "Memo:Dunning:Open" in proof.first.message


def test_a_head_that_is_missing_or_forged_is_found(books: Engine) -> None:
    proof = tamper(books, "UPDATE ledger_head SET hash = 'forged'")
    assert proof.first is not None and proof.first.what == "head"
    proof = tamper(books, "DELETE FROM ledger_head")
    assert proof.first is not None and proof.first.message == "the head is missing"


def test_an_entry_of_a_format_that_is_not_known_is_named_and_not_passed(books: Engine) -> None:
    proof = tamper(books, "UPDATE ledger_entries SET hash_format = 2 WHERE seq = 9")
    assert proof.first is not None and proof.first.seq == 9 and "a newer recoup wrote" in proof.first.message


def test_two_causes_name_the_first_and_count_the_other(books: Engine) -> None:
    proof = tamper(books, "UPDATE ledger_entries SET case_id = 'x' WHERE seq IN (9, 2)")
    assert proof.first is not None and (proof.first.seq, proof.further) == (2, 1)


def test_the_memory_of_a_verification_does_not_grow_with_the_books(sqlite_engine: Engine) -> None:
    def peak_after(first: int, last: int) -> int:
        post_well(sqlite_engine, *(settled(failed(f"k{number}")) for number in range(first, last)))
        tracemalloc.start()
        try:
            with db.reading(sqlite_engine) as connection:
                assert checks.verify(connection).entries == last
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak_after(0, 6_000)
    assert peak_after(6_000, 18_000) < small * 1.2
