"""A faulty run is taken back entry by entry, once."""

from datetime import date

from sqlalchemy import Engine

from domain.money import Money
from ledger import corrections, entries
from ledger.settlements import Settlement
from store import db
from tests.ledger.examples import NOW, about, failed, post_well, recovered, rows, settled


def undoing(engine: Engine, run: str = "brave-otter") -> tuple[Settlement, ...]:
    with db.reading(engine) as connection:
        return corrections.undoing(connection, run, at=NOW, day=date(2026, 1, 16), by="calm-owl")


def balances(engine: Engine) -> dict[str, int]:
    query = "SELECT account, SUM(amount_minor) FROM ledger_rollup GROUP BY account"
    return {account: int(minor) for account, minor in rows(engine, query) if minor}


def test_only_what_still_stands_of_a_run_is_taken_back_and_again_nothing(engine: Engine) -> None:
    booked = [failed(f"f{number}") for number in range(5)]
    post_well(engine, *(settled(entry) for entry in booked), settled(failed("other", flow_run="quiet-fox")))
    for number in (0, 2, 4):
        post_well(engine, settled(entries.reversal(booked[number], about(f"r{number}", flow_run="by-hand"))))
    found = undoing(engine)
    assert [settlement.key for settlement in found] == ["f3/undone", "f1/undone"]
    post_well(engine, *found)
    assert undoing(engine) == ()
    assert balances(engine) == {"Memo:Dunning:Failed": -4990, "Memo:Dunning:Open": 4990}


def test_a_refund_is_taken_back_before_its_payment(engine: Engine) -> None:
    paid = recovered("p")
    back = entries.money_back(paid, about("b"), Money(4990, "EUR"), "refund")
    post_well(engine, settled(failed("f")), settled(paid), settled(back))
    post_well(engine, *undoing(engine))
    assert balances(engine) == {}


def test_a_correction_is_never_dated_before_what_it_corrects(engine: Engine) -> None:
    post_well(engine, settled(failed("f", effective_on=date(2026, 3, 1))))
    (found,) = undoing(engine)
    assert found.entries[0].effective_on == date(2026, 3, 1)


def test_a_run_that_booked_nothing_has_nothing_to_take_back(engine: Engine) -> None:
    assert undoing(engine, "never-ran") == ()
