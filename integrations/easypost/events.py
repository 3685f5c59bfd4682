"""EasyPost's webhooks: which event it is, and what it tells us. Pure.

An event has an id and carries the whole tracker, so a late or doubled one tells nothing twice: the scan's
fingerprint is the same. EasyPost says itself that it may deliver an event more than once.
"""

from hashlib import sha256
from typing import Any

from domain.news import News, Nothing
from integrations.easypost import mapping
from integrations.errors import Unreadable
from integrations.fields import Damaged, shape
from integrations.signing import Delivery, Envelope

VENDOR = mapping.VENDOR
TRACKERS = frozenset({"tracker.created", "tracker.updated"})


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """Topic and identity; an event without an id is known by its bytes."""
    known = document if isinstance(document, dict) else {}
    ident, topic = known.get("id"), known.get("description")
    return Envelope(
        topic if isinstance(topic, str) else "",
        ident if isinstance(ident, str) and ident else f"body-{sha256(delivery.body).hexdigest()}",
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
    topic = document.get("description")
    if not isinstance(topic, str) or not topic:
        raise Damaged("description: text is missing")
    if topic not in TRACKERS:
        return (Nothing(f"{topic[:60]} does not tell of a parcel's movement"),)
    return mapping.read_tracker(document.get("result"), event) or (Nothing("the tracker has no status yet"),)
