"""Shopify's GraphQL conventions: errors inside of a 200, the budget of points, the key's own errors.

Shopify answers nearly everything with 200, so what happened is read from `errors` and `userErrors`. An answer without
`data` was never executed; with `data` something may have been done. An effect is repeated within seconds only, under
its key, which Shopify keeps for 24 hours.
"""

import asyncio
import time
from typing import Any, Final

import httpx

from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable
from integrations.fields import Damaged, at, many, shape
from integrations.http import LONGEST_WAIT_SECONDS, call, json_object
from integrations.shopify.documents import PATH, Document

VENDOR: Final = "shopify"

CONCURRENT: Final = "IDEMPOTENCY_CONCURRENT_REQUEST"
SPENT_KEY: Final = frozenset({"IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"})
"""The key was used before for something else, or for what failed: either is an error of ours."""
SENTENCES: Final = {
    "this request is currently in progress, please try again": CONCURRENT,
    "the same idempotency key cannot be used with different operation parameters": "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
    "a previous request with this idempotency key failed. retry with a new idempotency key": (
        "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    ),
}
"""A refund's `userErrors` have no code, so the sentence that the schema gives for each code is compared."""
NOT_DONE: Final = frozenset({"THROTTLED", "ACCESS_DENIED", "MAX_COST_EXCEEDED", "SHOP_INACTIVE"})
"""Codes that Shopify gives before it does anything, whether or not `data` stands beside them."""
OPTIONAL: Final = frozenset({"unitCost"})
"""Fields that a token may lack the right to see and that we can do without."""
LONGEST_SENTENCE = 200


class Connection:
    """An HTTP client with our token, and what is known of the bucket of points."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"X-Shopify-Access-Token": token, "Accept": "application/json"}
        self._costs: dict[str, float] = {}
        self._bucket: tuple[float, float, float] | None = None
        """Points left, points back a second, and when that was said."""

    async def ask(
        self, document: Document, name: str, variables: dict[str, Any], *, effect: bool = False
    ) -> dict[str, Any]:
        """The `data` of one document; `name` says in errors what was being done.

        An `effect` must carry its key in `variables`. Raises Unavailable where nothing happened, NoAnswer where
        only a look-up can tell, Refused with Shopify's code where it will not.
        """

        async def send() -> httpx.Response:
            await self._wait(document)
            body = {"query": document.text, "variables": variables, "operationName": document.name}
            response = await self._http.post(PATH, json=body, headers=self._headers)
            if response.is_success:
                self._judge(document, name, response, effect)
            return response

        response = await call(VENDOR, name, send, repeatable=True)
        data: dict[str, Any] = json_object(VENDOR, name, response)["data"]
        return data

    def _judge(self, document: Document, name: str, response: httpx.Response, effect: bool) -> None:
        """Raise what an answer of 200 really means; nothing where it is sound."""
        unsound = NoAnswer if effect else Unreadable
        try:
            body = json_object(VENDOR, name, response)
            errors = [item for item in many(body, "errors") if not _optional(item)]
            self._learn(document, body)
            for item in errors:
                raise self._error(name, item, body, effect)
            data = at(body, "data")
            if not isinstance(data, dict):
                raise Damaged(f"data: an object was expected, not {shape(data)}")
            for payload in data.values():
                _judge_key(name, payload)
        except Unreadable as error:
            raise unsound(VENDOR, name, error.message) from error
        except Damaged as error:
            raise unsound(VENDOR, name, f"answered, but not readably: {error}") from error

    def _error(self, name: str, item: Any, body: dict[str, Any], effect: bool) -> Exception:
        """What one of the answer's `errors` means."""
        message, code = sentence(item), str(at(item, "extensions.code") or "")
        code = code or code_of(message)
        if code == "THROTTLED":
            error = Unavailable(VENDOR, name, "asked us to wait, the points are used up")
            error.retry_after_seconds = self._until_enough(body)
            return error
        if code == "ACCESS_DENIED":
            return Unauthorised(VENDOR, name, f"the token may not see or do this: {message}")
        if code == CONCURRENT:
            return NoAnswer(VENDOR, name, "a call with the same key is still in progress")
        executed = "data" in body and code not in NOT_DONE
        if code == "INTERNAL_SERVER_ERROR" or (effect and executed and code not in SPENT_KEY):
            return NoAnswer(VENDOR, name, f"failed inside of Shopify ({code or message})")
        refused = Refused(VENDOR, name, f"refused with {code or message}")
        refused.code = code
        return refused

    def _learn(self, document: Document, body: dict[str, Any]) -> None:
        """Keep what the answer says of its cost and of what is left."""
        asked, status = at(body, "extensions.cost.requestedQueryCost"), at(body, "extensions.cost.throttleStatus")
        left, rate = at(status, "currentlyAvailable"), at(status, "restoreRate")
        if isinstance(asked, int | float):
            self._costs[document.name] = float(asked)
        if isinstance(left, int | float) and isinstance(rate, int | float) and rate > 0:
            self._bucket = (float(left), float(rate), time.monotonic())

    async def _wait(self, document: Document) -> None:
        """Wait until the bucket should hold what the document cost the last time."""
        if self._bucket is None:
            return
        left, rate, since = self._bucket
        missing = self._costs.get(document.name, 0.0) - left - rate * (time.monotonic() - since)
        if missing > 0:
            await asyncio.sleep(min(missing / rate, LONGEST_WAIT_SECONDS))

    def _until_enough(self, body: dict[str, Any]) -> float:
        """Seconds until the refused call fits into the bucket."""
        cost = at(body, "extensions.cost.requestedQueryCost")
        if self._bucket is None or not isinstance(cost, int | float):
            return 1.0
        left, rate, _ = self._bucket
        return max(0.0, (float(cost) - left) / rate)


def sentence(item: Any) -> str:
    """What an error says, cut short."""
    found = item.get("message") if isinstance(item, dict) else None
    return " ".join(str(found or "no reason given").split())[:LONGEST_SENTENCE]


def code_of(message: str) -> str:
    """The code that Shopify gives for this sentence, empty where it has none."""
    return SENTENCES.get(message.strip().rstrip(".").casefold(), "")


def _judge_key(name: str, payload: Any) -> None:
    """Raise what a mutation's `userErrors` say of the key; anything else they say is the caller's to read."""
    if not isinstance(payload, dict) or "userErrors" not in payload:
        return
    for item in many(payload, "userErrors"):
        code = code_of(sentence(item))
        if code == CONCURRENT:
            raise NoAnswer(VENDOR, name, "a call with the same key is still in progress")
        if code in SPENT_KEY:
            refused = Refused(VENDOR, name, f"refused with {code}")
            refused.code = code
            raise refused


def _optional(item: Any) -> bool:
    path = item.get("path") if isinstance(item, dict) else None
    denied = at(item, "extensions.code") == "ACCESS_DENIED" if isinstance(item, dict) else False
    return denied and isinstance(path, list) and bool(path) and path[-1] in OPTIONAL
