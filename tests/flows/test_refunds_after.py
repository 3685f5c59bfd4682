"""The cases of money after it was sent, on the plain flow: pending, arrived, failed now or later, disputed, unknown."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from store.tables import cases, steps
from tests.flows.returns_shop import NOON, Returns, case_of, order

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


def pending(**more: Any) -> dict[str, Any]:
    """An order whose refunds stay on their way; `settles` says when and how that ends."""
    return order(tenders=[{"gateway": "shopify_payments", "amount": "50.00", "refunds": "pending", **more}])


def shop(returns: Returns, do: str, **more: Any) -> None:
    """Something happens at the shop."""
    returns.shop.control.act("shopify", do=do, **more)


def order_changed(returns: Returns) -> None:
    """The shop tells that the order is not as it was; of a refund it tells no more."""
    body = {"id": 1001, "admin_graphql_api_id": "gid://shopify/Order/1001", "updated_at": returns.c.clock().isoformat()}
    returns.hear_from("shopify", f"orders/updated {returns.c.clock()}", body)


async def test_given_the_money_is_pending_then_it_is_said_so_and_arrives_without_another_word(returns: Returns) -> None:
    returns.seed(orders=[pending()])
    report = await returns.scanned()
    step = returns.step(KEY)
    assert (step.state, bool(step.vendor_ref), report.problems) == ("unknown", True, [])
    assert (returns.told(), returns.shop.balance("Income:Contra")) == (["pending"], 0)
    returns.later(days=2)
    shop(returns, "refund_settles", order="1001", status="success")
    order_changed(returns)
    await returns.run("inbox")
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("done", 5000)
    assert (returns.told(), len(returns.mails())) == (["pending"], 1)


async def test_given_pending_money_arrives_and_nobody_tells_then_reconcile_books_it_once(returns: Returns) -> None:
    returns.seed(orders=[pending(settles={"hours": 24, "status": "success"})])
    await returns.scanned()
    returns.later(minutes=11)
    await returns.reconcile()
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("unknown", 0)
    returns.later(hours=25)
    await returns.reconcile()
    await returns.run()
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("done", 5000)
    assert (returns.paid(), returns.told()) == ([(KEY, 5000)], ["pending"])


@pytest.mark.parametrize("by", ["event", "reconcile", "poll"])
async def test_63_given_pending_money_fails_then_no_entry_stands_and_customer_and_person_are_told(
    returns: Returns, by: str
) -> None:
    returns.seed(orders=[pending()])
    await returns.scanned()
    returns.later(days=12)
    shop(returns, "refund_settles", order="1001", status="failure")
    if by == "event":
        order_changed(returns)
    if by == "reconcile":
        await returns.reconcile()
    await returns.run("sweep" if by == "poll" else "inbox")
    assert (returns.step(KEY).state, returns.shop.balance("Income:Contra")) == ("refused", 0)
    assert (returns.told(), returns.tasks()) == (["pending", "failed"], {"failed": "done"})
    returns.later(minutes=10)
    await returns.run()
    assert len(returns.mails()) == 2, "said once each"
    assert len(returns.shop.control.effects("shopify")["effects"]) == 1, "nobody pays a second time by themselves"


@pytest.mark.parametrize("by", ["event", "poll"])
async def test_63_given_a_refund_fails_days_after_it_was_made_then_the_entry_is_taken_back(
    returns: Returns, by: str
) -> None:
    returns.seed()
    await returns.scanned()
    assert returns.shop.balance("Income:Contra") == 5000
    returns.later(days=4)
    shop(returns, "refund_settles", order="1001", status="failure")
    if by == "event":
        order_changed(returns)
    for _ in range(2):
        await returns.run("sweep" if by == "poll" else "inbox")
        returns.later(minutes=6)
    assert returns.shop.balance("Income:Contra") == 0
    assert (returns.told(), returns.tasks()) == (["sent", "failed"], {"failed": "done"})
    case = next(row for row in returns.shop.rows(cases) if row.id == case_of())
    assert (case.state, case.outcome, case.trouble) == ("person", "refund_failed", "refund_failed")
    assert len(returns.mails()) == 2


async def test_given_the_shop_refuses_at_once_then_a_person_hears_and_the_customer_was_promised_nothing(
    returns: Returns,
) -> None:
    returns.seed(orders=[order(tenders=[{"gateway": "shopify_payments", "amount": "50.00", "refunds": "failure"}])])
    await returns.scanned()
    assert returns.step(KEY).state == "refused"
    assert (returns.told(), returns.tasks(), returns.stage()) == ([], {"failed": "done"}, "ended")
    assert returns.shop.balance("Income:Contra") == 0


async def test_given_the_helpdesk_is_down_then_the_person_hears_as_soon_as_it_is_back(returns: Returns) -> None:
    returns.seed(orders=[order(tenders=[{"gateway": "shopify_payments", "amount": "50.00", "refunds": "failure"}])])
    returns.shop.control.fault("gorgias", "", "down", times=None)
    await returns.scanned()
    assert returns.tasks() == {"failed": "void"}
    returns.shop.control.heal()
    returns.later(minutes=1)
    await returns.run()
    assert returns.tasks() == {"failed": "done"}


async def test_given_the_helpdesk_is_down_then_a_question_is_asked_later_unless_it_has_gone(returns: Returns) -> None:
    returns.seed(orders=[order(disputes=[{"id": "77"}])])
    returns.shop.control.fault("gorgias", "", "down", times=None)
    await returns.scanned()
    assert returns.tasks() == {"hold-s-13": "void"}
    returns.later(minutes=1)
    returns.shop.control.heal()
    shop(returns, "dispute_closed", order="1001", status="WON")
    order_changed(returns)
    await returns.run()
    assert (returns.tasks(), returns.paid()) == ({"hold-s-13": "void"}, [(KEY, 5000)])


@pytest.mark.parametrize("by", ["event", "poll"])
async def test_65_given_a_dispute_after_the_refund_then_a_person_sends_the_refund_as_evidence(
    returns: Returns, by: str
) -> None:
    returns.seed()
    await returns.scanned()
    returns.later(days=3)
    shop(returns, "dispute_opened", order="1001", id="991")
    if by == "event":
        body = {"id": 991, "order_id": 1001, "type": "chargeback", "initiated_at": NOON.isoformat()}
        returns.hear_from("shopify", "dispute 991", body | {"network_reason_code": "4837"})
    for _ in range(2):
        report = await returns.run("sweep" if by == "poll" else "inbox")
        assert "elsewhere" not in report.states
        returns.later(minutes=6)
    assert returns.tasks() == {"dispute-991": "done"}


async def test_62_given_our_refunds_own_webhook_comes_before_the_answer_then_there_is_no_second_one(
    returns: Returns,
) -> None:
    returns.seed()
    body = {"id": 700, "order_id": 1001, "refund_line_items": [], "transactions": []}
    returns.hear_from("shopify", "refunds/create 700", body)
    await returns.scanned()
    order_changed(returns)
    returns.hear_from("shopify", "refunds/create again", body)
    await returns.run()
    assert (returns.paid(), returns.shop.balance("Income:Contra")) == ([(KEY, 5000)], 5000)
    assert len([row for row in returns.shop.rows(steps) if row.action == "refund"]) == 1


@pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "500_after", "garbage"])
async def test_55_61_given_the_money_went_and_no_answer_came_then_reconcile_books_it_once(
    hurried: Returns, fault: str
) -> None:
    hurried.seed()
    hurried.shop.control.fault("shopify", "graphql.json/RefundCreate", fault, times=None, seconds=2)
    await hurried.scanned()
    hurried.shop.control.heal()
    if hurried.step(KEY).state == "unknown":
        assert hurried.shop.balance("Income:Contra") == 0
        hurried.later(minutes=9)
        await hurried.reconcile()
        assert hurried.step(KEY).state == "unknown", "the call may still be at work"
        hurried.later(minutes=2)
        await hurried.reconcile()
    assert (hurried.step(KEY).state, hurried.shop.balance("Income:Contra")) == ("done", 5000)
    await hurried.run()
    await hurried.reconcile()
    assert (hurried.paid(), hurried.told()) == ([(KEY, 5000)], ["sent"])
    assert hurried.shop.balance("Income:Contra") == 5000


async def test_55_given_the_call_never_arrived_then_it_is_found_out_and_the_case_decided_again(
    hurried: Returns,
) -> None:
    hurried.seed()
    hurried.shop.control.fault("shopify", "graphql.json/RefundCreate", "slow", times=None, seconds=60)
    await hurried.scanned()
    assert (hurried.step(KEY).state, hurried.stage()) == ("unknown", "paid")
    hurried.shop.control.heal()
    hurried.later(minutes=11)
    await hurried.reconcile()
    assert (hurried.step(KEY).state, hurried.paid()) == ("void", [])
    await hurried.run()
    assert (hurried.paid(), hurried.step(KEY).state, hurried.told()) == ([(KEY, 5000)], "done", ["sent"])


async def test_57_given_the_answer_is_looked_for_two_days_later_then_the_vendors_key_is_not_relied_on(
    hurried: Returns,
) -> None:
    hurried.seed()
    hurried.shop.control.fault("shopify", "graphql.json/RefundCreate", "timeout_after", times=None, seconds=2)
    await hurried.scanned()
    hurried.shop.control.heal()
    assert hurried.step(KEY).state == "unknown"
    hurried.later(days=2)
    await hurried.run()
    await hurried.reconcile()
    await hurried.run()
    assert (hurried.paid(), hurried.step(KEY).state) == ([(KEY, 5000)], "done")
    assert hurried.c.clock() - NOON > timedelta(hours=24)


async def test_58_given_the_key_was_used_for_something_else_then_it_stops_and_a_person_hears(returns: Returns) -> None:
    returns.seed()
    bought = await returns.c.storefront.order("1001")
    quote = await returns.c.storefront.quote(bought, [("10011", 1)])
    spent = await returns.c.storefront.refund(bought, replace(quote, lines=(("10011", 2),)), key=KEY)
    assert spent.state == "refused", "the shop keeps a key for what failed under it, too"
    await returns.scanned()
    assert (returns.step(KEY).state, returns.paid(), returns.tasks()) == ("refused", [], {"failed": "done"})
    returns.later(days=2)
    await returns.run()
    assert returns.paid() == [], "never again under another key"


async def test_61_given_the_process_died_between_call_and_commit_then_it_is_looked_up_and_not_sent_again(
    returns: Returns,
) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    returns.shop.control.fault("shopify", "graphql.json/RefundCreate", "timeout_after", seconds=30)
    dying = asyncio.create_task(returns.run("inbox"))
    while not returns.paid():
        await asyncio.sleep(0.02)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    returns.shop.control.heal()
    assert (returns.step(KEY).state, returns.paid()) == ("intended", [(KEY, 5000)])
    returns.later(minutes=5)
    await returns.run()
    assert (returns.step(KEY).state, returns.paid()) == ("intended", [(KEY, 5000)])
    returns.later(minutes=6)
    await returns.reconcile()
    await returns.run()
    assert (returns.step(KEY).state, returns.paid(), returns.told()) == ("done", [(KEY, 5000)], ["sent"])
    assert returns.shop.balance("Income:Contra") == 5000


async def test_59_given_429_then_the_case_waits_and_is_paid_once(returns: Returns) -> None:
    returns.seed()
    shop(returns, "throttled", times=50)
    report = await returns.scanned()
    assert (returns.paid(), len(report.problems)) == ([], 1)
    shop(returns, "throttled", times=0)
    returns.later(minutes=3)
    await returns.run()
    assert returns.paid() == [(KEY, 5000)]
