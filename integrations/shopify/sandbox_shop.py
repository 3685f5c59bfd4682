"""The pretended shop behind its GraphQL endpoint: what it answers to each document, and the keys that it remembers."""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from integrations.faults import Faults
from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries, Retries
from integrations.shopify import documents, events
from integrations.shopify import sandbox_refunds as refunds
from integrations.shopify import sandbox_shapes as shapes
from integrations.shopify.connection import SENTENCES, VENDOR
from integrations.shopify.sandbox_orders import KeptOrder, Memory
from integrations.shopify.sandbox_people import People
from integrations.signing import hmac_sha256

KEY_KEPT = timedelta(hours=24)
SHOPIFYS_RETRIES = Retries(waits=(60, 300, 600, 1200, 1800, 3000, 3600, 3840), give_up_after=8)
"""Eight more tries over four hours; after eight failures in a row the subscription is gone."""
BUCKET, RESTORED = 2000.0, 100.0
IN_USE, OTHER_INPUT, FAILED_BEFORE = (f"{text[0].upper()}{text[1:]}." for text in SENTENCES)
_OPERATION = re.compile(r"\s*(?:query|mutation)\s+(\w+)")
_SINCE = re.compile(r"updated_at:>='([^']+)'\Z")

Json = dict[str, Any]


class GraphError(Exception):
    """Something that Shopify says in `errors`; `data` is what it says beside them, None: it did nothing."""

    def __init__(self, message: str, code: str = "", data: Json | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


@dataclass(frozen=True, slots=True)
class KeptKey:
    """An idempotency key with what it was used for; no refund where that failed."""

    at: datetime
    wanted: str
    refund: str


class Shopify:
    """Everything behind one app."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.memory = Memory(clock)
        self.deliveries = Deliveries(VENDOR, clock, sign, SHOPIFYS_RETRIES)
        self.people = People(self.memory, self.deliveries)
        self.faults = Faults(VENDOR)
        self.keys: dict[str, KeptKey] = {}
        self.calls: Counter[str] = Counter()
        clock.listen(lambda now: self.people.settle())

    def seed(self, wanted: Json) -> None:
        """Add what a seed holds, webhooks too."""
        self.memory.seed(wanted)
        for hook in wanted.get("hooks", []):
            self.deliveries.register(
                hook["url"], hook["secret"], tuple(hook.get("topics", ())), hook.get("id", hook["url"])
            )
        self.people.settle()

    def clear(self) -> None:
        """Forget everything but the clock."""
        self.memory.clear()
        self.people.troubles.clear()
        self.keys.clear()
        self.calls.clear()
        self.faults.clear()

    def query(self, body: Json) -> Json:
        """Answer one posted document."""
        name = operation(body.get("query", ""))
        self.people.settle()
        self.calls[name] += 1
        known = next((document for document in documents.DOCUMENTS if document.name == name), None)
        throttled = self.people.trouble("throttled")
        cost = _cost(throttled["cost"] if throttled else 1, 0.0 if throttled else BUCKET)
        try:
            if throttled:
                raise GraphError("Throttled", "THROTTLED")
            if name == documents.REFUND_CREATE.name and "@idempotent(key: $key)" not in body["query"]:
                raise GraphError("The @idempotent directive is required for this mutation but was not provided.")
            if known is None or known.text != body["query"]:
                raise GraphError("This is not a document that the pretended shop knows", "undefinedField")
            return {"data": HANDLERS[name](self, body.get("variables") or {}), **cost}
        except GraphError as error:
            said = {"message": str(error), **({"extensions": {"code": error.code}} if error.code else {})}
            return {"errors": [said], **({"data": error.data} if error.data else {}), **cost}

    def effects(self) -> list[Json]:
        """Every refund that was made, as it stands now."""
        return [
            {
                "refund": refund.id,
                "order": refund.order,
                "by": refund.by,
                "key": refund.key,
                "note": refund.note,
                "at": refund.at.isoformat(),
                "lines": [[line, count] for line, count in refund.lines],
                "transactions": [
                    {"id": item.id, "parent": item.parent, "gateway": item.gateway, "status": item.status,
                     "minor": item.amount.minor, "currency": item.amount.currency}
                    for item in refund.transactions
                ],
            }
            for refund in self.memory.refunds.values()
        ]  # fmt: skip


def operation(text: Any) -> str:
    """The name of a document's operation, empty where it has none."""
    found = _OPERATION.match(text) if isinstance(text, str) else None
    return found[1] if found else ""


def sign(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """Shopify's signature of a webhook."""
    return {"X-Shopify-Hmac-SHA256": base64.b64encode(hmac_sha256(secret.encode(), body)).decode()}


def _order(shop: Shopify, variables: Json) -> KeptOrder | None:
    return shop.memory.orders.get(str(variables["id"]).rpartition("/")[2])


def _of_order(show: Callable[[Shopify, KeptOrder, Json], Json]) -> Callable[[Shopify, Json], Json]:
    def handle(shop: Shopify, variables: Json) -> Json:
        order = _order(shop, variables)
        return {"order": show(shop, order, variables) if order else None}

    return handle


def _lines(shop: Shopify, order: KeptOrder, variables: Json) -> Json:
    start = int(variables.get("after") or 0)
    end = start + documents.LISTED
    found = [shapes.line(item) for item in order.lines[start:end]]
    return {"lineItems": shapes.connection(found, str(end) if len(order.lines) > end else "")}


def _suggested(shop: Shopify, order: KeptOrder, variables: Json) -> Json:
    asked = variables.get("lines") or []
    lines = [(str(item["lineItemId"]).rpartition("/")[2], int(item["quantity"])) for item in asked]
    try:
        return {"suggestedRefund": shapes.suggestion(order, lines)}
    except refunds.UserError as error:
        raise GraphError(str(error), "INVALID", {"order": {"suggestedRefund": None}}) from error


def _refund(shop: Shopify, variables: Json) -> Json:
    found = shop.memory.refunds.get(str(variables["id"]).rpartition("/")[2])
    return {"refund": shapes.refund(found, 100, 50) if found else None}


def _create(shop: Shopify, variables: Json) -> Json:
    """Make a refund once for its key."""
    key, wanted, now = variables["key"], json.dumps(variables["input"], sort_keys=True), shop.clock.now()
    if not key.strip():
        raise GraphError("The idempotency key cannot be empty", "BAD_REQUEST")
    trouble = shop.people.trouble("in_progress")
    if trouble and not trouble["done"]:
        return _payload(None, [refunds.UserError(IN_USE)])
    kept = shop.keys.get(key)
    if kept and now - kept.at < KEY_KEPT:
        if kept.wanted != wanted:
            return _payload(None, [refunds.UserError(OTHER_INPUT)])
        if not kept.refund:
            return _payload(None, [refunds.UserError(FAILED_BEFORE)])
        return _payload(shapes.refund(shop.memory.refunds[kept.refund], 100, 50), [])
    try:
        made = refunds.create(shop.memory, variables["input"], key)
    except refunds.UserError as error:
        shop.keys[key] = KeptKey(now, wanted, "")
        return _payload(None, [error])
    shop.keys[key] = KeptKey(now, wanted, made.id)
    shop.people.refunded(made, now)
    if trouble:
        return _payload(None, [refunds.UserError(IN_USE)])
    return _payload(shapes.refund(made, 100, 50), [])


def _payload(refund: Json | None, errors: list[refunds.UserError]) -> Json:
    said = [{"field": error.path or None, "message": str(error)} for error in errors]
    return {"refundCreate": {"refund": refund, "userErrors": said}}


def _touched(shop: Shopify, variables: Json) -> Json:
    asked = _SINCE.match(variables["query"])
    if not asked:
        raise GraphError("Invalid search query", "BAD_REQUEST")
    since, start = datetime.fromisoformat(asked[1]), int(variables.get("after") or 0)
    found = sorted((order for order in shop.memory.orders.values() if order.updated >= since), key=_age)
    end = start + documents.LISTED
    nodes = [{"legacyResourceId": order.id} for order in found[start:end]]
    return {"orders": shapes.connection(nodes, str(end) if len(found) > end else "")}


def _age(order: KeptOrder) -> tuple[datetime, str]:
    return order.updated, order.id


def _subscriptions(shop: Shopify, variables: Json) -> Json:
    found = []
    for hook in shop.deliveries.hooks.values():
        for topic in events.TOPICS if hook.state == "active" else ():
            if not hook.topics or any(_fits(topic, asked) for asked in hook.topics):
                found.append(shapes.subscription(hook.id, topic, hook.url))
    return {"webhookSubscriptions": shapes.connection(found, "")}


def _fits(topic: str, asked: str) -> bool:
    word = asked.replace("/", "_").replace(".", "_").upper()
    return topic == word or topic.startswith(f"{word}_")


def _shop(shop: Shopify, variables: Json) -> Json:
    return {"shop": shapes.shop(shop.memory)}


HANDLERS: dict[str, Callable[[Shopify, Json], Json]] = {
    documents.ORDER.name: _of_order(lambda shop, order, _: shapes.order(order, shop.memory)),
    documents.ORDER_LINES.name: _of_order(_lines),
    documents.ORDER_TRANSACTIONS.name: _of_order(
        lambda _, order, __: {"transactions": shapes.transactions(order)[: documents.MANY_TRANSACTIONS]}
    ),
    documents.ORDER_REFUNDS.name: _of_order(
        lambda _, order, __: {"refunds": [shapes.refund(item, 10, 4) for item in order.refunds[: documents.REFUNDS]]}
    ),
    documents.REFUND_IDS.name: _of_order(
        lambda _, order, __: {"refunds": [{"legacyResourceId": item.id} for item in order.refunds]}
    ),
    documents.REFUND.name: _refund,
    documents.SUGGESTED_REFUND.name: _of_order(_suggested),
    documents.REFUND_CREATE.name: _create,
    documents.ORDERS_TOUCHED.name: _touched,
    documents.SUBSCRIPTIONS.name: _subscriptions,
    documents.SHOP.name: _shop,
}


def _cost(asked: float, left: float) -> Json:
    status = {"maximumAvailable": BUCKET, "currentlyAvailable": left, "restoreRate": RESTORED}
    return {"extensions": {"cost": {"requestedQueryCost": asked, "actualQueryCost": asked, "throttleStatus": status}}}
