"""What Zendesk's deliveries are about: pure. Nobody listens to them yet, so the news is that there is nothing to do.

An event that was subscribed to has `id`, `type`, `account_id`; a webhook fired by a trigger has whatever body the
admin wrote, and is told apart by its bytes.
"""

from hashlib import sha256
from typing import Any

from domain.news import News, Nothing
from integrations.fields import at
from integrations.signing import Delivery, Envelope

NOBODY = "Nobody listens to Zendesk's events yet."
TYPE_PREFIX = "zen:event-type:"


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """The event by its id, else by the bytes of the body."""
    topic = _said(document, "type").removeprefix(TYPE_PREFIX) or "trigger"
    identity = _said(document, "id") or sha256(delivery.body).hexdigest()
    return Envelope(topic, identity, _said(document, "account_id"))


def news(document: Any, event: str) -> tuple[News, ...]:
    """Nothing to do."""
    return (Nothing(NOBODY),)


def _said(document: Any, path: str) -> str:
    value = at(document, path) if isinstance(document, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
