"""Shopify's webhooks: which event a delivery is, and what its body tells. Pure.

The body does not name its topic, and the header that does is not signed; so what an event tells is read from the
body's own ids. Topics are hints all the same: whoever acts reads the order again first.
"""

from hashlib import sha256
from typing import Any, Final

from domain.news import DisputeTouched, News, Nothing, OrderTouched, RefundTouched
from integrations.errors import Unreadable
from integrations.fields import Damaged, at, shape
from integrations.shopify.connection import VENDOR
from integrations.shopify.reading import number, number_or_none
from integrations.signing import Delivery, Envelope

TOPICS: Final = (
    "REFUNDS_CREATE",
    "ORDER_TRANSACTIONS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "DISPUTES_CREATE",
    "DISPUTES_UPDATE",
    "CUSTOMER_TAGS_ADDED",
    "CUSTOMER_TAGS_REMOVED",
    "RETURNS_UPDATE",
    "RETURNS_CLOSE",
)
"""What a shop should subscribe to, in the words of `webhookSubscriptions`. One that is missing there was removed."""
LONGEST: Final = 120
"""A longer id or topic in an unsigned header is replaced by its hash."""
_DISPUTE: Final = ("network_reason_code", "evidence_due_by", "initiated_at")
"""Fields of a dispute and of nothing else; its body has no id that says what it is."""


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """The event's id with its topic: two subscriptions to one topic bring one event twice (shopify.dev, ignore
    duplicates). Without an id the same body is the same event."""
    head = delivery.headers
    topic = _short(head.get("x-shopify-topic", "").strip().lower())
    given = head.get("x-shopify-event-id", "").strip() or head.get("x-shopify-webhook-id", "").strip()
    event = _short(given) if given else f"body-{sha256(delivery.body).hexdigest()[:32]}"
    return Envelope(topic, f"{event}/{topic}", head.get("x-shopify-shop-domain", "").strip().lower())


def news(document: Any, event: str) -> tuple[News, ...]:
    """What the body tells. Raises Unreadable where it is about something of ours and cannot be read."""
    try:
        if not isinstance(document, dict):
            raise Damaged(f"an object was expected, not {shape(document)}")
        return (_news(document),)
    except Damaged as error:
        raise Unreadable(VENDOR, f"read event {event}", str(error)) from error


def _news(body: dict[str, Any]) -> News:
    kind = _kind(body)
    if kind == "Refund":
        return RefundTouched(VENDOR, number(body, "id"), order=number(body, "order_id"))
    if kind == "OrderTransaction":
        return OrderTouched(number(body, "order_id"))
    if kind == "Order":
        return OrderTouched(number(body, "id"))
    if kind == "Dispute":
        return DisputeTouched(VENDOR, number(body, "id"), order=number_or_none(body, "order_id"))
    if kind == "Return":
        path = "order.id" if at(body, "order") is not None else "order_id"
        found = number_or_none(body, path)
        return OrderTouched(found) if found else Nothing("a return of the shop's own that names no order")
    if kind == "Customer":
        return Nothing("a customer's tags changed; they are read with the order at the next look")
    return Nothing(f"an event about {f'a {kind}' if kind else 'something'} that nobody here follows")


def _kind(body: dict[str, Any]) -> str:
    """What the body is about: `Refund`, `Order` and so on; empty where it does not say."""
    identity = body.get("admin_graphql_api_id")
    if isinstance(identity, str) and identity.startswith("gid://shopify/"):
        found = identity.removeprefix("gid://shopify/").split("/")[0][:LONGEST]
        return "Dispute" if found.endswith("Dispute") else found
    if any(name in body for name in _DISPUTE):
        return "Dispute"
    if "customerId" in body:
        return "Customer"
    if "refund_line_items" in body:
        return "Refund"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else sha256(text.encode()).hexdigest()[:32]
