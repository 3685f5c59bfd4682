"""What a review of the refunds looked for: money twice, a case that is lost, an untruth; on the plain flow."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.instants import to_text
from domain.money import Money
from flows.refunds_watch import compare
from flows.work import work
from integrations.errors import Unauthorised
from store import decisions
from store.db import reading
from store.refund_tables import labels
from tasks.movers import choose
from tasks.performing import Run
from tasks.refund_approving import approve
from tasks.refund_deciding import decide_all
from tasks.refund_facts import Gathered, gather, read_return
from tasks.refund_polling import follow_labels
from tasks.report import Report
from tests.flows.returns_shop import NOON, YESTERDAY, Returns, case_of, order, ret, tracking
from tests.flows.shop import DAY

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


def pay_by(returns: Returns, name: str) -> None:
    """Have this mover from now on."""
    c = returns.c
    c.mover_name = name
    c.mover = choose(name, storefront=c.storefront, refunds=c.refunds_at_payments, portal=c.portal)


async def test_given_the_portal_still_has_it_in_its_queue_then_it_is_not_asked_twice(returns: Returns) -> None:
    returns.seed()
    pay_by(returns, "portal")
    returns.shop.control.post("/_sandbox/loop/process", {"after": 3000})
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.step(KEY).state == "unknown"
    for minutes in (20, 35, 45):
        returns.at(NOON + timedelta(minutes=minutes))
        await returns.shop.run("reconcile", at=None)
        await returns.run()
        assert (returns.step(KEY).state, returns.step(KEY).tries) == ("unknown", 1)
    returns.at(NOON + timedelta(minutes=65))
    await returns.shop.run("reconcile", at=None)
    assert returns.step(KEY).state == "done"


async def test_given_a_queue_of_the_portal_that_lost_it_then_it_is_decided_again(returns: Returns) -> None:
    returns.seed()
    pay_by(returns, "portal")
    returns.shop.control.post("/_sandbox/loop/process", {"then": "stuck"})
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    returns.shop.control.post("/_sandbox/loop/process", {})
    returns.at(NOON + timedelta(hours=3))
    await returns.shop.run("reconcile", at=None)
    assert returns.step(KEY).state == "void"
    await returns.run()
    assert returns.step(KEY).tries == 2
    returns.at(NOON + timedelta(hours=4))
    await returns.shop.run("reconcile", at=None)
    assert returns.step(KEY).state == "done"


async def test_given_two_labels_that_the_portal_pays_together_then_one_refund_is_booked(returns: Returns) -> None:
    lines = [{"id": "10011", "quantity": 1, "price": "50.00"}, {"id": "10012", "quantity": 1, "price": "50.00"}]
    bought = order(price="100.00", lines=lines)
    two = [
        {"id": "a", "tracking": tracking("501"), "carrier": "USPS", "status": "new", "lines": ["1"]},
        {"id": "b", "tracking": tracking("502"), "carrier": "USPS", "status": "new", "lines": ["2"]},
    ]
    pieces = [
        {"id": "1", "shop_line": "10011", "refund": "50.00", "outcome": "refund"},
        {"id": "2", "shop_line": "10012", "refund": "50.00", "outcome": "refund"},
    ]
    returns.seed(orders=[bought], rets=[ret(amount="100.00", labels=two, lines=pieces)])
    pay_by(returns, "portal")
    returns.act(label="a")
    returns.act(label="b")
    returns.hear("501")
    await returns.run("inbox")
    returns.at(NOON + timedelta(minutes=20))
    await returns.shop.run("reconcile", at=None)
    returns.hear("501")
    await returns.run()
    states = [getattr(returns.step(f"refunds/{case_of('501', name)}"), "state", "") for name in ("a", "b")]
    assert states == ["done", ""]
    assert returns.shop.balance("Income:Contra") == 10000


async def test_given_lines_that_come_back_under_a_second_return_then_they_are_not_refunded_again(
    returns: Returns,
) -> None:
    lines = [{"id": "10011", "quantity": 1, "price": "50.00"}, {"id": "10012", "quantity": 1, "price": "90.00"}]
    paid = [{"gateway": "shopify_payments", "amount": "140.00", "payment": "pi_1"}]
    returns.at(NOON)
    returns.shop.control.seed({"stripe": {"payments": [{"id": "pi_1", "amount": 14000, "currency": "usd"}]}})
    again = ret("502", lines=[{"id": "5021", "shop_line": "10011", "refund": "50.00", "outcome": "refund"}])
    returns.seed(orders=[order(price="140.00", lines=lines, tenders=paid)], rets=[ret(), again])
    pay_by(returns, "payments")
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.step(KEY).state == "done"
    returns.at(NOON + timedelta(hours=1))
    returns.act(do="cancel")
    returns.act("502")
    returns.hear("501", "502")
    await returns.run("inbox")
    assert returns.verdicts("502") == [("never", "S-15")]
    assert returns.shop.balance("Income:Contra") == 5000


class Stumbling:
    """A shop system whose answer about one order trips our own code; everything else it hands on."""

    def __init__(self, storefront: Any, over: str) -> None:
        self._storefront, self._over = storefront, over

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storefront, name)

    async def order(self, ident: str) -> Any:
        """The order, or a mistake."""
        if ident == self._over:
            raise KeyError("a person's name, which must stand in no report")
        return await self._storefront.order(ident)


async def test_given_a_case_over_which_we_stumble_then_the_others_are_paid_and_it_is_a_problem(
    returns: Returns,
) -> None:
    returns.seed(orders=[order(), order("1002")], rets=[ret(), ret("502", of="1002")])
    returns.c.storefront = Stumbling(returns.c.storefront, "1001")
    returns.act()
    returns.act("502")
    returns.hear("501", "502")
    report = await returns.run("inbox")
    assert returns.paid() == [(f"refunds/{case_of('502')}", 5000)]
    assert len(report.problems) == 1
    assert "KeyError in test_refunds_review.py" in report.problems[0]
    assert "name" not in report.problems[0]


async def test_given_a_refund_by_hand_at_the_payments_vendor_then_a_person_looks(returns: Returns) -> None:
    returns.at(NOON)
    gone = {"id": "pi_1", "amount": 14000, "currency": "usd"}
    returns.shop.control.seed({"stripe": {"payments": [gone]}})
    returns.shop.control.act("stripe", payment="pi_1", do="refund", amount=5000)
    paid = [{"gateway": "shopify_payments", "amount": "140.00", "payment": "pi_1"}]
    lines = [{"id": "10011", "quantity": 1, "price": "50.00"}, {"id": "10012", "quantity": 1, "price": "90.00"}]
    returns.seed(orders=[order(price="140.00", lines=lines, tenders=paid)])
    pay_by(returns, "payments")
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.verdicts() == [("hold", "S-14")]


async def test_given_a_decision_over_which_we_stumble_then_the_others_are_paid_and_nothing_of_it_is_kept(
    returns: Returns,
) -> None:
    returns.seed(orders=[order(), order("1002")], rets=[ret(), ret("502", of="1002")])
    found = [each for each in await gather(returns.c, await known(returns)) if isinstance(each, Gathered)]
    first, second = sorted(found, key=lambda each: each.case)
    # A policy of an older version may lack what a check reads; here the order is no order at all.
    odd = replace(first, facts=replace(first.facts, order=replace(first.facts.order, shopper=None)))
    problems: list[str] = []
    run = Run("refunds", DAY, returns.c.clock(), "")
    decided = decide_all(returns.c, [odd, second], run, problems)
    assert [each.gathered.case for each in decided] == [second.case]
    assert [problem.partition(":")[0] for problem in problems] == [first.case]
    assert (returns.stage("501"), returns.stage("502")) == ("waiting", "waiting")


async def known(returns: Returns) -> list[str]:
    """Both returns, read once so that their labels are known."""
    for name in ("501", "502"):
        await read_return(returns.c, name)
    return [case_of("501"), case_of("502")]


async def test_given_one_of_two_tenders_failed_at_once_then_what_went_stays_booked_whenever_it_is_asked_again(
    returns: Returns,
) -> None:
    card = {"gateway": "shopify_payments", "amount": "30.00", "refunds": "failure"}
    returns.seed(orders=[order(tenders=[{"gateway": "gift_card", "amount": "20.00"}, card])])
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("done", 2000)
    returns.later(hours=1)
    await returns.run()
    await returns.run()
    async with work("refunds-reconcile", DAY.isoformat()) as w:
        await compare(w)
    assert returns.shop.balance("Income:Contra") == 2000


async def test_given_a_late_word_of_the_portals_failure_after_it_has_paid_then_the_refund_counts_as_made(
    returns: Returns,
) -> None:
    returns.seed()
    pay_by(returns, "portal")
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.step(KEY).state == "unknown"
    late = {
        "topic": "return.processing", "trigger": "return.processing.failed", "return_id": "501", "return_state": "open",
        "message": "out of stock", "source": "warehouse",
    }  # fmt: skip
    returns.hear_from("loop", "late", late)
    await returns.run("inbox")
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("done", 5000)


async def test_given_a_gift_card_beside_the_payment_then_a_refund_without_an_answer_is_found_all_the_same(
    returns: Returns,
) -> None:
    returns.at(NOON)
    returns.shop.control.seed({"stripe": {"payments": [{"id": "pi_1", "amount": 5000, "currency": "usd"}]}})
    paid = [
        {"gateway": "gift_card", "amount": "20.00", "payment": "gift_77"},
        {"gateway": "shopify_payments", "amount": "50.00", "payment": "pi_1"},
    ]
    returns.seed(orders=[order(tenders=paid)])
    order_1001 = await returns.c.storefront.order("1001")
    assert [tender.payment for tender in order_1001.tenders] == ["gift_77", "pi_1"]
    pay_by(returns, "payments")
    await returns.c.refunds_at_payments.refund("pi_1", Money(3000, "USD"), key=KEY, order="1001")
    found = await returns.c.mover.find(KEY, "1001", "501")
    assert (found.state, found.amount) == ("succeeded", Money(3000, "USD"))
    assert await returns.c.mover.find(f"{KEY}0", "1001", "501") is None


class LockedOut:
    """A carrier feed that refuses our credentials."""

    VENDOR = "easypost"

    async def watch(self, tracking: str, carrier: str) -> None:
        """Refused like every other call."""
        raise Unauthorised("easypost", f"watch {tracking}", "refused our credentials (401)")


async def test_given_a_feed_that_refuses_our_credentials_then_no_label_counts_as_followed(returns: Returns) -> None:
    returns.seed()
    await read_return(returns.c, "501")
    returns.c.feeds = (LockedOut(),)
    report = Report("refunds", DAY.isoformat())
    await follow_labels(returns.c, report)
    assert [row.watched for row in returns.shop.rows(labels)] == [0]
    assert len(report.problems) == 1


async def test_given_a_yes_then_the_decision_knows_which_rules_it_was_asked_about(returns: Returns) -> None:
    returns.seed(orders=[order(price="900.00")], rets=[ret(amount="900.00")])
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.verdicts()[0][0] == "approve"
    returns.later(minutes=5)
    approve(returns.c.engine, KEY, approved=True, by="lead", channel="cli", note="", now=returns.c.clock())
    with reading(returns.c.engine) as connection:
        (row,) = decisions.of_cases(connection, [case_of()])[case_of()]
        rules = {one["rule"] for one in json.loads(row.checks) if one["result"] == "approve"}
        assert set(decisions.asked(connection, case_of(), to_text(returns.c.clock()))) == rules
    await returns.run()
    assert returns.paid() == [(KEY, 90000)]


async def test_given_a_busy_shop_then_only_changed_orders_with_a_return_are_read(returns: Returns) -> None:
    lately = YESTERDAY.isoformat()
    returns.seed(orders=[order(name, at=lately) for name in ("1001", *map(str, range(2001, 2021)))])
    await read_return(returns.c, "501")
    before = orders_read(returns)
    await returns.run()
    assert orders_read(returns) - before == 1


def orders_read(returns: Returns) -> int:
    """How often the shop was asked for a whole order."""
    calls = returns.shop.control._http.get("/_sandbox/shopify/calls").json()["calls"]
    return int(calls.get("OrderForRefund", 0))
