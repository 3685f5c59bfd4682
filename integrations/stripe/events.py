"""Stripe's events as news: refunds and disputes; everything else is understood as nothing to do. Pure.

An event is rendered in the API version of its day, so only what all versions share is read here: ids and references.
States and amounts are read again from the API.
"""

from typing import Any

from domain.news import DisputeTouched, News, Nothing, RefundTouched
from integrations.errors import Unreadable
from integrations.fields import Damaged, at, need_text, reference, shape, text
from integrations.signing import Delivery, Envelope
from integrations.stripe.connection import VENDOR

KEY, ORDER = "recoup_key", "recoup_order"
"""What our own refunds carry in their metadata: the step's key, and the shop's id of the order."""
REFUND_TOPICS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
"""Events whose object is a refund. `charge.refund.updated` is the older name of `refund.updated`."""
CHARGE_TOPIC = "charge.refunded"
"""Its object is the charge, which has not named its refunds since 2022-11-15."""
DISPUTE_TOPICS = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
TOPICS = (*REFUND_TOPICS, CHARGE_TOPIC, *DISPUTE_TOPICS)
"""Every event that is news; a webhook endpoint needs no other for refunds, and the poller asks for these."""


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """Stripe's own event id and type; the tenant is the connected account, else `live` or `test` as the event says."""
    try:
        live = at(_event(document), "livemode")
        mode = "live" if live is True else "test" if live is False else ""
        return Envelope(need_text(document, "type"), need_text(document, "id"), text(document, "account") or mode)
    except Damaged as error:
        raise Unreadable(VENDOR, "webhook", str(error)) from error


def news(document: Any, event: str) -> tuple[News, ...]:
    """What an event tells; Unreadable where it is about a refund or a dispute and does not say which."""
    try:
        kind, item = need_text(_event(document), "type"), at(document, "data.object")
        if kind in REFUND_TOPICS:
            order = text(item, f"metadata.{ORDER}")
            return (RefundTouched(VENDOR, ref=need_text(item, "id"), order=order, payment=paid_with(item)),)
        if kind == CHARGE_TOPIC:
            payment = reference(item, "payment_intent") or need_text(item, "id")
            return (RefundTouched(VENDOR, ref="", payment=payment),)
        if kind.startswith("charge.dispute."):
            # Bodies of before 2014 know a dispute by its charge alone.
            ref, payment = text(item, "id"), paid_with(item)
            return (DisputeTouched(VENDOR, ref=ref or need_text(item, "charge"), payment=payment),)
    except Damaged as error:
        raise Unreadable(VENDOR, "webhook", str(error)) from error
    return (Nothing("is about neither a refund nor a dispute"),)


def paid_with(item: Any) -> str:
    """The payment of a refund or a dispute: its payment intent, or its charge where it has none."""
    return reference(item, "payment_intent") or reference(item, "charge")


def _event(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Damaged(f"an event was expected, not {shape(document)}")
    return document
