"""The pretended Gorgias' tickets and messages as JSON, and what it complains of in a request: pure.

The fields are those of recorded ticket and message objects; who sends and receives is filled in by address.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

People = Callable[[str], int]

CHANNELS = frozenset({"api", "chat", "contact_form", "email", "help-center", "internal-note", "phone", "sms"})
VIAS = CHANNELS | frozenset({"form", "helpdesk", "rule", "shopify", "zendesk"})
LONGEST = {"subject": 998, "external_id": 255}


def complaints(body: Any, required: tuple[str, ...]) -> dict[str, list[str]]:
    """What is wrong with a request's body, by field as in Gorgias' own 400; empty where it is fine."""
    if not isinstance(body, dict):
        return {"_schema": ["Invalid input type."]}
    wrong = {name: ["Missing data for required field."] for name in required if body.get(name) in (None, "", [])}
    for name, known in (("channel", CHANNELS), ("via", VIAS)):
        if body.get(name) is not None and body[name] not in known:
            wrong[name] = ["Not a valid choice."]
    for name, longest in LONGEST.items():
        if len(body.get(name) or "") > longest:
            wrong[name] = [f"Longer than maximum length {longest}."]
    for index, message in enumerate(body.get("messages") or []):
        inner = complaints(message, ("channel", "from_agent", "via"))
        wrong.update({f"messages.{index}.{name}": texts for name, texts in inner.items()})
    return wrong


def make_ticket(number: int, body: Mapping[str, Any], people: People, now: datetime) -> dict[str, Any]:
    """A ticket object without its messages."""
    stamp = now.isoformat()
    customer = body.get("customer") or {}
    status = body.get("status", "open")
    return {
        "id": number,
        "uri": f"/api/tickets/{number}/",
        "external_id": body.get("external_id"),
        "language": body.get("language") or "en",
        "status": status,
        "priority": body.get("priority", "normal"),
        "channel": body.get("channel", "api"),
        "via": body["via"],
        "from_agent": bool(body.get("from_agent")),
        "spam": False,
        "customer": _person(customer, people),
        "assignee_user": None,
        "assignee_user_id": None,
        "assignee_team": None,
        "assignee_team_id": None,
        "subject": body.get("subject") or "",
        "meta": body.get("meta"),
        "tags": [_tag(index, tag["name"]) for index, tag in enumerate(body.get("tags") or [], start=1)],
        "created_datetime": stamp,
        "opened_datetime": None,
        "last_received_message_datetime": None,
        "last_message_datetime": stamp,
        "updated_datetime": stamp,
        "closed_datetime": stamp if status == "closed" else None,
        "snooze_datetime": None,
        "trashed_datetime": None,
        "satisfaction_survey": None,
    }


def make_message(number: int, ticket: int, body: Mapping[str, Any], people: People, now: datetime) -> dict[str, Any]:
    """A message object; one that is mailed is sent at once."""
    text = body.get("body_text") or ""
    return {
        "id": number,
        "uri": f"/api/tickets/{ticket}/messages/{number}/",
        "ticket_id": ticket,
        "external_id": body.get("external_id"),
        "message_id": f"<{number}.{ticket}@helpdesk.example>",
        "integration_id": None,
        "channel": body["channel"],
        "via": body["via"],
        "public": body.get("public", True),
        "from_agent": body["from_agent"],
        "sender": _person(body.get("sender") or {}, people),
        "receiver": _person(body["receiver"], people) if body.get("receiver") else None,
        "source": body.get("source"),
        "subject": body.get("subject") or "",
        "body_text": text,
        "body_html": body.get("body_html") or text,
        "stripped_text": text,
        "stripped_html": None,
        "stripped_signature": None,
        "headers": body.get("headers"),
        "attachments": [],
        "actions": None,
        "macros": [],
        "meta": body.get("meta"),
        "rule_id": None,
        "is_retriable": True,
        "last_sending_error": None,
        "created_datetime": now.isoformat(),
        "sent_datetime": body.get("sent_datetime") or now.isoformat(),
        "failed_datetime": None,
        "opened_datetime": None,
    }


def _person(who: Mapping[str, Any], people: People) -> dict[str, Any]:
    email = who.get("email") or ""
    name = who.get("name") or ""
    first, _, last = name.partition(" ")
    number = who.get("id") or people(email)
    return {"id": number, "email": email, "name": name, "firstname": first, "lastname": last, "meta": {}}


def _tag(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "uri": f"/api/tags/{number}/", "decoration": None}
