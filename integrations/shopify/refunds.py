"""Shopify's refunds and their transactions, in and out: pure.

A refund of Shopify's is a promise; the money is in its transactions. While one is pending, the order's own
`totalRefundedSet` says 0, so nothing here reads that field: what is left is counted from transactions.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from domain.money import Money, plain, total
from domain.orders import Order, Quote, RefundAnswer, Refunded, Share, Tender
from integrations.fields import Damaged, at, many, need_text, text
from integrations.shopify.reading import gid, moment, nodes, number, number_or_none, presentment

State = Literal["succeeded", "pending", "failed"]
STATES: Final[Mapping[str, State]] = {"SUCCESS": "succeeded", "FAILURE": "failed", "ERROR": "failed"}
"""Everything else (PENDING, AWAITING_RESPONSE, UNKNOWN and what may come) is money that may still leave."""
NO_RESTOCK: Final = "NO_RESTOCK"
"""The goods are on their way; putting them back into stock is the warehouse's, when they are there."""
_KEY = re.compile(r"[a-z][a-z_-]*(?:/[^/\s]+){2,}\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """One transaction of a refund."""

    tender: str
    """The id of the payment that it goes back to; empty where Shopify names none."""
    gateway: str
    amount: Money
    state: State
    at: datetime | None = None
    code: str = ""


def read_part(raw: Any) -> Part:
    """One refunding transaction."""
    return Part(
        tender=number_or_none(raw, "parentTransaction.id"),
        gateway=text(raw, "gateway"),
        amount=presentment(raw, "amountSet"),
        state=STATES.get(need_text(raw, "status"), "pending"),
        at=moment(raw, "processedAt"),
        code=text(raw, "errorCode"),
    )


def standing(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts without those that failed and were tried again: same tender, same amount, and not failed."""
    found = tuple(parts)
    again = {(part.tender, part.amount) for part in found if part.state != "failed"}
    return tuple(part for part in found if part.state != "failed" or (part.tender, part.amount) not in again)


def key_of(note: str) -> str:
    """Our step's key where the note is one, else empty: people write notes too."""
    return note.strip() if _KEY.match(note.strip()) else ""


def needs_whole(raw: Any) -> bool:
    """Whether a refund that came with its order has more lines or transactions than came with it."""
    paths = ("refundLineItems.pageInfo.hasNextPage", "transactions.pageInfo.hasNextPage")
    return any(at(raw, path) is not False for path in paths)


def read_refunded(raw: Any, currency: str) -> Refunded:
    """A refund as the order knows it. `amount` is what left or may still leave; where all failed, what failed."""
    parts = _parts(raw)
    live = [part for part in parts if part.state != "failed"]
    states = {part.state for part in live}
    state: State = "pending" if "pending" in states else "succeeded" if live or not parts else "failed"
    return Refunded(
        id=number(raw, "legacyResourceId"),
        amount=total((part.amount for part in live or parts), currency),
        state=state,
        at=moment(raw, "createdAt"),
        shop_lines=tuple(number(line, "lineItem.id") for line in nodes(raw, "refundLineItems")),
        key=key_of(text(raw, "note")),
    )


def read_answer(raw: Any) -> RefundAnswer:
    """What became of a refund: succeeded once all of it did, failed where any of it did, else pending.

    `amount` is what left or may still leave, so of a refund that failed in part it is the part that did not;
    None while Shopify shows no payment at all, which is no reason to think that there will be none.
    """
    parts = _parts(raw)
    live = [part for part in parts if part.state != "failed"]
    failed = [part for part in parts if part.state == "failed"]
    state: State = "failed" if failed else "succeeded"
    if not failed and (not parts or any(part.state == "pending" for part in parts)):
        state = "pending"
    amount = total((part.amount for part in live), parts[0].amount.currency) if parts else None
    return RefundAnswer(
        state=state,
        ref=number(raw, "legacyResourceId"),
        amount=amount,
        at=max((part.at for part in parts if part.at), default=moment(raw, "createdAt")),
        why=_why(parts, failed, live),
    )


def left_of(captured: Mapping[str, tuple[str, Money]], parts: Iterable[Part]) -> dict[str, Money]:
    """What is left of each captured payment, given (gateway, amount) by its id: less all that left or may still.

    A refund that names no payment is taken from those of its gateway first, and what is above a payment from the
    others: what is left of all together is never too high. Failed refunds take nothing.
    """
    left = {tender: amount for tender, (_, amount) in captured.items()}
    live = [part for part in parts if part.state != "failed"]
    for part in sorted(live, key=lambda part: part.tender not in left):
        same = [tender for tender in left if captured[tender][0] == part.gateway]
        first = [part.tender] if part.tender in left else same
        order = [*first, *(other for other in left if other not in first)]
        rest = part.amount
        for tender in order:
            taken = Money(min(rest.minor, max(left[tender].minor, 0)), rest.currency)
            left[tender], rest = left[tender] - taken, rest - taken
    return left


def read_quote(raw: Any, order: Order, lines: Sequence[tuple[str, int]]) -> Quote:
    """The shop's own suggestion. `most` is never above what is left of the payments by our count."""
    amount = presentment(raw, "amountSet")
    if amount.currency != order.presentment:
        raise Damaged(f"amountSet: the order was paid in {order.presentment}, this is in {amount.currency}")
    shares = tuple(
        Share(
            tender=number_or_none(item, "parentTransaction.id"),
            gateway=need_text(item, "gateway"),
            amount=presentment(item, "amountSet"),
        )
        for item in many(raw, "suggestedTransactions")
    )
    left = total((tender.refundable for tender in order.tenders), amount.currency)
    most = min(presentment(raw, "maximumRefundableSet"), left, key=lambda money: money.minor)
    paying = tuple(share for share in shares if share.amount.minor > 0)
    return Quote(order=order.id, lines=tuple(lines), amount=amount, shares=paying, most=most)


def write_lines(lines: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """`RefundLineItemInput`s: one for each line, nothing put back into stock. ValueError where an id is none."""
    wanted: dict[str, int] = {}
    for line, quantity in lines:
        if quantity <= 0:
            raise ValueError(f"a line of {quantity} cannot be refunded")
        wanted[line] = wanted.get(line, 0) + quantity
    return [
        {"lineItemId": gid("LineItem", line), "quantity": quantity, "restockType": NO_RESTOCK}
        for line, quantity in wanted.items()
    ]


def write_refund(order: Order, quote: Quote, *, key: str) -> dict[str, Any]:
    """A `RefundInput`: the quote's shares, in the customer's currency, with our key and nothing else in the note.

    `allowOverRefunding` is never among the fields: what Shopify would then refuse, we want refused. Raises
    ValueError where the shares are not the amount or go back to a payment that the order does not have.
    """
    _check(order, quote)
    identity = gid("Order", order.id)
    transactions = [
        {
            "orderId": identity,
            **({"parentId": gid("OrderTransaction", share.tender)} if share.tender else {}),
            "gateway": share.gateway,
            "kind": "REFUND",
            "amount": plain(share.amount),
        }
        for share in quote.shares
    ]
    return {
        "orderId": identity,
        "currency": order.presentment,
        "note": key,
        "notify": False,
        "refundLineItems": write_lines(quote.lines),
        "transactions": transactions,
    }


def _check(order: Order, quote: Quote) -> None:
    if quote.order != order.id:
        raise ValueError(f"the quote is for order {quote.order}, not for {order.id}")
    if quote.amount.currency != order.presentment:
        raise ValueError(f"the order was paid in {order.presentment}, the quote is in {quote.amount.currency}")
    if quote.amount.minor <= 0 or any(share.amount.minor <= 0 for share in quote.shares):
        raise ValueError("there is nothing to refund in the quote or in one of its shares")
    if total((share.amount for share in quote.shares), order.presentment) != quote.amount:
        raise ValueError("the quote's shares do not add up to its amount")
    if not {share.tender for share in quote.shares} - {""} <= {tender.id for tender in order.tenders}:
        raise ValueError("a share of the quote goes back to a payment that the order does not have")
    _check_room(order.tenders, quote.shares)


def _check_room(tenders: Sequence[Tender], shares: Sequence[Share]) -> None:
    for tender in tenders:
        wanted = sum(share.amount.minor for share in shares if share.tender == tender.id)
        if wanted > tender.refundable.minor:
            raise ValueError(f"a share of the quote is above the {tender.refundable} that is left of its payment")


def _parts(raw: Any) -> tuple[Part, ...]:
    return standing(read_part(item) for item in nodes(raw, "transactions") if at(item, "kind") == "REFUND")


def _why(parts: Sequence[Part], failed: Sequence[Part], live: Sequence[Part]) -> str:
    if not parts:
        return "the shop shows no payment of this refund yet"
    if not failed:
        return ""
    currency = parts[0].amount.currency
    codes = sorted({part.code for part in failed if part.code})
    because = f" ({', '.join(codes)})" if codes else ""
    rest = f", {total((part.amount for part in live), currency)} could" if live else ""
    return f"{total((part.amount for part in failed), currency)} could not be paid back{because}{rest}"
