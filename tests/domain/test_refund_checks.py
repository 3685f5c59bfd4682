"""The nightly comparison: nothing where all sides agree, and one typed difference for each way in which they do not.

Cases 18, 41, 43, 45, 47, 49 and 63 of ../shared/cases/refunds.md.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.differences import REMEDIES, Kind, OurRefund, Told
from domain.money import Money
from domain.orders import Order, OrderLine, Refunded, Shopper, Tender
from domain.payment_refunds import PaymentRefund
from domain.refund_checks import compare
from domain.returns import Label, PortalRefund, Return, ReturnLine

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 20, 2, 30, tzinfo=UTC)
SENT = NOW - timedelta(days=1)
EUR = Money(4990, "EUR")
CASE = "loop-1/label-2"
KEY = f"refunds/{CASE}"

OURS = OurRefund(case=CASE, key=KEY, order="5001", state="done", at=SENT, ref="gid-1", amount=EUR, booked=EUR)
SHOP = Refunded(id="gid-1", amount=EUR, state="succeeded", at=SENT, shop_lines=("li1",), key=KEY)
TENDER = Tender(id="t1", gateway="stripe", kind="card", captured=Money(9000, "EUR"), refundable=EUR, payment="pi_1")
ORDER = Order(
    id="5001", name="#1", at=SENT, currency="EUR", presentment="EUR", shopper=Shopper(id="7"),
    lines=(OrderLine(id="li1", quantity=1), OrderLine(id="li2", quantity=2)), tenders=(TENDER,), refunds=(SHOP,),
    captured=Money(9000, "EUR"),
)  # fmt: skip
PAID = PaymentRefund(id="re_1", amount=EUR, state="succeeded", at=SENT, payment="pi_1", names=("pi_1", "ch_1"))
RETURN = Return(
    id="loop-1", portal="loop", portal_id="1", state="open", order="5001", created_at=SENT - timedelta(days=3),
    cash=EUR, lines=(ReturnLine(id="l1", shop_line="li1"),),
    labels=(Label(id="2", tracking="1Z1", status="moving", updated_at=SENT),),
)  # fmt: skip
AGREED = Told(
    ours=(OURS,), returns=(RETURN,), orders=(ORDER,), payments=(PAID,), scanned=frozenset({"1Z1"}),
    known_payments=frozenset({"pi_1", "ch_1"}), mover="storefront",
)  # fmt: skip


def with_refunds(*refunds: Refunded, **more: Any) -> tuple[Order, ...]:
    return (replace(ORDER, refunds=refunds, **more),)


def kinds(told: Told, now: datetime = NOW) -> list[str]:
    return [found.kind for found in compare(told, now)]


FOREIGN = Refunded(id="gid-9", amount=Money(1000, "EUR"), state="succeeded", at=SENT, shop_lines=("li1",))
CLOSED = replace(RETURN, state="closed", edited_at=SENT)

TABLE: list[tuple[str, Told, list[str]]] = [
    ("all agree", AGREED, []),
    ("the shop does not have it", replace(AGREED, orders=with_refunds()), ["missing_in_shop"]),
    ("a shop that was not read has nothing missing", replace(AGREED, orders=with_refunds(), shop_read=False), []),
    ("the payments vendor does not have it", replace(AGREED, payments=()), ["missing_in_payments"]),
    ("the payment is another vendor's", replace(AGREED, payments=(), known_payments=frozenset()), []),
    ("payments could not be read", replace(AGREED, payments=(), payments_read=False), []),
    ("done and not booked", replace(AGREED, ours=(replace(OURS, booked=None),)), ["missing_in_books"]),
    ("our key at the shop, unknown here", replace(AGREED, ours=()), ["missing_in_books"]),
    ("sent although we gave it up", replace(AGREED, ours=(replace(OURS, state="void", booked=None),)),
     ["missing_in_books"]),
    ("another amount", replace(AGREED, orders=with_refunds(replace(SHOP, amount=Money(4900, "EUR")))),
     ["amount_differs"]),
    ("another currency", replace(AGREED, orders=with_refunds(replace(SHOP, amount=Money(4990, "USD")))),
     ["currency_differs"]),
    ("failed later", replace(AGREED, orders=with_refunds(replace(SHOP, state="failed"))), ["failed_late"]),
    ("failed later and taken back", replace(AGREED, ours=(replace(OURS, booked=None, taken_back=True),),
                                            orders=with_refunds(replace(SHOP, state="failed")), payments=()), []),
    ("no answer for days", replace(AGREED, ours=(replace(OURS, state="unknown", at=NOW - timedelta(days=4)),),
                                   orders=with_refunds(), payments=()), ["stuck_pending"]),
    ("pending for days at the shop", replace(AGREED, orders=with_refunds(
        replace(SHOP, state="pending", at=NOW - timedelta(days=4)))), ["stuck_pending"]),
    ("pending since yesterday", replace(AGREED, orders=with_refunds(replace(SHOP, state="pending"))), []),
    ("two with one key", replace(AGREED, orders=with_refunds(SHOP, replace(SHOP, id="gid-2", shop_lines=()))),
     ["double_refund", "over_refunded"]),
    ("failed and made anew with the same key", replace(AGREED, orders=with_refunds(
        replace(SHOP, id="gid-0", state="failed"), SHOP)), []),
    ("one refund on two pages", replace(AGREED, payments=(replace(PAID, key=KEY), replace(PAID, key=KEY))), []),
    ("by hand for the same line", replace(AGREED, orders=with_refunds(SHOP, FOREIGN)), ["double_refund"]),
    ("by hand for a line of several pieces", replace(AGREED, orders=with_refunds(
        replace(SHOP, shop_lines=("li2",)), replace(FOREIGN, shop_lines=("li2",)))), []),
    ("by hand for another line", replace(AGREED, orders=with_refunds(SHOP, replace(FOREIGN, shop_lines=("li2",)))), []),
    ("by the portal as well", replace(AGREED, returns=(
        replace(RETURN, refunds=(PortalRefund(gateway="stripe", amount=EUR, ref="gid-8"),)),)), ["double_refund"]),
    ("two with our key at the payments vendor", replace(AGREED, mover="payments", ours=(replace(OURS, ref="re_1"),),
        orders=with_refunds(), payments=(replace(PAID, key=KEY), replace(PAID, id="re_2", key=KEY))),
     ["double_refund"]),
    ("our key at the payments vendor, unknown here", replace(AGREED, ours=(), orders=with_refunds(),
        payments=(replace(PAID, key=KEY, order="5001"),)), ["missing_in_books"]),
    ("more than was paid", replace(AGREED, orders=with_refunds(SHOP, replace(
        FOREIGN, amount=Money(4011, "EUR"), shop_lines=("li2",)))), ["over_refunded"]),
    ("exactly what was paid", replace(AGREED, orders=with_refunds(SHOP, replace(
        FOREIGN, amount=Money(4010, "EUR"), shop_lines=("li2",)))), []),
    ("pending counts as gone", replace(AGREED, orders=with_refunds(SHOP, replace(
        FOREIGN, amount=Money(4011, "EUR"), shop_lines=("li2",), state="pending"))), ["over_refunded"]),
    ("closed and nobody paid", replace(AGREED, ours=(), orders=with_refunds(), payments=(), returns=(CLOSED,)),
     ["portal_closed_without_refund"]),
    ("closed for an exchange", replace(AGREED, ours=(), orders=with_refunds(), payments=(),
                                       returns=(replace(CLOSED, cash=Money(0, "EUR")),)), []),
    ("closed and paid by hand", replace(AGREED, ours=(), orders=with_refunds(FOREIGN), returns=(CLOSED,)), []),
    ("by hand before any scan", replace(AGREED, ours=(), orders=with_refunds(FOREIGN), scanned=frozenset(), returns=(
        replace(RETURN, labels=(Label(id="2", tracking="1Z1", status="label"),)),)), ["refund_without_scan"]),
    ("by hand after the scan", replace(AGREED, ours=(), orders=with_refunds(FOREIGN)), []),
    ("a scan we never heard of", replace(AGREED, scanned=frozenset()), ["missed_event"]),
    ("the payments vendor moved it, and the shop is not told", replace(AGREED, mover="payments",
        ours=(replace(OURS, ref="re_1"),), orders=with_refunds(), payments=(replace(PAID, key=KEY),)), []),
]  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_way_to_differ_has_its_kind_and_agreement_has_none(told: Told, expected: list[str]) -> None:
    assert kinds(told) == expected


def test_every_kind_is_found_by_a_test_and_has_an_owner_and_a_remedy() -> None:
    assert {kind for row in TABLE for kind in row[2]} == set(get_args(Kind)) == set(REMEDIES)
    assert all(owner and remedy for owner, remedy in REMEDIES.values())


def test_every_kind_is_in_the_runbook() -> None:
    text = (ROOT / "docs/operations/refunds-differences.md").read_text(encoding="utf-8")
    assert [kind for kind in REMEDIES if f"`{kind}`" not in text] == []


def test_what_was_sent_an_hour_ago_may_not_have_reached_every_side() -> None:
    young = replace(OURS, at=NOW - timedelta(hours=1))
    assert kinds(replace(AGREED, ours=(young,), orders=with_refunds(), payments=())) == []


def test_a_difference_names_the_case_the_order_and_the_reference() -> None:
    (found,) = compare(replace(AGREED, orders=with_refunds(SHOP, FOREIGN)), NOW)
    assert (found.case, found.subject, found.owner) == (CASE, "5001/gid-9", "finance")
    assert "gid-9 of 10.00 EUR" in found.said


def test_one_thing_seen_from_two_sides_is_one_difference() -> None:
    late = NOW - timedelta(days=5)
    ours = replace(OURS, state="unknown", at=late, booked=None)
    told = replace(AGREED, ours=(ours,), orders=with_refunds(replace(SHOP, state="pending", at=late)), payments=())
    assert kinds(told) == ["stuck_pending"]


@given(st.permutations([SHOP, FOREIGN, replace(FOREIGN, id="gid-3", key=KEY)]), st.permutations([PAID, PAID]))
def test_the_order_in_which_things_are_told_changes_nothing(refunds: list[Refunded], paid: list[PaymentRefund]) -> None:
    told = replace(AGREED, orders=with_refunds(*refunds), payments=tuple(paid))
    ordered = replace(AGREED, orders=with_refunds(SHOP, FOREIGN, replace(FOREIGN, id="gid-3", key=KEY)))
    assert {found[:3] for found in compare(told, NOW)} == {found[:3] for found in compare(ordered, NOW)}
