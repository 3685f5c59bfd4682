"""Texts through Twilio's REST API: send one, find one again, read what people answered.

Twilio has no idempotency key. So an unanswered `send` is never repeated before `find` has looked for a text
to the same number with the same body since the step was intended; a key in the request would change nothing.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from domain.messages import InboundText, Sent
from integrations.errors import Refused, Unreadable
from integrations.fields import Damaged
from integrations.http import call, json_object
from integrations.pages import Page, read_page
from integrations.twilio import mapping

T = TypeVar("T")
VENDOR = mapping.VENDOR
PAGE_SIZE = 200
PAGES = 50
"""At most so many pages in one look-up: 10,000 texts to one number are not a person's history."""
CLOCKS_DIFFER = timedelta(minutes=10)
"""Their clock and ours differ and theirs has whole seconds: a look-up starts this much earlier.

A text found too much is one not sent twice; a text found too little would be sent twice."""


class TwilioTexts:
    """One account and one number of ours, or one messaging service. The HTTP client is the caller's, who closes it."""

    def __init__(self, http: httpx.AsyncClient, account_sid: str, auth_token: str, sender: str) -> None:
        self._http = http
        self._auth = httpx.BasicAuth(account_sid, auth_token)
        self._sender = sender
        self._messages = f"/2010-04-01/Accounts/{account_sid}/Messages.json"

    async def send(self, to: str, body: str, *, key: str) -> Sent:
        """Send one text to an E.164 number. A number that cannot be texted is a value with its reason.

        `key` names the step in errors only: Twilio takes no key. Raises NoAnswer where only `find` can tell.
        """
        name = f"send {key}"
        form = mapping.write_text(self._sender, to, body)
        response = await call(
            VENDOR,
            name,
            lambda: self._http.post(self._messages, data=form, auth=self._auth),
            repeatable=False,
            accept=(400,),
        )
        if response.status_code == httpx.codes.BAD_REQUEST:
            return _refusal(name, response)
        return _read(name, mapping.read_sent, json_object(VENDOR, name, response))

    async def find(self, to: str, body: str, since: datetime) -> Sent | None:
        """The text to this number with exactly this body made since then, or None: it was never made.

        Filtered by number only: Twilio's date filter looks at the day of sending, which a queued text lacks.
        """
        name = "find text"
        earliest = since.astimezone(UTC) - CLOCKS_DIFFER
        filters = {"To": to} if mapping.is_service(self._sender) else {"To": to, "From": self._sender}
        async for message in self._list(filters):
            recent = mapping.is_ours_to(message, to) and _read(name, mapping.written_at, message) >= earliest
            if recent and _read(name, lambda found: mapping.same_body(found, body), message):
                return _read(name, mapping.read_sent, message)
        return None

    async def replies(self, since: datetime) -> Page[InboundText]:
        """What people texted to us since then, oldest first, and apart from it what could not be read.

        Overlap is fine: `ref` is unique. Twilio filters by day; the instant is compared here.
        """
        day = {"DateSent>": f"{since.astimezone(UTC):%Y-%m-%d}"}
        filters = day if mapping.is_service(self._sender) else {**day, "To": self._sender}
        raw = [message async for message in self._list(filters)]
        page = read_page(VENDOR, "reply", raw, mapping.read_inbound)
        recent = sorted((text for text in page.items if text.at >= since), key=lambda text: text.at)
        return Page(tuple(recent), page.unreadable)

    async def _list(self, filters: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        url = str(httpx.URL(self._messages, params={**filters, "PageSize": str(PAGE_SIZE)}))
        for _ in range(PAGES):
            page = await self._page(url)
            for message in page["messages"]:
                yield message
            if not page.get("next_page_uri"):
                return
            url = page["next_page_uri"]
        raise Unreadable(VENDOR, "list messages", f"more than {PAGES} pages; the answer never ends")

    async def _page(self, url: str) -> dict[str, Any]:
        name = "list messages"
        if not url.startswith("/2010-04-01/"):
            # Our credentials go with every call, so a page on another host is not followed.
            raise Unreadable(VENDOR, name, "next_page_uri is not a path of this API")
        response = await call(VENDOR, name, lambda: self._http.get(url, auth=self._auth), repeatable=True)
        page = json_object(VENDOR, name, response)
        messages = page.get("messages")
        if not isinstance(messages, list) or not all(isinstance(item, dict) for item in messages):
            raise Unreadable(VENDOR, name, "answered without a list of messages")
        return page


def _read(name: str, read: Callable[[dict[str, Any]], T], message: dict[str, Any]) -> T:
    try:
        return read(message)
    except Damaged as error:
        raise Unreadable(VENDOR, name, str(error)) from error


def _refusal(name: str, response: httpx.Response) -> Sent:
    try:
        body = response.json()
    except ValueError:
        body = None
    code, value = mapping.read_refusal(body)
    if value is not None:
        return value
    error = Refused(VENDOR, name, f"refused our request with code {code or 'none'} (see Twilio's error list)")
    error.code = code
    raise error
