"""`policies/quiet_hours.toml` and `policies/area_codes.toml` as `QuietHours`, with every mistake noted."""

import re
from zoneinfo import ZoneInfo

from domain.contacts import EVERYWHERE, Area, QuietHours, Span, Window
from policies.findings import suggest
from policies.reading import Table

CHANNELS = ("sms", "mail", "call")
CLOSED: Span = (0, 0)

_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)\Z")
_AREA = re.compile(r"[2-9]\d\d\Z")
_CALLING = re.compile(r"\+\d{1,3}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def read_quiet_hours(hours: Table, places: Table) -> QuietHours | None:
    """The rules of both pages; None where nothing can be said of somebody unknown, which is noted."""
    zones: set[str] = set()
    areas, regions = _read_areas(places, zones)
    countries, calling_codes = _read_countries(places, zones)
    windows = tuple(_read_window(entry) for entry in hours.tables("window"))
    revoke_all_from = hours.day("revoke_all_from")
    unknown = hours.text("unknown_country")
    if unknown not in countries:
        hours.note("unknown_country", f'"{unknown}" is not in area_codes.toml', suggest(unknown, tuple(countries)))
    if not any(EVERYWHERE in window.countries and window.channel == "sms" for window in windows):
        hours.note("window", 'has no sms hours for countries = ["*"]', "add them, for every country not named")
    hours.close()
    places.close()
    if unknown not in countries:
        return None
    return QuietHours(
        windows=windows,
        areas=areas,
        regions=regions,
        countries=countries,
        calling_codes=calling_codes,
        unknown=unknown,
        revoke_all_from=revoke_all_from,
    )


def _read_window(entry: Table) -> Window:
    weekdays, saturday, sunday = (_read_span(entry, key) for key in ("weekdays", "saturday", "sunday"))
    window = Window(
        id=entry.text("id"),
        channel=entry.text("channel", choices=CHANNELS),
        countries=frozenset(entry.texts("countries")),
        regions=frozenset(entry.texts("regions", default=[])),
        hours=(weekdays,) * 5 + (saturday, sunday),
        since=entry.day("from"),
        until=entry.day("until", ""),
    )
    entry.text("source")
    entry.close()
    return window


def _read_span(entry: Table, key: str) -> Span:
    text = entry.text(key)
    if not text:
        return CLOSED
    match = _SPAN.match(text)
    span = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else CLOSED
    if not match or not span[0] < span[1] <= 24 * 60:
        entry.note(key, f'is "{text}"', 'like "10:00-18:00", or "" where nothing may go out')
        return CLOSED
    return span


def _read_areas(places: Table, known: set[str]) -> tuple[dict[str, Area], dict[tuple[str, str], tuple[str, ...]]]:
    areas: dict[str, Area] = {}
    regions: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in places.tables("area"):
        area = Area(country=entry.text("country"), region=entry.text("region"), zones=_read_zones(entry, known))
        for code in entry.texts("codes"):
            if not _AREA.match(code):
                entry.note("codes", f'holds "{code}"', "three digits in quotes, the first from 2 to 9")
            elif code in areas:
                entry.note("codes", f'holds "{code}" a second time', "each code once")
            areas[code] = area
        place = (area.country, area.region)
        regions[place] = tuple(dict.fromkeys((*regions.get(place, ()), *area.zones)))
        entry.close()
    return areas, regions


def _read_countries(places: Table, known: set[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    countries: dict[str, tuple[str, ...]] = {}
    calling_codes: dict[str, str] = {}
    for entry in places.tables("country"):
        code, calling = entry.text("code"), entry.text("calling_code", "")
        if not _COUNTRY.match(code) or code in countries:
            entry.note("code", f'is "{code}"', "two capital letters, each country once")
        if calling and not _CALLING.match(calling):
            entry.note("calling_code", f'is "{calling}"', "like +44")
        countries[code] = _read_zones(entry, known)
        if calling:
            calling_codes[calling] = code
        entry.close()
    return countries, calling_codes


def _read_zones(entry: Table, known: set[str]) -> tuple[str, ...]:
    zones = entry.texts("zones")
    for name in set(zones) - known:
        if _is_zone(name):
            known.add(name)
        else:
            entry.note("zones", f'holds "{name}", which is no time zone', "a name like America/New_York")
    if not zones:
        entry.note("zones", "is empty", "at least one, like America/New_York")
    return tuple(name for name in zones if name in known)


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False
