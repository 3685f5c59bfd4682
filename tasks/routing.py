"""Which operation listens to an event: one table, so that an event nobody listens to is seen and not guessed at."""

REFUNDS = "refunds"
LISTENERS: dict[str, str] = {
    "loop": REFUNDS,
    "shopify": REFUNDS,
    "stripe": REFUNDS,
    "aftership": REFUNDS,
    "easypost": REFUNDS,
}
"""The operation that listens to a vendor's events; what is not named here is kept as `unrouted`."""

TOPICS: dict[str, tuple[str, ...]] = {
    "shopify": ("refunds/", "disputes/", "orders/", "order_transactions/", "returns/", "customers/", "reverse_"),
    "stripe": ("refund.", "charge.refund", "charge.dispute."),
}
"""Beginnings of the topics an operation listens to, where a vendor also sends what is none of its business."""


def operation_of(vendor: str, topic: str) -> str:
    """The operation that an event is for; empty where nobody listens."""
    wanted = TOPICS.get(vendor)
    if wanted is not None and not topic.startswith(wanted):
        return ""
    return LISTENERS.get(vendor, "")
