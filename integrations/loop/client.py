"""The returns portal Loop over HTTP: read returns, have one processed, mark it, and look whether webhooks are on.

Loop knows no idempotency key. `process` only queues, so an unanswered one is never repeated here: the return's state
and its refunds say what became of it (`processed`), and Loop refuses to process a return that is closed. A key has
300 calls a minute (docs.loopreturns.com/api-reference/rate-limit); a 429 is `Unavailable` and names no wait.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from domain.orders import RefundAnswer
from domain.returns import Return
from integrations.errors import Refused, Unreadable
from integrations.fields import Damaged, at, shape
from integrations.http import call
from integrations.loop import mapping
from integrations.loop.values import loose_text, parse
from integrations.pages import Page, read_page
from integrations.subscriptions import Subscription

T = TypeVar("T")
VENDOR = mapping.VENDOR
API_VERSION = "2026-07"
"""Pinned: `v1` is an alias that will be phased out, and no version at all is the oldest."""
BASE = f"/api/{API_VERSION}"
LIST = f"{BASE}/warehouse/return/list"
LONGEST_RANGE = timedelta(days=119)
"""A list covers at most 120 days; a day less leaves room for how they are counted."""
STATES = ("", "cancelled", "review")
"""Without a state the list has open, closed and expired returns only; the others have to be asked for."""
PAGE_SIZE, PAGES = 200, 1000
PACE_SECONDS = 60 / 300
LONGEST_NOTE = 254
"""Loop takes notes of less than 255 characters."""
REFUSALS = (400, 404, 409, 422)
NEXT, ITEMS = "nextPageUrl", ("returns", "data", "items")


class LoopPortal:
    """One shop at Loop. `http` comes from `integrations.http.open_client("https://api.loopreturns.com")`."""

    VENDOR = VENDOR

    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self._http = http
        self._headers = {"X-Authorization": api_key, "Accept": "application/json"}

    async def ret(self, portal_id: str) -> Return:
        """One return as it stands now. Refused where Loop has none of that id."""
        name, number = f"read return {portal_id}", _number("read return", portal_id)
        said = await self._get(f"{BASE}/warehouse/return/details", name, {"return_id": number}, accept=(404,))
        if not isinstance(said, dict) or "id" not in said:
            raise Refused(VENDOR, name, mapping.error_of(said) or "there is no such return")
        found = _read(name, mapping.read_return, said)
        if found.portal_id != portal_id:
            raise Unreadable(VENDOR, name, "answered with another return")
        return found

    async def returns(self, since: datetime, until: datetime | None = None) -> AsyncIterator[Page[Return]]:
        """Returns that changed between these instants, in any state; `until` None means until now.

        Where the list shows an item without its labels the return is read by itself, so what comes is always whole.
        """
        end, start = until or max(datetime.now(UTC), since), since
        while start <= end:
            stop = min(start + LONGEST_RANGE, end) if until else start + LONGEST_RANGE
            for state in STATES:
                async for raw in self._list(start, stop, state):
                    yield read_page(VENDOR, "return", [await self._whole(item) for item in raw], mapping.read_return)
            start = stop + timedelta(microseconds=1)

    async def process(self, portal_id: str, key: str) -> RefundAnswer:
        """Have a return processed: `pending` when queued, `refused` with the reason when Loop will not.

        Our key goes into the body, which Loop copies to the return's timeline. Raises NoAnswer where only
        `processed` can tell. The answer never says that money has moved.
        """
        name, path = f"process {key}", f"{_path('process', portal_id)}/process"
        said = await self._post(path, name, {"recoup_key": key}, accept=REFUSALS)
        return _read(name, mapping.read_answer, said)

    async def processed(self, portal_id: str) -> RefundAnswer | None:
        """What became of the return's refund: None while it is not closed, or was closed without any refund."""
        return mapping.processed(await self.ret(portal_id))

    async def flag(self, portal_id: str, why: str) -> None:
        """Have a person at the portal review the return before anything processes it, and note why."""
        name, path = f"flag return {portal_id}", f"{_path('flag return', portal_id)}/flag"
        said = await self._post(path, name, None)
        if refused := mapping.error_of(said):
            raise Refused(VENDOR, name, refused)
        await self.note(portal_id, why)

    async def note(self, portal_id: str, text: str) -> None:
        """Leave a line in the return's history; cut to what Loop takes."""
        path = f"{_path('note on return', portal_id)}/note"
        await self._post(path, f"note on return {portal_id}", {"content": text[:LONGEST_NOTE]})

    async def subscriptions(self) -> list[Subscription]:
        """All webhooks of the shop, with the state that Loop gives them: active, inactive or deactivated."""
        return [subscription for subscription, _ in await self._webhooks()]

    async def switch_on(self, subscription: Subscription) -> None:
        """Switch a webhook on again, as it is now at Loop; Refused where it is gone."""
        name = f"switch on webhook {subscription.id}"
        raw = next((raw for found, raw in await self._webhooks() if found.id == subscription.id), None)
        if raw is None:
            raise Refused(VENDOR, name, "there is no such webhook any more")
        body = {field: raw.get(field) for field in ("topic", "trigger", "url")} | {"status": "active"}
        path = f"{BASE}/webhooks/{_number('switch on webhook', subscription.id)}"
        # The same state twice is the same state, so this may be repeated.
        await self._call(name, lambda: self._http.put(path, json=body, headers=self._headers), repeatable=True)

    async def _webhooks(self) -> list[tuple[Subscription, Any]]:
        said = await self._get(f"{BASE}/webhooks", "list webhooks", {})
        listed = said.get("webhooks") if isinstance(said, dict) else said
        if not isinstance(listed, list):
            raise Unreadable(VENDOR, "list webhooks", f"answered with {shape(listed)} in place of a list")
        return [(_read("list webhooks", _subscription, raw), raw) for raw in listed]

    async def _whole(self, item: Any) -> Any:
        """The item itself, or the details where the list has cut its labels off."""
        if not isinstance(item, dict) or "labels" in item or not item.get("id"):
            return item
        await asyncio.sleep(PACE_SECONDS)
        try:
            number = _number("read return", loose_text(item, "id"))
            said = await self._get(f"{BASE}/warehouse/return/details", "read return of a list", {"return_id": number})
        except (Refused, Damaged):
            return item  # What the list says is read alone, and quarantined where that is not enough.
        return said if isinstance(said, dict) and "id" in said else item

    async def _list(self, since: datetime, until: datetime, state: str) -> AsyncIterator[list[Any]]:
        name = f"list returns {state}".rstrip()
        wanted = {"from": _stamp(since), "to": _stamp(until), "filter": "updated_at"}
        wanted |= {"paginate": "true", "pageSize": str(PAGE_SIZE), **({"state": state} if state else {})}
        seen = set[str]()
        for _ in range(PAGES):
            said = await self._get(LIST, name, wanted)
            yield _items(name, said)
            following = loose_text(said, NEXT) if isinstance(said, dict) else ""
            if not following:
                return
            if following in seen:
                raise Unreadable(VENDOR, name, "answered the same page twice")
            seen.add(following)
            # Only the query is taken: our key goes to no address that an answer names.
            wanted |= dict(parse_qsl(urlsplit(following).query))
        raise Unreadable(VENDOR, name, f"more than {PAGES} pages; the answer never ends")

    async def _get(self, path: str, name: str, params: dict[str, str], accept: tuple[int, ...] = ()) -> Any:
        send = lambda: self._http.get(path, params=params, headers=self._headers)  # noqa: E731
        return _parsed(name, await self._call(name, send, repeatable=True, accept=accept))

    async def _post(self, path: str, name: str, body: Any, accept: tuple[int, ...] = ()) -> Any:
        given: dict[str, Any] = {} if body is None else {"json": body}
        send = lambda: self._http.post(path, headers=self._headers, **given)  # noqa: E731
        return _parsed(name, await self._call(name, send, repeatable=False, accept=accept))

    async def _call(
        self,
        name: str,
        send: Callable[[], Awaitable[httpx.Response]],
        *,
        repeatable: bool,
        accept: tuple[int, ...] = (),
    ) -> httpx.Response:
        return await call(VENDOR, name, send, repeatable=repeatable, accept=accept)


def _subscription(raw: Any) -> Subscription:
    said = loose_text(raw, "status")
    topic, trigger = loose_text(raw, "topic"), loose_text(raw, "trigger")
    told = f"{topic} on {trigger}" if trigger else topic
    return Subscription(VENDOR, loose_text(raw, "id"), loose_text(raw, "url"), told, said == "active", said)


def _items(name: str, said: Any) -> list[Any]:
    """The items of a page: a bare list, or with pagination the list of an object."""
    if isinstance(said, list):
        return said
    for field in ITEMS:
        if isinstance(said, dict) and isinstance(said.get(field), list):
            return list(at(said, field))
    raise Unreadable(VENDOR, name, f"answered {shape(said)} without a list of returns")


def _stamp(instant: datetime) -> str:
    """As in Loop's own examples: UTC with milliseconds, cut and not rounded, so windows overlap and never part."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _path(name: str, portal_id: str) -> str:
    return f"{BASE}/warehouse/return/{_number(name, portal_id)}"


def _number(name: str, ident: str) -> str:
    """An id as it may stand in a path: Loop's are whole numbers."""
    if not (ident.isascii() and ident.isdigit()):
        raise Refused(VENDOR, name, "the id is no whole number, so Loop has none such")
    return ident


def _parsed(name: str, response: httpx.Response) -> Any:
    try:
        return parse(response.content)
    except ValueError as error:
        raise Unreadable(VENDOR, name, f"answered {response.status_code} with no JSON") from error


def _read(name: str, read: Callable[[Any], T], item: Any) -> T:
    try:
        return read(item)
    except Damaged as error:
        raise Unreadable(VENDOR, name, str(error)) from error
