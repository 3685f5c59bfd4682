"""Where a returned parcel is, from all scans of its label: the last word that counts, in the order of the scans' times.

A late scan of an earlier stage changes nothing, and a delivery after "returning to sender" is a delivery to the
customer, not to us.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from domain.scans import Meaning, Scan

Where = Literal["unknown", "travelling", "delivered", "going_back", "lost", "damaged", "voided"]

_FIRST = datetime.min.replace(tzinfo=UTC)
_MEANS: dict[Meaning, Where] = {
    "accepted": "travelling",
    "moving": "travelling",
    "out_for_delivery": "travelling",
    "attempt": "travelling",
    "delivered": "delivered",
    "returning": "going_back",
    "returned": "going_back",
    "damaged": "damaged",
    "lost": "lost",
    "cancelled": "voided",
}
"""What a scan says of the place; a label, an exception or an unknown word says nothing."""


class Position(NamedTuple):
    """Where the parcel is, since when, and in which words we know it."""

    name: Where
    at: datetime | None = None
    said: str = ""


def position(scans: Sequence[Scan], *, voided: bool = False) -> Position:
    """Where the parcel is. A label that was voided counts until the parcel has been delivered all the same."""
    found = Position("voided", None, "the portal says that the label was voided") if voided else Position("unknown")
    for scan in sorted(scans, key=lambda scan: scan.at or _FIRST):
        name = _MEANS.get(scan.meaning)
        if name is None or not _counts(found.name, name):
            continue
        where = "going_back" if found.name == "going_back" and name == "delivered" else name
        found = Position(where, scan.at, _words(scan))
    return found


def own_scans(scans: Sequence[Scan], made_at: datetime | None) -> tuple[Scan, ...]:
    """The scans of this label: carriers use a number again, so what is older than the label is of another parcel."""
    return tuple(scan for scan in scans if made_at is None or scan.at is None or scan.at >= made_at)


def _counts(before: Where, name: Where) -> bool:
    """Whether a later scan changes what was known."""
    if name == "travelling":
        return before in ("unknown", "travelling", "lost")
    return not (before == "delivered" and name != "going_back")


def _words(scan: Scan) -> str:
    day = scan.at.date().isoformat() if scan.at else "at an unknown time"
    told = f" ({scan.words})" if scan.words else ""
    return f"{scan.meaning.replace('_', ' ')}{told} on {day}, said by {scan.source}"
