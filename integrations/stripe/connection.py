"""Stripe's HTTP conventions: the version header, lists in pages with a cursor, bracketed parameters. Reads only."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx

from integrations.errors import Unreadable
from integrations.http import call, json_object

VENDOR = "stripe"
API_VERSION = "2026-10-28.endive"
PAGE = 100
"""The largest page that Stripe gives."""

Params = list[tuple[str, str | int | float | bool | None]]


class Connection:
    """An HTTP client with our key and the API version that this folder is written for."""

    def __init__(self, http: httpx.AsyncClient, secret_key: str) -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {secret_key}", "Stripe-Version": API_VERSION}

    async def get(self, path: str, name: str, params: Params) -> dict[str, Any]:
        """One object; `name` says in errors what was being done."""
        answer = await call(
            VENDOR, name, lambda: self.http.get(path, params=params, headers=self.headers), repeatable=True
        )
        return json_object(VENDOR, name, answer)

    async def find(self, path: str, name: str, params: Params) -> dict[str, Any] | None:
        """One object, or None where Stripe says that it has none of that id."""
        answer = await call(
            VENDOR,
            name,
            lambda: self.http.get(path, params=params, headers=self.headers),
            repeatable=True,
            accept=(httpx.codes.NOT_FOUND,),
        )
        return json_object(VENDOR, name, answer) if answer.is_success else None

    async def pages(self, path: str, name: str, params: Params) -> AsyncIterator[list[Any]]:
        """The raw items of a list, newest first, page by page; Unreadable where the list itself is none."""
        after: Params = []
        while True:
            body = await self.get(path, name, [("limit", str(PAGE)), *params, *after])
            raw = body.get("data")
            if not isinstance(raw, list):
                raise Unreadable(VENDOR, name, "answered a list with no `data`")
            yield raw
            if not raw or body.get("has_more") is not True:
                return
            # A damaged item may have no id; the list then goes on after the last item that has one.
            last = next((item_id(item) for item in reversed(raw) if item_id(item)), "")
            if not last or after == [("starting_after", last)]:
                raise Unreadable(VENDOR, name, "answered a page without a readable id to go on from")
            after = [("starting_after", last)]


def item_id(item: Any) -> str:
    """The id of a raw item, empty where it has none."""
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) else ""


def expand(*paths: str) -> Params:
    """Ask for whole objects in place of ids; Stripe follows at most four levels, `data` of a list included."""
    return [("expand[]", path) for path in paths]


def created(*, since: datetime, until: datetime | None = None) -> Params:
    """A filter on the time of creation, both ends included."""
    upper = [("created[lte]", str(int(until.timestamp())))] if until else []
    return [("created[gte]", str(int(since.timestamp()))), *upper]
