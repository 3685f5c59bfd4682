"""What the refund benchmarks act on: VIPs, their orders at the pretended shop, their returns, and the carrier's news.

Every return has a customer, an address and a card of its own, so that no cap holds one back because of another.
"""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.messages import OutgoingMail
from integrations.sandbox_control import Control
from policies.load import FOLDER

SEEDED = 500
"""Returns per seed call."""
PRICE = "50.00"
LARGE = 1_000_000_000


def policies(folder: Path) -> Path:
    """A copy of the policies in which the shop's budgets let every refund of a burst through; nothing else differs."""
    copy = folder / "policies"
    shutil.copytree(FOLDER, copy)
    file = copy / "refunds.toml"
    head, budgets, rest = re.split(r"(?=^\[budget\.hour\])|(?=^\[guards\])", file.read_text("utf-8"), flags=re.M)
    budgets = re.sub(r"= \d+", f"= {LARGE}", budgets.replace("_", ""))
    file.write_text(head + re.sub(r"count = \d+", "count = 1000000", budgets) + rest, "utf-8")
    return copy


def seed(control: Control, numbers: Sequence[int]) -> None:
    """Give the shop and the portal these customers, orders and returns, with a parcel under way for each."""
    now = datetime.now(UTC)
    for start in range(0, len(numbers), SEEDED):
        part = numbers[start : start + SEEDED]
        shop = {"customers": [_customer(number) for number in part], "orders": [_order(number, now) for number in part]}
        control.seed({"shopify": shop, "loop": {"returns": [_return(number, now) for number in part]}})


def scan(control: Control, numbers: Sequence[int]) -> None:
    """The carrier scans the parcels; nobody is told of it by the portal itself."""
    for start in range(0, len(numbers), SEEDED):
        actions = [{"return": f"{number}", "do": "scan"} for number in numbers[start : start + SEEDED]]
        control.post("/_sandbox/loop/act", actions)


def news(number: int) -> bytes:
    """The portal's webhook about the scan."""
    told = {
        "topic": "label", "trigger": "label.updated", "shop_id": "9876", "return_id": f"{number}",
        "order_id": f"{number}", "carrier": "USPS", "tracking_number": tracking(number),
        "label_status": "in_transit", "label_updated_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    return json.dumps(told).encode()


def tracking(number: int) -> str:
    """The tracking number of a return's label."""
    return f"94001118992{number:011d}"


def order_of(number: int) -> str:
    """The order that a return is of."""
    return f"{1_000_000 + number}"


def line_of(number: int) -> str:
    """The one line of the order."""
    return f"{5_000_000 + number}"


def lines(number: int) -> list[dict[str, Any]]:
    """The line as the shop wants it in a refund."""
    line = f"gid://shopify/LineItem/{line_of(number)}"
    return [{"lineItemId": line, "quantity": 1, "restockType": "NO_RESTOCK"}]


def mail(number: int) -> OutgoingMail:
    """A mail about as long as ours."""
    return OutgoingMail(
        to=f"ana{number}@example.com", to_name="Ana Keller", sender_name="Maya (Bench)",
        sender_email="maya@example.com", subject="Your refund", body="Your money is on its way back. " * 20,
        language="en",
    )  # fmt: skip


def _customer(number: int) -> dict[str, Any]:
    return {
        "id": f"{number}", "tags": ["VIP"], "spent": "2500.00", "orders": 12, "name": "Ana Keller",
        "email": f"ana{number}@example.com", "since": "2024-01-05T09:00:00Z",
    }  # fmt: skip


def _order(number: int, now: datetime) -> dict[str, Any]:
    line = {"id": line_of(number), "quantity": 1, "price": PRICE, "cost": "20.00", "sku": "box"}
    card = {"bin": f"{42_000_000 + number}", "number": f"{number % 10_000:04}"}
    return {
        "id": order_of(number), "customer": f"{number}", "at": (now - timedelta(days=14)).isoformat(),
        "lines": [line], "tenders": [{"gateway": "shopify_payments", "amount": PRICE, "card": card}],
        "ship_to": {"address1": f"{number} Main St"},
    }  # fmt: skip


def _return(number: int, now: datetime) -> dict[str, Any]:
    ident = f"{8_000_000 + number}"
    return {
        "id": f"{number}", "order": order_of(number), "created": (now - timedelta(days=1)).isoformat(),
        "lines": [{"id": ident, "shop_line": line_of(number), "refund": PRICE, "outcome": "refund"}],
        "labels": [{"id": f"{number}", "tracking": tracking(number), "carrier": "USPS", "lines": [ident]}],
    }  # fmt: skip
