"""The statement: every figure from the roll-up, every share over all failures, gross beside net."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from domain.money import Money
from ledger import entries, reports
from ledger.entries import Entry
from ledger.reports import Book, Cohort, Line, Rate, Statement
from store import db
from tests.ledger.examples import AT, about, failed, post_well, recovered, rows, settled


def statement_of(engine: Engine, month: str) -> Statement:
    with db.reading(engine) as connection:
        return reports.statement(connection, month)


def book_of(engine: Engine, month: str = "2026-01", currency: str = "EUR") -> Book:
    return next(book for book in statement_of(engine, month).books if book.currency == currency)


def on(day: str) -> dict[str, Any]:
    """When something is booked, as arguments of `about`."""
    days = (date.fromisoformat(day) - AT.date()).days
    return {"occurred_at": AT + timedelta(days=days), "effective_on": date.fromisoformat(day)}


def post_entries(engine: Engine, booked: Iterable[Entry]) -> None:
    post_well(engine, *(settled(entry) for entry in booked))


def figures(lines: Iterable[Line]) -> dict[str, tuple[int, int]]:
    return {line.name: (line.count, line.minor) for line in lines if line.count or line.minor}


@pytest.fixture
def january(engine: Engine) -> Engine:
    """Ten renewals of 10.00 fail in January; seven are paid, two of those given back, one is lost."""
    ten = Money(1000, "EUR")
    paid = [
        recovered("r1", ten, ten, "silent_retry", **on("2026-01-16")),
        recovered("r2", ten, ten, "silent_retry", **on("2026-01-17")),
        recovered("r3", ten, ten, "customer_action", **on("2026-01-18")),
        recovered("r4", ten, ten, "message", **on("2026-01-20")),
        recovered("r5", ten, ten, "support", **on("2026-01-28")),
        recovered("r6", ten, ten, "support", **on("2026-02-02")),
        recovered("r7", Money(900, "EUR"), ten, "support", **on("2026-02-03")),
    ]
    post_entries(engine, [failed(f"f{number}", ten) for number in range(10)])
    post_entries(engine, paid)
    post_entries(
        engine,
        [
            entries.money_back(paid[0], about("b1", **on("2026-01-25")), ten, "refund"),
            entries.money_back(paid[5], about("b2", **on("2026-02-20")), ten, "chargeback"),
            entries.money_back(paid[3], about("b3", **on("2026-02-21")), Money(250, "EUR"), "refund"),
            entries.renewal_lost(about("l1", **on("2026-01-27")), ten, "cancelled"),
            entries.message_cost(about("c1", **on("2026-01-20")), Money(8, "EUR"), "sms"),
            entries.message_cost(about("c2", **on("2026-01-28")), Money(40, "EUR"), "ticket"),
        ],
    )
    return engine


def test_the_p_and_l_is_of_what_moved_in_the_month(january: Engine) -> None:
    book = book_of(january)
    assert figures(book.income) == {
        "silent_retry": (2, 2000), "customer_action": (1, 1000), "message": (1, 1000), "support": (1, 1000),
    }  # fmt: skip
    assert figures(book.contra) == {"refund": (1, -1000)}
    assert figures(book.costs) == {"sms": (1, -8), "ticket": (1, -40)}
    assert (book.gross.count, book.gross.minor, book.result.minor) == (5, 5000, 5000 - 1000 - 48)


def test_money_that_moves_later_is_in_the_later_month_and_in_the_cohort_it_belongs_to(january: Engine) -> None:
    february = book_of(january, "2026-02")
    assert figures(february.income) == {"support": (2, 1900)}
    assert figures(february.contra) == {"refund": (1, -250), "chargeback": (1, -1000)}
    assert february.cohort.failed == Line("failed", "Failed", 0, 0)
    assert book_of(january).cohort.gross.count == 7


def test_the_cohort_accounts_for_every_failure_by_count_and_by_money(january: Engine) -> None:
    cohort = book_of(january).cohort
    assert (cohort.failed.count, cohort.failed.minor) == (10, 10_000)
    assert figures(cohort.recovered) == {
        "silent_retry": (2, 2000), "customer_action": (1, 1000), "message": (1, 1000), "support": (3, 2900),
    }  # fmt: skip
    # The part of 2.50 leaves its case recovered: it takes money, not a case.
    assert figures(cohort.back) == {"refund": (-1, -1250), "chargeback": (-1, -1000)}
    assert figures(cohort.lost) == {"cancelled": (1, 1000)}
    assert (cohort.open.count, cohort.open.minor) == (4, 4000)
    assert cohort.difference.minor == 100 + 250
    assert_adds_up(cohort)


def assert_adds_up(cohort: Cohort) -> None:
    parts = (cohort.net, *cohort.lost, cohort.open, cohort.difference)
    assert sum(line.count for line in parts) == cohort.failed.count
    assert sum(line.minor for line in parts) == cohort.failed.minor


def test_rates_are_over_all_failures_gross_and_net(january: Engine) -> None:
    assert book_of(january).cohort.rates() == {
        "by_count_gross": Rate(7, 10),
        "by_count_net": Rate(5, 10),
        "by_money_gross": Rate(6900, 10_000),
        "by_money_net": Rate(4650, 10_000),
    }


def test_a_correction_takes_its_count_back_as_well_as_its_money(engine: Engine) -> None:
    wrong = recovered("r1")
    post_entries(engine, [failed("f1"), wrong, entries.reversal(wrong, about("x"))])
    book = book_of(engine)
    assert figures(book.income) == {} and book.result.minor == 0
    assert (book.cohort.gross.count, book.cohort.open.count) == (0, 1)


def test_a_case_that_was_lost_and_then_paid_is_recovered_once_its_loss_is_reversed(engine: Engine) -> None:
    lost = entries.renewal_lost(about("l1"), Money(4990, "EUR"), "written_off")
    post_entries(engine, [failed("f1"), lost, entries.reversal(lost, about("x")), recovered("r1")])
    cohort = book_of(engine).cohort
    assert figures(cohort.lost) == {} and cohort.net.count == 1 and cohort.open.count == 0
    assert_adds_up(cohort)


def test_currencies_are_never_added_and_each_has_its_own_book(engine: Engine) -> None:
    post_entries(engine, [failed("a", Money(100, "JPY")), failed("b", Money(100, "EUR")), failed("c", Money(7, "KWD"))])
    found = statement_of(engine, "2026-01")
    assert [(book.currency, book.cohort.failed.minor) for book in found.books] == [
        ("EUR", 100),
        ("JPY", 100),
        ("KWD", 7),
    ]


def test_a_month_without_anything_is_a_statement_without_books(engine: Engine) -> None:
    found = statement_of(engine, "2020-02")
    assert found.books == () and found.seq == 0


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026", "2026-1", "01-2026", "", "\uff12026-01"])
def test_what_is_no_month_is_refused(engine: Engine, month: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        statement_of(engine, month)


def test_a_sum_beyond_64_bits_is_exact_or_an_error_but_never_wrong(engine: Engine) -> None:
    most = Money(2**62, "EUR")
    # Two months of one cohort: each fits, the sum of both does not.
    post_entries(engine, [failed("a", most), failed("b", most, effective_on=date(2026, 2, 1))])
    if engine.dialect.name == "sqlite":
        with pytest.raises(OperationalError, match="integer overflow"):
            book_of(engine)
    else:
        assert book_of(engine).cohort.failed.minor == 2**63


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cases=st.lists(
        st.tuples(
            st.integers(1, 9999),
            st.sampled_from(["open", "cancelled", "written_off", "silent_retry", "support"]),
            st.sampled_from(["", "refund", "chargeback"]),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_whatever_becomes_of_the_failures_each_is_counted_once(
    sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[int, str, str]]
) -> None:
    file = tmp_path_factory.mktemp("books") / "books.db"
    file.write_bytes(sqlite_template.read_bytes())
    engine = db.connect(f"sqlite:///{file}")
    booked: list[Entry] = []
    for number, (minor, fate, back) in enumerate(cases):
        amount = Money(minor, "EUR")
        booked.append(failed(f"f{number}", amount))
        if fate in ("cancelled", "written_off"):
            booked.append(entries.renewal_lost(about(f"l{number}"), amount, fate))
        elif fate != "open":
            booked.append(recovered(f"r{number}", amount, amount, fate))
            if back:
                booked.append(entries.money_back(booked[-1], about(f"b{number}"), amount, back))
    post_entries(engine, booked)
    cohort = book_of(engine).cohort
    assert_adds_up(cohort)
    still = [minor for minor, fate, back in cases if fate == "open" or (back and fate in ("silent_retry", "support"))]
    assert (cohort.open.count, cohort.open.minor, cohort.difference.minor) == (len(still), sum(still), 0)
    engine.dispose()


DIGEST = "c2d454bb0e4c3f31b4f27eeb9c9c3d285fefe6674300e43ab48b6acf73cf5bb2"
"""Of four entries, on either engine; it changes only with what the digest covers."""


@pytest.mark.parametrize(("order", "run"), [(1, "brave-otter"), (-1, "calm-owl")])
def test_the_digest_is_of_what_happened_and_not_of_who_booked_it_when(engine: Engine, order: int, run: str) -> None:
    booked = [
        maker(key, flow_run=run) for maker, key in ((failed, "b"), (recovered, "a"), (failed, "Z"), (failed, "ä"))
    ]
    post_entries(engine, booked[::order])
    assert digest(engine) == DIGEST
    post_entries(engine, [failed("c")])
    assert digest(engine) != DIGEST


def digest(engine: Engine) -> str:
    with db.reading(engine) as connection:
        return reports.content_digest(connection)


def test_the_rollup_equals_the_full_scan(january: Engine) -> None:
    scan = (
        "SELECT p.account, substr(e.effective_on, 1, 7), p.currency, e.belongs_to, SUM(p.minor), "
        "SUM(CASE WHEN p.minor > 0 THEN 1 ELSE -1 END) FROM ledger_postings p JOIN ledger_entries e ON e.seq = p.seq "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    kept = "SELECT account, month, currency, belongs_to, amount_minor, count FROM ledger_rollup ORDER BY 1, 2, 3, 4"
    assert rows(january, scan) == rows(january, kept) != []
