"""What is taken back: once, as an exact mirror, and money never beyond what was paid."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from domain.money import Money
from ledger import entries, lookups
from ledger.entries import Entry, Posting
from ledger.errors import NotReversible
from ledger.posting import Posted
from ledger.reversals import objection
from ledger.settlements import Settlement
from store import db
from tests.ledger.examples import EUR_49_90, about, failed, post, post_well, recovered, rows, settled


def back(original: Entry, key: str, minor: int, kind: str = "refund", days: int = 3) -> Entry:
    return entries.money_back(original, about(key, days=days), Money(minor, "EUR"), kind)


def undo(original: Entry, key: str, days: int = 5) -> Settlement:
    return settled(entries.reversal(original, about(key, days=days)))


def balances(engine: Engine) -> dict[str, int]:
    found = rows(engine, "SELECT account, SUM(minor) FROM ledger_postings GROUP BY account")
    return {account: int(minor) for account, minor in found if minor}


def refused(answer: Any, words: str) -> None:
    assert isinstance(answer, NotReversible) and words in str(answer), answer
    assert "Nothing was written" in str(answer)


def test_an_entry_is_reversed_once(engine: Engine) -> None:
    original = failed("k")
    post_well(engine, settled(original), undo(original, "r1"))
    assert balances(engine) == {}
    (again,) = post(engine, undo(original, "r2"))
    refused(again, "taken back before by r1")
    (replayed,) = post_well(engine, undo(original, "r1"))
    assert replayed.replayed


def test_a_reversal_may_itself_be_reversed_and_then_the_entry_stands_again(engine: Engine) -> None:
    original = recovered("k")
    first = entries.reversal(original, about("r1", days=1))
    post_well(engine, settled(original), settled(first), undo(first, "r2"))
    assert balances(engine)["Income:Recovered:Dunning:Message"] == -4990
    (again,) = post(engine, undo(original, "r3"))
    refused(again, "reverse that entry to have it stand again")
    post_well(engine, settled(back(original, "b", 4990, days=6)))


def test_money_of_an_entry_that_does_not_stand_cannot_go_back(engine: Engine) -> None:
    original = recovered("k")
    post_well(engine, settled(original), undo(original, "r1", days=1))
    refused(post(engine, settled(back(original, "b", 1)))[0], "taken back before by r1")


def test_refunds_and_chargebacks_together_never_exceed_what_was_paid(engine: Engine) -> None:
    original = recovered("k")
    post_well(
        engine, settled(original), settled(back(original, "b1", 2000)), settled(back(original, "b2", 990, "chargeback"))
    )
    refused(post(engine, settled(back(original, "b3", 2001)))[0], "2000 are left")
    post_well(engine, settled(back(original, "b3", 2000)))
    refused(post(engine, settled(back(original, "b4", 1)))[0], "0 are left")
    with db.reading(engine) as connection:
        assert lookups.money_back(connection, "k") == EUR_49_90


def test_refunds_in_one_batch_are_limited_too(engine: Engine) -> None:
    original = recovered("k")
    batch = [settled(original), *(settled(back(original, f"b{number}", 2000)) for number in range(4))]
    answers = post(engine, *batch)
    assert [isinstance(answer, Posted) for answer in answers] == [True, True, True, False, False]


def test_refunds_from_many_threads_never_exceed_what_was_paid(engine: Engine) -> None:
    original = recovered("k")
    post_well(engine, settled(original))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(engine, settled(back(original, f"b{number}", 1000)))[0], range(8)))
    assert [type(answer) for answer in answers].count(Posted) == 4
    assert sum(isinstance(answer, NotReversible) for answer in answers) == 4


def test_a_chargeback_that_is_won_gives_the_money_and_the_case_back(engine: Engine) -> None:
    original = recovered("k")
    lost = back(original, "cb", 4990, "chargeback")
    post_well(engine, settled(original))
    before = balances(engine)
    post_well(engine, settled(lost))
    assert balances(engine)["Memo:Dunning:MoneyBack:Chargebacks"] == -4990
    post_well(engine, undo(lost, "won"))
    assert balances(engine) == before
    with db.reading(engine) as connection:
        assert lookups.money_back(connection, "k") is None
    post_well(engine, settled(back(original, "b", 4990, days=9)))


def test_an_entry_that_was_refunded_is_not_reversed_before_its_refund(engine: Engine) -> None:
    original = recovered("k")
    post_well(engine, settled(original), settled(back(original, "b", 100)))
    refused(post(engine, undo(original, "r"))[0], "paid back by b; reverse that entry first")


def test_nothing_takes_back_an_entry_that_was_never_booked(engine: Engine) -> None:
    refused(post(engine, undo(failed("ghost"), "r"))[0], "which was never booked")


def test_money_goes_back_in_the_currency_it_came_in(engine: Engine) -> None:
    original = recovered("k")
    post_well(engine, settled(original))
    other = entries.money_back(
        recovered("k", Money(4990, "USD"), Money(4990, "USD")), about("b"), Money(1, "USD"), "refund"
    )
    refused(post(engine, settled(other))[0], "paid in EUR, not in USD")


def test_a_reversal_that_is_no_exact_mirror_is_refused() -> None:
    original = recovered("k")
    mirror = entries.reversal(original, about("r"))
    off_by_one = tuple(
        Posting(line.account, line.minor + (1 if line.minor > 0 else -1), line.currency) for line in mirror.postings
    )
    values = {name: getattr(mirror, name) for name in Entry.__slots__} | {"postings": off_by_one}
    assert "not the exact mirror" in objection(Entry(**values), original, {})


def test_a_reversal_dated_before_its_entry_is_refused_though_it_was_built_by_hand() -> None:
    original = recovered("k", days=2)
    early = entries.reversal(recovered("k"), about("r"))
    assert "dated before" in objection(early, original, {})


@given(st.lists(st.integers(1, 60), max_size=12))
def test_whatever_the_parts_the_sum_of_refunds_stays_within_the_payment(parts: list[int]) -> None:
    original = recovered("k", Money(100, "EUR"), Money(100, "EUR"))
    taken: list[Entry] = []
    for number, part in enumerate(parts):
        refund = back(original, f"b{number}", part)
        fits = sum(-entries.paid_in(other).minor for other in taken) + part <= 100
        assert (objection(refund, original, {"k": taken}) == "") is fits
        if fits:
            taken.append(refund)


@pytest.mark.parametrize("kind", ["refund", "chargeback"])
def test_only_recovered_money_can_go_back(kind: str) -> None:
    cost = entries.message_cost(about("k"), Money(8, "EUR"), "sms")
    refund = entries.money_back(recovered("k"), about("b"), Money(1, "EUR"), kind)
    assert "brought no money" in objection(refund, cost, {})
