"""What Twilio's deliveries are about: pure. Nobody listens to them yet, so the news is that there is nothing to do.

A form is an inbound message or a status callback; the header `I-Twilio-Idempotency-Token` stays the same when Twilio
tries again. JSON is a list of CloudEvents (Event Streams).
"""

from hashlib import sha256
from typing import Any

from domain.news import News, Nothing
from integrations.signing import Delivery, Envelope

NOBODY = "Nobody listens to Twilio's events yet."


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """The event: a message and its state, or the ids of a batch of events."""
    if isinstance(document, dict) and (status := _said(document, "MessageStatus")):
        return Envelope("message.status", f"{_said(document, 'MessageSid')}/{status}", _said(document, "AccountSid"))
    if isinstance(document, dict) and (message := _said(document, "MessageSid")):
        return Envelope("message.received", message, _said(document, "AccountSid"))
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        first = document[0]
        ids = "/".join(_said(item, "id") for item in document)
        data = first.get("data")
        account = _said(data, "accountSid") if isinstance(data, dict) else ""
        return Envelope(_said(first, "type") or "events", sha256(ids.encode()).hexdigest(), account)
    return Envelope("other", sha256(delivery.body).hexdigest())


def news(document: Any, event: str) -> tuple[News, ...]:
    """Nothing to do."""
    return (Nothing(NOBODY),)


def _said(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
