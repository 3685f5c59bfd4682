"""Quiet hours in every zone a person may be in, over daylight saving and half-hour zones, and opt-outs by scope."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.contacts import NEVER, Area, QuietHours, Window, may_contact, send_at, zones_of
from domain.people import Person
from policies.load import load_quiet_hours

RULES = load_quiet_hours()
DAY, SATURDAY_HOURS, SUNDAY_HOURS = (10, 18), (10, 17), (12, 17)


def person(phone: str = "", country: str = "", region: str = "", zone: str = "") -> Person:
    """Somebody with this number and address."""
    return Person(id="cus_1", phone=phone, country=country, region=region, zone=zone)


def at(text: str, zone: str) -> datetime:
    """Local clock time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        ("2026-11-23 09:59:59", "2026-11-23 10:00"),
        ("2026-11-23 10:00", "2026-11-23 10:00"),
        ("2026-11-23 17:59:59", "2026-11-23 17:59:59"),
        ("2026-11-23 18:00", "2026-11-24 10:00"),
        ("2026-11-23 20:30", "2026-11-24 10:00"),
        ("2026-11-27 18:30", "2026-11-28 10:00"),
        ("2026-11-28 17:00", "2026-11-29 12:00"),
        ("2026-11-29 11:00", "2026-11-29 12:00"),
        ("2026-11-29 17:00", "2026-11-30 10:00"),
    ],
)
def test_a_text_goes_out_at_the_next_allowed_minute_of_the_recipient(now: str, sent: str) -> None:
    bo = person("+12035550142", "US", "CT")
    zone = "America/New_York"
    assert send_at("sms", bo, at(now, zone), RULES) == at(sent, zone)


def test_a_number_and_an_address_in_different_zones_both_have_to_be_awake() -> None:
    moved = person("+12035550142", "US", "CA")
    assert zones_of(moved, RULES) == ("America/New_York", "America/Los_Angeles")
    morning_in_the_east = at("2026-11-23 10:00", "America/New_York")
    assert send_at("sms", moved, morning_in_the_east, RULES) == at("2026-11-23 10:00", "America/Los_Angeles")
    evening_in_the_east = at("2026-11-23 15:30", "America/Los_Angeles")
    assert send_at("sms", moved, evening_in_the_east, RULES) == at("2026-11-24 10:00", "America/Los_Angeles")


def test_a_state_in_two_zones_counts_with_both() -> None:
    assert set(zones_of(person(country="US", region="US-FL"), RULES)) == {"America/New_York", "America/Chicago"}


def test_a_time_zone_that_the_customer_gave_replaces_the_addresses_guess() -> None:
    assert zones_of(person(country="US", region="FL", zone="America/Chicago"), RULES) == ("America/Chicago",)
    assert zones_of(person(country="US", region="CT", zone="Not/AZone"), RULES) == ("America/New_York",)


def test_somebody_of_whom_nothing_is_known_gets_the_strictest_rules() -> None:
    zones = zones_of(person(), RULES)
    assert {"America/New_York", "America/Los_Angeles"} <= set(zones)
    too_early_in_the_west = at("2026-11-23 11:00", "America/New_York")
    assert send_at("sms", person(), too_early_in_the_west, RULES) > too_early_in_the_west


def test_a_toll_free_or_unlisted_number_leaves_the_address_to_decide() -> None:
    assert zones_of(person("+18005550100", "US", "CT"), RULES) == ("America/New_York",)


def test_a_foreign_number_counts_by_its_countrys_calling_code() -> None:
    assert zones_of(person("+447911123456"), RULES) == ("Europe/London",)
    assert zones_of(person("+35312345678"), RULES) == ("Europe/Dublin",)


def test_sunday_is_closed_where_no_window_is_known() -> None:
    berliner = person("+4915112345678", "DE")
    sunday = at("2026-11-29 13:00", "Europe/Berlin")
    assert send_at("sms", berliner, sunday, RULES) == at("2026-11-30 10:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "phone", "now", "sent"),
    [
        ("America/New_York", "+12035550142", "2026-03-07 20:00", "2026-03-08 12:00"),
        ("America/New_York", "+12035550142", "2026-10-31 20:00", "2026-11-01 12:00"),
        ("America/Phoenix", "+16025550142", "2026-03-08 03:00", "2026-03-08 12:00"),
        ("Europe/Berlin", "+4915112345678", "2026-03-28 20:00", "2026-03-30 10:00"),
        ("Europe/Berlin", "+4915112345678", "2026-10-24 20:00", "2026-10-26 10:00"),
        ("Asia/Kolkata", "+919876543210", "2026-11-23 21:15", "2026-11-24 10:00"),
        ("Asia/Kathmandu", "+9779812345678", "2026-11-23 21:15", "2026-11-24 10:00"),
    ],
)
def test_it_opens_at_ten_on_the_wall_on_changing_days_and_in_odd_zones(
    zone: str, phone: str, now: str, sent: str
) -> None:
    assert send_at("sms", person(phone), at(now, zone), RULES) == at(sent, zone)


def test_newfoundlands_half_hour_is_waited_for() -> None:
    bo = person("+17095550142", zone="America/St_Johns", country="CA")
    early = datetime(2026, 11, 23, 13, 15, tzinfo=UTC)
    opens = send_at("sms", bo, early, RULES).astimezone(ZoneInfo("America/St_Johns"))
    labrador = opens.astimezone(ZoneInfo("America/Goose_Bay"))
    assert (opens.hour, opens.minute, labrador.hour, labrador.minute) == (10, 30, 10, 0)


def test_mail_has_no_hours_today_but_had_them_in_florida_until_the_law_changed() -> None:
    bo = person("+13055550142", "US", "FL", "America/New_York")
    night = "23:30"
    now = at(f"2026-11-23 {night}", "America/New_York")
    assert send_at("mail", bo, now, RULES) == now
    before = at(f"2025-05-14 {night}", "America/New_York")
    assert send_at("mail", bo, before, RULES) == at("2025-05-15 08:00", "America/New_York")
    last = at(f"2025-05-15 {night}", "America/New_York")
    assert send_at("mail", bo, last, RULES) == at("2025-05-16 00:00", "America/New_York")


def test_zones_that_are_never_awake_together_say_so() -> None:
    traveller = person("+12035550142", "JP")
    assert send_at("sms", traveller, datetime(2026, 11, 23, 12, tzinfo=UTC), RULES) == NEVER


def test_a_week_that_is_closed_throughout_never_opens() -> None:
    closed = Window(id="Q", channel="sms", countries=frozenset({"*"}), regions=frozenset(), hours=((0, 0),) * 7)
    rules = QuietHours(
        windows=(closed,),
        areas={"203": Area(country="US", region="CT", zones=("America/New_York",))},
        regions={},
        countries={"US": ("America/New_York",)},
        calling_codes={},
        unknown="US",
        revoke_all_from="2027-01-31",
    )
    assert send_at("sms", person("+12035550142"), datetime(2026, 11, 23, tzinfo=UTC), rules) == NEVER


INSTANTS = st.datetimes(
    min_value=datetime.fromisoformat("2026-01-01"),
    max_value=datetime.fromisoformat("2027-12-31"),
    timezones=st.just(UTC),
)
NUMBERS = [f"+1{code}5550142" for code in RULES.areas] + [f"{code}1234567" for code in RULES.calling_codes]


@settings(max_examples=150)
@given(
    now=INSTANTS,
    phone=st.sampled_from(["", *NUMBERS]),
    place=st.sampled_from([("", ""), *RULES.regions, *((country, "") for country in RULES.countries)]),
)
def test_the_answer_is_never_before_now_and_inside_every_window(
    now: datetime, phone: str, place: tuple[str, str]
) -> None:
    somebody = person(phone, *place)
    sent = send_at("sms", somebody, now, RULES)
    if sent == NEVER:
        assert len(zones_of(somebody, RULES)) > 1
        return
    assert sent >= now
    for zone in zones_of(somebody, RULES):
        local = sent.astimezone(ZoneInfo(zone))
        first, end = (*[DAY] * 5, SATURDAY_HOURS, SUNDAY_HOURS)[local.weekday()]
        assert first <= local.hour < end, (zone, local)
    assert send_at("sms", somebody, sent, RULES) == sent


@settings(max_examples=60)
@given(
    now=INSTANTS,
    phone=st.sampled_from([number for number in NUMBERS if number.startswith("+1")]),
)
def test_nothing_earlier_would_have_been_allowed(now: datetime, phone: str) -> None:
    somebody = person(phone)
    sent = send_at("sms", somebody, now, RULES)
    assert sent - now < timedelta(days=3)
    earlier = sent - timedelta(minutes=1)
    if earlier >= now:
        assert send_at("sms", somebody, earlier, RULES) == sent


class Said(NamedTuple):
    """An opt-out as the table holds it."""

    channel: str
    scope: str
    since: str = "2026-11-01T10:00:00.000000Z"


BEFORE, AFTER = date(2027, 1, 30), date(2027, 1, 31)


@pytest.mark.parametrize(
    ("channel", "purpose", "said", "on", "allowed"),
    [
        ("mail", "dunning", Said("mail", "marketing"), BEFORE, True),
        ("mail", "marketing", Said("mail", "marketing"), BEFORE, False),
        ("mail", "dunning", Said("mail", "dunning"), BEFORE, False),
        ("mail", "marketing", Said("mail", "dunning"), BEFORE, True),
        ("mail", "dunning", Said("all", "all"), BEFORE, False),
        ("sms", "dunning", Said("mail", "dunning"), BEFORE, True),
        ("sms", "dunning", Said("sms", "all"), BEFORE, False),
        ("mail", "dunning", Said("sms", "all"), BEFORE, True),
        ("sms", "dunning", Said("sms", "marketing"), BEFORE, True),
        ("sms", "dunning", Said("sms", "marketing"), AFTER, False),
        ("call", "dunning", Said("sms", "marketing"), AFTER, False),
        ("mail", "dunning", Said("sms", "marketing"), AFTER, True),
        ("mail", "dunning", Said("mail", "marketing"), AFTER, True),
        ("sms", "dunning", Said("mail", "marketing"), AFTER, True),
    ],
)
def test_an_opt_out_counts_for_its_channel_and_scope_until_one_counts_for_all(
    channel: str, purpose: str, said: Said, on: date, allowed: bool
) -> None:
    why = may_contact(channel, purpose, [said], on, RULES.revoke_all_from)
    assert (why == "") is allowed


def test_nobody_who_said_nothing_is_silenced() -> None:
    assert may_contact("sms", "dunning", [], AFTER, RULES.revoke_all_from) == ""


def test_the_area_codes_know_every_state() -> None:
    states = {area.region for area in RULES.areas.values() if area.country == "US"}
    assert len(states) == 51
    assert RULES.areas["212"].region == "NY"
    assert RULES.areas["808"].zones == ("Pacific/Honolulu",)
    assert RULES.areas["480"].zones == ("America/Phoenix",)
    assert "800" not in RULES.areas
