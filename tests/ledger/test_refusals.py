"""What the database or the clock refuses: a bad settlement loses only itself, and errors say what was not done."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.money import Money
from ledger import entries
from ledger.errors import AlreadyBooked, Conflict, LedgerError, NoSuchStep, NotReversible, Rejected, StepClosed
from ledger.posting import Posted, Writer
from ledger.settlements import Settlement
from store import db
from tests.ledger.examples import EUR_49_90, NOW, about, failed, post, post_well, recovered, rows, settled


@pytest.mark.parametrize(
    "bad",
    [
        settled(failed("bad"), detail="half a pair \ud800"),
        settled(failed("bad"), case_changes=(("failed_minor", 2**70),)),
        settled(failed("bad"), case_changes=(("failed_minor", "no number"),)),
        settled(recovered("bad", vendor_ref="twice"), recovered("bad/2", vendor_ref="twice")),
    ],
    ids=["no Unicode", "beyond 64 bits", "text for a number", "one reference twice in it"],
)
def test_one_settlement_that_the_database_refuses_loses_only_itself(engine: Engine, bad: Settlement) -> None:
    insert_case(engine, "in_1")
    batch = [settled(failed(f"good-{number}")) for number in range(63)]
    answers = post(engine, *batch[:31], bad, *batch[31:])
    assert [type(answer) for answer in answers].count(Posted) == 63
    assert isinstance(answers[31], Rejected) and "Nothing of it was written" in str(answers[31])
    assert rows(engine, "SELECT COUNT(*), MAX(seq) FROM ledger_entries") == [(63, 63)]
    assert rows(engine, "SELECT COUNT(*) FROM steps WHERE key = 'bad'") == [(0,)]


def insert_case(engine: Engine, case: str) -> None:
    table = db.METADATA.tables["cases"]
    values: dict[str, Any] = {column.name: "" if column.type.python_type is str else 0 for column in table.c}
    with db.transaction(engine) as connection:
        connection.execute(table.insert().values(values | {"id": case}))


def test_a_sum_beyond_64_bits_is_refused_and_not_rounded(engine: Engine) -> None:
    most = Money(2**63 - 1, "EUR")
    answers = post(
        engine, settled(failed("a", most)), settled(failed("b", most)), settled(failed("c", Money(1, "USD")))
    )
    assert [type(answer) for answer in answers] == [Posted, Rejected, Posted]
    total = "SELECT currency, amount_minor, count FROM ledger_rollup WHERE account = 'Memo:Dunning:Failed' ORDER BY 1"
    assert rows(engine, total) == [("EUR", -most.minor, -1), ("USD", -1, -1)]


def test_recorded_at_never_goes_back_though_the_machines_clock_does(engine: Engine) -> None:
    instants = iter([NOW, NOW - timedelta(hours=3), NOW + timedelta(seconds=1)])
    writer = Writer(engine, clock=lambda: next(instants))
    for number in range(3):
        writer.post([settled(failed(f"k{number}"))])
    recorded = [row[0] for row in rows(engine, "SELECT recorded_at FROM ledger_entries ORDER BY seq")]
    assert recorded == ["2026-01-16T12:00:00.000000Z", "2026-01-16T12:00:00.000000Z", "2026-01-16T12:00:01.000000Z"]


def test_occurred_at_is_kept_as_the_vendor_says_it_whatever_our_clock_says(engine: Engine) -> None:
    later = NOW + timedelta(days=400)
    post_well(engine, settled(failed("k", occurred_at=later)))
    assert rows(engine, "SELECT occurred_at FROM ledger_entries") == [("2027-02-20T12:00:00.000000Z",)]


def test_every_error_says_that_nothing_was_written_or_booked() -> None:
    for error in (
        NoSuchStep("k"),
        StepClosed("k", "void"),
        Conflict("k", ["postings"]),
        AlreadyBooked("k", "v", "r", "o"),
    ):
        assert isinstance(error, LedgerError) and not error.retryable
        assert any(words in str(error) for words in ("Nothing was", "was not booked"))


def test_a_naive_clock_is_an_error_that_reaches_the_caller(engine: Engine) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Writer(engine, clock=lambda: datetime(2026, 1, 1)).post([settled(failed("k"))])  # noqa: DTZ001


def test_what_was_refused_may_be_posted_again_under_its_key_and_is_decided_anew(engine: Engine) -> None:
    paid = recovered("p")
    lost = entries.money_back(paid, about("cb"), EUR_49_90, "chargeback")
    refund = settled(entries.money_back(paid, about("b", days=9), EUR_49_90, "refund"))
    post_well(engine, settled(paid), settled(lost))
    assert isinstance(post(engine, refund)[0], NotReversible)
    post_well(engine, settled(entries.reversal(lost, about("won", days=8))))
    assert post_well(engine, refund)[0].replayed is False
