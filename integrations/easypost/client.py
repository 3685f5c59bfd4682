"""Carrier scans through EasyPost's trackers: look at a number, have it followed, hear what changed.

Reads, and two effects that may be repeated: within three months EasyPost answers a second tracker of one number and
carrier with the first, and a webhook that is on stays on.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from domain.scans import Scan, tracking_number
from integrations import checkpoints
from integrations.easypost import mapping
from integrations.errors import Unreadable
from integrations.http import call, json_object
from integrations.pages import Page, read_page
from integrations.subscriptions import Subscription

VENDOR = mapping.VENDOR
API_VERSION = "v2"
TRACKERS, HOOKS = f"/{API_VERSION}/trackers", f"/{API_VERSION}/webhooks"
PAGE_SIZE, PAGES = 100, 1000
"""The largest page there is, and the most trackers in one look: 100,000."""
TRAVELS_FOR = timedelta(days=60)
"""EasyPost lists trackers by their making, not by their change, so a look begins this much earlier."""


class EasypostFeed:
    """One account at EasyPost. The HTTP client is the caller's, who closes it."""

    VENDOR = VENDOR
    LISTS_WEBHOOKS = True
    """Its API lists our webhooks, so an empty list means that none is set up."""

    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self._http = http
        self._auth = httpx.BasicAuth(api_key, "")

    async def scans(self, tracking: str, carrier: str = "") -> tuple[Scan, ...]:
        """Everything known of a number now; empty where EasyPost does not follow it. Unreadable names the field.

        A recycled number brings the earlier parcel's checkpoints too: they are older than the label.
        """
        name = "read tracker"
        found: list[Scan] = []
        async for raw in self._pages(name, {"tracking_code": tracking}):
            page = read_page(VENDOR, "tracker", raw, mapping.read_tracker)
            if page.unreadable:
                raise Unreadable(VENDOR, name, page.unreadable[0].problem)
            found += [scan for scans in page.items for scan in scans]
        if any(scan.tracking != tracking_number(tracking) for scan in found):
            raise Unreadable(VENDOR, name, "the filter tracking_code was not applied")
        return checkpoints.of_carrier(found, carrier)

    async def updated(self, since: datetime) -> AsyncIterator[Page[Scan]]:
        """Everything known of the numbers of which something changed since then; overlap is harmless."""
        first = (since - TRAVELS_FOR).astimezone(UTC).isoformat(timespec="seconds")

        def read(tracker: dict[str, Any]) -> tuple[Scan, ...] | None:
            changed = mapping.updated_at(tracker)
            return None if changed is not None and changed < since else mapping.read_tracker(tracker)

        async for raw in self._pages("list trackers", {"start_datetime": first}):
            page = read_page(VENDOR, "tracker", raw, read)
            yield Page(tuple(scan for scans in page.items for scan in scans), page.unreadable)

    async def watch(self, tracking: str, carrier: str = "") -> None:
        """Have EasyPost follow a number; Refused where it will not."""
        name, body = "follow tracker", mapping.write_tracker(tracking, carrier)
        made = await call(VENDOR, name, lambda: self._http.post(TRACKERS, json=body, auth=self._auth), repeatable=True)
        json_object(VENDOR, name, made)

    async def subscriptions(self) -> list[Subscription]:
        """Our webhooks as EasyPost lists them; one that failed too often carries the time it was switched off."""
        name = "list webhooks"
        body = await self._get(name, HOOKS, {})
        hooks = body.get("webhooks")
        if not isinstance(hooks, list) or not all(isinstance(hook, dict) for hook in hooks):
            raise Unreadable(VENDOR, name, "answered without a list of webhooks")
        return [_subscription(hook) for hook in hooks]

    async def switch_on(self, subscription: Subscription) -> None:
        """Switch a webhook on again."""
        path = f"{HOOKS}/{quote(subscription.id, safe='')}"
        await call(
            VENDOR,
            "switch webhook on",
            lambda: self._http.patch(path, json={}, auth=self._auth),
            repeatable=True,
        )

    async def _pages(self, name: str, asked: dict[str, str]) -> AsyncIterator[list[Any]]:
        before: dict[str, str] = {}
        for _ in range(PAGES):
            body = await self._get(name, TRACKERS, {**asked, **before, "page_size": str(PAGE_SIZE)})
            raw = body.get("trackers")
            if not isinstance(raw, list):
                raise Unreadable(VENDOR, name, "answered without a list of trackers")
            yield raw
            if not raw or body.get("has_more") is not True:
                return
            # A damaged tracker may have no id; the list then goes on after the last that has one.
            last = next((found for found in map(_ident, reversed(raw)) if found), "")
            if not last or before == {"before_id": last}:
                raise Unreadable(VENDOR, name, "answered a page without a readable id to go on from")
            before = {"before_id": last}
        raise Unreadable(VENDOR, name, f"more than {PAGES} pages; the answer never ends")

    async def _get(self, name: str, path: str, asked: dict[str, str]) -> dict[str, Any]:
        answer = await call(VENDOR, name, lambda: self._http.get(path, params=asked, auth=self._auth), repeatable=True)
        return json_object(VENDOR, name, answer)


def _ident(item: Any) -> str:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) else ""


def _subscription(hook: dict[str, Any]) -> Subscription:
    off = hook.get("disabled_at")
    url = hook.get("url")
    return Subscription(
        vendor=VENDOR,
        id=_ident(hook),
        url=url if isinstance(url, str) else "",
        topic="every event",
        active=not off,
        said=f"disabled at {off}" if off else "active",
    )
