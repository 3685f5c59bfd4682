"""Arbitrary facts of refunds: what a portal, a shop and our books could say, sensible or not."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

from hypothesis import strategies as st

from domain.money import Money
from domain.orders import Order, Quote, Refunded, Share, Shopper, Tender
from domain.refund_case import Approval, History, RefundFacts, Window
from domain.returns import Label, Outcome, PortalRefund, Return, ReturnLine, ReturnState
from domain.scans import Meaning, Place, Scan
from tests.domain.refund_values import FACTS, NOW, SHOPPER

CURRENCIES = st.sampled_from(["USD", "USD", "USD", "EUR", "JPY"])
INSTANTS = st.integers(-60 * 24 * 40, 60 * 24 * 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
PERHAPS = st.none() | INSTANTS
MINOR = st.sampled_from([-100, 0, 1, 500, 11_999, 12_000, 12_001, 15_000, 60_000, 3_000_000])
MONEY = st.builds(Money, MINOR, CURRENCIES)
PLACES = st.builds(
    Place,
    country=st.sampled_from(["", "US", "CA"]),
    region=st.sampled_from(["", "NY", "NJ"]),
    postal=st.sampled_from(["", "07102", "10001"]),
)
NUMBERS = st.sampled_from(["1Z999", "1Z555", ""])
MEANINGS = st.sampled_from(get_args(Meaning))
SCANS = st.builds(
    Scan, tracking=NUMBERS, carrier=st.sampled_from(["", "ups"]), meaning=MEANINGS, at=PERHAPS,
    source=st.sampled_from(["loop", "easypost"]), physical=st.booleans(), place=PLACES, destination=PLACES,
    words=st.sampled_from(["", "odd"]),
)  # fmt: skip
LINE_IDS = st.lists(st.sampled_from(["rl-1", "rl-2"]), max_size=2, unique=True).map(tuple)
SHOP_LINES = st.sampled_from(["ol-1", "ol-2"])
LABELS = st.builds(
    Label, id=st.sampled_from(["4", "5"]), tracking=NUMBERS, status=st.sampled_from(["", "odd", *get_args(Meaning)]),
    made_at=PERHAPS, updated_at=PERHAPS, lines=LINE_IDS, issued_by=st.sampled_from(["portal", "shopper", "unknown"]),
    voided=st.booleans(), origin=PLACES, destination=PLACES,
)  # fmt: skip
LINES = st.builds(
    ReturnLine, id=st.sampled_from(["rl-1", "rl-2"]), shop_line=SHOP_LINES, quantity=st.integers(0, 3),
    category=st.sampled_from(["", "jewellery"]), outcome=st.sampled_from(get_args(Outcome)),
)  # fmt: skip
RETURNS = st.builds(
    Return, id=st.just("loop-98765"), portal=st.just("loop"), portal_id=st.just("98765"),
    state=st.sampled_from(get_args(ReturnState)), order=st.just("1001"), created_at=PERHAPS, edited_at=PERHAPS,
    currency=CURRENCIES, cash=st.none() | MONEY, credit=st.none() | MONEY, exchange=st.none() | MONEY,
    handling_fee=st.none() | MONEY, gift=st.booleans(), flagged=st.booleans(),
    refunds=st.lists(st.builds(PortalRefund, gateway=st.sampled_from(["manual", "g"]), amount=MONEY), max_size=1).map(
        tuple
    ),
    lines=st.lists(LINES, max_size=3).map(tuple), labels=st.lists(LABELS, max_size=3).map(tuple),
)  # fmt: skip
TENDERS = st.builds(
    Tender, id=st.sampled_from(["t-1", "t-2"]), gateway=st.sampled_from(["g", "manual"]),
    kind=st.sampled_from(["card", "gift_card", "manual"]), captured=MONEY, refundable=MONEY, at=PERHAPS,
)  # fmt: skip
REFUNDS = st.builds(
    Refunded, id=st.just("r-1"), amount=MONEY, state=st.sampled_from(["succeeded", "pending", "failed"]),
    shop_lines=st.lists(SHOP_LINES, max_size=1).map(tuple),
    key=st.sampled_from(["", "refunds/loop-98765/label-4", "refunds/loop-1/label-1"]),
)  # fmt: skip
SHOPPERS = st.builds(
    Shopper, id=st.just("c-1"), tags=st.sampled_from([(), ("VIP",), ("vip", "no-early-refund")]),
    spent=st.none() | MONEY, orders=st.integers(0, 30), since=PERHAPS,
)  # fmt: skip
ORDERS = st.builds(
    Order, id=st.just("1001"), name=st.just("#1001"), at=INSTANTS, currency=CURRENCIES, presentment=CURRENCIES,
    shopper=SHOPPERS, tenders=st.lists(TENDERS, max_size=2).map(tuple),
    refunds=st.lists(REFUNDS, max_size=2).map(tuple), captured=st.none() | MONEY, outstanding=st.none() | MONEY,
    test=st.booleans(), b2b=st.booleans(), cancelled=st.booleans(), disputes=st.sampled_from([(), ("dp-1",)]),
    ship_to=PLACES,
)  # fmt: skip
SHARES = st.builds(
    Share, tender=st.sampled_from(["t-1", "t-2"]), gateway=st.sampled_from(["g", "manual"]), amount=MONEY
)
QUOTES = st.builds(
    Quote, order=st.just("1001"), lines=st.lists(st.tuples(SHOP_LINES, st.integers(0, 3)), max_size=2).map(tuple),
    amount=MONEY, shares=st.lists(SHARES, max_size=2).map(tuple), most=MONEY,
)  # fmt: skip
COUNTS = st.integers(0, 25)
WINDOWS = st.sampled_from([(), (Window(30, 0, 0),), (Window(30, 3, 0),), (Window(7, 0, 0),)])
HISTORIES = st.builds(
    History, customer_open_minor=MINOR.map(abs), order_open_minor=MINOR.map(abs), order_taken_minor=MINOR.map(abs),
    return_taken_minor=MINOR.map(abs), by_customer=WINDOWS, by_address=WINDOWS, by_card=WINDOWS,
    shop_hour_minor=MINOR.map(abs), shop_day_minor=MINOR.map(abs), shop_hour_count=COUNTS, shop_day_count=COUNTS,
    returns=st.integers(0, 9), lost=st.integers(0, 2), stopped=st.sampled_from(["", "stopped"]), vip_seen=PERHAPS,
    not_vip_seen=PERHAPS,
)  # fmt: skip
APPROVALS = st.builds(
    Approval, decision=st.sampled_from(["approved", "rejected"]), by=st.just("lead"), at=INSTANTS, amount=MONEY
)
ANY_FACTS = st.builds(
    RefundFacts, case=st.just("loop-98765/label-4"), ret=RETURNS, label=LABELS,
    scans=st.lists(SCANS, max_size=4).map(tuple), order=st.none() | ORDERS, quote=st.none() | QUOTES,
    history=HISTORIES, approval=st.none() | APPROVALS, home_country=st.sampled_from(["", "US"]),
    portal_pays_whole=st.booleans(),
)  # fmt: skip
"""Anything at all; hardly any of it is paid."""


@st.composite
def near_misses(draw: st.DrawFn) -> RefundFacts:
    """The case that is paid with one or two parts replaced by anything, so that many are still paid."""
    facts = FACTS
    for part in draw(st.lists(st.sampled_from(sorted(_PARTS)), max_size=2, unique=True)):
        facts = _PARTS[part](draw, facts)
    return facts


def _history(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    return replace(facts, history=draw(HISTORIES))


def _scans(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    return replace(facts, scans=(*facts.scans, *draw(st.lists(SCANS, max_size=2))))


def _quote(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    assert facts.quote
    minor = draw(st.integers(0, 16_000))
    part = Money(minor, "USD")
    share = replace(facts.quote.shares[0], amount=part)
    most = Money(draw(st.integers(0, 16_000)), "USD")
    return replace(facts, quote=replace(facts.quote, amount=part, shares=(share,), most=most))


def _refunds(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    assert facts.order
    return replace(facts, order=replace(facts.order, refunds=tuple(draw(st.lists(REFUNDS, max_size=2)))))


def _ret(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    fee, cash = draw(st.none() | MONEY), draw(st.none() | MONEY)
    return replace(facts, ret=replace(facts.ret, handling_fee=fee, cash=cash))


def _shopper(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    assert facts.order
    return replace(facts, order=replace(facts.order, shopper=draw(st.just(SHOPPER) | SHOPPERS)))


def _approval(draw: st.DrawFn, facts: RefundFacts) -> RefundFacts:
    return replace(facts, approval=draw(APPROVALS))


_PARTS = {
    "history": _history, "scans": _scans, "quote": _quote, "refunds": _refunds, "ret": _ret, "shopper": _shopper,
    "approval": _approval,
}  # fmt: skip
