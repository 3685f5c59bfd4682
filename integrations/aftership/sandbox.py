"""The pretended AfterShip: trackings in memory, scanned by `act` or by script, told by signed webhooks.

Both its products send them, Tracking and Returns. The same paths and JSON as API 2026-07. Parcels, seed and actions:
`integrations.sandbox_parcels`; hooks and how events are delivered: `integrations.sandbox_hooks`.

    POST /_sandbox/aftership/seed      {"parcels": […]}
    POST /_sandbox/aftership/act       {"tracking", "do", …}
    POST /_sandbox/aftership/returns   {"event": "return.shipment.recorded", "tracking", "status"?}: product Returns
    GET  /_sandbox/aftership/effects   numbers that were followed, with their count
    POST /_sandbox/aftership/reset
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.countries import ALPHA_3
from integrations.faults import App, Faults, wrap
from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries, Retries
from integrations.sandbox_hooks import wrap as with_hooks
from integrations.sandbox_parcels import Checkpoint, Parcel, Parcels
from integrations.signing import hmac_sha256

VENDOR = "aftership"
PATH = "/tracking/2026-07/trackings"
PAGE, LONGEST_PAGE = 100, 200
EXISTS = 4003
TRIES = 14
RETRIES = Retries(waits=tuple(30.0 * 2**number for number in range(1, TRIES)))
"""14 tries, 30 s times 2 to the n apart (AfterShip's own page on webhooks)."""
WORDS: Final = {
    "label": ("InfoReceived", "InfoReceived_001", "Shipping label created"),
    "accept": ("InTransit", "InTransit_002", "Acceptance scan"),
    "move": ("InTransit", "InTransit_003", "Arrival scan"),
    "out": ("OutForDelivery", "OutForDelivery_001", "Out for delivery"),
    "attempt": ("AttemptFail", "AttemptFail_002", "Nobody was there"),
    "deliver": ("Delivered", "Delivered_001", "Delivered"),
    "delay": ("Exception", "Exception_005", "Delayed"),
    "lose": ("Exception", "Exception_013", "Shipment lost"),
    "damage": ("Exception", "Exception_012", "Shipment damaged"),
    "return": ("Exception", "Exception_010", "Returning to sender"),
    "returned": ("Exception", "Exception_011", "Returned to sender"),
    "void": ("Exception", "Exception_020", "Shipment cancelled"),
    "unknown": ("Teleported", "Teleported_001", "A word that nobody knows"),
    "regress": ("InfoReceived", "InfoReceived_001", "Electronic notice received"),
}
Handler = Callable[[Request], Awaitable[Response]]


def sign(body: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """The header that makes a delivery AfterShip's own; product Returns has another one than Tracking."""
    header = "aftership-hmac-sha256" if "msg" in json.loads(body) else "as-signature-hmac-sha256"
    return {header: base64.b64encode(hmac_sha256(secret.encode(), body)).decode()}


def tracking(parcel: Parcel) -> dict[str, Any]:
    """A parcel as AfterShip shows it."""
    newest = parcel.newest
    tag, subtag, message = WORDS[newest.do] if newest else ("Pending", "Pending_001", "No information yet")
    return {
        "id": uuid5(NAMESPACE_URL, parcel.tracking).hex,
        "created_at": _utc(parcel.made or parcel.label_at),
        "updated_at": _utc(parcel.changed or parcel.label_at),
        "tracking_number": parcel.tracking,
        "slug": parcel.carrier,
        "active": tag != "Delivered",
        "source": "api",
        "tag": tag,
        "subtag": subtag,
        "subtag_message": message,
        "title": parcel.tracking,
        "courier_destination_country_region": ALPHA_3[parcel.ends["to"]["country"]],
        "return_to_sender": any(point.do in ("return", "returned") for point in parcel.history),
        "shipment_direction": "return",
        "checkpoints": [_checkpoint(parcel, point) for point in parcel.history],
    }


def build(clock: Clock) -> App:
    """The ASGI app of the pretended vendor, with its fault switches; each call makes one with its own memory."""
    deliveries = Deliveries(VENDOR, clock, sign, RETRIES)

    def tell(parcel: Parcel) -> None:
        deliveries.emit("tracking_update", _update(parcel, len(deliveries.events), clock.now()))

    parcels, faults = Parcels(clock, tell), Faults(VENDOR)

    def known(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if not request.headers.get("as-api-key"):
                return _refused(401, 401, "Unauthorized", "Invalid API key.")
            return await handler(request)

        return checked

    routes = [
        Route(PATH, known(_trackings(parcels)), methods=["GET", "POST"]),
        *_control(parcels, deliveries, faults, clock),
    ]
    return with_hooks(wrap(Starlette(routes=routes), faults), deliveries)


def _trackings(parcels: Parcels) -> Handler:
    async def handle(request: Request) -> Response:
        return await _follow(parcels, request) if request.method == "POST" else _page(parcels, request)

    return handle


async def _follow(parcels: Parcels, request: Request) -> Response:
    body = await request.json()
    if not body.get("tracking_number"):
        return _refused(400, 4005, "BadRequest", "The value of `tracking_number` is invalid.")
    parcel, before = parcels.watch(body["tracking_number"], body.get("slug", "usps"))
    if before:
        return _refused(400, EXISTS, "BadRequest", "Tracking already exists.")
    return JSONResponse({"meta": {"code": 201}, "data": tracking(parcel)}, 201)


def _page(parcels: Parcels, request: Request) -> Response:
    asked = request.query_params
    numbers = asked["tracking_numbers"].split(",") if "tracking_numbers" in asked else None
    since = datetime.fromisoformat(asked["updated_at_min"]) if "updated_at_min" in asked else None
    found = [
        parcel
        for parcel in parcels.watched()
        if (numbers is None or parcel.tracking in numbers)
        and (since is None or (parcel.changed or parcel.label_at) >= since)
    ]
    start, size = int(asked.get("cursor", 0)), min(int(asked.get("limit", PAGE)), LONGEST_PAGE)
    more = len(found) > start + size
    pagination = {"total": len(found), "next_cursor": str(start + size) if more else None, "has_next_page": more}
    shown = [tracking(parcel) for parcel in found[start : start + size]]
    return JSONResponse({"meta": {"code": 200}, "data": {"pagination": pagination, "trackings": shown}})


def _refused(status: int, code: int, kind: str, message: str) -> Response:
    return JSONResponse({"meta": {"code": code, "type": kind, "message": message}, "data": {}}, status)


def _update(parcel: Parcel, number: int, now: datetime) -> dict[str, Any]:
    """The webhook of one change; its id is the change's, so a second delivery has the same."""
    shown = tracking(parcel)
    tags = [WORDS[point.do][0] for point in parcel.history if not point.old]
    return {
        "ts": int(now.timestamp()),
        "event": "tracking_update",
        "event_id": str(uuid5(NAMESPACE_URL, f"{parcel.tracking}/{number}/{now.isoformat()}")),
        "is_tracking_first_tag": tags.count(shown["tag"]) == 1,
        "msg": shown,
    }


def _returned(item: dict[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """A webhook of product Returns, with the little of the return that we read."""
    shipment = {"tracking_number": item["tracking"], "slug": item.get("carrier", "usps")}
    if item.get("status"):
        shipment["tracking_status"] = item["status"]
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{item['event']}/{number}/{now.isoformat()}")),
        "version": "2026-07",
        "event": item["event"],
        "created_at": _utc(now),
        "modified": [],
        "data": {"shipments": [shipment]},
    }


def _checkpoint(parcel: Parcel, point: Checkpoint) -> dict[str, Any]:
    tag, subtag, message = WORDS[point.do]
    country = point.place.get("country")
    return {
        "created_at": _utc(point.at),
        "slug": parcel.carrier,
        "checkpoint_time": _local(point.at, parcel.offset),
        "location": ", ".join(part for part in (point.place.get("city"), point.place.get("region")) if part) or None,
        "city": point.place.get("city"),
        "state": point.place.get("region"),
        "postal_code": point.place.get("postal"),
        "country_region": ALPHA_3[country] if country else None,
        "message": message,
        "tag": tag,
        "subtag": subtag,
        "subtag_message": message,
        "raw_tag": None,
        "source": "carrier",
    }


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _local(at: datetime, offset: str) -> str:
    """The time as the carrier writes it: with the offset, or without any where the parcel has none."""
    if offset:
        return at.astimezone(datetime.fromisoformat(f"2026-01-01T00:00:00{offset}").tzinfo).isoformat(
            timespec="seconds"
        )
    return at.astimezone(timezone(timedelta(hours=-5))).replace(tzinfo=None).isoformat(timespec="seconds")


def _control(parcels: Parcels, deliveries: Deliveries, faults: Faults, clock: Clock) -> list[Route]:
    def controlled(do: Callable[[Any], Any]) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                return JSONResponse(do(await request.json()) or {})
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                # Python's own words name the field that is unknown or missing.
                return JSONResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, 400)

        return handle

    def returns(item: Any) -> None:
        deliveries.emit(item["event"], _returned(item, len(deliveries.events), clock.now()))

    async def effects(request: Request) -> Response:
        made = [{"kind": "watch", "tracking": number, "count": n} for number, n in parcels.watches.items()]
        return JSONResponse({"effects": made})

    async def reset(request: Request) -> Response:
        parcels.clear()
        faults.clear()
        return JSONResponse({})

    return [
        Route(f"/_sandbox/{VENDOR}/seed", controlled(parcels.seed), methods=["POST"]),
        Route(f"/_sandbox/{VENDOR}/act", controlled(lambda item: tracking(parcels.act(item))), methods=["POST"]),
        Route(f"/_sandbox/{VENDOR}/returns", controlled(returns), methods=["POST"]),
        Route(f"/_sandbox/{VENDOR}/effects", effects),
        Route(f"/_sandbox/{VENDOR}/reset", reset, methods=["POST"]),
    ]
