"""Carrier scans through AfterShip's Tracking API: look at a number, have it followed, hear what changed.

Reads, and one effect that may be repeated: a number that is followed already stays followed. AfterShip keeps a
tracking for 120 days. It has no API for its webhooks, so nobody can see from outside whether one is switched off.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx

from domain.scans import Scan, tracking_number
from integrations import checkpoints
from integrations.aftership import mapping
from integrations.errors import Refused, Unreadable
from integrations.http import call, json_object
from integrations.pages import Page, read_page
from integrations.subscriptions import Subscription

VENDOR = mapping.VENDOR
API_VERSION = "2026-07"
PATH = f"/tracking/{API_VERSION}/trackings"
PAGE_SIZE, PAGES = 200, 500
"""The largest page there is; and 100,000 trackings that change between two looks are no longer a look."""
FOLLOWED_ALREADY = 4003
"""AfterShip's own code beside its 400: the tracking exists."""


class AftershipFeed:
    """One organisation at AfterShip. The HTTP client is the caller's, who closes it."""

    VENDOR = VENDOR
    LISTS_WEBHOOKS = False
    """Its webhooks are set in its own pages only, so an empty list of them says nothing."""

    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self._http = http
        self._headers = {"as-api-key": api_key}

    async def scans(self, tracking: str, carrier: str = "") -> tuple[Scan, ...]:
        """Everything known of a number now; empty where AfterShip does not follow it. Unreadable names the field.

        A recycled number brings the earlier parcel's checkpoints too: they are older than the label.
        """
        name = "read tracking"
        found: list[Scan] = []
        async for raw in self._pages(name, {"tracking_numbers": tracking}):
            page = read_page(VENDOR, "tracking", raw, mapping.read_tracking)
            if page.unreadable:
                raise Unreadable(VENDOR, name, page.unreadable[0].problem)
            found += [scan for scans in page.items for scan in scans]
        if any(scan.tracking != tracking_number(tracking) for scan in found):
            raise Unreadable(VENDOR, name, "the filter tracking_numbers was not applied")
        return checkpoints.of_carrier(found, carrier)

    async def updated(self, since: datetime) -> AsyncIterator[Page[Scan]]:
        """Everything known of the numbers of which something changed since then; overlap is harmless."""
        asked = {"updated_at_min": since.astimezone(UTC).isoformat(timespec="seconds")}
        async for raw in self._pages("list trackings", asked):
            page = read_page(VENDOR, "tracking", raw, mapping.read_tracking)
            yield Page(tuple(scan for scans in page.items for scan in scans), page.unreadable)

    async def watch(self, tracking: str, carrier: str = "") -> None:
        """Have AfterShip follow a number; Refused where it will not, for instance with an unknown carrier."""
        name = "follow tracking"
        body = mapping.write_tracking(tracking, carrier)
        answer = await call(
            VENDOR,
            name,
            lambda: self._http.post(PATH, json=body, headers=self._headers),
            repeatable=True,
            accept=(httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT),
        )
        if answer.is_success:
            return
        code = _code(answer)
        if code == FOLLOWED_ALREADY:
            return
        error = Refused(VENDOR, name, f"refused with code {code or answer.status_code}")
        error.code = str(code or answer.status_code)
        raise error

    async def subscriptions(self) -> list[Subscription]:
        """Always empty: AfterShip's webhooks are set in its own pages and have no API."""
        return []

    async def _pages(self, name: str, asked: dict[str, str]) -> AsyncIterator[list[Any]]:
        cursor = ""
        for _ in range(PAGES):
            wanted = {**asked, "limit": str(PAGE_SIZE), **({"cursor": cursor} if cursor else {})}
            data = await self._page(name, wanted)
            yield data["trackings"] or []
            following = data.get("pagination") or {}
            if not isinstance(following, dict) or following.get("has_next_page") is not True:
                return
            before, cursor = cursor, following.get("next_cursor") or ""
            if not isinstance(cursor, str) or not cursor or cursor == before:
                raise Unreadable(VENDOR, name, "answered that there is a next page and not where")
        raise Unreadable(VENDOR, name, f"more than {PAGES} pages; the answer never ends")

    async def _page(self, name: str, wanted: dict[str, str]) -> dict[str, Any]:
        answer = await call(
            VENDOR, name, lambda: self._http.get(PATH, params=wanted, headers=self._headers), repeatable=True
        )
        data = json_object(VENDOR, name, answer).get("data")
        if not isinstance(data, dict) or not isinstance(data.get("trackings", ()), list | None):
            raise Unreadable(VENDOR, name, "answered without a list of trackings")
        return {"trackings": [], **data}


def _code(answer: httpx.Response) -> int:
    """AfterShip's own error code, 0 where its answer has none."""
    try:
        found = answer.json()["meta"]["code"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if type(found) is int else 0
