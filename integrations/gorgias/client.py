"""Tickets through Gorgias' REST API: open one with its first message, write on it, look how it stands.

Gorgias has no idempotency key. Our key is the `external_id` of the ticket and of each message, and an unanswered
POST is never repeated before `find_ticket` or `find_message` has looked for it. One call has one effect.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx

from domain.messages import Ticket, TicketDraft, TicketMessage, TicketState
from integrations.errors import Refused, Unreadable
from integrations.fields import Damaged
from integrations.gorgias import mapping
from integrations.http import call, json_object

T = TypeVar("T")
VENDOR = mapping.VENDOR
PAGE_SIZE = 100
PAGES = 50
CALLS_PER_SECOND = 2.0
"""An API key has 40 calls in 20 seconds (developers.gorgias.com/reference/limitations)."""
ROOM_LEFT = 2
CALL_LIMIT = "x-gorgias-account-api-call-limit"
"""Header `used/limit`; the client waits before the bucket is full rather than after a 429."""
REFUSALS = (400, 404, 409, 413, 422)


class GorgiasHelpdesk:
    """One helpdesk account, as one of its users. The HTTP client is the caller's, who closes it."""

    def __init__(self, http: httpx.AsyncClient, user: str, api_key: str) -> None:
        self._http = http
        self._auth = httpx.BasicAuth(user, api_key)
        self._site = str(http.base_url).rstrip("/")

    async def open_ticket(self, draft: TicketDraft, *, key: str) -> Ticket:
        """Open a ticket with its first message. Raises NoAnswer where only `find_ticket(key)` can tell."""
        body = mapping.write_ticket(draft, key=key)
        ticket = await self._post(f"open ticket {key}", "/api/tickets", body)
        return self._ticket("open ticket", ticket)

    async def find_ticket(self, key: str) -> Ticket | None:
        """The ticket that carries our key, in the trash or not, or None: it was never opened."""
        name = f"find ticket {key}"
        async for ticket in self._list(name, "/api/tickets", {"external_id": key}):
            if not mapping.has_key(ticket, key):
                # Unfiltered answers would make "not found" a guess, and the guess a second ticket.
                raise Unreadable(VENDOR, name, "the filter external_id was not applied")
            return self._ticket(name, ticket)
        return None

    async def add_message(self, ticket_ref: str, message: TicketMessage, *, key: str) -> str:
        """Write one message on a ticket; returns its id. NoAnswer where only `find_message` can tell."""
        path = f"/api/tickets/{int(ticket_ref)}/messages"
        made = await self._post(f"add message {key}", path, mapping.write_message(message, key=key))
        return _read("add message", mapping.read_ref, made)

    async def find_message(self, ticket_ref: str, key: str) -> str | None:
        """The id of the message on this ticket that carries our key, or None: it was never written."""
        async for message in self._messages(ticket_ref):
            if mapping.has_key(message, key):
                return _read("find message", mapping.read_ref, message)
        return None

    async def state(self, ticket_ref: str) -> TicketState:
        """How the ticket stands now: answered, closed, taken by a person. Reads only.

        One call where the ticket brings all its messages; the rate limit is too small for two.
        """
        name = f"read ticket {ticket_ref}"
        response = await self._call(name, lambda: self._get(f"/api/tickets/{int(ticket_ref)}"), True)
        ticket = json_object(VENDOR, name, response)
        messages = mapping.all_messages(ticket)
        if messages is None:
            messages = [message async for message in self._messages(ticket_ref)]
        return _read(name, lambda found: mapping.read_state(found, messages), ticket)

    def _ticket(self, name: str, ticket: dict[str, Any]) -> Ticket:
        return _read(name, lambda found: mapping.read_ticket(found, site=self._site), ticket)

    async def _messages(self, ticket_ref: str) -> AsyncIterator[dict[str, Any]]:
        # The list below the ticket itself is deprecated and has no pages.
        filters = {"ticket_id": str(int(ticket_ref)), "order_by": "created_datetime:asc"}
        async for message in self._list(f"list messages of {ticket_ref}", "/api/messages", filters):
            if str(message.get("ticket_id")) != ticket_ref:
                raise Unreadable(VENDOR, "list messages", "the filter ticket_id was not applied")
            yield message

    async def _list(self, name: str, path: str, filters: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        for _ in range(PAGES):
            wanted = {**filters, "limit": str(PAGE_SIZE), **({"cursor": cursor} if cursor else {})}
            page = await self._page(name, path, wanted)
            for item in page["data"]:
                yield item
            cursor = (page.get("meta") or {}).get("next_cursor") or ""
            if not cursor:
                return
        raise Unreadable(VENDOR, name, f"more than {PAGES} pages; the answer never ends")

    async def _page(self, name: str, path: str, wanted: dict[str, str]) -> dict[str, Any]:
        page = json_object(VENDOR, name, await self._call(name, lambda: self._get(path, wanted), True))
        data = page.get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise Unreadable(VENDOR, name, "answered without a list in data")
        return page

    async def _get(self, path: str, wanted: dict[str, str] | None = None) -> httpx.Response:
        return await self._http.get(path, params=wanted, auth=self._auth)

    async def _post(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._call(name, lambda: self._http.post(path, json=body, auth=self._auth), False)
        if not response.is_success:
            raise _refusal(name, response)
        return json_object(VENDOR, name, response)

    async def _call(self, name: str, send: Callable[[], Awaitable[httpx.Response]], repeatable: bool) -> httpx.Response:
        accept = () if repeatable else REFUSALS
        response = await call(VENDOR, name, send, repeatable=repeatable, accept=accept)
        used, _, limit = response.headers.get(CALL_LIMIT, "").partition("/")
        if used.isdigit() and limit.isdigit() and int(used) >= int(limit) - ROOM_LEFT:
            await asyncio.sleep(1 / CALLS_PER_SECOND)
        return response


def _read(name: str, read: Callable[[dict[str, Any]], T], item: dict[str, Any]) -> T:
    try:
        return read(item)
    except Damaged as error:
        raise Unreadable(VENDOR, name, str(error)) from error


def _refusal(name: str, response: httpx.Response) -> Refused:
    fields = mapping.read_refused_fields(response.content)
    about = f" because of {', '.join(fields)}" if fields else ""
    error = Refused(VENDOR, name, f"refused with {response.status_code}{about}")
    error.code = str(response.status_code)
    return error
