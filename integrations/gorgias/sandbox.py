"""The pretended Gorgias: tickets and messages in memory, with customers and agents who act on their own day.

The same paths and JSON as the real one. Like the real one it knows no idempotency: the same POST twice is two
tickets and two mails, and `external_id` is only something to filter by.

    POST /_sandbox/gorgias/seed              {"replies": [{"customer_email" or "external_id", "after_message",
                                              "days", "text", "action": reply | write | take | close, "by"}]}
    POST /_sandbox/gorgias/customer-replies  {"ticket", "text", "at"?}
    POST /_sandbox/gorgias/agents            {"ticket", "action": take | write | close, "by"?, "text"?, "at"?}
    GET  /_sandbox/gorgias/effects           tickets and mails really made, by external_id, with their count
    POST /_sandbox/gorgias/reset
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.faults import App, Faults, wrap
from integrations.gorgias.sandbox_shapes import complaints, make_message, make_ticket
from integrations.sandbox_clock import Clock

AGENT = "agent@shop.example"
PAGE, LONGEST_PAGE = 30, 100
FIRST_TICKET = 40_000_000
BEFORE_FULL = (("X-Gorgias-Account-Api-Call-Limit", "1/40"),)


@dataclass(slots=True, kw_only=True)
class Script:
    """What happens some days after our n-th mail to a customer (or on a ticket)."""

    customer_email: str = ""
    external_id: str = ""
    after_message: int = 1
    days: float = 0.0
    text: str = ""
    action: str = "reply"
    by: str = AGENT


@dataclass(slots=True)
class Desk:
    """Everything the pretended vendor remembers."""

    clock: Clock
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    messages: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    mailed: Counter[str] = field(default_factory=Counter)
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    due: list[tuple[datetime, int, Script]] = field(default_factory=list)
    made: int = 0

    def clear(self) -> None:
        """Forget everything."""
        memories: tuple[Any, ...] = (self.tickets, self.by_key, self.messages, self.people, self.mailed)
        for memory in (*memories, self.effects, self.scripts, self.due):
            memory.clear()

    def seed(self, wanted: dict[str, Any]) -> None:
        """Add what customers and agents will do."""
        for item in wanted.get("replies", []):
            script = Script(**item)
            self.scripts.setdefault(script.external_id or script.customer_email, []).append(script)

    def person(self, email: str) -> int:
        """The id of a customer or user by address; the same address is the same person."""
        return self.people.setdefault(email.casefold(), 1000 + len(self.people))

    def open(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a ticket with its first messages."""
        ticket = make_ticket(self._number(body), body, self.person, self.clock.now())
        self.tickets[ticket["id"]] = ticket
        self.by_key.setdefault(body.get("external_id") or "", []).append(ticket)
        self.messages[ticket["id"]] = []
        self.effects["ticket", body.get("external_id") or ""] += 1
        for message in body["messages"]:
            self.write(ticket, message)
        return self.shown(ticket)

    def write(self, ticket: dict[str, Any], body: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
        """Add a message; a public one of ours without `sent_datetime` is mailed, and its script becomes due."""
        now = at or self.clock.now()
        message = make_message(self._next(), ticket["id"], body, self.person, now)
        self.messages[ticket["id"]].append(message)
        stamp = message["created_datetime"]
        ticket.update(updated_datetime=stamp, last_message_datetime=stamp)
        if not message["from_agent"]:
            ticket.update(last_received_message_datetime=stamp, status="open")
        elif message["via"] == "api" and message["public"] and not body.get("sent_datetime"):
            self.effects["message", message["external_id"] or ""] += 1
            self._plan(ticket, now)
        return message

    def act(self, ticket: dict[str, Any], script: Script, at: datetime) -> None:
        """Do what a customer or an agent does."""
        customer = ticket["customer"]["email"]
        if script.action == "reply":
            sender = {"email": customer}
            body = {"channel": "email", "via": "email", "from_agent": False, "sender": sender}
            self.write(ticket, {**body, "body_text": script.text}, at)
        elif script.action == "write":
            body = {"channel": "email", "via": "helpdesk", "from_agent": True, "sender": {"email": script.by}}
            self.write(ticket, {**body, "receiver": {"email": customer}, "body_text": script.text}, at)
        elif script.action == "take":
            user = self.person(script.by)
            ticket.update(assignee_user={"id": user, "email": script.by}, assignee_user_id=user)
        else:
            ticket.update(status="closed", closed_datetime=at.isoformat())

    def settle(self) -> None:
        """Let everything happen whose time has come."""
        now = self.clock.now()
        ready = sorted((item for item in self.due if item[0] <= now), key=lambda item: item[0])
        self.due = [item for item in self.due if item[0] > now]
        for at, ticket, script in ready:
            self.act(self.tickets[ticket], script, at)

    def shown(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """The ticket as the API answers with it, with its messages inside."""
        messages = self.messages[ticket["id"]]
        ends = {"first_message": messages[0], "last_message": messages[-1]}
        return {**ticket, **ends, "messages": messages, "messages_count": len(messages)}

    def _plan(self, ticket: dict[str, Any], now: datetime) -> None:
        for name in {ticket["customer"]["email"], ticket["external_id"] or ""} - {""}:
            self.mailed[name] += 1
            for script in self.scripts.get(name, []):
                if script.after_message == self.mailed[name]:
                    self.due.append((now + timedelta(days=script.days), ticket["id"], script))

    def _number(self, body: dict[str, Any]) -> int:
        """A ticket's id, from its external id where it has one: the same however calls overlap."""
        key = body.get("external_id")
        number = FIRST_TICKET + crc32(key.encode()) % FIRST_TICKET if key else self._next()
        while number in self.tickets:
            number += 1
        return number

    def _next(self) -> int:
        self.made += 1
        return self.made


Handler = Callable[[Request], Awaitable[Response]]


def build(clock: Clock) -> App:
    """The ASGI app of the pretended vendor, with its fault switches; each call makes one with its own memory."""
    desk = Desk(clock)
    faults = Faults("gorgias")

    def known(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if not request.headers.get("authorization", "").startswith("Basic "):
                return JSONResponse({"error": {"msg": "Authentication required."}}, 401)
            desk.settle()
            response = await handler(request)
            response.headers.update(dict(BEFORE_FULL))
            return response

        return checked

    routes = [
        Route("/api/tickets", known(_tickets(desk)), methods=["GET", "POST"]),
        Route("/api/tickets/{id:int}", known(_ticket(desk))),
        Route("/api/tickets/{id:int}/messages", known(_add_message(desk)), methods=["POST"]),
        Route("/api/messages", known(_list_messages(desk))),
        *_control(desk, faults),
    ]
    return wrap(Starlette(routes=routes), faults)


def _tickets(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        if request.method == "POST":
            body = await request.json()
            wrong = complaints(body, ("via", "messages"))
            return _refused(wrong) if wrong else JSONResponse(desk.open(body), 201)
        asked = request.query_params
        known = desk.by_key.get(asked["external_id"], []) if "external_id" in asked else desk.tickets.values()
        found = list(reversed(known))
        if "customer_id" in asked:
            found = [ticket for ticket in found if str(ticket["customer"]["id"]) == asked["customer_id"]]
        return _page(request, [{**ticket, "messages_count": len(desk.messages[ticket["id"]])} for ticket in found])

    return handle


def _ticket(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        ticket = desk.tickets.get(request.path_params["id"])
        return JSONResponse(desk.shown(ticket)) if ticket else _missing()

    return handle


def _add_message(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        ticket = desk.tickets.get(request.path_params["id"])
        if ticket is None:
            return _missing()
        body = await request.json()
        wrong = complaints(body, ("channel", "from_agent", "via"))
        return _refused(wrong) if wrong else JSONResponse(desk.write(ticket, body), 201)

    return handle


def _list_messages(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        wanted = request.query_params.get("ticket_id")
        lists = [desk.messages.get(int(wanted), [])] if wanted else list(desk.messages.values())
        found = sorted((message for listed in lists for message in listed), key=lambda m: m["created_datetime"])
        rising = request.query_params.get("order_by", "").endswith(":asc")
        return _page(request, found if rising else found[::-1])

    return handle


def _page(request: Request, found: list[dict[str, Any]]) -> Response:
    start = int(request.query_params.get("cursor", 0))
    size = min(int(request.query_params.get("limit", PAGE)), LONGEST_PAGE)
    after = str(start + size) if len(found) > start + size else None
    before = str(max(start - size, 0)) if start else None
    meta = {"next_cursor": after, "prev_cursor": before}
    body = {"data": found[start : start + size], "object": "list", "uri": request.url.path, "meta": meta}
    return JSONResponse(body)


def _refused(wrong: dict[str, list[str]]) -> Response:
    return JSONResponse({"error": {"msg": "Invalid data.", "data": wrong}}, 400)


def _missing() -> Response:
    return JSONResponse({"error": {"msg": "Not found."}}, 404)


def _control(desk: Desk, faults: Faults) -> list[Route]:
    async def seed(request: Request) -> Response:
        try:
            desk.seed(await request.json())
        except (TypeError, ValueError, AttributeError) as error:
            # Python's own words name the field that is unknown or missing.
            return JSONResponse({"error": {"message": str(error)}}, 400)
        return JSONResponse({})

    async def act(request: Request) -> Response:
        item = await request.json()
        ticket = desk.tickets.get(int(item.pop("ticket")))
        if ticket is None:
            return _missing()
        at = item.pop("at", None)
        desk.act(ticket, Script(**item), datetime.fromisoformat(at) if at else desk.clock.now())
        return JSONResponse(desk.shown(ticket))

    async def effects(request: Request) -> Response:
        made = [{"kind": kind, "external_id": key, "count": n} for (kind, key), n in desk.effects.items()]
        return JSONResponse({"effects": made})

    async def reset(request: Request) -> Response:
        desk.clear()
        faults.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/gorgias/seed", seed, methods=["POST"]),
        Route("/_sandbox/gorgias/customer-replies", act, methods=["POST"]),
        Route("/_sandbox/gorgias/agents", act, methods=["POST"]),
        Route("/_sandbox/gorgias/effects", effects),
        Route("/_sandbox/gorgias/reset", reset, methods=["POST"]),
    ]
