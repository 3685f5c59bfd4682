"""Entries balance or do not exist; the message says what is wrong and that nothing was written."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import LARGEST_MINOR, Money
from ledger import accounts, entries
from ledger.entries import Entry, Posting, content_differences, mirror
from ledger.errors import BadEntry, ForbiddenAccount, NotReversible, Unbalanced, UnknownAccount
from tests.ledger.examples import EUR_49_90, about, day, failed, recovered

MINOR = st.integers(min_value=1, max_value=LARGEST_MINOR)
CURRENCY = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
MONEY = st.builds(Money, MINOR, CURRENCY)


def entry_of(*postings: tuple[str, int, str], kind: str = "renewal_failed", **changes: Any) -> Entry:
    values = {name: getattr(about("k"), name) for name in ("occurred_at", "effective_on", "belongs_to", "operation")}
    return Entry(
        **{**values, "source_key": "k", "kind": kind, "case": "in_1"} | changes,
        postings=tuple(Posting(*posting) for posting in postings),
    )


def sums(entry: Entry) -> dict[tuple[bool, str], int]:
    found: dict[tuple[bool, str], int] = {}
    for account, minor, currency in entry.postings:
        book = accounts.is_memo(account), currency
        found[book] = found.get(book, 0) + minor
    return found


@given(paid=MINOR, owed=MINOR, currency=CURRENCY, phase=st.sampled_from(sorted(accounts.RECOVERED_INCOME)))
def test_every_recovery_balances_in_both_books_and_its_reversal_takes_back_all_of_it(
    paid: int, owed: int, currency: str, phase: str
) -> None:
    entry = recovered("k", Money(paid, currency), Money(owed, currency), phase)
    assert set(sums(entry).values()) == {0}
    assert entries.paid_in(entry) == Money(paid, currency)
    back = entries.reversal(entry, about("k/back", days=1))
    total: dict[str, int] = {}
    for account, minor, _ in (*entry.postings, *back.postings):
        total[account] = total.get(account, 0) + minor
    assert set(total.values()) == {0}
    assert mirror(back.postings) == entry.postings


@given(
    amount=MONEY,
    why=st.sampled_from(sorted(accounts.LOST_MEMO)),
    channel=st.sampled_from(sorted(accounts.MESSAGE_COSTS)),
)
def test_every_other_builder_balances(amount: Money, why: str, channel: str) -> None:
    for entry in (
        failed("k", amount),
        entries.renewal_lost(about("k"), amount, why),
        entries.message_cost(about("k"), amount, channel),
    ):
        assert set(sums(entry).values()) == {0}
        assert {line.currency for line in entry.postings} == {amount.currency}


@given(first=st.integers(-(10**6), 10**6), second=st.integers(-(10**6), 10**6))
def test_an_entry_exists_exactly_when_it_balances_and_moves_something(first: int, second: int) -> None:
    lines = (accounts.FAILED, first, "EUR"), (accounts.OPEN, second, "EUR")
    if first and first + second == 0:
        assert entry_of(*lines).postings[0].minor == first
    else:
        with pytest.raises(BadEntry):
            entry_of(*lines)


def test_one_minor_unit_of_difference_is_refused_and_named() -> None:
    with pytest.raises(Unbalanced, match=r"differ by 1 minor units of EUR\. Nothing was written"):
        entry_of((accounts.FAILED, -100, "EUR"), (accounts.OPEN, 101, "EUR"))


def test_a_difference_that_nine_divides_points_at_digits_that_changed_places() -> None:
    with pytest.raises(Unbalanced, match="two digits that changed places"):
        entry_of((accounts.FAILED, -4590, "EUR"), (accounts.OPEN, 4950, "EUR"))


def test_an_entry_that_balances_in_total_but_not_per_currency_is_refused() -> None:
    with pytest.raises(Unbalanced):
        entry_of((accounts.FAILED, -100, "EUR"), (accounts.OPEN, 100, "USD"))


def test_an_entry_that_moves_money_between_the_books_is_refused() -> None:
    with pytest.raises(Unbalanced):
        entry_of((accounts.CLEARING, 100, "EUR"), (accounts.OPEN, -100, "EUR"), kind="renewal_recovered")


def test_a_zero_amount_is_refused() -> None:
    with pytest.raises(BadEntry, match="non-zero"):
        failed("k", Money(0, "EUR"))


def test_a_negative_amount_is_refused_and_not_flipped() -> None:
    with pytest.raises(BadEntry, match="never negative"):
        failed("k", Money(-1, "EUR"))


def test_an_amount_beyond_64_bits_is_a_range_error_before_any_driver_sees_it() -> None:
    with pytest.raises(BadEntry, match="19 digits"):
        entry_of((accounts.FAILED, -(2**63), "EUR"), (accounts.OPEN, 2**63, "EUR"))


def test_a_float_or_a_truth_is_no_amount() -> None:
    for amount in (1.0, True):
        with pytest.raises(BadEntry, match="whole, non-zero"):
            entry_of((accounts.FAILED, -amount, "EUR"), (accounts.OPEN, amount, "EUR"))  # type: ignore[arg-type]


def test_an_unknown_account_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownAccount, match="Did you mean Memo:Dunning:Open"):
        entry_of((accounts.FAILED, -1, "EUR"), ("Memo:Duning:Open", 1, "EUR"))


def test_an_account_that_resembles_nothing_is_refused_without_a_suggestion() -> None:
    with pytest.raises(UnknownAccount) as caught:
        entry_of((accounts.FAILED, -1, "EUR"), ("xyz", 1, "EUR"))
    assert "Did you mean" not in str(caught.value)


def test_a_kind_may_only_touch_its_accounts() -> None:
    with pytest.raises(ForbiddenAccount, match="renewal_failed may not touch Assets:Clearing:Payments"):
        entry_of((accounts.CLEARING, 1, "EUR"), (accounts.RECOVERED_INCOME["support"], -1, "EUR"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadEntry, match="kind 'gift' is not known"):
        entry_of((accounts.FAILED, -1, "EUR"), (accounts.OPEN, 1, "EUR"), kind="gift")


def test_the_same_account_on_both_sides_is_refused() -> None:
    with pytest.raises(BadEntry, match="stands twice"):
        entry_of((accounts.OPEN, 1, "EUR"), (accounts.OPEN, -1, "EUR"))


def test_one_posting_is_no_entry() -> None:
    with pytest.raises(BadEntry, match="at least two"):
        entry_of((accounts.OPEN, 1, "EUR"))


@pytest.mark.parametrize("text", ["a\u202eb", "a\nb", "a\x00b", "a\ud800b", "a" * 301])
def test_text_that_shows_another_key_than_it_is_or_is_too_long_is_refused(text: str) -> None:
    for name in ("key", "vendor_ref", "case"):
        with pytest.raises(BadEntry, match="printable"):
            failed(**({"key": text} if name == "key" else {"key": "k", name: text}))


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-01", "", "2026-00"])
def test_a_cohort_is_a_month(month: str) -> None:
    with pytest.raises(BadEntry, match="month like 2026-01"):
        failed("k", belongs_to=month)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(BadEntry, match="no time zone"):
        failed("k", occurred_at=datetime(2026, 1, 15))  # noqa: DTZ001


def test_an_entry_needs_a_key() -> None:
    with pytest.raises(BadEntry, match="needs a source key"):
        failed("")


def test_an_unknown_phase_reason_channel_or_kind_names_the_known_ones() -> None:
    with pytest.raises(BadEntry, match="silent_retry, customer_action, message, support"):
        recovered("k", phase="luck")
    with pytest.raises(BadEntry, match="cancelled, voided, written_off, superseded, uncollectible"):
        entries.renewal_lost(about("k"), EUR_49_90, "bored")
    with pytest.raises(BadEntry, match="mail, sms, ticket"):
        entries.message_cost(about("k"), EUR_49_90, "fax")
    with pytest.raises(BadEntry, match="refund, chargeback"):
        entries.money_back(recovered("k"), about("b"), EUR_49_90, "gift")


def test_all_the_money_back_reopens_the_case_at_the_amount_that_had_failed() -> None:
    paid = recovered("k", Money(4000, "EUR"), EUR_49_90)
    back = entries.money_back(paid, about("b", days=3), Money(4000, "EUR"), "refund")
    assert Posting(accounts.OPEN, 4990, "EUR") in back.postings
    assert Posting(accounts.REFUNDS, 4000, "EUR") in back.postings
    assert back.reverses == "k"


def test_a_part_leaves_the_case_recovered_and_the_last_part_reopens_it() -> None:
    paid = recovered("k")
    part = entries.money_back(paid, about("b", days=3), Money(1000, "EUR"), "refund")
    assert not any(accounts.is_memo(line.account) for line in part.postings)
    rest = entries.money_back(paid, about("c", days=4), Money(3990, "EUR"), "chargeback", Money(1000, "EUR"))
    assert Posting(accounts.REOPENED_BY_CHARGEBACK, -4990, "EUR") in rest.postings


def test_money_cannot_go_back_where_none_came_in() -> None:
    with pytest.raises(NotReversible, match="moved no money"):
        entries.money_back(failed("k"), about("b"), EUR_49_90, "refund")


def test_a_reversal_is_never_dated_before_its_entry() -> None:
    with pytest.raises(NotReversible, match="cannot be of 2026-01-14"):
        entries.reversal(failed("k"), about("b", effective_on=day("2026-01-14")))


def test_what_happened_differs_but_not_who_reported_it() -> None:
    first = failed("k")
    assert content_differences(first, replace(first, flow_run="other-run", policy_version="p2")) == ()
    assert content_differences(first, failed("k", Money(4991, "EUR"), case="in_2")) == ("case", "postings")


def test_every_account_is_described_in_a_sentence_and_used_by_a_kind() -> None:
    assert all(text.endswith(".") and len(text) > 20 for text in accounts.CHART.values())
    used = set().union(*(names for kind, names in accounts.KINDS.items() if kind != "reversal"))
    assert used == set(accounts.CHART)


def test_money_that_came_around_the_vendor_is_never_waited_for_in_its_clearing_account() -> None:
    entry = entries.renewal_recovered(about("k"), EUR_49_90, EUR_49_90, "customer_action", outside=True)
    assert Posting(accounts.OUTSIDE, 4990, "EUR") in entry.postings
    assert accounts.CLEARING not in {line.account for line in entry.postings}
    assert entries.paid_in(entry) == EUR_49_90
