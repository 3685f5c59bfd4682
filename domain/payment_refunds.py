"""What the payments vendor says of one payment: what is left of it, its refunds and its disputes. Pure values.

The shop knows the order, the payments vendor the money. Both are read before money moves, and compared every night.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.money import Money


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
