"""Gorgias' tickets and messages to and from our words: pure, payload in and value out.

One field decides whether a mail leaves: without `sent_datetime` Gorgias sends it, with it the mail is imported
as already sent. It is never set here. Our own messages are those made through the API (`via: api`).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from domain.messages import Ticket, TicketDraft, TicketMessage, TicketState
from integrations.errors import Refused
from integrations.fields import Damaged, need_whole, shape

VENDOR = "gorgias"
LONGEST_EXTERNAL_ID = 255
LONGEST_SUBJECT = 998
OURS = "api"
"""`via` of what we write. A person writes via `helpdesk`, a robot via `rule`."""
BY_HAND = frozenset({"helpdesk", "email"})


def write_ticket(draft: TicketDraft, *, key: str) -> dict[str, Any]:
    """The body of POST /api/tickets: the ticket and its first message, both with our key as `external_id`."""
    message = TicketMessage(
        to_email=draft.customer_email,
        to_name=draft.customer_name,
        sender_email=draft.sender_email,
        sender_name=draft.sender_name,
        subject=draft.subject,
        body=draft.body,
        internal=draft.internal,
    )
    ticket: dict[str, Any] = {
        "channel": "email",
        "via": OURS,
        "from_agent": True,
        "status": "open",
        "subject": _bounded(draft.subject, LONGEST_SUBJECT),
        "external_id": _external_id(key),
        "customer": {"email": draft.customer_email, "name": draft.customer_name},
        "tags": [{"name": tag} for tag in draft.tags],
        "messages": [write_message(message, key=key)],
    }
    return {**ticket, "language": draft.language[:2].lower()} if draft.language else ticket


def write_message(message: TicketMessage, *, key: str) -> dict[str, Any]:
    """The body of POST /api/tickets/{id}/messages: one mail from the person's own inbox, or an internal note."""
    common: dict[str, Any] = {
        "via": OURS,
        "from_agent": True,
        "external_id": _external_id(key),
        "sender": {"email": message.sender_email},
        "body_text": message.body,
        "body_html": escape(message.body, quote=False).replace("\n", "<br>\n"),
    }
    if message.internal:
        return {**common, "channel": "internal-note", "public": False}
    return {
        **common,
        "channel": "email",
        "public": True,
        "subject": _bounded(message.subject, LONGEST_SUBJECT),
        "receiver": {"email": message.to_email, "name": message.to_name},
        "source": {
            "type": "email",
            "from": {"address": message.sender_email, "name": message.sender_name},
            "to": [{"address": message.to_email, "name": message.to_name}],
        },
    }


def read_ticket(ticket: dict[str, Any], *, site: str) -> Ticket:
    """A ticket's id and the page where an agent opens it; `site` is the account's address."""
    ref = read_ref(ticket)
    return Ticket(ref=ref, url=f"{site}/app/ticket/{ref}")


def read_ref(item: dict[str, Any]) -> str:
    """The id of a ticket or a message as text; Damaged where there is none."""
    return str(need_whole(item, "id"))


def read_state(ticket: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> TicketState:
    """Whether the customer wrote after our first message, whether it is closed, and who took it.

    An automatic answer (out of office) is an answer here too: the follow-up waits for a person to look.
    Robots (`via: rule`) take nothing.
    """
    ordered = sorted(messages, key=lambda message: _instant(message.get("created_datetime")))
    ours = [message for message in ordered if message.get("from_agent") and message.get("via") == OURS]
    theirs = [
        _instant(message.get("created_datetime"))
        for message in ordered
        if message.get("from_agent") is False and message.get("public", True)
    ]
    since = _instant(ours[0].get("created_datetime")) if ours else _instant(ticket.get("created_datetime"))
    answers = [at for at in theirs if at >= since]
    return TicketState(
        answered_at=answers[0] if answers else None,
        closed=ticket.get("status") == "closed" or bool(ticket.get("trashed_datetime")),
        taken_by=_assignee(ticket) or _hand(ordered),
    )


def all_messages(ticket: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The messages inside a ticket, or None where they are absent or fewer than the ticket counts."""
    messages, count = ticket.get("messages"), ticket.get("messages_count")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    return messages if count in (None, len(messages)) else None


def has_key(item: Mapping[str, Any], key: str) -> bool:
    """True for the ticket or message that carries our key."""
    return item.get("external_id") == key


def read_refused_fields(body: bytes) -> list[str]:
    """The names of the fields a 4xx answer complains of; never their values, which are people's data."""
    try:
        data = json.loads(body)["error"]["data"]
    except (ValueError, KeyError, TypeError):
        return []
    return sorted(str(name) for name in data) if isinstance(data, Mapping) else []


def _assignee(ticket: Mapping[str, Any]) -> str:
    user = ticket.get("assignee_user")
    if isinstance(user, Mapping):
        return str(user.get("email") or user.get("id") or "")
    return str(ticket.get("assignee_user_id") or "")


def _hand(messages: Iterable[Mapping[str, Any]]) -> str:
    for message in messages:
        sender = message.get("sender")
        if message.get("from_agent") and message.get("via") in BY_HAND and isinstance(sender, Mapping):
            return str(sender.get("email") or sender.get("id") or "somebody")
    return ""


def _instant(text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Damaged(f"created_datetime: an ISO instant was expected, not {shape(text)}") from error
    # Gorgias writes UTC; an instant without a zone is therefore UTC too.
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _external_id(key: str) -> str:
    if not 0 < len(key) <= LONGEST_EXTERNAL_ID:
        # A key cut short would be found again for another step, so it is refused instead.
        limit = f"1 to {LONGEST_EXTERNAL_ID} characters"
        raise Refused(VENDOR, "external_id", f"the step's key has {len(key)} characters; it needs {limit}")
    return key


def _bounded(text: str, limit: int) -> str:
    return " ".join(text.split())[:limit]
