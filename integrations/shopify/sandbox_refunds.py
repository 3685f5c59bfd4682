"""The pretended shop's money: what it suggests, what it refuses, what it pays back, and when that goes through or not.

Like the real one it does not count a pending refund as refunded: who sends a second one is not stopped by the shop.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.money import Money, MoneyError, parse
from integrations.shopify.sandbox_orders import KeptOrder, KeptRefund, Memory, Transaction, number_for

FIRST = ("gift_card", "shopify_store_credit")
"""Refunds go to these first, as the shop suggests."""
STATUS = {"success": "SUCCESS", "pending": "PENDING", "failure": "FAILURE", "error": "ERROR"}
MORE_ITEMS = "Quantity cannot refund more items than were purchased"
TOO_MUCH = "Refund amount exceeds the amount that is available to refund"

Lines = Sequence[tuple[str, int]]


class UserError(Exception):
    """Something that Shopify says in `userErrors`."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = list(path)


def suggest(order: KeptOrder, lines: Lines) -> tuple[Money, Money, list[tuple[Transaction, Money]]]:
    """(amount, the most, the split over payments) for these lines, of which there must be enough left."""
    wanted = _worth(order, lines)
    most = sum(max(order.left(tender), 0) for tender in order.paid())
    rest = amount = min(wanted, most)
    split = []
    for tender in sorted(order.paid(), key=lambda tender: tender.gateway not in FIRST):
        part = min(rest, max(order.left(tender), 0))
        if part:
            split.append((tender, Money(part, order.presentment)))
        rest -= part
    return Money(amount, order.presentment), Money(most, order.presentment), split


def create(memory: Memory, wanted: dict[str, Any], key: str) -> KeptRefund:
    """Make the refund of a `RefundInput`; UserError where Shopify would not."""
    order = memory.orders.get(_number(wanted["orderId"]))
    if order is None:
        raise UserError("Order does not exist", "orderId")
    currency = wanted.get("currency") or order.currency
    if currency != order.presentment:
        raise UserError(f"Currency must be the presentment currency {order.presentment}", "currency")
    lines = [(_number(item["lineItemId"]), int(item["quantity"])) for item in wanted.get("refundLineItems", [])]
    _worth(order, lines)
    back = [_back(order, item, wanted) for item in wanted.get("transactions", [])]
    _check_room(order, back, bool(wanted.get("allowOverRefunding")))
    return make(memory, order, lines, back, note=wanted.get("note") or "", by="us", key=key)


def make(
    memory: Memory, order: KeptOrder, lines: Lines, back: Sequence[tuple[Transaction, Money]], *, note: str, by: str,
    key: str = "", status: str = "",
) -> KeptRefund:  # fmt: skip
    """Pay back these amounts to these payments; `status` where it is not the payments' own way."""
    now = memory.clock.now()
    ident = number_for(f"refund/{order.id}/{note or by}/{len(order.refunds)}", memory.refunds)
    refund = KeptRefund(id=ident, order=order.id, at=now, note=note, by=by, key=key, lines=list(lines))
    for place, (tender, amount) in enumerate(back):
        went = STATUS[status or tender.refunds]
        item = Transaction(
            id=number_for(f"{ident}/{place}"), kind="REFUND", status=went, gateway=tender.gateway, amount=amount,
            at=now, parent=tender.id, code="PROCESSING_ERROR" if went == "FAILURE" else "",
        )  # fmt: skip
        refund.transactions.append(item)
        _landed(memory, order, item, 1 if went == "SUCCESS" else 0)
        if went == "PENDING" and tender.settles:
            after = now + timedelta(hours=tender.settles["hours"])
            memory.planned.append(
                (after, {"do": "refund_settles", "refund": ident, "status": tender.settles["status"]})
            )
    for line, quantity in lines:
        found = next(item for item in order.lines if item.id == line)
        found.refunded += quantity
    order.refunds.append(refund)
    order.updated = now
    memory.refunds[ident] = refund
    return refund


def settle(memory: Memory, refund: KeptRefund, status: str, now: datetime) -> None:
    """Let what is pending go through or fail; what went through can fail too, later than anybody likes."""
    order, to = memory.orders[refund.order], STATUS[status]
    movable = ("PENDING",) if to == "SUCCESS" else ("PENDING", "SUCCESS")
    for item in refund.transactions:
        if item.status in movable:
            _landed(memory, order, item, -1 if item.status == "SUCCESS" else 1 if to == "SUCCESS" else 0)
            item.status, item.at, item.code = to, now, "" if to == "SUCCESS" else "PROCESSING_ERROR"
    order.updated = now


def shares(order: KeptOrder, amount: Money) -> list[tuple[Transaction, Money]]:
    """An amount over the order's payments as staff would have it: first what is suggested first."""
    rest, split = amount.minor, []
    for tender in sorted(order.paid(), key=lambda tender: tender.gateway not in FIRST):
        part = min(rest, max(order.left(tender), 0))
        if part:
            split.append((tender, Money(part, order.presentment)))
        rest -= part
    if rest:
        raise ValueError(f"order {order.id} has not so much left")
    return split


def _worth(order: KeptOrder, lines: Lines) -> int:
    worth = 0
    for place, (line, quantity) in enumerate(lines):
        found = next((item for item in order.lines if item.id == line), None)
        if found is None:
            raise UserError("Line item does not belong to the order", "refundLineItems", str(place), "lineItemId")
        if not 0 < quantity <= found.quantity - found.refunded:
            raise UserError(MORE_ITEMS, "refundLineItems", str(place), "quantity")
        worth += found.worth(quantity)
    return worth


def _back(order: KeptOrder, item: dict[str, Any], wanted: dict[str, Any]) -> tuple[Transaction, Money]:
    parent = _number(item["parentId"]) if item.get("parentId") else ""
    tender = next((known for known in order.paid() if known.id == parent), None)
    if item.get("kind") != "REFUND" or item.get("orderId") != wanted["orderId"]:
        raise UserError("Transaction kind must be refund and of the same order", "transactions")
    if tender is None or tender.gateway != item.get("gateway"):
        raise UserError(
            "Transaction must have a captured or sold parent of the same gateway", "transactions", "parentId"
        )
    try:
        amount = parse(item["amount"], order.presentment)
    except MoneyError as error:
        raise UserError(str(error), "transactions", "amount") from error
    if amount.minor <= 0:
        raise UserError("Amount must be greater than zero", "transactions", "amount")
    return tender, amount


def _check_room(order: KeptOrder, back: Sequence[tuple[Transaction, Money]], over: bool) -> None:
    for tender in order.paid():
        asked = sum(amount.minor for known, amount in back if known is tender)
        if asked > order.left(tender) and not over:
            raise UserError(TOO_MUCH, "transactions", "amount")


def _landed(memory: Memory, order: KeptOrder, item: Transaction, sign: int) -> None:
    """What a customer has spent falls when their money is back, where it is in the shop's currency."""
    customer = memory.customers.get(order.customer)
    if customer and sign and item.amount.currency == customer.spent.currency:
        customer.spent = customer.spent - item.amount if sign > 0 else customer.spent + item.amount


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]
