"""What the payments vendor says of one payment: what is left of it, its refunds and its disputes. Pure values.

The shop knows the order, the payments vendor the money. Both are read before money moves, and compared every night.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.money import Money
from domain.orders import Order, Refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLeft:
    """One payment as it stands now, all in the currency it was paid in."""

    captured: Money
    refunded: Money
    """What went back and has arrived, as far as the vendor knows."""
    pending: Money
    """What was promised back and has not arrived; it counts as spent."""
    disputed: bool
    """A dispute or inquiry stands in the way: it is open, was lost, or the vendor cannot tell."""
    disputes: tuple[str, ...] = ()
    """The ids of those."""
    refundable: bool = True
    """Whether the vendor would still refund it in spite of them. Whether to is for a person to say."""
    card: str = ""
    """The card's fingerprint: what tells one card from another, without being its number."""
    refunds: tuple["PaymentRefund", ...] = field(default=(), compare=False)
    """Every refund of the payment, whoever made it."""

    @property
    def left(self) -> Money:
        """The most that can still go back; never below zero."""
        rest = self.captured - self.refunded - self.pending
        return Money(max(rest.minor, 0), rest.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefund:
    """A refund that the payments vendor has, whoever made it. `failed` is also one that was cancelled."""

    id: str
    amount: Money
    state: Literal["succeeded", "pending", "failed"]
    at: datetime
    payment: str
    """The vendor's main reference of the payment."""
    names: tuple[str, ...] = ()
    """Every reference under which the shop may know the payment, the main one first."""
    key: str = ""
    """Our step's key where the refund is ours."""
    order: str = ""
    """The shop's id of the order, where it was left there."""
    why: str = ""
    """Why it is pending or failed, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDispute:
    """A dispute or an inquiry about a payment. `open` is one that is not decided."""

    id: str
    amount: Money
    at: datetime
    payment: str
    names: tuple[str, ...] = ()
    open: bool
    in_the_way: bool
    """Open, or decided against the shop: an early refund would pay twice."""
    refundable: bool
    """Whether the vendor would still refund the payment."""


def unknown_to_shop(order: Order, made: Sequence[PaymentRefund]) -> tuple[Refunded, ...]:
    """Refunds that were made at the payments vendor itself, as refunds of the order, which the shop does not list.

    Ours are told by their keys. Those of others have nothing in common with the shop's, so what they come to beyond
    the shop's own is one refund that is tied to no line. Failed ones are left out.
    """
    live = [refund for refund in made if refund.state != "failed"]
    known = {refund.key for refund in order.refunds}
    ours = [
        Refunded(id=one.id, amount=one.amount, state=one.state, at=one.at, key=one.key)
        for one in live
        if one.key and one.key not in known
    ]
    there = sum(one.amount.minor for one in live if not one.key and one.amount.currency == order.presentment)
    here = sum(
        one.amount.minor
        for one in order.refunds
        if not one.key and one.state != "failed" and one.amount.currency == order.presentment
    )
    if there <= here:
        return tuple(ours)
    rest = Money(there - here, order.presentment)
    return (*ours, Refunded(id="at the payments vendor", amount=rest, state="succeeded"))
