"""The pretended Loop's JSON, as the vendor's pages show it, with the drift of types that they show: pure.

Ids are text in one body and numbers in another, a zip and an amount may be numbers, and only some bodies have a
label's own id.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.loop.sandbox_returns import Kept, KeptLabel

Json = dict[str, Any]
SHOP = 9876


def stamp(instant: datetime | None) -> str | None:
    """An instant as Loop writes it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None


def number(text: str) -> Any:
    """The same id as a JSON number, where it is one."""
    return int(text) if text.isascii() and text.isdigit() else text


def listed(kept: Kept) -> Json:
    """A return in the list and in the details."""
    first = kept.labels[0] if kept.labels else None
    return {
        "id": kept.id,
        "state": kept.state,
        "created_at": stamp(kept.created),
        "updated_at": stamp(kept.updated),
        "edited_at": stamp(kept.edited),
        "total": kept.amounts["refund"],
        "outcome": kept.outcome,
        "order_id": f"7{kept.order}",
        "order_name": kept.order_name,
        "provider_order_id": number(kept.order),
        "customer": kept.customer,
        "multi_currency": False,
        "currency": kept.currency,
        **kept.amounts,
        "is_gift_return": kept.gift,
        "refunds": [_refund(each) for each in kept.refunds],
        "address": _address(kept.address),
        "carrier": first.carrier if first else "",
        "tracking_number": first.tracking if first else "",
        "label_status": first.status if first else "N/A",
        "label_updated_at": stamp(first.updated) if first else "",
        "labels": [_label(label) for label in kept.labels],
        "line_items": [_line(line) for line in kept.lines],
        "exchanges": [],
        **({"return_method": kept.return_method} if kept.return_method else {}),
    }


def of_return(kept: Kept, trigger: str) -> Json:
    """The body of a webhook of the topic `return`."""
    return {"topic": "return", "trigger": trigger, "shop_id": SHOP, **listed(kept)}


def of_label(kept: Kept, label: KeptLabel, trigger: str) -> Json:
    """The body of a webhook of the topic `label`."""
    return {
        "topic": "label",
        "trigger": trigger,
        "shop_id": str(SHOP),
        "return_id": kept.id,
        "order_id": f"7{kept.order}",
        "provider_order_id": number(kept.order),
        "carrier": label.carrier,
        "tracking_number": label.tracking,
        "label_status": label.status,
        "label_updated_at": stamp(label.updated),
        **({"shipment_id": label.id} if label.id else {}),
    }


def of_failure(kept: Kept, message: str | None) -> Json:
    """The body of a webhook of the topic `return.processing`, which is sent for failures only."""
    state = {"return_id": number(kept.id), "return_state": kept.state}
    told = {"topic": "return.processing", "trigger": "return.processing.failed", "shop_id": SHOP}
    return {**told, **state, "message": message, "source": "api"}


def closed_error(state: str) -> Json:
    """Why a return cannot be processed, as Loop says it under a 200: with a code, or for some states without."""
    message = f"Return is {state} and therefore cannot be processed."
    if state in ("cancelled", "review"):
        return {"message": message}
    return {"errors": {"message": message, "code": "UNPROCESSABLE_RETURN"}}


def webhook(ident: str, url: str, topic: str, state: str) -> Json:
    """A subscription; `topic` is `topic/trigger`."""
    name, _, trigger = topic.partition("/")
    told = {"topic": name or "return", "trigger": trigger or "return.updated"}
    return {"id": number(ident), "shop_id": SHOP, **told, "url": url, "status": state}


def _refund(made: Mapping[str, str]) -> Json:
    """A refund in a return: its amount and its reference are numbers in the vendor's example."""
    amount: Any = int(made["amount"][:-3]) if made["amount"].endswith(".00") else made["amount"]
    told = {"gateway": made["gateway"], "amount": amount, "currency": made["currency"]}
    return {**told, "provider_refund_id": number(made["ref"])}


def _label(label: KeptLabel) -> Json:
    return {
        **({"id": number(label.id)} if label.id else {}),
        "status": label.status,
        "updated_at": stamp(label.updated),
        "url": "https://labels.example/label.pdf",
        "rate": 1093,
        "carrier": label.carrier,
        "tracking_number": label.tracking,
        "line_items": [number(line) for line in label.lines],
    }


def _line(line: Mapping[str, str]) -> Json:
    return {
        "line_item_id": number(line["id"]),
        "provider_line_item_id": line["shop_line"],
        "product_id": line.get("product", ""),
        "variant_id": "",
        "sku": line.get("sku", ""),
        "title": line.get("title", ""),
        "price": line.get("price", ""),
        "discount": "0.00",
        "tax": "0.00",
        "refund": line.get("refund", ""),
        "returned_at": "",
        "exchange_variant": line.get("exchange_variant", ""),
        "return_reason": line.get("reason", ""),
        "parent_return_reason": "",
        "outcome": line.get("outcome", "default"),
        **{name: line[name] for name in ("condition_category", "disposition_outcome") if line.get(name)},
    }


def _address(address: Mapping[str, str]) -> Json:
    return {**address, **({"zip": number(address["zip"])} if address.get("zip") else {})}
