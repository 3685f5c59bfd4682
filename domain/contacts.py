"""When a person may be contacted, and whether at all: quiet hours in every zone they may be in, and opt-outs by scope.

Pure. Hours, zones and the dates of the rules are data in `policies/quiet_hours.toml` and `policies/area_codes.toml`.
A phone number and an address may lie in different zones, and then both have to be awake (Florida 559.72(17): the
area code may be presumed unless there is reason to know otherwise, so neither is thrown away).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from domain.people import Person

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""What `send_at` answers where no hour of the coming two weeks is allowed in all the person's zones."""

HORIZON_DAYS = 14
EVERYWHERE = "*"
NANP = "+1"
AREA_DIGITS = 3
MINUTES_A_DAY = 24 * 60
CALLS_AND_TEXTS = frozenset({"sms", "call"})

Span = tuple[int, int]
"""Minutes after midnight (from, until), the end excluded; (0, 0) is closed all day."""


class OptOut(Protocol):
    """An opt-out as stored: `channel` mail, sms or all; `scope` dunning, marketing or all; `since` an ISO instant."""

    @property
    def channel(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def since(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The hours of a week in which a channel may be used for people of some countries and regions."""

    id: str
    channel: str
    countries: frozenset[str]
    """ISO codes; `*` is every country that no other window of the channel names."""
    regions: frozenset[str]
    """State codes; empty for the whole country."""
    hours: tuple[Span, ...]
    """Seven spans, Monday first, in local time."""
    since: str = ""
    until: str = ""
    """First ISO date on which it no longer counts; empty for open."""

    def span(self, day: date) -> Span | None:
        """The allowed minutes of a local day; None where the window does not count on it."""
        iso = day.isoformat()
        if iso < self.since or (self.until and iso >= self.until):
            return None
        return self.hours[day.weekday()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Where the numbers of an area code are: a state, and every zone it may lie in."""

    country: str
    region: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Everything that is known about hours, zones and the date from which one opt-out counts for all."""

    windows: tuple[Window, ...]
    areas: Mapping[str, Area]
    """By area code of the North American numbering plan."""
    regions: Mapping[tuple[str, str], tuple[str, ...]]
    """By (country, state), every zone of it."""
    countries: Mapping[str, tuple[str, ...]]
    """By country, every zone that a person there may be in."""
    calling_codes: Mapping[str, str]
    """Country by calling code, e.g. `+44`."""
    unknown: str
    """The country whose rules count for somebody of whom nothing is known: the strictest."""
    revoke_all_from: str
    """ISO date from which an opt-out of any text counts for every text and call."""


@dataclass(frozen=True, slots=True)
class _Place:
    country: str
    region: str
    zones: tuple[str, ...]


def send_at(channel: str, person: Person, now: datetime, rules: QuietHours) -> datetime:
    """`now` where the channel may be used now, else the next instant at which it may; NEVER where there is none.

    Every place the person may be in has to allow it: that of the phone number and that of the address.
    """
    limits = [
        (ZoneInfo(zone), windows)
        for place in _places(person, rules)
        if (windows := _windows(channel, place, rules))
        for zone in place.zones
    ]
    at = now
    while at <= now + timedelta(days=HORIZON_DAYS):
        later = max((_open_from(at, zone, windows) for zone, windows in limits), default=at)
        if later <= at:
            return at
        at = later
    return NEVER


def zones_of(person: Person, rules: QuietHours) -> tuple[str, ...]:
    """Every zone that the person may be in, by phone number and by address."""
    return tuple(dict.fromkeys(zone for place in _places(person, rules) for zone in place.zones))


def may_contact(channel: str, purpose: str, opt_outs: Iterable[OptOut], on: date, revoke_all_from: str) -> str:
    """Why a message must not be sent, empty where it may.

    A marketing opt-out does not stop a notice about the person's own payment, and an opt-out of such notices is
    honoured. From `revoke_all_from` on, an opt-out by text counts for every text and call, whatever it was about.
    """
    day = on.isoformat()
    for one in opt_outs:
        same_channel = one.channel in (channel, "all")
        both_phone = channel in CALLS_AND_TEXTS and one.channel in CALLS_AND_TEXTS
        if same_channel and one.scope in (purpose, "all"):
            return f"the person asked on {one.since[:10]} not to get {one.scope} messages by {one.channel}"
        if both_phone and day >= revoke_all_from:
            return f"the person opted out of {one.scope} texts; from {revoke_all_from} that counts for all"
    return ""


def _places(person: Person, rules: QuietHours) -> list[_Place]:
    places = [place for place in (_by_phone(person.phone, rules), _by_address(person, rules)) if place]
    return places or [_Place(rules.unknown, "", rules.countries[rules.unknown])]


def _by_phone(phone: str, rules: QuietHours) -> _Place | None:
    """Where the number belongs; None where it says nothing, as a toll-free one."""
    if phone.startswith(NANP):
        area = rules.areas.get(phone[len(NANP) : len(NANP) + AREA_DIGITS])
        return _Place(area.country, area.region, area.zones) if area else None
    for length in (4, 3, 2):
        country = rules.calling_codes.get(phone[:length]) if len(phone) > length else None
        if country:
            return _Place(country, "", rules.countries[country])
    return None


def _by_address(person: Person, rules: QuietHours) -> _Place | None:
    country = person.country.strip().upper()
    region = person.region.strip().upper().rsplit("-", maxsplit=1)[-1]
    zones = (person.zone,) if _is_zone(person.zone) else rules.regions.get((country, region))
    zones = zones or rules.countries.get(country)
    if not zones:
        return None
    return _Place(country, region, zones)


def _is_zone(name: str) -> bool:
    try:
        return bool(name) and bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False


def _windows(channel: str, place: _Place, rules: QuietHours) -> tuple[Window, ...]:
    """The windows of a place: those of its country and state, else those of everywhere."""
    ours = [window for window in rules.windows if window.channel == channel]
    named = [
        window
        for window in ours
        if place.country in window.countries and (not window.regions or place.region in window.regions)
    ]
    if any(not window.regions for window in named):
        return tuple(named)
    return (*named, *(window for window in ours if EVERYWHERE in window.countries))


def _open_from(at: datetime, zone: ZoneInfo, windows: tuple[Window, ...]) -> datetime:
    """The first instant from `at` on that all windows allow in the zone; NEVER where a whole week is closed."""
    today = at.astimezone(zone).date()
    for offset in range(8):
        day = today + timedelta(days=offset)
        spans = [span for window in windows if (span := window.span(day)) is not None]
        start = max((span[0] for span in spans), default=0)
        end = min((span[1] for span in spans), default=MINUTES_A_DAY)
        if start < end and at < (closes := _instant(day, end, zone)):
            opens = _instant(day, start, zone)
            return max(at, opens) if opens < closes else at
    return NEVER


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Local clock time as an instant, so that a day with 23 or 25 hours still opens at ten."""
    day, minutes = day + timedelta(days=minutes // MINUTES_A_DAY), minutes % MINUTES_A_DAY
    return datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone).astimezone(UTC)
