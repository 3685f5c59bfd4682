"""The cases of policy, on the plain flow: kill switch, approvals, caps, budgets, who is a VIP, vendors that fail."""

from datetime import timedelta
from typing import Any

import pytest

from store import switches
from store.approvals import NothingWaits
from store.db import transaction
from store.refund_tables import approvals, commitments, exposures
from tasks.refund_approving import approve, waiting
from tests.flows.returns_shop import NOON, Returns, case_of, order, ret, shopper
from tests.flows.test_refunds_state import two_labels, two_lines

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"
DEAR = "600.00"


def stop(returns: Returns, *, on: bool) -> None:
    """Put the kill switch."""
    with transaction(returns.c.engine) as connection:
        switches.put(connection, "refunds", stop=on, by="lea", reason="a drill", at=returns.c.clock())


def say(returns: Returns, *, yes: bool, name: str = "501") -> None:
    """A person answers what waits."""
    approve(
        returns.c.engine, f"refunds/{case_of(name)}", approved=yes, by="lea", channel="cli", note="", now=clock(returns)
    )


def clock(returns: Returns) -> Any:
    return returns.c.clock()


def many(count: int, price: str = "50.00", customers: int = 1) -> dict[str, Any]:
    """So many orders with one return each, of so many VIPs at addresses of their own."""
    people = [shopper(str(7001 + place)) for place in range(customers)]
    orders = [
        order(
            str(1001 + place), price=price, customer=str(7001 + place % customers),
            ship_to={"address1": f"{place} Main St"}, tenders=[card(str(place % customers), price)],
        )
        for place in range(count)
    ]  # fmt: skip
    rets = [ret(str(501 + place), of=str(1001 + place), amount=price) for place in range(count)]
    return {"customers": people, "orders": orders, "rets": rets}


def card(name: str, price: str) -> dict[str, Any]:
    """A payment by a card of its own."""
    number = {"number": f"9{int(name):03d}", "company": "Visa", "bin": "42424242", "month": 12, "year": 2029}
    return {"gateway": "shopify_payments", "amount": price, "card": number}


async def test_77_given_the_switch_is_on_then_cases_wait_with_the_reason_and_go_when_it_is_off(
    returns: Returns,
) -> None:
    returns.seed()
    stop(returns, on=True)
    await returns.scanned()
    assert (returns.verdicts(), returns.paid()) == ([("wait", "B-01")], [])
    assert "a drill" in returns.decided().reason
    returns.later(minutes=6)
    await returns.run()
    assert returns.paid() == []
    stop(returns, on=False)
    returns.later(minutes=6)
    await returns.run()
    assert (returns.paid(), returns.verdicts()[-1]) == ([(KEY, 5000)], ("pay", "R-01"))


async def test_77_given_the_switch_is_put_after_the_money_went_then_what_is_in_flight_ends_known(
    hurried: Returns,
) -> None:
    hurried.seed()
    hurried.shop.control.fault("shopify", "graphql.json/RefundCreate", "timeout_after", times=None, seconds=2)
    await hurried.scanned()
    hurried.shop.control.heal()
    stop(hurried, on=True)
    hurried.later(minutes=11)
    await hurried.reconcile()
    assert (hurried.step(KEY).state, hurried.shop.balance("Income:Contra")) == ("done", 5000)


async def test_given_an_amount_above_a_cap_then_a_person_is_asked_once_and_their_yes_pays(returns: Returns) -> None:
    returns.seed(orders=[order(price=DEAR)], rets=[ret(amount=DEAR)])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid(), returns.stage()) == ([("approve", "G-01")], [], "approval")
    assert returns.tasks() == {"approval-g-01-60000": "done"}
    returns.later(hours=7)
    await returns.run()
    assert len(waiting(returns.c.engine)) == 1
    say(returns, yes=True)
    await returns.run()
    assert (returns.paid(), waiting(returns.c.engine)) == ([(KEY, 60000)], [])
    with pytest.raises(NothingWaits):
        say(returns, yes=True)


async def test_given_a_no_then_never_and_nothing_is_asked_again(returns: Returns) -> None:
    returns.seed(orders=[order(price=DEAR)], rets=[ret(amount=DEAR)])
    await returns.scanned()
    say(returns, yes=False)
    await returns.run()
    assert (returns.verdicts()[-1], returns.paid()) == (("never", "A-01"), [])
    returns.later(days=2)
    await returns.scanned(do="deliver")
    assert (returns.paid(), waiting(returns.c.engine)) == ([], [])


async def test_given_more_than_was_approved_then_the_new_amount_is_asked_for(returns: Returns) -> None:
    returns.seed(orders=[order(price=DEAR)], rets=[ret(amount="550.00")])
    await returns.scanned()
    say(returns, yes=True)
    line = {"id": "5011", "shop_line": "10011", "refund": DEAR, "outcome": "refund"}
    returns.shop.control.seed({"loop": {"returns": [ret(amount=DEAR, lines=[line])]}})
    returns.act()
    await returns.run()
    assert (returns.paid(), returns.verdicts()[-1][0]) == ([], "approve")
    assert [row.minor for row in waiting(returns.c.engine)] == [60000]
    say(returns, yes=True)
    returns.later(minutes=1)
    await returns.run()
    assert returns.paid() == [(KEY, 60000)]


async def test_given_nobody_answers_then_it_is_never_forgotten(returns: Returns) -> None:
    returns.seed(orders=[order(price=DEAR)], rets=[ret(amount=DEAR)])
    await returns.scanned()
    for days in (1, 1, 1, 1):
        returns.later(days=days, minutes=1)
        await returns.run()
    again = [f"approval-g-01-60000-again-{power}" for power in (1, 2, 4)]
    assert set(returns.tasks()) == {"approval-g-01-60000", *again}
    assert [row.decision for row in returns.shop.rows(approvals)] == [""], "one question, still open"
    say(returns, yes=True)
    await returns.run()
    assert returns.paid() == [(KEY, 60000)]


async def test_given_the_reason_for_the_question_has_gone_then_it_is_withdrawn(returns: Returns) -> None:
    returns.seed(orders=[order(price=DEAR)], rets=[ret(amount=DEAR)])
    await returns.scanned()
    returns.act(do="cancel")
    returns.hear("501", what="return.updated")
    await returns.run("inbox")
    assert (waiting(returns.c.engine), returns.verdicts()[-1]) == ([], ("hold", "S-02"))


async def test_75_given_one_customer_splits_into_many_returns_at_once_then_the_fourth_is_asked_about(
    returns: Returns,
) -> None:
    returns.seed(**many(4))
    names = [str(501 + place) for place in range(4)]
    for name in names:
        returns.act(name)
    returns.hear(*names)
    await returns.run("inbox")
    assert len(returns.paid()) == 3
    asked = [name for name in names if returns.verdicts(name) == [("approve", "G-03")]]
    assert len(asked) == 1, "each decision sees what the ones before it set aside"


async def test_given_the_budget_of_the_hour_is_used_up_then_the_rest_waits_and_is_paid_when_it_frees(
    returns: Returns,
) -> None:
    count = 32
    returns.seed(**many(count, price="10.00", customers=count))
    names = [str(501 + place) for place in range(count)]
    for name in names:
        returns.act(name)
    returns.hear(*names)
    await returns.run("inbox")
    assert len(returns.paid()) == 30
    over = [name for name in names if returns.verdicts(name)[-1] == ("wait", "B-02")]
    assert len(over) == 2
    returns.later(minutes=30)
    await returns.run()
    assert len(returns.paid()) == 30
    returns.later(minutes=31)
    await returns.run()
    assert len(returns.paid()) == 32
    assert returns.shop.balance("Income:Contra") == 32 * 1000


async def test_71_given_the_tag_comes_after_the_scan_then_there_is_no_refund(returns: Returns) -> None:
    returns.seed(customers=[shopper(tags=[], spent="10.00")])
    await returns.scanned()
    assert returns.verdicts() == [("never", "V-01")]
    returns.shop.control.act("shopify", do="tags_added", customer="7001", tags=["VIP"])
    returns.later(minutes=5)
    await returns.scanned(do="out")
    assert (returns.verdicts()[-1], returns.paid()) == (("never", "V-01"), [])


async def test_70_given_the_tag_goes_between_return_and_scan_then_grace_decides_and_both_are_on_record(
    returns: Returns,
) -> None:
    returns.seed(**many(2))
    await returns.scanned("501")
    returns.shop.control.act("shopify", do="tags_removed", customer="7001", tags=["VIP"])
    returns.shop.control.act("shopify", do="touch", order="1002")
    customers = [shopper(tags=[], spent="10.00")]
    returns.shop.control.seed({"shopify": {"customers": customers}})
    returns.later(days=2)
    await returns.scanned("502")
    assert returns.verdicts("502") == [("pay", "R-01")]
    assert '"result":"pass","rule":"V-02"' in returns.decided("502").checks
    assert '"tags":["VIP"]' in returns.decided("501").facts
    assert '"tags":[]' in returns.decided("502").facts


async def test_73_given_two_accounts_were_merged_then_what_is_open_of_both_is_of_one(returns: Returns) -> None:
    returns.seed(customers=[shopper("7001"), shopper("7002")], orders=[two_lines()], rets=[two_labels()])
    await returns.scanned(label="a")
    assert {row.customer for row in returns.shop.rows(exposures)} == {"shop-7001"}
    returns.shop.control.seed({"shopify": {"orders": [two_lines(customer="7002")]}})
    returns.later(days=1)
    await returns.scanned(label="b")
    rows = [row for table in (exposures, commitments) for row in returns.shop.rows(table)]
    assert {row.customer for row in rows} == {"shop-7002"}
    assert '"customer_open_minor":5000' in returns.decided(label="b").facts


async def test_given_the_shop_is_down_then_the_case_is_looked_at_again_and_paid(returns: Returns) -> None:
    returns.seed()
    returns.shop.control.fault("shopify", "graphql.json/(Order|order)", "down", times=None)
    report = await returns.scanned()
    assert (returns.paid(), returns.stage(), len(report.problems)) == ([], "waiting", 1)
    returns.shop.control.heal()
    returns.later(minutes=3)
    await returns.run()
    assert returns.paid() == [(KEY, 5000)]
    assert returns.c.clock() - NOON == timedelta(minutes=3)


async def test_given_the_mail_server_is_down_then_the_customer_is_told_later_and_once(returns: Returns) -> None:
    returns.seed()
    returns.shop.control.fault("mail", "", "down", times=None)
    await returns.scanned()
    assert (returns.paid(), returns.told()) == ([(KEY, 5000)], [])
    returns.shop.control.heal()
    returns.later(minutes=1)
    for _ in range(2):
        await returns.run()
    assert (returns.told(), len(returns.mails())) == (["sent"], 1)
