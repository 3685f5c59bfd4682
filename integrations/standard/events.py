"""What a delivery by Standard Webhooks is about: pure. Its id is the header `webhook-id`, which is signed.

Nobody listens to them yet: what such a sender means, its own reader would have to say.
"""

from typing import Any

from domain.news import News, Nothing
from integrations.signing import Delivery, Envelope
from integrations.standard.signature import brand_of

NOBODY = "Nobody listens to this sender's events yet."


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """The event by its id; the standard recommends that the body names its `type`."""
    topic = document.get("type") if isinstance(document, dict) else None
    return Envelope(topic if isinstance(topic, str) else "", delivery.headers.get(f"{brand_of(delivery)}-id", ""))


def news(document: Any, event: str) -> tuple[News, ...]:
    """Nothing to do."""
    return (Nothing(NOBODY),)
