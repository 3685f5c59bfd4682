"""Orders: what the shop knows of the purchase, who bought, how it was paid and what went back. Pure values.

Amounts of tenders, refunds and quotes are in the presentment currency, the one the customer paid in.
Proration of discounts and taxes is the shop's: a `Quote` is asked for and never recomputed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.money import Money
from domain.scans import NOWHERE, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """Who bought. `spent` is their lifetime spend in the shop's currency as the shop counts it."""

    id: str
    tags: tuple[str, ...] = ()
    spent: Money | None = None
    orders: int = 0
    since: datetime | None = None
    email: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """One payment of the order: a captured sale or capture transaction. Only such a one can be refunded."""

    id: str
    gateway: str
    kind: Literal["card", "gift_card", "store_credit", "manual", "other"]
    captured: Money
    refundable: Money
    """What the shop says is left of it."""
    payment: str = ""
    """The payments vendor's own reference, where the shop tells it."""
    card: str = ""
    """What tells one card from another, without being its number; empty where not known."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """A refund that the shop knows of, whoever made it."""

    id: str
    amount: Money
    state: Literal["succeeded", "pending", "failed"]
    at: datetime | None = None
    shop_lines: tuple[str, ...] = ()
    key: str = ""
    """Our step's key, where we left it in the refund's note or metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One line of the order. `cost` is what the goods cost the shop a piece; None where the shop does not keep it."""

    id: str
    quantity: int
    sku: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    cost: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as last read from the shop."""

    id: str
    name: str
    at: datetime
    currency: str
    """The shop's currency."""
    presentment: str
    """The currency that the customer paid in and is refunded in."""
    shopper: Shopper
    lines: tuple[OrderLine, ...] = ()
    tenders: tuple[Tender, ...] = ()
    refunds: tuple[Refunded, ...] = ()
    captured: Money | None = None
    outstanding: Money | None = None
    """What was authorised and not captured."""
    test: bool = False
    b2b: bool = False
    subscription: bool = False
    draft: bool = False
    """Made by the shop's staff by hand, as a draft, not by the customer at a checkout."""
    cancelled: bool = False
    disputes: tuple[str, ...] = ()
    """Ids of open disputes and inquiries."""
    ship_to: Place = NOWHERE
    address: str = ""
    """A keyed hash of the delivery address, so that many accounts at one address can be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of a refund that goes back through one tender."""

    tender: str
    gateway: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the shop says a refund of these lines comes to, and how it splits over the tenders."""

    order: str
    lines: tuple[tuple[str, int], ...]
    """(the shop's line id, quantity)."""
    amount: Money
    shares: tuple[Share, ...]
    most: Money
    """The most that the shop would refund on the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """What a mover says of one refund. `pending` is money that was accepted and has not arrived.

    `amount` is what left or may still leave: of a refund that `failed` it is the part that went, none where none did.
    """

    state: Literal["succeeded", "pending", "failed", "refused"]
    ref: str = ""
    amount: Money | None = None
    at: datetime | None = None
    why: str = ""
