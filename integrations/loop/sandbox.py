"""The pretended Loop: the same paths and JSON as api.loopreturns.com, its state in memory, its webhooks real.

Like the real one, `process` only queues and knows no idempotency key, and an error of it comes with a 200.

    POST /_sandbox/loop/seed      see sandbox_returns; may be sent many times
    POST /_sandbox/loop/act       an action or a list of them, see sandbox_returns
    POST /_sandbox/loop/process   {"answer": queued (default) | closed | review | false | strange, "after": seconds of
                                  the clock, "then": done (default) | fails | stuck, "message"?}; {} is normal again
    GET  /_sandbox/loop/effects   processed (return, key, by, amount), flagged, closed and noted: what was really done
    POST /_sandbox/loop/reset     forget everything, webhooks too
    …    /_sandbox/loop/faults, /_sandbox/loop/hooks and deliveries: see integrations.faults and sandbox_hooks
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations import sandbox_hooks
from integrations.faults import App, Faults, wrap
from integrations.loop import sandbox_shapes as shapes
from integrations.loop.sandbox_returns import Kept, Pay, Returns, instant
from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries, Retries

VERSIONS = ("2026-07", "v1")
LOOPS_RETRIES = Retries(waits=(60, 300, 900), give_up_after=11)
"""Loop says three more tries, and that more than ten failures in a row switch a webhook off; no waits are named."""
LONGEST_RANGE = timedelta(days=120)
USUAL_STATES = ("open", "closed", "expired")
PAGE, LONGEST_PAGE, LONGEST_NOTE = 100, 750, 255
Handler = Callable[[Request], Awaitable[Response]]


def build(clock: Clock, pay: Pay | None = None) -> App:
    """The ASGI app with its faults and webhooks; each call makes one with its own memory.

    `pay` makes the shop's refund when a return is processed; without it Loop only says that there is one.
    """
    deliveries = Deliveries("loop", clock, sign, LOOPS_RETRIES)
    returns = Returns(clock, lambda kind, kept, more: _tell(deliveries, kind, kept, more))
    returns.pay = pay
    clock.listen(lambda now: returns.settle())
    faults = Faults("loop")

    def known(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if not request.headers.get("x-authorization"):
                error = {"code": "401", "http_code": "GEN-UNAUTHORIZED", "message": "Unauthorized."}
                return JSONResponse({"error": error}, 401)
            if request.path_params["version"] not in VERSIONS:
                return JSONResponse({"message": "There is no such version."}, 404)
            returns.settle()
            return await handler(request)

        return checked

    paths: list[tuple[str, str, Handler]] = [
        ("GET", "/warehouse/return/details", _details(returns)),
        ("GET", "/warehouse/return/list", _list(returns)),
        ("POST", "/warehouse/return/{id}/process", _process(returns)),
        ("POST", "/warehouse/return/{id}/flag", _mark(returns, "review", "flagged")),
        ("POST", "/warehouse/return/{id}/close", _mark(returns, "closed", "closed")),
        ("GET", "/warehouse/return/{id}/notes", _notes(returns)),
        ("POST", "/warehouse/return/{id}/note", _note(returns)),
        ("GET", "/webhooks", _webhooks(deliveries)),
        ("POST", "/webhooks", _webhooks(deliveries)),
        ("PUT", "/webhooks/{id:int}", _webhook(deliveries)),
        ("DELETE", "/webhooks/{id:int}", _webhook(deliveries)),
    ]
    routes = [Route(f"/api/{{version}}{path}", known(do), methods=[method]) for method, path, do in paths]
    app = Starlette(routes=[*routes, *_control(returns, deliveries, faults)])
    return wrap(sandbox_hooks.wrap(app, deliveries), faults)


def sign(body: bytes, secret: str, now: Any) -> Mapping[str, str]:
    """Loop's signature over the raw body: no time, no id."""
    digest = hmac.digest(secret.encode(), body, sha256)
    return {"X-Loop-Signature": base64.b64encode(digest).decode()}


def _tell(deliveries: Deliveries, kind: str, kept: Kept, more: Any) -> None:
    """Turn a change into webhooks, under `topic/trigger`."""
    if kind in ("label", "label.created"):
        trigger = "label.updated" if kind == "label" else kind
        deliveries.emit(f"label/{trigger}", shapes.of_label(kept, more, trigger))
    elif kind == "failed":
        deliveries.emit("return.processing/return.processing.failed", shapes.of_failure(kept, more))
    else:
        deliveries.emit(f"return/{kind}", shapes.of_return(kept, kind))


def _details(returns: Returns) -> Handler:
    async def handle(request: Request) -> Response:
        asked = request.query_params
        found = returns.kept.get(asked.get("return_id", ""))
        if "order_id" in asked:
            found = next((kept for kept in returns.kept.values() if kept.order == asked["order_id"]), None)
        if found is None:
            return JSONResponse({"errors": {"code": "NOT_FOUND", "message": "Return not found."}}, 404)
        return JSONResponse(shapes.listed(found))

    return handle


def _list(returns: Returns) -> Handler:
    async def handle(request: Request) -> Response:
        asked = request.query_params
        now = returns.clock.now()
        since, until = instant(asked.get("from")) or now - timedelta(days=1), instant(asked.get("to")) or now
        if until - since > LONGEST_RANGE:
            return JSONResponse({"message": "The range is longer than 120 days.", "errors": {}}, 422)
        states = (asked["state"],) if asked.get("state") else USUAL_STATES
        by_update = asked.get("filter") == "updated_at"
        found = [kept for kept in returns.kept.values() if kept.state in states]
        found = [kept for kept in found if since <= _when(kept, by_update) <= until]
        shown = [_cut(returns, shapes.listed(kept)) for kept in sorted(found, key=lambda kept: kept.updated)]
        if asked.get("paginate") != "true":
            return JSONResponse(shown)
        size = min(int(asked.get("pageSize", PAGE)), LONGEST_PAGE)
        page = int(asked.get("page", 1))
        after = page * size < len(shown)
        # The vendor names its own host, whatever proxy the call came through.
        link = f"https://api.loopreturns.com{request.url.path}?{request.query_params}&page={page + 1}"
        body = {"returns": shown[(page - 1) * size : page * size], "nextPageUrl": link if after else None}
        return JSONResponse({**body, "previousPageUrl": None})

    return handle


def _when(kept: Kept, by_update: bool) -> datetime:
    """The instant that a filter looks at, cut to what Loop shows."""
    found = kept.updated if by_update else kept.created
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def _cut(returns: Returns, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in shown.items() if not (returns.thin_list and name in ("labels", "line_items"))
    }


def _process(returns: Returns) -> Handler:
    async def handle(request: Request) -> Response:
        kept = returns.kept.get(request.path_params["id"])
        plan = returns.process_plan.get("answer", "queued")
        if kept is None:
            return _missing()
        if plan == "false":
            return JSONResponse("false")
        if plan == "strange":
            return JSONResponse({"queue": 1})
        if plan in ("closed", "review") or kept.state != "open":
            return JSONResponse(shapes.closed_error(plan if plan != "queued" else kept.state))
        body = await request.body()
        returns.queue(kept, str(json.loads(body).get("recoup_key", "")) if body else "")
        return JSONResponse("true")

    return handle


def _mark(returns: Returns, state: str, kind: str) -> Handler:
    async def handle(request: Request) -> Response:
        kept = returns.kept.get(request.path_params["id"])
        if kept is None:
            return _missing()
        if kept.state not in ("open", "review"):
            return JSONResponse(shapes.closed_error(kept.state))
        returns.effects.append({"kind": kind, "return": kept.id, "by": "us"})
        returns.act({"return": kept.id, "do": "review" if state == "review" else "close"})
        return JSONResponse("true")

    return handle


def _notes(returns: Returns) -> Handler:
    async def handle(request: Request) -> Response:
        kept = returns.kept.get(request.path_params["id"])
        if kept is None or not kept.notes:
            return JSONResponse("false", 422)
        return JSONResponse({"notes": kept.notes})

    return handle


def _note(returns: Returns) -> Handler:
    async def handle(request: Request) -> Response:
        kept, content = returns.kept.get(request.path_params["id"]), (await request.json()).get("content")
        if kept is None or not content or len(content) >= LONGEST_NOTE:
            told = "Content is required and must be less than 255 characters."
            return JSONResponse({"errors": {"message": told}}, 422)
        at = shapes.stamp(returns.clock.now())
        kept.notes.append({"id": len(kept.notes) + 1, "content": content, "created_at": at})
        returns.effects.append({"kind": "noted", "return": kept.id, "by": "us"})
        return JSONResponse("true")

    return handle


def _webhooks(deliveries: Deliveries) -> Handler:
    async def handle(request: Request) -> Response:
        if request.method == "POST":
            body = await request.json()
            hook = deliveries.register(body["url"], "loop-webhook-secret", (f"{body['topic']}/{body['trigger']}",))
            hook.state = body.get("status", "inactive")
            return JSONResponse(shapes.webhook(hook.id, hook.url, hook.topics[0], hook.state))
        hooks = deliveries.hooks.values()
        shown = [shapes.webhook(hook.id, hook.url, (*hook.topics, "")[0], hook.state) for hook in hooks]
        return JSONResponse({"webhooks": shown})

    return handle


def _webhook(deliveries: Deliveries) -> Handler:
    async def handle(request: Request) -> Response:
        hook = deliveries.hooks.get(str(request.path_params["id"]))
        if hook is None:
            return JSONResponse({"errors": {"code": "NOT_FOUND"}}, 404)
        if request.method == "DELETE":
            del deliveries.hooks[hook.id]
        else:
            body = await request.json()
            hook.url, hook.state, hook.failures = body["url"], body.get("status", hook.state), 0
        return Response(status_code=204)

    return handle


def _missing() -> Response:
    return JSONResponse({"errors": {"code": "NOT_FOUND", "message": "Return not found."}}, 404)


def _control(returns: Returns, deliveries: Deliveries, faults: Faults) -> list[Route]:
    """The sandbox's own paths; wrong input is a 400 that says what is wrong."""

    def seed(wanted: Any) -> None:
        returns.seed(wanted)
        for hook in wanted.get("hooks", []):
            deliveries.register(hook["url"], hook["secret"], tuple(hook.get("topics", ())))
        returns.settle()

    def act(wanted: Any) -> None:
        returns.settle()
        for action in wanted if isinstance(wanted, list) else [wanted]:
            returns.act(action, instant(action.get("at")))

    def process(wanted: Any) -> None:
        returns.process_plan = dict(wanted)

    def reset(wanted: Any) -> None:
        returns.clear()
        faults.clear()

    def control(do: Callable[[Any], None]) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                do(json.loads(await request.body() or b"{}"))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                return JSONResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, 400)
            return JSONResponse({})

        return handle

    async def effects(request: Request) -> Response:
        returns.settle()
        return JSONResponse({"effects": returns.effects})

    controls = {"seed": seed, "act": act, "process": process, "reset": reset}
    made = [Route(f"/_sandbox/loop/{name}", control(do), methods=["POST"]) for name, do in controls.items()]
    return [*made, Route("/_sandbox/loop/effects", effects)]
