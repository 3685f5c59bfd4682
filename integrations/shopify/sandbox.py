"""The pretended Shopify: its GraphQL endpoint for exactly the documents that we send, its state in memory.

    POST /_sandbox/shopify/seed      see sandbox_orders; may be sent many times
    POST /_sandbox/shopify/act       an action or a list of them, see sandbox_people
    GET  /_sandbox/shopify/effects   every refund really made, by whom and under which key, as it stands now
    GET  /_sandbox/shopify/calls     how often each document was asked
    POST /_sandbox/shopify/reset     forget everything, webhooks too
    …    /_sandbox/shopify/faults, hooks and deliveries: see integrations.faults and sandbox_hooks

All documents have one path, so a fault is set on the path with the document's name below it:
`"call": "graphql.json/RefundCreate"`. A key is kept for 24 hours of the clock: the same key with the same input is
answered with the refund as it stands by then, with another input or after a failure it is refused.
"""

import json
from typing import Any

from integrations import sandbox_hooks
from integrations.faults import App, Message, Receive, Scope, Send, answer, read_body, wrap
from integrations.sandbox_clock import Clock
from integrations.shopify import documents
from integrations.shopify.connection import VENDOR
from integrations.shopify.sandbox_shop import Shopify, operation

CONTROL = f"/_sandbox/{VENDOR}/"

Json = dict[str, Any]


def build(clock: Clock, shop: Shopify | None = None) -> App:
    """The ASGI app with its faults and webhooks. `shop` where somebody else has to reach it: `shop.people.pay`."""
    shop = shop or Shopify(clock)
    served = wrap(_serving(shop), shop.faults)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == documents.PATH:
            body = await read_body(receive)
            path = f"{documents.PATH}/{operation(_json(body).get('query', ''))}"
            await served({**scope, "path": path, "raw_path": path.encode()}, _again(body, receive), send)
        else:
            await served(scope, receive, send)

    return sandbox_hooks.wrap(app, shop.deliveries)


def _serving(shop: Shopify) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, body = scope["path"], await read_body(receive)
        if path.startswith(CONTROL):
            status, shown = _control(shop, scope["method"], path.removeprefix(CONTROL), body)
        elif scope["method"] != "POST" or not path.startswith(f"{documents.PATH}/"):
            status, shown = 404, {"errors": "Not Found"}
        elif not any(name.lower() == b"x-shopify-access-token" and value for name, value in scope["headers"]):
            status, shown = 401, {"errors": "[API] Invalid API key or access token"}
        else:
            status, shown = 200, shop.query(_json(body))
        await answer(send, status, json.dumps(shown).encode())

    return app


def _control(shop: Shopify, method: str, name: str, body: bytes) -> tuple[int, Json]:
    try:
        if (method, name) == ("POST", "seed"):
            shop.seed(_json(body))
        elif (method, name) == ("POST", "act"):
            wanted = json.loads(body)
            for action in wanted if isinstance(wanted, list) else [wanted]:
                shop.people.act(action, shop.clock.now())
        elif (method, name) == ("POST", "reset"):
            shop.clear()
        elif (method, name) == ("GET", "effects"):
            return 200, {"effects": shop.effects()}
        elif (method, name) == ("GET", "calls"):
            return 200, {"calls": dict(shop.calls)}
        else:
            return 404, {"error": {"message": f"no {method} {name} here"}}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return 400, {"error": {"message": f"{type(error).__name__}: {error}"}}
    return 200, {}


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was already read once more."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return given.pop() if given else await receive()

    return again
