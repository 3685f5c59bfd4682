"""The pretended EasyPost: trackers in memory, scanned by `act` or by script, told by signed webhooks.

The same paths and JSON as EasyPost's API v2, its test numbers included (EZ1000000001 and so on). Parcels, seed and
actions: `integrations.sandbox_parcels`; hooks and how events are delivered: `integrations.sandbox_hooks`. A webhook
that fails too often is disabled, as EasyPost does, and stands so in GET /v2/webhooks.

    POST /_sandbox/easypost/seed      {"parcels": […]}
    POST /_sandbox/easypost/act       {"tracking", "do", …}, or {"do": "disable_hooks"}
    GET  /_sandbox/easypost/effects   numbers that were followed, with their count
    POST /_sandbox/easypost/reset
"""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.easypost.sandbox_shapes import event, hook_shown, tracker, tracker_id
from integrations.faults import App, Faults, wrap
from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries, Hook, Retries
from integrations.sandbox_hooks import wrap as with_hooks
from integrations.sandbox_parcels import Parcel, Parcels
from integrations.signing import hmac_sha256

VENDOR = "easypost"
PAGE, LONGEST_PAGE = 20, 100
RETRIES = Retries(waits=(60.0, 300.0, 900.0, 3600.0, 7200.0), give_up_after=12)
"""EasyPost says that it retries and that it disables; not how often, so these numbers are ours."""
TEST_NUMBERS: Final = {
    "EZ1000000001": ("label",), "EZ2000000002": ("label", "accept"), "EZ3000000003": ("accept", "out"),
    "EZ4000000004": ("accept", "out", "deliver"), "EZ5000000005": ("accept", "return"),
    "EZ6000000006": ("accept", "attempt"), "EZ7000000007": ("unknown",),
}  # fmt: skip
"""EasyPost's numbers for tests, and what happens to their parcels at once; they are trackers in test mode."""
Handler = Callable[[Request], Awaitable[Response]]


def sign(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """The header that makes a delivery EasyPost's own."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return {"x-hmac-signature": f"hmac-sha256-hex={hmac_sha256(key, body).hex()}"}


def build(clock: Clock) -> App:
    """The ASGI app of the pretended vendor, with its fault switches; each call makes one with its own memory."""
    deliveries = Deliveries(VENDOR, clock, sign, RETRIES)

    def tell(parcel: Parcel) -> None:
        _emit(deliveries, "tracker.updated", parcel)

    parcels, faults = Parcels(clock, tell), Faults(VENDOR)

    def known(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if not request.headers.get("authorization", "").startswith("Basic "):
                return _refused(401, "APIKEY.INVALID", "The API key is invalid.")
            return await handler(request)

        return checked

    routes = [
        Route("/v2/trackers", known(_trackers(parcels, deliveries)), methods=["GET", "POST"]),
        Route("/v2/webhooks", known(_hooks(deliveries)), methods=["GET", "POST"]),
        Route("/v2/webhooks/{id}", known(_hook(deliveries)), methods=["GET", "PATCH", "DELETE"]),
        *_control(parcels, deliveries, faults),
    ]
    return with_hooks(wrap(Starlette(routes=routes), faults), deliveries)


def _emit(deliveries: Deliveries, topic: str, parcel: Parcel) -> None:
    urls = [hook.url for hook in deliveries.hooks.values() if hook.state == "active"]
    deliveries.emit(topic, event(topic, parcel, len(deliveries.events), deliveries.clock.now(), urls))


def _trackers(parcels: Parcels, deliveries: Deliveries) -> Handler:
    async def handle(request: Request) -> Response:
        if request.method == "GET":
            return _page(parcels, request)
        wanted = (await request.json()).get("tracker") or {}
        if not wanted.get("tracking_code"):
            return _refused(422, "TRACKER.CREATE.ERROR", "Could not create tracker.")
        parcel, before = parcels.watch(wanted["tracking_code"], wanted.get("carrier", "USPS").lower())
        if not before:
            for do in TEST_NUMBERS.get(parcel.tracking, ()):
                parcels.act({"tracking": parcel.tracking, "do": do})
            _emit(deliveries, "tracker.created", parcel)
        return JSONResponse(tracker(parcel))

    return handle


def _page(parcels: Parcels, request: Request) -> Response:
    asked = request.query_params
    since = datetime.fromisoformat(asked["start_datetime"]) if "start_datetime" in asked else None
    found = [
        parcel
        for parcel in parcels.watched()
        if asked.get("tracking_code") in (None, parcel.tracking)
        and (since is None or (parcel.made or parcel.label_at) >= since)
    ]
    idents = [tracker_id(parcel) for parcel in found]
    start = idents.index(asked["before_id"]) + 1 if asked.get("before_id") in idents else 0
    size = min(int(asked.get("page_size", PAGE)), LONGEST_PAGE)
    shown = [tracker(parcel) for parcel in found[start : start + size]]
    return JSONResponse({"trackers": shown, "has_more": len(found) > start + size})


def _hooks(deliveries: Deliveries) -> Handler:
    async def handle(request: Request) -> Response:
        now = deliveries.clock.now()
        if request.method == "GET":
            return JSONResponse({"webhooks": [hook_shown(hook, now) for hook in deliveries.hooks.values()]})
        wanted = (await request.json())["webhook"]
        made = deliveries.register(wanted["url"], wanted.get("webhook_secret", ""))
        return JSONResponse(hook_shown(made, now), 201)

    return handle


def _hook(deliveries: Deliveries) -> Handler:
    async def handle(request: Request) -> Response:
        ident = request.path_params["id"].removeprefix("hook_")
        hook = deliveries.hooks.get(ident)
        if hook is None:
            return _refused(404, "NOT_FOUND", "The requested resource could not be found.")
        if request.method == "DELETE":
            del deliveries.hooks[ident]
            return JSONResponse({})
        if request.method == "PATCH":
            # An update switches a disabled webhook on again.
            hook.state, hook.failures = "active", 0
        return JSONResponse(hook_shown(hook, deliveries.clock.now()))

    return handle


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "errors": []}}, status)


def _disable(hooks: Mapping[str, Hook]) -> dict[str, Any]:
    for hook in hooks.values():
        hook.state = "deactivated"
    return {}


def _control(parcels: Parcels, deliveries: Deliveries, faults: Faults) -> list[Route]:
    def controlled(do: Callable[[Any], Any]) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                return JSONResponse(do(await request.json()) or {})
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                # Python's own words name the field that is unknown or missing.
                return JSONResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, 400)

        return handle

    def act(item: Any) -> Any:
        return _disable(deliveries.hooks) if item["do"] == "disable_hooks" else tracker(parcels.act(item))

    async def effects(request: Request) -> Response:
        made = [{"kind": "watch", "tracking": number, "count": n} for number, n in parcels.watches.items()]
        return JSONResponse({"effects": made})

    async def reset(request: Request) -> Response:
        parcels.clear()
        faults.clear()
        return JSONResponse({})

    return [
        Route(f"/_sandbox/{VENDOR}/seed", controlled(parcels.seed), methods=["POST"]),
        Route(f"/_sandbox/{VENDOR}/act", controlled(act), methods=["POST"]),
        Route(f"/_sandbox/{VENDOR}/effects", effects),
        Route(f"/_sandbox/{VENDOR}/reset", reset, methods=["POST"]),
    ]
