"""The JSON of the pretended EasyPost: trackers, events and webhooks, key for key as its own recorded answers. Pure."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from integrations.sandbox_hooks import Hook
from integrations.sandbox_parcels import Checkpoint, Parcel

NAMES: Final = {"usps": "USPS", "ups": "UPS", "fedex": "FedEx", "dhlexpress": "DHLExpress"}
WORDS: Final = {
    "label": ("pre_transit", "label_created", "Shipping Label Created", "GX"),
    "accept": ("in_transit", "received_at_origin_facility", "Accepted at USPS Origin Facility", "OA"),
    "move": ("in_transit", "arrived_at_facility", "Arrived at Facility", "AR"),
    "out": ("out_for_delivery", "out_for_delivery", "Out for Delivery", "OF"),
    "attempt": ("failure", "delayed", "Customer not available", "DE"),
    "deliver": ("delivered", "arrived_at_destination", "Delivered", "01"),
    "delay": ("in_transit", "delayed", "Delayed", "DY"),
    "lose": ("failure", "lost", "Declared lost", "TJ"),
    "damage": ("failure", "damaged", "Declared damaged", "DG"),
    "return": ("return_to_sender", "return", "Returning to Sender", "21"),
    "returned": ("return_to_sender", "arrived_at_destination", "Returned to Sender", "21"),
    "void": ("cancelled", "cancelled", "Label Cancelled", "CA"),
    "unknown": ("teleported", "status_update", "A word that nobody knows", "XX"),
    "regress": ("pre_transit", "status_update", "Pre-Shipment Info Sent", "MA"),
}


def tracker_id(parcel: Parcel) -> str:
    """EasyPost's id of a parcel's tracker."""
    return f"trk_{_hex(parcel.tracking)}"


def tracker(parcel: Parcel) -> dict[str, Any]:
    """A parcel as EasyPost shows it."""
    newest = parcel.newest
    status, detail = WORDS[newest.do][:2] if newest else ("unknown", "unknown")
    made = _utc(parcel.made or parcel.label_at)
    return {
        "id": tracker_id(parcel),
        "object": "Tracker",
        "mode": _mode(parcel),
        "tracking_code": parcel.tracking,
        "status": status,
        "status_detail": detail,
        "created_at": made,
        "updated_at": _utc(parcel.changed or parcel.label_at),
        "signed_by": None,
        "weight": None,
        "est_delivery_date": None,
        "shipment_id": None,
        "carrier": _name(parcel),
        "tracking_details": [_detail(parcel, point) for point in parcel.history],
        "fees": [],
        "carrier_detail": _carrier_detail(parcel),
        "finalized": status in ("delivered", "cancelled"),
        "is_return": True,
        "public_url": f"https://track.easypost.com/{_hex(parcel.tracking)}",
    }


def event(topic: str, parcel: Parcel, number: int, now: datetime, urls: list[str]) -> dict[str, Any]:
    """The webhook of one change; its id is the change's, so a second delivery has the same."""
    before = [point for point in parcel.history if not point.old][:-1]
    stamp = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "description": topic,
        "mode": _mode(parcel),
        "previous_attributes": {"status": WORDS[before[-1].do][0] if before else "unknown"},
        "created_at": stamp,
        "pending_urls": urls,
        "completed_urls": [],
        "updated_at": stamp,
        "id": f"evt_{_hex(f'{parcel.tracking}/{number}/{stamp}')}",
        "user_id": "user_pretended",
        "status": "pending",
        "object": "Event",
        "result": tracker(parcel),
    }


def hook_shown(hook: Hook, now: datetime) -> dict[str, Any]:
    """A webhook as EasyPost lists it; a disabled one with a time."""
    return {
        "id": f"hook_{hook.id}",
        "object": "Webhook",
        "mode": "production",
        "url": hook.url,
        "created_at": _utc(now),
        "disabled_at": None if hook.state == "active" else _utc(now),
        "custom_headers": [],
    }


def _detail(parcel: Parcel, point: Checkpoint) -> dict[str, Any]:
    status, detail, message, code = WORDS[point.do]
    return {
        "object": "TrackingDetail",
        "message": message,
        "description": message,
        "status": status,
        "status_detail": detail,
        "datetime": _utc(point.at),
        "source": _name(parcel),
        "carrier_code": code,
        "tracking_location": _location(point.place),
        "est_delivery_date": None,
    }


def _carrier_detail(parcel: Parcel) -> dict[str, Any]:
    return {
        "object": "CarrierDetail",
        "service": None,
        "container_type": None,
        "est_delivery_date_local": None,
        "est_delivery_time_local": None,
        "origin_location": _line(parcel.ends["from"]),
        "origin_tracking_location": _location(parcel.ends["from"]),
        "destination_location": _line(parcel.ends["to"]),
        "destination_tracking_location": _location(parcel.ends["to"]),
        "guaranteed_delivery_date": None,
        "alternate_identifier": None,
        "initial_delivery_attempt": None,
    }


def _location(place: Any) -> dict[str, Any]:
    return {
        "object": "TrackingLocation",
        "city": place.get("city"),
        "state": place.get("region"),
        "country": place.get("country"),
        "zip": place.get("postal"),
    }


def _line(place: Any) -> str:
    return f"{place.get('city', '')} {place.get('region', '')}, {place.get('postal', '')}"


def _mode(parcel: Parcel) -> str:
    return "test" if parcel.tracking.startswith("EZ") else "production"


def _name(parcel: Parcel) -> str:
    return NAMES.get(parcel.carrier, parcel.carrier.upper())


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _hex(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
