"""What a support lead may set for refunds on first scan. Loaded from `policies/refunds.toml`.

Amounts are in minor units by currency; a currency that has no amount has no permission: a person is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OrderKind = Literal["b2b", "subscription", "draft"]
Who = Literal["customer", "address", "card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much may go back early within the last `days` days; `sum_minor` is by currency."""

    days: int
    count: int
    sum_minor: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopBudget:
    """How much the whole shop may send back early in an hour or a day; `sum_minor` is by currency."""

    count: int
    sum_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPolicy:
    """One version of the refund policy. A decision uses the newest one and stores its version."""

    version: str
    vip_tags: frozenset[str]
    """Tags at the shop, in lower case; one of them is enough."""
    vip_spend_minor: Mapping[str, int]
    """Lifetime spend in the shop's currency that makes a VIP without a tag."""
    grace_days: int
    """A VIP of our own records still counts as one for so many days."""
    accept_portal_status: bool
    """Whether the portal's bare status is enough where no carrier feed says anything."""
    place_needed: bool
    """Whether a scan without a place is held."""
    postal_prefix: int
    """How many characters of the destination's postal code have to fit; 0 compares countries only."""
    slack_minutes: int
    """How far the clocks of portal and carrier may differ."""
    oldest_scan_days: int
    order_cap_minor: Mapping[str, int]
    customer_cap_minor: Mapping[str, int]
    limits: Mapping[Who, tuple[Limit, ...]]
    shop_hour: ShopBudget
    shop_day: ShopBudget
    return_rate_percent: int
    """Most orders with a return, in per cent of all orders; counted from `return_rate_from_orders` orders on."""
    return_rate_from_orders: int
    lost_allowed: int
    account_days: int
    earlier_orders: int
    excluded_categories: frozenset[str]
    excluded_product_tags: frozenset[str]
    excluded_customer_tags: frozenset[str]
    """All three in lower case."""
    excluded_orders: frozenset[OrderKind]
    other_lines_may_be_refunded: bool
    """Whether an earlier refund that names other lines of the order lets this label through."""
    payment_days: int
    """Older payments are not refunded through the gateway."""
    approval_hours: int
    """How long a person has for a yes before they are reminded."""
    exposure_days: int
    """How long a refunded parcel may take to arrive before somebody looks for it."""
    delivery_is_enough: bool = False
    """Whether a delivered parcel counts as received without an inspection."""
    inspect_days: int = 7
    """How long after its delivery a parcel may wait for its inspection."""
    write_off_days: int = 60
    """How long after the refund what has not come is given up."""
    senders: tuple[str, ...]
    """Ids of who signs the mails; the first one who is there that day."""
