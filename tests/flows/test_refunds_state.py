"""The cases of the return's and the order's state, on the plain flow: what changed between the scan and the money."""

from typing import Any

import pytest

from tests.flows.returns_shop import Returns, case_of, order, ret, tracking

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


def two_labels(**more: Any) -> dict[str, Any]:
    """A return of two lines in two parcels."""
    lines = [
        {"id": f"501{place}", "shop_line": f"1001{place}", "refund": "50.00", "outcome": "refund"} for place in (1, 2)
    ]
    labels = [
        {"id": "a", "tracking": tracking("501"), "carrier": "USPS", "status": "new", "lines": ["5011"]},
        {"id": "b", "tracking": tracking("502"), "carrier": "USPS", "status": "new", "lines": ["5012"]},
    ]
    return ret(amount="100.00", lines=lines, labels=labels, **more)


def two_lines(**more: Any) -> dict[str, Any]:
    """The order of that return."""
    lines = [{"id": f"1001{place}", "quantity": 1, "price": "50.00", "cost": "20.00", "sku": "box"} for place in (1, 2)]
    return order(price="100.00", lines=lines, **more)


async def test_27_given_two_labels_and_one_is_scanned_then_only_its_lines_are_paid_and_the_other_later(
    returns: Returns,
) -> None:
    returns.seed(orders=[two_lines()], rets=[two_labels()])
    await returns.scanned(label="b")
    assert returns.paid() == [(f"refunds/{case_of(label='b')}", 5000)]
    assert returns.shop.control.effects("shopify")["effects"][0]["lines"] == [["10012", 1]]
    assert (returns.verdicts(label="a"), returns.stage(label="a")) == ([], "made"), "of it nothing was heard"
    returns.later(days=1)
    await returns.scanned(label="a")
    assert sorted(returns.paid()) == [(f"refunds/{case_of(label=label)}", 5000) for label in ("a", "b")]
    assert returns.shop.balance("Income:Contra") == 10000


@pytest.mark.parametrize(("do", "expected"), [("cancel", "hold"), ("expire", "hold"), ("review", "hold")])
async def test_33_given_the_return_is_cancelled_between_scan_and_refund_then_a_person_looks(
    returns: Returns, do: str, expected: str
) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    returns.act(do=do)
    await returns.run("inbox")
    assert (returns.verdicts(), returns.paid()) == ([(expected, "S-02")], [])
    assert returns.tasks() == {"hold-s-02": "done"}
    returns.later(hours=7)
    await returns.run()
    assert returns.tasks() == {"hold-s-02": "done"}, "asked once"


async def test_34_given_an_item_was_removed_between_scan_and_refund_then_the_fresh_return_decides(
    returns: Returns,
) -> None:
    returns.seed(orders=[two_lines()], rets=[two_labels()])
    returns.act(label="b")
    returns.hear("501")
    returns.later(minutes=5)
    kept = {"id": "5011", "shop_line": "10011", "refund": "50.00", "outcome": "refund"}
    returns.act(do="edit", fields={"lines": [kept], "refund": "50.00"})
    await returns.run("inbox")
    assert returns.paid() == []
    assert returns.verdicts(label="b")[-1][0] in ("hold", "never")


async def test_34_given_the_return_was_edited_after_the_scan_then_a_person_sees_what_was_changed(
    returns: Returns,
) -> None:
    returns.seed()
    returns.act()
    returns.later(minutes=30)
    line = {"id": "5011", "shop_line": "10011", "refund": "40.00", "outcome": "refund"}
    returns.act(do="edit", fields={"lines": [line], "refund": "40.00"})
    returns.hear("501")
    await returns.run("inbox")
    assert (returns.verdicts(), returns.paid(), returns.tasks()) == ([("hold", "S-05")], [], {"hold-s-05": "done"})


async def test_22_given_the_number_changes_after_the_refund_then_the_same_lines_are_not_paid_again(
    returns: Returns,
) -> None:
    returns.seed()
    await returns.scanned()
    returns.later(hours=1)
    returns.act(do="retrack", tracking=tracking("777"))
    await returns.scanned()
    assert returns.paid() == [(KEY, 5000)]


async def test_22_given_a_label_that_was_replaced_then_the_old_one_is_put_away_and_no_problem_for_ever(
    returns: Returns,
) -> None:
    returns.seed(rets=[ret(labels=[label(tracking())])])
    await returns.run()
    returns.act()
    returns.hear("501")
    returns.act(do="edit", fields={"labels": [label(tracking("777"))]})
    returns.hear_from("loop", "old number", scan_of(returns, tracking()))
    first = await returns.run("inbox")
    returns.later(minutes=10)
    later = await returns.run()
    assert (len(first.problems), later.problems, returns.paid()) == (1, [], [])


def label(number: str) -> dict[str, Any]:
    """A label without an id of its own: then its number is its id."""
    return {"tracking": number, "carrier": "USPS", "status": "new", "lines": ["5011"]}


def scan_of(returns: Returns, number: str) -> dict[str, Any]:
    """The portal's word that a parcel moves."""
    body = {"topic": "label", "trigger": "label.updated", "return_id": "501", "carrier": "USPS"}
    return body | {
        "label_status": "in_transit", "tracking_number": number, "label_updated_at": returns.c.clock().isoformat(),
    }  # fmt: skip


async def test_41_given_the_portal_processes_at_the_scan_too_then_we_do_not_pay(returns: Returns) -> None:
    returns.seed()
    returns.shop.control.seed({"loop": {"auto_process": True}})
    await returns.scanned()
    (by,) = [row["by"] for row in returns.shop.control.effects("shopify")["effects"]]
    assert (by, returns.verdicts()[-1]) == ("portal", ("never", "S-02"))
    assert returns.step(KEY) is None
    returns.later(minutes=20)
    await returns.run()
    assert len(returns.shop.control.effects("shopify")["effects"]) == 1


async def test_35_37_given_exchange_or_credit_then_no_money_and_no_task(returns: Returns) -> None:
    line = {"id": "5011", "shop_line": "10011", "refund": "0.00", "outcome": "store_credit"}
    returns.seed(rets=[ret(amount="0.00", lines=[line], gift_card="50.00")])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid(), returns.tasks()) == ([("never", "S-07")], [], {})
    assert returns.stage() == "never"


async def test_39_given_a_gift_return_then_the_payer_gets_nothing_early(returns: Returns) -> None:
    returns.seed(rets=[ret(gift=True)])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid()) == ([("never", "S-08")], [])


async def test_69_given_a_test_order_then_nothing_and_it_says_why(returns: Returns) -> None:
    returns.seed(orders=[order(test=True)])
    await returns.scanned()
    assert (returns.verdicts(), returns.paid()) == ([("never", "S-09")], [])
