"""EasyPost's trackers and their details as our scans: pure, payload in and values out.

Both `status` and `status_detail` are open sets. What is contradictory counts as the weaker of the two, and a tracker
in EasyPost's test mode is simulated, so nothing of it shows a parcel in anybody's hands.
"""

import re
from datetime import datetime
from typing import Any, Final

from domain.scans import IN_CARRIER_HANDS, NOWHERE, Meaning, Place, Scan, tracking_number
from integrations import checkpoints
from integrations.fields import Damaged, at, many, shape, text

VENDOR = "easypost"

STATUSES: Final[dict[str, Meaning]] = {
    "unknown": "unknown",
    "error": "unknown",
    "pretransit": "label",
    "intransit": "moving",
    "outfordelivery": "out_for_delivery",
    "delivered": "delivered",
    "availableforpickup": "moving",
    "returntosender": "returning",
    "failure": "exception",
    "cancelled": "cancelled",
}
"""docs.easypost.com/docs/trackers. `failure` is also what an attempt at a closed door arrives as."""

DETAILS: Final[dict[str, Meaning]] = {
    "labelcreated": "label",
    "awaitinginformation": "label",
    "receivedatoriginfacility": "accepted",
    "damaged": "damaged",
    "lost": "lost",
    "return": "returning",
    "refused": "exception",
    "deliveryexception": "exception",
    "transitexception": "exception",
    "missorted": "exception",
    "addresscorrection": "exception",
    "delayed": "exception",
    "weatherdelay": "exception",
    "held": "exception",
    "expired": "exception",
    "cancelled": "cancelled",
}
"""Details that mean something else than the status `in_transit` beside which they stand."""

NOTHING_KNOWN: Final = frozenset({"unknown", "error"})
"""EasyPost's words for a tracker of which it knows nothing; of a single detail they are a status nobody can place."""
WHATEVER_THE_STATUS: Final = frozenset({"damaged", "lost"})

CARRIERS: Final = {"fedex": "FedEx", "dhlexpress": "DHLExpress", "royalmail": "RoyalMail", "canadapost": "CanadaPost"}
"""Carriers whose name at EasyPost is not ours in capitals; of others EasyPost finds out by itself."""
IN_CAPITALS: Final = frozenset({"usps", "ups", "dpd", "gso"})
NAMES: Final = {"fedexdefault": "fedex", "fedexsameday": "fedex", "upsdap": "ups", "uspsship": "usps"}
"""EasyPost's names of a carrier's accounts, which are the carrier all the same."""

_CITY_STATE = re.compile(
    r"(?P<city>[^,]+?),? (?P<region>[A-Z]{2})(?:,? (?P<postal>\d{5})(?:-\d{4})?)?(?: (?P<country>[A-Z]{2}))?\Z"
)


def read_tracker(tracker: Any, event: str = "") -> tuple[Scan, ...]:
    """Every detail of one tracker, and its status where no detail says it. Damaged without a tracking code.

    A detail that cannot be read becomes a scan of unknown meaning which says so: it proves nothing, and it keeps
    none of the others back.
    """
    if not isinstance(tracker, dict):
        raise Damaged(f"a tracker was expected, not {shape(tracker)}")
    code = tracker.get("tracking_code")
    if not isinstance(code, str | int) or isinstance(code, bool) or not tracking_number(code):
        raise Damaged("tracking_code: a carrier's number is missing")
    ground = _Ground(tracker, tracking_number(code), event)
    told = tuple(ground.detail(item) for item in many(tracker, "tracking_details"))
    status = ground.status(text(tracker, "status"), text(tracker, "status_detail"))
    return told if status is None or status.meaning in {scan.meaning for scan in told} else (*told, status)


def meaning(status: str, detail: str) -> Meaning:
    """What EasyPost's words mean. `pre_transit` is a label however much else is said; `unknown` proves nothing."""
    state, more = checkpoints.plain_word(status, "status"), checkpoints.plain_word(detail, "status_detail")
    plain = STATUSES.get(state, "unknown")
    if state == "returntosender" and more == "arrivedatdestination":
        return "returned"
    if more in WHATEVER_THE_STATUS and plain not in ("label", "unknown"):
        return DETAILS[more]
    if state == "failure":
        return "returning" if more == "return" else "exception"
    return DETAILS.get(more, plain) if state == "intransit" else plain


def updated_at(tracker: dict[str, Any]) -> datetime | None:
    """When EasyPost last changed the tracker, None where it does not say."""
    told = tracker.get("updated_at")
    return checkpoints.moment(told, NOWHERE)[0] if isinstance(told, str) else None


def carrier(value: Any) -> str:
    """The carrier's short name, e.g. `usps` for `USPS`, `fedex` for `FedExDefault`."""
    name = checkpoints.carrier_name(value)
    return NAMES.get(name, name)


def write_tracker(tracking: str, name: str) -> dict[str, Any]:
    """The body of POST /trackers; the carrier only where we know EasyPost's name of it."""
    theirs = CARRIERS.get(name) or (name.upper() if name in IN_CAPITALS else "")
    return {"tracker": {"tracking_code": tracking, **({"carrier": theirs} if theirs else {})}}


def destination(tracker: dict[str, Any]) -> Place:
    """Where the carrier says that the parcel goes; nowhere where it does not say or says it in another form."""
    carriers = tracker.get("carrier_detail")
    if not isinstance(carriers, dict):
        return NOWHERE
    place = _place(carriers.get("destination_tracking_location"))
    if place.known:
        return place
    line = carriers.get("destination_location")
    found = _CITY_STATE.fullmatch(line.strip()) if isinstance(line, str) else None
    # `PARIS FR` has the same form as a city with its state, so one of code and country must be said as well.
    if found is None or not (found["postal"] or found["country"]):
        return NOWHERE
    return checkpoints.place_of(
        country=found["country"], region=found["region"], city=found["city"], postal=found["postal"]
    )


def _place(location: Any) -> Place:
    said = location if isinstance(location, dict) else {}
    return checkpoints.place_of(
        country=said.get("country"), region=said.get("state"), city=said.get("city"), postal=said.get("zip")
    )


class _Ground:
    """What all scans of one tracker share."""

    def __init__(self, tracker: dict[str, Any], number: str, event: str) -> None:
        self.number, self.event, self.changed = number, event, updated_at(tracker)
        self.carrier, self.destination = carrier(tracker.get("carrier")), destination(tracker)
        self.real = tracker.get("mode") != "test"
        self.remarks = ("" if self.real else "test mode", "a return" if tracker.get("is_return") is True else "")

    def detail(self, item: Any) -> Scan:
        """One detail: a checkpoint of the carrier's."""
        try:
            return self._read(item)
        except Damaged as damaged:
            return self._scan("unknown", words=f"a detail that cannot be read: {damaged}"[:200], at=self.changed)

    def status(self, state: str, more: str) -> Scan | None:
        """The tracker's own status, at its last change; None where EasyPost knows nothing of the parcel."""
        if not state or checkpoints.plain_word(state, "status") in NOTHING_KNOWN:
            return None
        said = checkpoints.words(_both(state, more), *self.remarks)
        return self._scan(meaning(state, more), words=said, at=self.changed)

    def _read(self, item: Any) -> Scan:
        state, more = text(item, "status"), text(item, "status_detail")
        where = _place(at(item, "tracking_location"))
        when, remark = checkpoints.moment(at(item, "datetime"), where)
        said = checkpoints.words(_both(state, more), text(item, "carrier_code"), remark, *self.remarks)
        return self._scan(
            meaning(state, more), words=said, at=when, physical=self.real, place=where,
            name=carrier(at(item, "source")) or self.carrier,
        )  # fmt: skip

    def _scan(self, found: Meaning, *, words: str, name: str = "", **told: Any) -> Scan:
        shown = found if self.real or found not in IN_CARRIER_HANDS else "unknown"
        return Scan(
            tracking=self.number, carrier=name or self.carrier, meaning=shown, source=VENDOR,
            destination=self.destination, words=words, event=self.event, **told,
        )  # fmt: skip


def _both(state: str, more: str) -> str:
    return f"{state}/{more}" if more else state
