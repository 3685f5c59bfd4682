"""What carrier feeds have in common when they tell of checkpoints: instants, places, carriers' names. Pure.

Nothing here fails on a strange value: a place that cannot be read is unknown, and so is an instant. Both make the
evidence weaker, never stronger.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from domain.scans import Place, Scan
from integrations.countries import alpha_2
from integrations.fields import Damaged, shape

LONGEST_WORDS = 100
"""Characters of a vendor's own words that are kept for the reason which a person reads."""
NO_ZONE = "local time, zone not said"

FARTHEST_AHEAD = timedelta(hours=14)
"""The clocks of the world that are farthest ahead of UTC (Kiribati)."""
_AHEAD = {
    **dict.fromkeys(("US",), -4.0),
    **dict.fromkeys(("CA",), -2.5),
    **dict.fromkeys(("MX",), -5.0),
    **dict.fromkeys(("BR",), -2.0),
    **dict.fromkeys(("GB", "IE", "PT"), 1.0),
    **dict.fromkeys(("AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "HR", "HU", "IT", "LU", "NL", "NO", "PL"), 2.0),
    **dict.fromkeys(("SE", "SI", "SK"), 2.0),
    **dict.fromkeys(("BG", "EE", "FI", "GR", "LT", "LV", "RO"), 3.0),
    **dict.fromkeys(("CN", "HK", "SG", "TW"), 8.0),
    **dict.fromkeys(("JP", "KR"), 9.0),
    **dict.fromkeys(("AU",), 11.0),
    **dict.fromkeys(("NZ",), 13.75),
}
"""The clock farthest ahead in a country, in hours from UTC, daylight saving included (IANA time zone database).

Overseas parts with a country code of their own are not in it; those of the US that carriers may write as US are
told by their region."""
_FAR_REGIONS = frozenset({"GU", "MP", "AS", "UM", "FM", "MH", "PW", "AP", "AE", "AA"})


def moment(value: Any, place: Place) -> tuple[datetime | None, str]:
    """The instant in UTC, and a remark where it is not certain; (None, remark) where there is none to be had.

    A time without an offset is local time somewhere in the place's country. It counts as the earliest instant that
    it can be, so that a scan is never taken for later than it was: one that fits after the label was made, fits.
    """
    if value is None or value == "":
        return None, ""
    if not isinstance(value, str):
        raise Damaged(f"a time was expected, not {shape(value)}")
    try:
        told = datetime.fromisoformat(value.strip())
    except ValueError:
        return None, "its time cannot be read"
    try:
        if told.tzinfo is not None:
            return told.astimezone(UTC), ""
        return told.replace(tzinfo=timezone(_ahead(place))).astimezone(UTC), NO_ZONE
    except OverflowError:
        return None, "its time cannot be read"


def place_of(*, country: Any = "", region: Any = "", city: Any = "", postal: Any = "") -> Place:
    """A place from what a vendor wrote; a country in two or three letters, a postal code as text or number."""
    return Place(alpha_2(country), _plain(region).upper(), _plain(city), _plain(postal).upper())


def carrier_name(value: Any) -> str:
    """A carrier's short name: letters and digits in lower case, e.g. `usps`, `dhlexpress`; empty where not said."""
    return re.sub(r"[^a-z0-9]", "", value.casefold()) if isinstance(value, str) else ""


def of_carrier(scans: Sequence[Scan], carrier: str) -> tuple[Scan, ...]:
    """The scans of this carrier's parcel, where two carriers use one number; all of them where none is this one's.

    Portals, feeds and carriers write a carrier's name in many ways, so a name that never occurs decides nothing.
    """
    ours = tuple(scan for scan in scans if carrier and scan.carrier == carrier)
    return ours or tuple(scans)


def words(*parts: Any) -> str:
    """The vendor's own words, in one shortened line; what is no text is left out."""
    said = (_line(part) for part in parts if isinstance(part, str))
    return "; ".join(part for part in said if part)[:LONGEST_WORDS]


def plain_word(value: Any, field: str) -> str:
    """A vendor's word without case, spaces and signs, so that `In Transit` is `in_transit`; empty where absent."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Damaged(f"{field}: text was expected, not {shape(value)}")
    return re.sub(r"[^a-z0-9]", "", value.casefold())


def _plain(value: Any) -> str:
    if type(value) is int:
        value = str(value)
    return _line(value)[:LONGEST_WORDS] if isinstance(value, str) else ""


def _line(text: str) -> str:
    """One line of printable text: JSON may hold NUL and halves of characters, which no database takes."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _ahead(place: Place) -> timedelta:
    hours = _AHEAD.get(place.country) if place.region not in _FAR_REGIONS else None
    return FARTHEST_AHEAD if hours is None else timedelta(hours=hours)
