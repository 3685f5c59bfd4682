"""What Gorgias' deliveries are about: pure. The body is the shop's own template, so names vary.

Nobody listens to them yet, so the news is that there is nothing to do. The advised template has `event`, `ticket_id`
and `message_id`; with the template `{{context}}` the body is the ticket or the message itself.
"""

from hashlib import sha256
from typing import Any

from domain.news import News, Nothing
from integrations.fields import at
from integrations.signing import Delivery, Envelope

NOBODY = "Nobody listens to the helpdesk's events yet."


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """The event: without an id of its own it is told apart by ticket, message and the ticket's last change."""
    topic = _said(document, "event") or ("message" if _said(document, "ticket_id") else "ticket")
    ticket = _said(document, "ticket_id") or _said(document, "ticket.id") or _said(document, "id")
    message = _said(document, "message_id") or _said(document, "message.id")
    changed = _said(document, "updated_datetime") or _said(document, "ticket.updated_datetime")
    # Where nothing tells two events of one ticket apart, the bytes do: too many events are better than a lost one.
    parts = [ticket, message, changed or sha256(delivery.body).hexdigest()]
    return Envelope(topic, "/".join(parts), _said(document, "account.domain"))


def news(document: Any, event: str) -> tuple[News, ...]:
    """Nothing to do."""
    return (Nothing(NOBODY),)


def _said(document: Any, path: str) -> str:
    value = at(document, path) if isinstance(document, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
