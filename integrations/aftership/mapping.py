"""AfterShip's trackings and checkpoints as our scans: pure, payload in and values out.

Names are those of the Tracking API 2026-07. The sub-status says what a checkpoint means, else its tag does; both are
open sets. Subtags are copied from AfterShip's own page of delivery sub-statuses and from nowhere else.
"""

from datetime import datetime
from typing import Any, Final

from domain.scans import NOWHERE, Meaning, Place, Scan, tracking_number
from integrations import checkpoints
from integrations.fields import Damaged, at, many, shape, text

VENDOR = "aftership"

TAGS: Final[dict[str, Meaning]] = {
    "pending": "label",
    "inforeceived": "label",
    "intransit": "moving",
    "instransit": "moving",
    "outfordelivery": "out_for_delivery",
    "attemptfail": "attempt",
    "delivered": "delivered",
    "availableforpickup": "moving",
    "exception": "exception",
    "expired": "exception",
}
"""`instransit` is what AfterShip's own table of Returns events has. `Expired`: no news for 30 days."""

SUBTAGS: Final[dict[str, Meaning]] = {
    "intransit002": "accepted",
    "exception010": "returning",
    "exception011": "returned",
    "exception012": "damaged",
    "exception013": "lost",
    "exception020": "cancelled",
    "exception021": "lost",
}
"""Sub-statuses that mean more than their tag. `Exception_021`: the carrier has disposed of the parcel."""

SLUGS: Final = {"dhlexpress": "dhl", "royalmail": "royal-mail", "canadapost": "canada-post", "dhlpaket": "dhl-germany"}
"""Carriers whose name at AfterShip is not simply ours in lower case."""


def read_tracking(tracking: Any, event: str = "") -> tuple[Scan, ...]:
    """Every checkpoint of one tracking, and its status where no checkpoint says it. Damaged without a number.

    A checkpoint that cannot be read becomes a scan of unknown meaning which says so: it proves nothing, and it
    keeps none of the others back.
    """
    if not isinstance(tracking, dict):
        raise Damaged(f"a tracking was expected, not {shape(tracking)}")
    number = tracking_number(_scalar(tracking, "tracking_number"))
    if not number:
        raise Damaged("tracking_number: a carrier's number is missing")
    carrier = checkpoints.carrier_name(tracking.get("slug"))
    goal = checkpoints.place_of(country=tracking.get("courier_destination_country_region"))
    ground = _Ground(number, carrier, goal, event, updated_at(tracking))
    told = tuple(ground.checkpoint(item) for item in many(tracking, "checkpoints"))
    status = ground.status(text(tracking, "tag"), text(tracking, "subtag"))
    return told if status is None or status.meaning in {scan.meaning for scan in told} else (*told, status)


def read_shipment(shipment: Any, happened: Any, event: str = "") -> Scan | None:
    """The bare status of one shipment of a return (AfterShip Returns); None where it has no number or no status."""
    if not isinstance(shipment, dict):
        raise Damaged(f"shipments: an object was expected, not {shape(shipment)}")
    number = tracking_number(_scalar(shipment, "tracking_number"))
    tag = text(shipment, "tracking_status")
    if not number or not tag:
        return None
    when, remark = checkpoints.moment(happened, NOWHERE)
    return Scan(
        tracking=number,
        carrier=checkpoints.carrier_name(shipment.get("slug") or shipment.get("courier_slug")),
        meaning=meaning(tag, ""),
        at=when,
        source=VENDOR,
        words=checkpoints.words(tag, remark),
        event=event,
    )


def meaning(tag: str, subtag: str) -> Meaning:
    """What AfterShip's words mean; a sub-status we do not know means what its tag does."""
    detail = checkpoints.plain_word(subtag, "subtag")
    if detail in SUBTAGS:
        return SUBTAGS[detail]
    # A checkpoint may carry only the sub-status, whose name begins with the tag's.
    return TAGS.get(checkpoints.plain_word(tag, "tag") or detail.rstrip("0123456789"), "unknown")


def updated_at(tracking: dict[str, Any]) -> datetime | None:
    """When AfterShip last changed the tracking, None where it does not say."""
    told = tracking.get("updated_at")
    return checkpoints.moment(told, NOWHERE)[0] if isinstance(told, str) else None


def write_tracking(tracking: str, carrier: str) -> dict[str, str]:
    """The body of POST /trackings: the number, the carrier where we know it, and that it comes back. No person."""
    body = {"tracking_number": tracking, "shipment_direction": "return"}
    return {**body, "slug": slug(carrier)} if carrier else body


def slug(carrier: str) -> str:
    """AfterShip's name of a carrier."""
    return SLUGS.get(carrier, carrier)


class _Ground:
    """What all scans of one tracking share."""

    def __init__(self, number: str, carrier: str, destination: Place, event: str, changed: datetime | None) -> None:
        self.number, self.carrier, self.destination, self.event = number, carrier, destination, event
        self.changed = changed

    def checkpoint(self, item: Any) -> Scan:
        """One checkpoint. What a person entered at AfterShip is none of the carrier's, so it is not physical."""
        try:
            return self._read(item)
        except Damaged as damaged:
            return self._scan("unknown", words=f"a checkpoint that cannot be read: {damaged}"[:200], at=self.changed)

    def status(self, tag: str, subtag: str) -> Scan | None:
        """The tracking's own status, at its last change; None where it has none."""
        if not tag and not subtag:
            return None
        return self._scan(meaning(tag, subtag), words=checkpoints.words(subtag or tag), at=self.changed)

    def _read(self, item: Any) -> Scan:
        tag, subtag = text(item, "tag"), text(item, "subtag")
        where = checkpoints.place_of(
            country=at(item, "country_region"), region=at(item, "state"), city=at(item, "city"),
            postal=at(item, "postal_code"),
        )  # fmt: skip
        when, remark = checkpoints.moment(at(item, "checkpoint_time"), where)
        carriers = text(item, "source") != "user"
        return self._scan(
            meaning(tag, subtag),
            words=checkpoints.words(subtag or tag, text(item, "raw_tag"), remark, "" if carriers else "set by a user"),
            at=when,
            physical=carriers,
            place=where,
            carrier=checkpoints.carrier_name(at(item, "slug")) or self.carrier,
        )

    def _scan(self, found: Meaning, *, words: str, carrier: str = "", **told: Any) -> Scan:
        return Scan(
            tracking=self.number, carrier=carrier or self.carrier, meaning=found, source=VENDOR,
            destination=self.destination, words=words, event=self.event, **told,
        )  # fmt: skip


def _scalar(item: dict[str, Any], field: str) -> str:
    value = item.get(field)
    if value is None or isinstance(value, str) or type(value) is int:
        return "" if value is None else str(value)
    raise Damaged(f"{field}: text was expected, not {shape(value)}")
