"""The returns of the documentation's shop: one that is refunded, one above the cap, one held, one of nobody's VIP."""

from typing import Any

PRICES = {1: "50.00", 2: "620.00", 3: "89.00", 4: "40.00"}
SHENZHEN = {"country": "CN", "region": "GD", "city": "SHENZHEN", "postal": ""}
NOON = "2026-01-20T17:00:00Z"


def _shopper(n: int) -> dict[str, Any]:
    vip = {"tags": ["VIP"], "spent": "2500.00"} if n < len(PRICES) else {"tags": [], "spent": "300.00"}
    mail = f"shopper{n}@example.com"
    return {"id": f"700{n}", "name": "Ana Keller", "email": mail, "orders": 12, "since": "2024-01-05T09:00:00Z", **vip}


def _order(n: int, price: str) -> dict[str, Any]:
    card = {"number": f"424{n}", "company": "Visa", "bin": "42424242", "month": 9, "year": 2028}
    line = {"id": f"100{n}1", "quantity": 1, "price": price, "cost": "20.00", "sku": "box"}
    place = {"address1": f"{n} Main St", "city": "Houston", "province": "TX", "zip": "77063", "country": "US"}
    paid = {"gateway": "shopify_payments", "amount": price, "card": card}
    made = {"id": f"100{n}", "name": f"#100{n}", "customer": f"700{n}", "at": "2026-01-06T17:00:00Z"}
    return {**made, "lines": [line], "tenders": [paid], "ship_to": place}


def _return(n: int, price: str) -> dict[str, Any]:
    line = {"id": f"50{n}1", "shop_line": f"100{n}1", "refund": price, "outcome": "refund"}
    label = {"id": f"50{n}9", "tracking": _number(n), "carrier": "USPS", "status": "new", "lines": [line["id"]]}
    made = {"id": f"50{n}", "order": f"100{n}", "order_name": f"#100{n}", "created": "2026-01-19T17:00:00Z"}
    return {**made, "refund": price, "lines": [line], "labels": [label]}


def _number(n: int) -> str:
    return f"94001118992{n:011d}"


SEED: dict[str, Any] = {
    "shopify": {
        "customers": [_shopper(n) for n in PRICES],
        "orders": [_order(n, price) for n, price in PRICES.items()],
    },
    "loop": {"returns": [_return(n, price) for n, price in PRICES.items()]},
    "easypost": {
        "parcels": [
            {"tracking": _number(3), "carrier": "usps", "label_at": "2026-01-19T17:00:00Z",
             "actions": [{"at": NOON, "do": "accept", "place": SHENZHEN}]},
        ]
    },
}  # fmt: skip
