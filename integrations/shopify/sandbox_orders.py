"""The pretended shop's memory: customers, orders, their payments and refunds, and how they are seeded.

seed   {"shop"?: {"name", "domain", "currency": "USD", "country": "US", "test": false},
        "customers": [{"id": "7001", "tags": ["VIP"], "spent": "2500.00", "orders": 12, "since": instant, "email"?,
                       "name"?, "locale"?}],
        "orders": [{"id": "450789469", "name": "#1001", "customer": "7001", "at": instant, "presentment"?: "EUR",
                    "lines": [{"id": "501", "quantity": 1, "price": "50.00" (each, after discounts), "tax"?: "4.00" (of
                               the whole line), "sku"?, "category"?, "tags"?: [], "cost"?: "20.00" (each, in the
                               shop's currency), "plan"?: true, "gift_card"?: true}],
                    "tenders": [{"id"?, "gateway": "shopify_payments", "amount": "54.00", "payment"?: "pi_…",
                                 "card"?: {"number": "4242", "company", "bin", "month", "year"}, "manual"?: true,
                                 "kind": "SALE", "status": "SUCCESS", "refunds": "success" | "pending" | "failure",
                                 "settles"?: {"hours": 48, "status": "success"}}],
                    "ship_to"?: {"address1", "address2", "city", "province", "zip", "country"}, "capturable"?: "0.00",
                    "test"?, "b2b"?, "source"?: "web", "cancelled"?: instant,
                    "disputes"?: [{"id"?, "status", "type"}]}],
        "hooks"?: [{"url", "secret", "topics"?}], "actions"?: [{"at": instant, "do": …}]}
       Amounts are decimal text in the currency that the customer paid in. What is seeded again is whole again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from zlib import crc32

from domain.money import Money, parse
from integrations.sandbox_clock import Clock

FIRST_ID = 7_000_000_000
CARDS = ("shopify_payments", "bogus")
DEFAULT_CARD = {"number": "4242", "company": "Visa", "bin": "42424242", "month": 12, "year": 2029}
SHOP = {"name": "A Shop", "domain": "a-shop.myshopify.com", "currency": "USD", "country": "US", "test": False}
HOME = {"address1": "1 Main St", "city": "Houston", "province": "TX", "zip": "77063", "country": "US"}


def number_for(text: str, taken: Any = ()) -> str:
    """An id made from what a thing is, the same in every run."""
    found = FIRST_ID + crc32(text.encode())
    while str(found) in taken:
        found += 1
    return str(found)


@dataclass(slots=True, kw_only=True)
class KeptCustomer:
    """One customer. `spent` is in the shop's currency."""

    id: str
    spent: Money
    since: datetime
    tags: list[str] = field(default_factory=list)
    orders: int = 1
    email: str = "shopper@example.com"
    name: str = "A Shopper"
    locale: str = "en"


@dataclass(slots=True, kw_only=True)
class KeptLine:
    """One line of an order. `price` is of one piece, `tax` of all."""

    id: str
    price: Money
    tax: Money
    quantity: int = 1
    sku: str = ""
    category: str = ""
    tags: list[str] = field(default_factory=list)
    cost: Money | None = None
    plan: bool = False
    gift_card: bool = False
    refunded: int = 0

    def worth(self, quantity: int) -> int:
        """What the next so many pieces come to, in minor units; the cents of a tax that does not divide come last."""
        done, after = self.refunded, self.refunded + quantity
        tax = self.tax.minor * after // self.quantity - self.tax.minor * done // self.quantity
        return self.price.minor * quantity + tax


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A payment, or money going back to one (`parent`)."""

    id: str
    kind: str
    status: str
    gateway: str
    amount: Money
    at: datetime
    parent: str = ""
    payment: str = ""
    card: dict[str, Any] | None = None
    manual: bool = False
    code: str = ""
    refunds: str = "success"
    """How what is refunded to this payment goes: success, pending or failure."""
    settles: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class KeptRefund:
    """One refund. `by` is us, staff or loop."""

    id: str
    order: str
    at: datetime
    note: str
    by: str
    key: str = ""
    lines: list[tuple[str, int]] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class KeptOrder:
    """One order as it stands at the shop."""

    id: str
    name: str
    at: datetime
    updated: datetime
    customer: str
    currency: str
    presentment: str
    capturable: Money
    lines: list[KeptLine]
    tenders: list[Transaction]
    ship_to: dict[str, Any]
    refunds: list[KeptRefund] = field(default_factory=list)
    test: bool = False
    b2b: bool = False
    source: str = "web"
    locale: str = "en"
    cancelled: datetime | None = None
    disputes: dict[str, dict[str, str]] = field(default_factory=dict)

    def paid(self) -> list[Transaction]:
        """The payments that were taken."""
        return [item for item in self.tenders if item.kind in ("SALE", "CAPTURE") and item.status == "SUCCESS"]

    def left(self, tender: Transaction) -> int:
        """What Shopify says is left of a payment: pending refunds do not count, like in the real `totalRefundedSet`."""
        back = [item for refund in self.refunds for item in refund.transactions]
        gone = sum(item.amount.minor for item in back if item.parent == tender.id and item.status == "SUCCESS")
        return tender.amount.minor - gone


@dataclass(slots=True)
class Memory:
    """Everything that the pretended shop remembers."""

    clock: Clock
    shop: dict[str, Any] = field(default_factory=dict)
    customers: dict[str, KeptCustomer] = field(default_factory=dict)
    orders: dict[str, KeptOrder] = field(default_factory=dict)
    refunds: dict[str, KeptRefund] = field(default_factory=dict)
    planned: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.shop = {
            "name": "A Shop",
            "domain": "a-shop.myshopify.com",
            "currency": "USD",
            "country": "US",
            "test": False,
        }
        for memory in (self.customers, self.orders, self.refunds, self.planned):
            memory.clear()

    def seed(self, wanted: Mapping[str, Any]) -> None:
        """Add what a seed holds; a ValueError names the field that is wrong."""
        _known(wanted, ("shop", "customers", "orders", "hooks", "actions"), "the seed")
        _known(wanted.get("shop", {}), tuple(self.shop), "shop")
        self.shop |= wanted.get("shop", {})
        for item in wanted.get("customers", []):
            customer = _customer(item, self.shop["currency"], self.clock.now())
            self.customers[customer.id] = customer
        for item in wanted.get("orders", []):
            order = _order(item, self.shop["currency"], self.clock.now())
            self.orders[order.id] = order
            for ref in [ref for ref, refund in self.refunds.items() if refund.order == order.id]:
                del self.refunds[ref]
        self.planned += [(instant(item["at"]), item) for item in wanted.get("actions", [])]


def instant(text: str) -> datetime:
    """An ISO instant; ValueError without a zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {text!r} has none")
    return found


def _known(item: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    strange = set(item) - set(names)
    if strange:
        raise ValueError(f"{what}: unknown field {sorted(strange)[0]!r}; there are {', '.join(names)}")


def _customer(item: Mapping[str, Any], currency: str, now: datetime) -> KeptCustomer:
    _known(item, tuple(part.name for part in fields(KeptCustomer)), f"customer {item.get('id')!r}")
    spent = parse(item["spent"], currency) if "spent" in item else Money(0, currency)
    since = instant(item["since"]) if "since" in item else now
    tags = list(item.get("tags", []))
    return KeptCustomer(**{**item, "id": str(item["id"]), "spent": spent, "since": since, "tags": tags})


ORDER_FIELDS = (
    "id", "name", "customer", "at", "presentment", "lines", "tenders", "ship_to", "capturable", "test", "b2b",
    "source", "locale", "cancelled", "disputes",
)  # fmt: skip


def _order(item: Mapping[str, Any], currency: str, now: datetime) -> KeptOrder:
    ident = str(item.get("id"))
    _known(item, ORDER_FIELDS, f"order {ident!r}")
    paid_in = item.get("presentment", currency)
    made = instant(item["at"]) if "at" in item else now
    return KeptOrder(
        id=ident,
        name=item.get("name", f"#{ident}"),
        at=made,
        updated=made,
        customer=str(item.get("customer", "")),
        currency=currency,
        presentment=paid_in,
        capturable=parse(item["capturable"], paid_in) if "capturable" in item else Money(0, paid_in),
        lines=[_line(part, paid_in, currency) for part in item["lines"]],
        tenders=[_tender(part, paid_in, made, f"{ident}/{n}") for n, part in enumerate(item["tenders"])],
        ship_to={**HOME, **item.get("ship_to", {})},
        test=item.get("test", False),
        b2b=item.get("b2b", False),
        source=item.get("source", "web"),
        locale=item.get("locale", "en"),
        cancelled=instant(item["cancelled"]) if item.get("cancelled") else None,
        disputes=dict(_dispute(part, f"{ident}/{n}") for n, part in enumerate(item.get("disputes", []))),
    )


def _dispute(item: Mapping[str, Any], name: str) -> tuple[str, dict[str, str]]:
    _known(item, ("id", "status", "type"), f"dispute {name}")
    kept = {"status": item.get("status", "NEEDS_RESPONSE"), "type": item.get("type", "CHARGEBACK")}
    return str(item.get("id", number_for(f"dispute/{name}"))), kept


def _line(item: Mapping[str, Any], paid_in: str, currency: str) -> KeptLine:
    _known(item, tuple(part.name for part in fields(KeptLine)), f"line {item.get('id')!r}")
    tax = parse(item["tax"], paid_in) if "tax" in item else Money(0, paid_in)
    cost = parse(item["cost"], currency) if item.get("cost") else None
    made = {"id": str(item["id"]), "price": parse(item["price"], paid_in), "tax": tax, "cost": cost}
    return KeptLine(**{**item, **made})


TENDER_FIELDS = ("id", "gateway", "amount", "payment", "card", "manual", "kind", "status", "refunds", "settles", "at")


def _tender(item: Mapping[str, Any], paid_in: str, made: datetime, name: str) -> Transaction:
    _known(item, TENDER_FIELDS, f"tender {name}")
    gateway = item.get("gateway", "shopify_payments")
    if item.get("refunds", "success") not in ("success", "pending", "failure"):
        raise ValueError(f"tender {name}: refunds must be success, pending or failure")
    card = {**DEFAULT_CARD, **item.get("card", {})} if gateway in CARDS or "card" in item else None
    return Transaction(
        id=str(item.get("id", number_for(f"tender/{name}"))),
        kind=item.get("kind", "SALE"),
        status=item.get("status", "SUCCESS"),
        gateway=gateway,
        amount=parse(item["amount"], paid_in),
        at=instant(item["at"]) if "at" in item else made,
        payment=item.get("payment", ""),
        card=card,
        manual=item.get("manual", False),
        refunds=item.get("refunds", "success"),
        settles=item.get("settles"),
    )
