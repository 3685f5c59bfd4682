"""After a refund: the goods are followed until they are in or given up, and four sides are compared every night.

On the plain flows, with the pretended vendors over real HTTP. Cases 30, 31, 45, 63, 78 and 79 of
../shared/cases/refunds.md.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flows.refunds_watch import compare, follow
from flows.work import work
from ledger.models import entries
from store import differences, exposures
from store.db import reading
from store.refund_tables import exposures as table
from tasks.exposure import settle_by_person
from tasks.performing import Run
from tasks.report import Report
from tests.flows.returns_shop import NOON, Returns, case_of, order, ret, shopper
from tests.flows.shop import DAY, Shop

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


@pytest.fixture
def returns(shop: Shop) -> Returns:
    """The shop with its returns."""
    return Returns(shop)


async def refunded(returns: Returns, **seeded: Any) -> None:
    """One refund has gone out."""
    returns.seed(**seeded)
    returns.act()
    returns.hear("501")
    await returns.run("inbox")
    assert returns.step(KEY).state == "done"


async def followed(returns: Returns, days: int) -> Report:
    """The daily sweep, so many days after the refund; the portal is read before, as the operation does."""
    now = NOON + timedelta(days=days)
    returns.at(now)
    returns.hear("501")
    await returns.run()
    async with work("refunds-exposure", (DAY + timedelta(days=days)).isoformat()) as w:
        await follow(w)
        return w.report


async def compared(returns: Returns, days: int = 1) -> Report:
    """The nightly comparison."""
    returns.at(NOON + timedelta(days=days))
    async with work("refunds-reconcile", (DAY + timedelta(days=days)).isoformat()) as w:
        await compare(w)
        return w.report


def two_lines() -> dict[str, Any]:
    """An order with a second line, which is not sent back."""
    items = [
        {"id": "10011", "quantity": 1, "price": "50.00", "cost": "20.00", "sku": "box"},
        {"id": "10012", "quantity": 1, "price": "30.00", "sku": "mug"},
    ]
    return order(lines=items, tenders=[{"gateway": "shopify_payments", "amount": "80.00"}])


def lines(returns: Returns) -> list[tuple[str, int, str]]:
    """(state, pieces received, owner) of every line."""
    with reading(returns.c.engine) as connection:
        rows = connection.execute(select(table).order_by(table.c.case_id, table.c.line))
        return [(row.state, row.received, row.owner) for row in rows]


def kinds(returns: Returns) -> list[str]:
    """The kinds of the differences that are open."""
    with reading(returns.c.engine) as connection:
        return [row.kind for row in differences.listing(connection)]


def balances(returns: Returns) -> dict[str, int]:
    """What stands on the accounts of returned goods."""
    wanted = ("Assets:ExpectedReturns", "Assets:Stock:Returned", "Expenses:Refunds:LostGoods", "Memo:Refunds:Exposure")
    return {account: minor for account in wanted if (minor := returns.shop.balance(account))}


async def test_30_from_the_scan_to_the_write_off_when_the_parcel_never_comes(returns: Returns) -> None:
    await refunded(returns)
    assert lines(returns) == [("open", 0, "")]
    await followed(returns, 1)
    assert balances(returns) == {"Assets:ExpectedReturns": 2000, "Memo:Refunds:Exposure": 5000}
    assert returns.shop.balance("Expenses:Goods:Returned") == -2000
    await followed(returns, 40)
    assert lines(returns) == [("reopened", 0, "support lead")]
    assert returns.step(f"{KEY}/person-overdue").state == "done"
    await followed(returns, 61)
    assert lines(returns) == [("lost", 0, "")]
    assert returns.shop.balance("Memo:Refunds:Exposure:Lost") == 5000
    assert balances(returns) == {"Expenses:Refunds:LostGoods": 2000, "Memo:Refunds:Exposure": 5000}
    assert returns.paid() == [(KEY, 5000)]


async def test_an_inspection_in_order_puts_the_goods_into_the_stock_and_closes_the_exposure(returns: Returns) -> None:
    await refunded(returns)
    returns.act(do="inspect", condition="grade_a")
    await followed(returns, 5)
    assert lines(returns) == [("received", 1, "")]
    assert balances(returns) == {"Assets:Stock:Returned": 2000, "Memo:Refunds:Exposure": 5000}
    assert returns.shop.balance("Memo:Refunds:Exposure:Open") == 0
    await followed(returns, 6)
    assert lines(returns) == [("received", 1, "")]


async def test_78_a_worn_item_is_a_persons_and_stays_exposed(returns: Returns) -> None:
    await refunded(returns)
    returns.act(do="inspect", condition="worn")
    await followed(returns, 5)
    assert lines(returns) == [("reopened", 0, "fraud")]
    assert returns.step(f"{KEY}/person-wrong").state == "done"
    assert balances(returns) == {"Assets:ExpectedReturns": 2000, "Memo:Refunds:Exposure": 5000}
    with reading(returns.c.engine) as connection:
        (line,) = exposures.by_case(connection, [case_of()])
    run = Run("refunds", DAY + timedelta(days=6), returns.c.clock(), "")
    assert (await settle_by_person(returns.c, line, 1, "Kim", "as good as new", run)).state == "done"
    await followed(returns, 7)
    assert lines(returns) == [("received", 1, "")], "no rule takes it back, whatever the inspection says"
    assert balances(returns) == {"Assets:Stock:Returned": 2000, "Memo:Refunds:Exposure": 5000}


async def test_79_two_of_three_pieces_came_and_the_third_stays_out(returns: Returns) -> None:
    three = [{"id": "10011", "quantity": 3, "price": "50.00", "cost": "20.00", "sku": "box"}]
    items = [{"id": f"501{n}", "shop_line": "10011", "refund": "50.00", "outcome": "refund"} for n in (1, 2, 3)]
    label = {**ret()["labels"][0], "lines": [item["id"] for item in items]}
    await refunded(
        returns,
        customers=[shopper(spent="9000.00")],
        orders=[order(lines=three, tenders=[{"gateway": "shopify_payments", "amount": "150.00"}])],
        rets=[ret(amount="150.00", lines=items, labels=[label])],
    )
    returns.act(do="inspect", line="5011", condition="grade_a")
    returns.act(do="inspect", line="5012", condition="grade_a")
    returns.act(do="inspect", line="5013", disposition="missing")
    await followed(returns, 5)
    assert sorted(lines(returns)) == [("received", 1, ""), ("received", 1, ""), ("reopened", 0, "fraud")]
    assert returns.shop.balance("Memo:Refunds:Exposure:Open") == 5000
    assert returns.shop.balance("Assets:Stock:Returned") == 4000


async def test_31_a_parcel_on_its_way_back_to_the_customer_is_open_again(returns: Returns) -> None:
    await refunded(returns)
    returns.act(do="back")
    await followed(returns, 3)
    assert lines(returns) == [("reopened", 0, "support lead")]
    assert returns.step(f"{KEY}/person-going-back").state == "done"


async def test_a_sweep_that_ran_twice_books_nothing_twice(returns: Returns) -> None:
    await refunded(returns)
    returns.act(do="inspect", condition="grade_a")
    await followed(returns, 5)
    booked = returns.shop.rows(entries)
    report = await followed(returns, 5)
    assert len(returns.shop.rows(entries)) == len(booked) == 3
    assert report.failures == 0


async def test_a_sweep_that_died_between_the_books_and_the_line_goes_on_from_the_books(returns: Returns) -> None:
    await refunded(returns)
    returns.act(do="inspect", condition="grade_a")
    await followed(returns, 5)
    with returns.c.engine.begin() as connection:
        # What a crash right after the booking leaves: the entry stands, the line has not heard of it.
        connection.execute(table.update().values(state="open", received=0, changes=0))
    returns.act(do="inspect", condition="worn")
    await followed(returns, 6)
    with reading(returns.c.engine) as connection:
        (line,) = exposures.by_case(connection, [case_of()])
    assert (line.state, line.received, line.changes) == ("received", 1, 1), "first what is booked"
    await followed(returns, 7)
    assert lines(returns) == [("reopened", 0, "fraud")]
    assert returns.shop.balance("Assets:ExpectedReturns") == 2000
    assert returns.shop.balance("Assets:Stock") == 0


async def test_where_all_sides_agree_the_night_finds_nothing(returns: Returns) -> None:
    await refunded(returns)
    report = await compared(returns)
    assert report.problems == []
    assert kinds(returns) == []


async def test_a_return_that_moved_lately_is_compared_with_its_refund_of_long_ago(returns: Returns) -> None:
    await refunded(returns)
    returns.later(days=20)
    returns.act(do="inspect", condition="grade_a")
    report = await compared(returns, 21)
    assert (kinds(returns), report.problems) == ([], [])


async def test_45_and_63_a_refund_by_hand_and_one_that_fails_late_are_found_and_resolved_when_they_are_gone(
    returns: Returns,
) -> None:
    await refunded(returns, orders=[two_lines()])
    returns.shop.control.act("shopify", do="staff_refund", order="1001", amount="10.00", lines=[["10011", 1]])
    await compared(returns)
    assert kinds(returns) == ["double_refund"]
    await compared(returns, 2)
    assert kinds(returns) == ["double_refund"], "seen again, and still once"
    returns.shop.control.act("shopify", do="refund_settles", order="1001", status="failure")
    await compared(returns, 3)
    assert kinds(returns) == [], "the night asked again, took the refund back and told a person"
    assert returns.step(f"{KEY}/person-failed").state == "done"
    await followed(returns, 5)
    assert lines(returns) == [("withdrawn", 0, "")]
    assert returns.shop.balance("Income:Contra") == 0
    assert balances(returns) == {"Memo:Refunds:Exposure": 5000}
    assert returns.shop.balance("Memo:Refunds:Exposure:Withdrawn") == 5000


async def test_a_side_that_is_down_is_a_problem_and_makes_nothing_missing(returns: Returns) -> None:
    await refunded(returns, orders=[two_lines()])
    returns.shop.control.act("shopify", do="staff_refund", order="1001", amount="10.00", lines=[["10011", 1]])
    await compared(returns)
    returns.shop.control.fault("shopify", "POST .*", "500", times=None)
    report = await compared(returns, 2)
    returns.shop.control.heal()
    assert kinds(returns) == ["double_refund"], "nothing is resolved unseen"
    assert any("could not be read" in problem for problem in report.problems)
