"""Entries of early refunds: balanced in both books, exact under every order of events, taken back once by a mirror."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from domain import exposure
from domain.exposure import Change, Exposure
from domain.money import Money
from domain.orders import Share, Tender
from ledger import accounts, refund_entries
from ledger.entries import Context, Entry, Posting, mirror
from ledger.errors import AlreadyBooked, BadEntry, NotReversible
from tests.ledger.examples import about, new_step, post, post_well, rows, settled

CASE = "loop-1/label-2"
KEY = f"refunds/{CASE}"
AMOUNTS = st.integers(min_value=1, max_value=10**12)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


def refund_context(key: str = KEY, ref: str = "re_1", **changes: Any) -> Context:
    return about(key, operation="refunds", case=CASE, vendor_ref=ref, **changes)


def booked(amount: Money, mover: str = "payments", **changes: Any) -> Entry:
    (entry,) = refund_entries.vip_refund(refund_context(), amount, mover=mover, **changes)
    return entry


def tender(ident: str, kind: Any, captured: int = 10_000) -> Tender:
    money = Money(captured, "EUR")
    return Tender(id=ident, gateway=kind, kind=kind, captured=money, refundable=money)


def balance(entry: Entry) -> dict[tuple[bool, str], int]:
    sums: dict[tuple[bool, str], int] = {}
    for account, minor, currency in entry.postings:
        book = accounts.is_memo(account), currency
        sums[book] = sums.get(book, 0) + minor
    return sums


def test_a_refund_by_the_payments_vendor_is_contra_revenue_against_its_clearing() -> None:
    assert booked(Money(4990, "EUR")).postings == (
        Posting("Income:Contra:Returns:VipRefunds", 4990, "EUR"),
        Posting("Assets:Clearing:Payments", -4990, "EUR"),
    )


@pytest.mark.parametrize("mover", ["storefront", "portal"])
def test_a_refund_that_the_shop_makes_leaves_through_the_shops_clearing(mover: str) -> None:
    assert booked(Money(4990, "EUR"), mover).postings[1] == Posting("Assets:Clearing:Shop", -4990, "EUR")


def test_what_went_to_a_gift_card_is_owed_again_and_did_not_leave_the_clearing() -> None:
    shares = (
        Share(tender="t1", gateway="gift_card", amount=Money(1000, "EUR")),
        Share(tender="t2", gateway="x", amount=Money(2000, "EUR")),
    )
    entry = booked(
        Money(3000, "EUR"), "storefront", shares=shares, tenders=(tender("t1", "gift_card"), tender("t2", "card"))
    )
    assert entry.postings[1:] == (
        Posting("Liabilities:GiftCards", -1000, "EUR"),
        Posting("Assets:Clearing:Shop", -2000, "EUR"),
    )


def test_the_vendors_amount_is_booked_where_the_quote_said_another() -> None:
    shares = (Share(tender="t1", gateway="gift_card", amount=Money(1000, "EUR")),)
    entry = booked(Money(700, "EUR"), "storefront", shares=shares, tenders=(tender("t1", "gift_card"),))
    assert entry.postings == (
        Posting("Income:Contra:Returns:VipRefunds", 700, "EUR"),
        Posting("Liabilities:GiftCards", -700, "EUR"),
    )


def test_the_payments_vendor_refunds_the_card_whatever_was_quoted() -> None:
    shares = (Share(tender="t1", gateway="gift_card", amount=Money(1000, "EUR")),)
    entry = booked(Money(700, "EUR"), "payments", shares=shares, tenders=(tender("t1", "gift_card"),))
    assert entry.postings[1] == Posting("Assets:Clearing:Payments", -700, "EUR")


@given(
    amount=AMOUNTS,
    currency=CURRENCIES,
    quoted=st.lists(AMOUNTS, max_size=4),
    mover=st.sampled_from(refund_entries.MOVERS),
)
def test_every_refund_balances_at_exactly_the_vendors_amount(
    amount: int, currency: str, quoted: list[int], mover: str
) -> None:
    kinds = ["gift_card", "store_credit", "card", "gift_card"]
    shares = [Share(tender=f"t{n}", gateway="", amount=Money(minor, currency)) for n, minor in enumerate(quoted)]
    tenders = [tender(f"t{n}", kind) for n, kind in enumerate(kinds)]
    entry = booked(Money(amount, currency), mover, shares=shares, tenders=tenders)
    assert balance(entry) == {(False, currency): 0}
    assert entry.postings[0] == Posting(accounts.VIP_REFUNDS, amount, currency)
    assert all(line.minor < 0 for line in entry.postings[1:])


@pytest.mark.parametrize(
    ("ref", "amount", "mover", "says"),
    [
        ("", Money(1, "EUR"), "payments", "refund id"),
        ("re_1", Money(0, "EUR"), "payments", "more than nothing"),
        ("re_1", Money(-1, "EUR"), "payments", "more than nothing"),
        ("re_1", Money(1, "EUR"), "paypal", "'paypal' is not known"),
    ],
)
def test_a_refund_without_reference_amount_or_mover_is_refused(ref: str, amount: Money, mover: str, says: str) -> None:
    with pytest.raises(BadEntry, match=says):
        refund_entries.vip_refund(refund_context(ref=ref), amount, mover=mover)


def test_a_refund_that_failed_afterwards_is_taken_back_by_its_mirror_once(engine: Engine) -> None:
    refund = booked(Money(4990, "EUR"), "storefront")
    failed = refund_entries.refund_failed(refund, refund_context(f"{KEY}/failed-re_1", "re_1/failed", days=3))
    again = refund_entries.refund_failed(refund, refund_context(f"{KEY}/failed-re_2", "re_2/failed", days=4))
    assert failed.postings == mirror(refund.postings)
    assert failed.reverses == KEY
    post_well(engine, settled(refund), settled(failed))
    (answer,) = post(engine, settled(again))
    assert isinstance(answer, NotReversible)
    totals = rows(engine, "SELECT SUM(amount_minor), SUM(count) FROM ledger_rollup GROUP BY account")
    assert [tuple(map(int, row)) for row in totals] == [(0, 0), (0, 0)]


def test_one_refund_of_the_vendors_is_never_booked_for_two_labels(engine: Engine) -> None:
    other = replace(booked(Money(4990, "EUR")), source_key="refunds/loop-1/label-3")
    post_well(engine, settled(booked(Money(4990, "EUR"))))
    (answer,) = post(engine, settled(other))
    assert isinstance(answer, AlreadyBooked) and answer.booked_as == KEY


def test_the_goods_of_every_line_are_expected_at_cost_and_the_exposure_is_open(engine: Engine) -> None:
    lines = [("l1", Money(3000, "EUR"), Money(1200, "USD")), ("l2", Money(1990, "EUR"), None)]
    found = refund_entries.expected(refund_context(f"{KEY}/expected"), lines)
    assert [entry.source_key for entry in found] == [f"{KEY}/expected/l1", f"{KEY}/expected/l2"]
    assert [entry.vendor_ref for entry in found] == ["re_1/l1", "re_1/l2"]
    assert set(found[0].postings) == {
        Posting("Memo:Refunds:Exposure:Open", 3000, "EUR"),
        Posting("Memo:Refunds:Early", -3000, "EUR"),
        Posting("Assets:ExpectedReturns", 1200, "USD"),
        Posting("Expenses:Goods:Returned", -1200, "USD"),
    }
    assert all(accounts.is_memo(line.account) for line in found[1].postings)
    post_well(engine, settled(*found, key=f"{KEY}/expected", vendor_ref="re_1", new_step=new_step(CASE)))


def test_lost_goods_are_an_expense_and_a_line_that_is_worth_nothing_is_not_booked() -> None:
    lost = refund_entries.moved(refund_context(), "open", "lost", Money(3000, "EUR"), Money(1200, "EUR"))
    assert lost is not None and lost.kind == "returns_lost"
    assert Posting("Expenses:Refunds:LostGoods", 1200, "EUR") in lost.postings
    assert Posting("Assets:ExpectedReturns", -1200, "EUR") in lost.postings
    assert refund_entries.moved(refund_context(), "open", "lost", Money(0, "EUR"), None) is None


def test_a_line_cannot_go_where_no_entry_leads() -> None:
    with pytest.raises(BadEntry, match="from withdrawn to open"):
        refund_entries.moved(refund_context(), "withdrawn", "open", Money(1, "EUR"))


EVENTS = st.lists(
    st.tuples(st.sampled_from(["reopened", "received", "lost", "withdrawn"]), st.integers(0, 7)), max_size=8
)


@given(refunded=st.integers(0, 10**9), cost=st.none() | st.integers(0, 10**9), pieces=st.integers(1, 7), events=EVENTS)
def test_however_a_line_goes_back_and_forth_the_books_have_all_of_it_in_one_place_at_a_time(
    refunded: int, cost: int | None, pieces: int, events: list[tuple[Any, int]]
) -> None:
    at = datetime(2026, 1, 15, tzinfo=UTC)
    line = Exposure(
        case=CASE, line="l1", customer="c", order="o", refunded=Money(refunded, "JPY"),
        cost=None if cost is None else Money(cost, "EUR"), quantity=pieces, opened_at=at, due_on=date(2026, 2, 5),
        changed_at=at,
    )  # fmt: skip
    sums: dict[str, int] = {}
    keys: list[str] = []

    def book(entry: Entry | None) -> None:
        for account, minor, _ in entry.postings if entry else ():
            sums[account] = sums.get(account, 0) + minor
        keys.extend([entry.vendor_ref] if entry else [])

    book(refund_entries.moved(refund_context(), "new", "open", line.refunded, line.cost))
    for number, (state, received) in enumerate(events):
        if line.state == "withdrawn":
            break
        # A refund that failed leaves what has come where it is, and a line in the stock is not withdrawn.
        has = {"received": pieces, "withdrawn": line.received}.get(state, min(received, pieces))
        if state == "withdrawn" and line.state == "received":
            continue
        change = Change("X-20", state, has, at, "")
        for move in exposure.moves(line, change):
            context = refund_entries.line_context(refund_context(), f"{number}/{move.was}-{move.now}")
            book(refund_entries.moved(context, move.was, move.now, move.refunded, move.cost))
        line = exposure.changed(line, change)
    place = {"reopened": "open"}.get(line.state, line.state)
    came = line.refunded.minor * line.received // pieces
    memo = {name: sums.get(pair[0], 0) for name, pair in accounts.RETURNS.items()}
    wanted = {"new": -refunded, "open": 0, "received": came, "lost": 0, "withdrawn": 0}
    wanted[place] += refunded - came
    assert memo == wanted
    assert sum(sums.get(account, 0) for account in {pair[1] for pair in accounts.RETURNS.values()}) == 0
    assert len(set(keys)) == len(keys), "no two entries carry the same reference"
