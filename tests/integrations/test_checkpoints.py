"""Instants, places and carriers' names as carriers write them: the unknown makes evidence weaker only."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given
from hypothesis import strategies as st

from domain.scans import NOWHERE, Place, Scan
from integrations import checkpoints
from integrations.countries import ALPHA_2, ALPHA_3, alpha_2
from integrations.fields import Damaged
from tests.integrations.feeds import ANY_JSON, NOW

LOCAL = NOW.replace(tzinfo=None)
TABLES = Path(tzdata.__file__).parent / "zoneinfo"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20T10:15:00-05:00", datetime(2026, 11, 20, 15, 15, tzinfo=UTC)),
        ("2026-11-20T15:15:00Z", datetime(2026, 11, 20, 15, 15, tzinfo=UTC)),
        ("2026-11-20T15:15:00.000Z", datetime(2026, 11, 20, 15, 15, tzinfo=UTC)),
    ],
)
def test_a_time_with_an_offset_is_exact(text: str, instant: datetime) -> None:
    assert checkpoints.moment(text, Place("US")) == (instant, "")


@pytest.mark.parametrize(
    ("text", "place", "instant"),
    [
        ("2026-11-20T10:15:00", Place("US", "NY"), datetime(2026, 11, 20, 14, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00", Place("DE"), datetime(2026, 11, 20, 8, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00", NOWHERE, datetime(2026, 11, 19, 20, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00", Place("US", "GU"), datetime(2026, 11, 19, 20, 15, tzinfo=UTC)),
        ("2026-11-20", Place("US"), datetime(2026, 11, 20, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_counts_as_the_earliest_it_can_be(text: str, place: Place, instant: datetime) -> None:
    assert checkpoints.moment(text, place) == (instant, checkpoints.NO_ZONE)


def zones() -> list[tuple[str, str]]:
    """Country and zone of every line of the time zone database's table of zones."""
    lines = (TABLES / "zone.tab").read_text(encoding="utf-8").splitlines()
    parts = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(part[0], part[2]) for part in parts]


@given(st.sampled_from(zones()), st.datetimes(LOCAL, LOCAL + timedelta(days=2000)))
def test_no_clock_of_the_country_was_so_far_ahead_that_the_scan_was_earlier(
    zone: tuple[str, str], local: datetime
) -> None:
    country, name = zone
    found, _ = checkpoints.moment(local.isoformat(), Place(country))
    assert found is not None
    assert found <= local.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1763650000"])
def test_a_time_that_cannot_be_read_is_none_and_says_so(text: str) -> None:
    assert checkpoints.moment(text, NOWHERE) == (None, "its time cannot be read")


@given(ANY_JSON)
def test_whatever_stands_for_a_time_is_an_instant_none_or_damaged(value: object) -> None:
    try:
        found, _ = checkpoints.moment(value, NOWHERE)
    except Damaged:
        assert not isinstance(value, str)
    else:
        assert found is None or found.utcoffset() == timedelta(0)


def test_every_country_of_the_standard_is_known_in_both_forms() -> None:
    lines = (TABLES / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    standard = {line.split("\t")[0] for line in lines if not line.startswith("#")}
    assert set(ALPHA_3) == standard
    assert len(ALPHA_2) == len(standard)


@pytest.mark.parametrize(
    ("code", "known"),
    [("USA", "US"), ("us", "US"), (" DEU ", "DE"), ("Germany", ""), ("XX", ""), ("", ""), (None, ""), (840, "")],
)
def test_a_country_is_two_letters_or_nothing(code: object, known: str) -> None:
    assert alpha_2(code) == known


@given(ANY_JSON, ANY_JSON, ANY_JSON, ANY_JSON)
def test_whatever_stands_for_a_place_is_printable_and_can_be_stored(a: object, b: object, c: object, d: object) -> None:
    place = checkpoints.place_of(country=a, region=b, city=c, postal=d)
    for part in (place.country, place.region, place.city, place.postal):
        assert part.isprintable()
        part.encode("utf-8")


def test_a_postal_code_written_as_a_number_is_kept() -> None:
    assert checkpoints.place_of(country="USA", postal=77063).postal == "77063"


def test_a_name_of_a_carrier_that_never_occurs_decides_nothing() -> None:
    scans = [Scan(tracking="1", carrier=name, meaning="moving", at=None, source="x") for name in ("ups", "fedex")]
    assert [scan.carrier for scan in checkpoints.of_carrier(scans, "ups")] == ["ups"]
    assert len(checkpoints.of_carrier(scans, "upsground")) == len(checkpoints.of_carrier(scans, "")) == 2
