"""The cases of money, on the plain flow: what was refunded before, several tenders, currencies, two returns of one."""

from datetime import timedelta
from typing import Any

import pytest

from tasks.refund_approving import approve
from tests.flows.returns_shop import NOON, Returns, case_of, order, ret
from tests.flows.test_refunds_state import two_labels, two_lines

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


def say_yes(returns: Returns, name: str = "501") -> None:
    """A person approves what waits."""
    now = returns.c.clock()
    approve(returns.c.engine, case_of(name), approved=True, by="lea", channel="cli", note="", now=now)


def staff_refund(returns: Returns, **more: Any) -> None:
    """Somebody at the shop refunds by hand."""
    returns.shop.control.act("shopify", do="staff_refund", order="1001", **more)


async def test_45_given_a_refund_by_hand_that_names_no_line_then_a_person_finds_out(returns: Returns) -> None:
    returns.seed()
    staff_refund(returns, amount="10.00")
    await returns.scanned()
    assert (returns.verdicts(), returns.tasks()) == ([("hold", "S-14")], {"hold-s-14": "done"})
    assert len(returns.paid()) == 1, "only theirs"


async def test_46_given_staff_refunded_all_of_it_then_nothing_is_done_and_that_is_recorded(returns: Returns) -> None:
    returns.seed()
    staff_refund(returns, amount="50.00", lines=[["10011", 1]])
    report = await returns.scanned()
    assert (returns.verdicts(), report.problems) == ([("never", "S-12")], [])
    assert (returns.step(KEY), returns.stage()) == (None, "never")


async def test_46_given_staff_refunded_this_line_of_several_then_a_person_compares(returns: Returns) -> None:
    returns.seed(orders=[two_lines()], rets=[two_labels()])
    staff_refund(returns, amount="50.00", lines=[["10011", 1]])
    report = await returns.scanned(label="a")
    assert (returns.verdicts(label="a"), report.problems) == ([("hold", "S-14")], [])


async def test_47_given_a_refund_of_ours_is_still_pending_then_it_counts_as_spent(returns: Returns) -> None:
    tenders = [{"gateway": "shopify_payments", "amount": "50.00", "refunds": "pending"}]
    lines = [{"id": "10011", "quantity": 2, "price": "50.00", "cost": "20.00", "sku": "box"}]
    other = ret("502", lines=[{"id": "5021", "shop_line": "10011", "refund": "50.00", "outcome": "refund"}])
    returns.seed(orders=[order(tenders=tenders, lines=lines)], rets=[ret(), other])
    await returns.scanned()
    await returns.scanned("502")
    assert returns.paid() == [(KEY, 5000)]
    assert returns.verdicts("502")[-1][0] in ("never", "hold")


async def test_49_given_two_returns_of_one_order_at_once_then_never_more_than_was_captured(returns: Returns) -> None:
    lines = [{"id": "10011", "quantity": 2, "price": "50.00", "cost": "20.00", "sku": "box"}]
    tenders = [{"gateway": "shopify_payments", "amount": "80.00"}]
    other = ret("502", lines=[{"id": "5021", "shop_line": "10011", "refund": "50.00", "outcome": "refund"}])
    returns.seed(orders=[order(tenders=tenders, lines=lines)], rets=[ret(), other])
    returns.act("501")
    returns.act("502")
    returns.hear("501", "502")
    await returns.run("inbox")
    assert sum(minor for _, minor in returns.paid()) <= 8000
    assert len(returns.paid()) == 1 or returns.paid()[1][1] == 3000
    assert returns.shop.balance("Income:Contra") == sum(minor for _, minor in returns.paid())


async def test_50_given_a_gift_card_and_a_card_then_the_gift_card_is_filled_first_and_both_are_booked(
    returns: Returns,
) -> None:
    tenders = [{"gateway": "shopify_payments", "amount": "30.00"}, {"gateway": "gift_card", "amount": "20.00"}]
    returns.seed(orders=[order(tenders=tenders)])
    await returns.scanned()
    (effect,) = returns.shop.control.effects("shopify")["effects"]
    split = {part["gateway"]: part["minor"] for part in effect["transactions"]}
    assert split == {"gift_card": 2000, "shopify_payments": 3000}
    assert returns.shop.balance("Income:Contra") == 5000
    assert returns.shop.balance("Assets") == -3000, "the gift card is owed again; it did not leave the clearing"


async def test_38_given_a_handling_fee_then_only_the_rest_goes_back(returns: Returns) -> None:
    returns.seed(rets=[ret(amount="45.00", handling_fee="5.00")])
    await returns.scanned()
    assert returns.paid() == [(KEY, 4500)]


async def test_51_given_only_authorised_then_nothing_is_refunded(returns: Returns) -> None:
    tenders = [{"gateway": "shopify_payments", "amount": "50.00", "kind": "AUTHORIZATION"}]
    returns.seed(orders=[order(tenders=tenders, capturable="50.00")])
    await returns.scanned()
    assert returns.paid() == []
    assert returns.verdicts()[-1][0] in ("never", "hold")
    assert '"result":"hold","rule":"S-11","said":"only authorised, not captured"' in returns.decided().checks


@pytest.mark.parametrize(("currency", "price", "minor"), [("JPY", "4980", 4980), ("KWD", "12.345", 12345)])
async def test_53_given_a_currency_of_no_or_three_places_then_the_units_are_exact_from_quote_to_books(
    returns: Returns, currency: str, price: str, minor: int
) -> None:
    returns.seed(orders=[order(price=price, presentment=currency)])
    await returns.scanned()
    assert returns.verdicts() == [("approve", "G-01")], "a currency without a cap is asked for"
    say_yes(returns)
    returns.later(minutes=1)
    await returns.run()
    (effect,) = returns.shop.control.effects("shopify")["effects"]
    assert [(part["minor"], part["currency"]) for part in effect["transactions"]] == [(minor, currency)]
    assert returns.shop.balance("Income:Contra") == minor


async def test_53_given_the_customer_paid_in_another_currency_then_that_is_what_goes_back(returns: Returns) -> None:
    returns.seed(orders=[order(price="45.50", presentment="EUR")])
    await returns.scanned()
    (effect,) = returns.shop.control.effects("shopify")["effects"]
    assert [(part["minor"], part["currency"]) for part in effect["transactions"]] == [(4550, "EUR")]
    step = returns.step(KEY)
    assert (step.state, step.amount_minor, step.currency) == ("done", 4550, "EUR")


async def test_66_given_a_payment_by_hand_then_a_person_refunds_by_hand(returns: Returns) -> None:
    returns.seed(orders=[order(tenders=[{"gateway": "manual", "amount": "50.00", "manual": True}])])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid(), returns.tasks()) == ([("hold", "S-18")], [], {"hold-s-18": "done"})


async def test_67_given_a_payment_too_old_for_its_gateway_then_a_person_offers_another_way(returns: Returns) -> None:
    returns.seed(orders=[order(at=(NOON - timedelta(days=70)).isoformat())])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid(), returns.tasks()) == ([("hold", "S-19")], [], {"hold-s-19": "done"})
    assert "Offer store credit" in returns.decided().next_action


async def test_54_given_a_tax_that_does_not_divide_then_the_parts_are_the_whole_to_the_cent(returns: Returns) -> None:
    lines = [{"id": "10011", "quantity": 3, "price": "33.33", "tax": "0.10", "cost": "9.00", "sku": "box"}]
    names = ("501", "502", "503")
    rets = [ret(name, amount="33.37", lines=[line(name)]) for name in names]
    returns.seed(orders=[order(price="100.09", lines=lines)], rets=rets)
    for name in names:
        await returns.scanned(name)
    assert sum(minor for _, minor in returns.paid()) == 10009
    assert returns.shop.balance("Income:Contra") == 10009


def line(name: str) -> dict[str, str]:
    """One piece of the order's one line."""
    return {"id": f"{name}1", "shop_line": "10011", "refund": "33.37", "outcome": "refund"}
