"""AfterShip's webhooks, of its products Tracking and Returns: which event it is, and what it tells us. Pure.

Tracking says `event_id`, Returns says `id`; both are signed with the body. A tracking brings all its checkpoints each
time, so a late or doubled event tells nothing twice: the scan's fingerprint is the same.
"""

from hashlib import sha256
from typing import Any

from domain.news import News, Nothing
from domain.scans import Scan
from integrations.aftership import mapping
from integrations.errors import Unreadable
from integrations.fields import Damaged, at, many, shape
from integrations.signing import Delivery, Envelope

VENDOR = mapping.VENDOR
SHOPPERS_OWN = "return.shipment.recorded"
"""The shopper typed the tracking number in: nobody has seen a label for it, so it never counts as evidence."""
MOVES = frozenset({"return.shipment.updated", "return.dropoff.shipment.updated"})


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """Topic and identity; an event without an id is known by its bytes."""
    known = document if isinstance(document, dict) else {}
    ident = known.get("event_id") or known.get("id")
    topic = known.get("event")
    return Envelope(
        topic if isinstance(topic, str) else "",
        ident if isinstance(ident, str) else f"body-{sha256(delivery.body).hexdigest()}",
    )


def news(document: Any, event: str) -> tuple[News, ...]:
    """The scans that an event tells of, or why it tells of none; Unreadable names the field."""
    try:
        return _news(document, event)
    except Damaged as damaged:
        raise Unreadable(VENDOR, "event", str(damaged)) from damaged


def _news(document: Any, event: str) -> tuple[News, ...]:
    if not isinstance(document, dict):
        raise Damaged(f"an object was expected, not {shape(document)}")
    topic = document.get("event")
    if not isinstance(topic, str) or not topic:
        raise Damaged("event: text is missing")
    if topic == "tracking_update":
        scans = mapping.read_tracking(document.get("msg"), event)
        return scans or (Nothing("the tracking has no status yet"),)
    if topic in MOVES:
        return _shipments(document, event) or (Nothing("the return's shipments have no tracking status yet"),)
    if topic == SHOPPERS_OWN:
        return (Nothing("shopper-supplied tracking, which never counts as a scan of a label we issued"),)
    return (Nothing(f"{topic[:60]} does not tell of a parcel's movement"),)


def _shipments(document: dict[str, Any], event: str) -> tuple[Scan, ...]:
    told = (mapping.read_shipment(item, document.get("created_at"), event) for item in many(document, "data.shipments"))
    if not isinstance(at(document, "data"), dict):
        raise Damaged("data: the return is missing")
    return tuple(scan for scan in told if scan is not None)
