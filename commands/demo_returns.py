"""The demo's returns: who sends what back, what the carriers and the warehouse do with it, and what goes wrong. Pure.

The situations are the same in every store and come on the same days; names, goods and times are drawn from the seed.
Loop, Shopify and EasyPost are seeded with one story: what one of them says fits what the others say.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from commands.demo_people import ENGLISH
from commands.demo_seed import FIRST, at

PLAN = (
    (1, "tag"), (1, "spend"), (1, "never_comes"), (2, "usual"), (2, "tag"), (3, "arrives_later"), (3, "tag"),
    (4, "above_cap"), (4, "usual"), (5, "elsewhere"), (5, "spend"), (6, "tag"), (7, "tag"), (8, "short"),
    (8, "spend"), (9, "usual"), (9, "gift"), (10, "fails_later"), (10, "tag"), (11, "exchange"), (12, "split"),
    (12, "spend"), (13, "tag"), (14, "usual"), (15, "credit"), (16, "tag"), (17, "unscanned"), (17, "spend"),
    (18, "tag"), (19, "final_sale"), (20, "usual"), (21, "tag"), (22, "spend"), (23, "tag"), (24, "usual"),
    (25, "spend"), (26, "tag"),
)  # fmt: skip
"""(Days after the first on which the carrier takes the parcel, what is particular about it)."""
GOODS = (
    ("jacket", "Trail jacket", 18900, 7400), ("boots", "Hiking boots", 16900, 6900), ("pack", "Day pack", 9900, 3600),
    ("fleece", "Fleece", 7900, 2500), ("trousers", "Trekking trousers", 8900, 3000), ("poles", "Poles", 6900, 2400),
    ("shirt", "Merino shirt", 5900, 1900), ("lamp", "Head lamp", 4900, 1700),
)  # fmt: skip
"""(sku, title, price, cost), in minor units of the shop's currency."""
TENT = ("tent", "Expedition tent", 62000, 24800)
KEPT = ("socks", "Socks", 1900, 500)
PLACES = (
    ("NY", "Albany", "12207"), ("MA", "Boston", "02116"), ("IL", "Chicago", "60611"), ("CA", "Oakland", "94607"),
    ("WA", "Seattle", "98101"), ("CO", "Boulder", "80302"), ("TX", "Houston", "77063"), ("GA", "Atlanta", "30309"),
    ("OR", "Portland", "97209"), ("FL", "Tampa", "33606"),
)  # fmt: skip
SHENZHEN = {"country": "CN", "region": "GD", "city": "SHENZHEN", "postal": ""}
STREETS = ("Maple St", "Oak Ave", "Hill Rd", "Lake Dr", "Mill Ln")
VIPS_BY_SPEND, NO_VIPS = ("spend", "split", "arrives_later"), ("usual",)
TOLD_BY_THE_CARRIER_TOO = 3
FIRST_CUSTOMER, FIRST_ORDER, FIRST_RETURN, FIRST_LABEL = 7100, 41000, 98600, 55000
DELIVERED, INSPECTED, REFUNDED_BY_STAFF = (3, time(14, 10)), (5, time(15, 20)), (5, time(15, 50))
"""(Days after the carrier took the parcel, time of day)."""
FAILS_AFTER_DAYS = 6
APPROVER, APPROVED_BECAUSE = "Dana Fischer", "ordered with us for years, and called about it"


class Made(NamedTuple):
    """One return while it is made: its number, what is particular about it, and the day its parcel is handed in."""

    number: int
    kind: str
    day: int
    draw: random.Random
    goods: tuple[tuple[str, str, int, int], ...]
    place: tuple[str, str, str]

    @property
    def order(self) -> str:
        """The shop's order."""
        return str(FIRST_ORDER + self.number)

    @property
    def ident(self) -> str:
        """The portal's return."""
        return str(FIRST_RETURN + self.number)

    def on(self, days: int, when: time) -> str:
        """An instant so many days after the carrier took the parcel."""
        return at(FIRST + timedelta(days=self.day + days), when).isoformat()

    def tracking(self, label: int = 0) -> str:
        """The number of one of its parcels."""
        return f"94001118992{self.number * 10 + label:011d}"


@dataclass(slots=True)
class Returns:
    """The seed for the pretended portal, shop and carrier feed."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    returns: list[dict[str, Any]] = field(default_factory=list)
    parcels: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    cases: dict[str, str] = field(default_factory=dict)
    """What is particular about a return -> our case of its first label."""

    @property
    def sentence(self) -> str:
        """Who sends back, in words."""
        vips = len(PLAN) - sum(kind in NO_VIPS for _, kind in PLAN)
        return f"{len(PLAN)} parcels come back in the month, {vips} of them from VIPs"

    def seed(self) -> dict[str, Any]:
        """The pretended vendors' own shape."""
        shop = {"customers": self.customers, "orders": self.orders, "actions": self.actions}
        return {"shopify": shop, "loop": {"returns": self.returns}, "easypost": {"parcels": self.parcels}}


def returns(seed: int) -> Returns:
    """All returns of a seed."""
    made = Returns()
    for number, (day, kind) in enumerate(PLAN, start=1):
        draw = random.Random(f"return {number} of store {seed}")
        goods = (TENT,) if kind == "above_cap" else tuple(draw.sample(GOODS, 2 if kind == "split" else 1))
        one = Made(number, kind, day, draw, goods, PLACES[number % len(PLACES)])
        customer = _customer(one)
        made.customers.append(customer)
        made.orders.append(_order(one))
        made.returns.append(_return(one, customer["email"]))
        made.parcels += _parcels(one)
        if kind == "fails_later":
            failed = {"do": "refund_settles", "order": one.order, "status": "failure"}
            made.actions.append({"at": one.on(FAILS_AFTER_DAYS, time(15)), **failed})
        made.cases.setdefault(kind, f"loop-{one.ident}/label-{FIRST_LABEL + number * 10}")
    return made


def _customer(one: Made) -> dict[str, Any]:
    """The shopper. Who is no VIP has bought for less and has no tag."""
    draw, number = one.draw, one.number
    first, last = (draw.choice(names.split()) for names in ENGLISH)
    spent = {"spend": (2200, 6400), "no": (120, 900), "tag": (300, 1800)}
    kind = "spend" if one.kind in VIPS_BY_SPEND else "no" if one.kind in NO_VIPS else "tag"
    since = FIRST - timedelta(days=draw.randrange(200, 1100))
    return {
        "id": str(FIRST_CUSTOMER + number),
        "name": f"{first} {last}",
        "email": f"{first}.{last}.r{number}@example.com".lower(),
        "tags": ["VIP"] if kind == "tag" else [],
        "spent": f"{draw.randrange(*spent[kind])}.00",
        "orders": draw.randrange(5, 25),
        "since": at(since, time(12)).isoformat(),
    }


def _order(one: Made) -> dict[str, Any]:
    """The order, some two weeks older, with something in it that the customer keeps."""
    pieces = 2 if one.kind == "short" else 1
    lines = [
        {"id": f"{one.order}{place}", "quantity": pieces, "price": _text(price), "cost": _text(cost), "sku": sku,
         **({"tags": ["final-sale"]} if one.kind == "final_sale" else {})}
        for place, (sku, _, price, cost) in enumerate(one.goods, start=1)
    ]  # fmt: skip
    lines.append(
        {"id": f"{one.order}9", "quantity": 1, "price": _text(KEPT[2]), "cost": _text(KEPT[3]), "sku": KEPT[0]}
    )
    paid = sum(price * pieces for _, _, price, _ in one.goods) + KEPT[2]
    card = {"number": f"{1000 + 37 * one.number:04d}", "company": "Visa", "bin": "42424242", "month": 9, "year": 2028}
    tender: dict[str, Any] = {"gateway": "shopify_payments", "amount": _text(paid), "card": card}
    if one.kind == "arrives_later":
        tender |= {"refunds": "pending", "settles": {"hours": 47, "status": "success"}}
    region, city, postal = one.place
    street = f"{11 + 7 * one.number} {STREETS[one.number % len(STREETS)]}"
    return {
        "id": one.order,
        "name": f"#{one.order}",
        "customer": str(FIRST_CUSTOMER + one.number),
        "at": one.on(-one.draw.randrange(10, 20), time(19, 30)),
        "lines": lines,
        "tenders": [tender],
        "ship_to": {"address1": street, "city": city, "province": region, "zip": postal, "country": "US"},
    }


def _return(one: Made, email: str) -> dict[str, Any]:
    """The return at the portal: a line for every piece, a label for every parcel, and what happens when."""
    lines = _lines(one)
    region, city, postal = one.place
    labels = [
        {"id": str(FIRST_LABEL + one.number * 10 + place), "tracking": one.tracking(place), "carrier": "USPS",
         "status": "new", "lines": [line["id"] for line in part]}
        for place, part in enumerate([lines] if one.kind != "split" else [lines[:1], lines[1:]])
    ]  # fmt: skip
    cash = sum(price for _, _, price, _ in one.goods) * (2 if one.kind == "short" else 1)
    ways = {"exchange": {"refund": "0.00", "exchange_total": _text(cash), "outcome": "exchange"}}
    ways["credit"] = {"refund": "0.00", "gift_card": _text(cash), "outcome": "credit"}
    return {
        "id": one.ident,
        "order": one.order,
        "order_name": f"#{one.order}",
        "customer": email,
        "created": one.on(-2, time(11, 5)),
        "refund": _text(cash),
        "gift": one.kind == "gift",
        "address": {"country_code": "US", "state": region, "city": city, "zip": postal},
        "lines": lines,
        "labels": labels,
        "actions": list(_actions(one, lines)),
        **ways.get(one.kind, {}),
    }


def _lines(one: Made) -> list[dict[str, str]]:
    outcome = {"exchange": "exchange", "credit": "credit"}.get(one.kind, "refund")
    pieces = [(place, item) for place, item in enumerate(one.goods, start=1)] * (2 if one.kind == "short" else 1)
    return [
        {"id": f"{one.ident}{number}", "shop_line": f"{one.order}{place}", "sku": item[0], "title": item[1],
         "refund": _text(item[2]) if outcome == "refund" else "0.00", "outcome": outcome,
         **({"exchange_variant": "larger"} if outcome == "exchange" else {})}
        for number, (place, item) in enumerate(pieces, start=1)
    ]  # fmt: skip


def _actions(one: Made, lines: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """What the carrier and the warehouse do. Of the two parcels of `split` only the first is handed in."""
    if one.kind == "unscanned":
        yield {"at": one.on(0, time(16, 31)), "do": "label"}
        return
    yield {"at": one.on(0, _pickup(one)), "do": "scan"}
    if one.kind in ("never_comes", "elsewhere"):
        return
    yield {"at": one.on(*DELIVERED), "do": "deliver"}
    for place, line in enumerate(lines if one.kind != "split" else lines[:1]):
        gone = one.kind == "short" and place == 1
        found = {"disposition": "missing"} if gone else {"condition": "grade_a"}
        yield {"at": one.on(*INSPECTED), "do": "inspect", "line": line["id"], **found}
    if one.kind in NO_VIPS:
        yield {"at": one.on(*REFUNDED_BY_STAFF), "do": "process"}


def _parcels(one: Made) -> Iterator[dict[str, Any]]:
    """Some parcels are known to the carrier feed too; one is scanned where it cannot be."""
    region, city, postal = one.place
    here = {"country": "US", "region": region, "city": city.upper(), "postal": postal}
    parcel = {"tracking": one.tracking(), "carrier": "usps", "from": here, "label_at": one.on(-2, time(11, 5))}
    if one.kind == "elsewhere":
        yield {**parcel, "actions": [{"at": one.on(0, time(15, 2)), "do": "accept", "place": SHENZHEN}]}
    elif one.kind in ("tag", "spend") and one.number % TOLD_BY_THE_CARRIER_TOO == 0:
        ways = ((0, _pickup(one), "accept"), (2, time(14, 45), "move"), (*DELIVERED, "deliver"))
        yield {**parcel, "actions": [{"at": one.on(days, when), "do": do} for days, when, do in ways]}


def _pickup(one: Made) -> time:
    """When the carrier comes by, in the afternoon."""
    return (datetime.combine(FIRST, time(16, 30)) + timedelta(seconds=13 * one.number)).time()


def _text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
