"""One checkpoint has one fingerprint whoever tells of it, and two checkpoints never share one."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.scans import Scan
from integrations.aftership import events as aftership
from integrations.aftership import mapping as aftership_mapping
from integrations.aftership import sandbox as aftership_sandbox
from integrations.easypost import events as easypost
from integrations.easypost import mapping as easypost_mapping
from integrations.easypost import sandbox_shapes as easypost_shapes
from integrations.sandbox_clock import Clock
from integrations.sandbox_parcels import WHERE, Parcel, Parcels
from tests.integrations.feeds import NOW, NUMBER

DOINGS = sorted(WHERE)
OFFSETS = st.integers(-11, 13).map(lambda hours: f"{'-' if hours < 0 else '+'}{abs(hours):02d}:00")
STEPS = st.lists(st.tuples(st.sampled_from(DOINGS), st.integers(1, 10_000)), min_size=1, max_size=6)


def travelled(steps: list[tuple[str, int]], offset: str = "-05:00") -> Parcel:
    """A parcel to which these things happened, each so many minutes after the one before."""
    parcels = Parcels(Clock(NOW), lambda parcel: None)
    parcels.seed({"parcels": [{"tracking": NUMBER, "offset": offset, "label_at": "2026-11-19T15:00:00Z"}]})
    at = NOW
    for do, minutes in steps:
        at += timedelta(minutes=minutes)
        parcels.act({"tracking": NUMBER, "do": do, "at": at.isoformat()})
    return parcels.all[NUMBER]


def by_aftership(parcel: Parcel) -> list[Scan]:
    return [scan for scan in aftership_mapping.read_tracking(aftership_sandbox.tracking(parcel)) if scan.physical]


def by_easypost(parcel: Parcel) -> list[Scan]:
    return [scan for scan in easypost_mapping.read_tracker(easypost_shapes.tracker(parcel)) if scan.physical]


def fingerprints(scans: list[Scan]) -> list[str]:
    return [scan.fingerprint for scan in scans]


@pytest.mark.parametrize("do", DOINGS)
def test_both_feeds_mean_the_same_by_every_word_that_a_carrier_has(do: str) -> None:
    parcel = travelled([(do, 5)])
    assert fingerprints(by_aftership(parcel)) == fingerprints(by_easypost(parcel))
    assert len(by_aftership(parcel)) == 1


@given(STEPS, OFFSETS)
def test_both_feeds_tell_the_same_checkpoints_in_whatever_zone(steps: list[tuple[str, int]], offset: str) -> None:
    parcel = travelled(steps, offset)
    told = fingerprints(by_aftership(parcel))
    assert told == fingerprints(by_easypost(parcel))
    assert len(set(told)) == len(steps)


@given(STEPS)
def test_a_feed_that_tells_a_history_again_and_longer_tells_nothing_twice(steps: list[tuple[str, int]]) -> None:
    before, after = travelled(steps), travelled([*steps, ("deliver", 60)])
    for told in (by_aftership, by_easypost):
        assert fingerprints(told(after))[: len(steps)] == fingerprints(told(before))
        assert len(set(fingerprints(told(after)))) == len(steps) + 1


def a_scan(**fields: Any) -> Scan:
    usual: dict[str, Any] = {
        "tracking": NUMBER, "carrier": "usps", "meaning": "moving", "at": NOW, "source": "easypost", "physical": True,
    }  # fmt: skip
    return Scan(**{**usual, **fields})


@pytest.mark.parametrize(
    "other",
    [
        a_scan(at=NOW.astimezone(timezone(timedelta(hours=9)))),
        a_scan(source="aftership", words="InTransit_007", event="row-9"),
        a_scan(meaning="accepted"),
    ],
)
def test_zone_source_and_shades_of_meaning_make_no_other_checkpoint(other: Scan) -> None:
    assert other.fingerprint == a_scan().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        a_scan(tracking="9400136895232000000024"),
        a_scan(at=NOW + timedelta(seconds=1)),
        a_scan(meaning="delivered"),
        a_scan(meaning="returning"),
        a_scan(meaning="exception"),
        a_scan(physical=False),
        a_scan(at=None),
    ],
)
def test_number_instant_meaning_and_kind_make_another_checkpoint(other: Scan) -> None:
    assert other.fingerprint != a_scan().fingerprint


def test_a_scan_without_an_instant_is_its_sources_alone() -> None:
    told = a_scan(at=None, words="InTransit_002")
    assert told.fingerprint == a_scan(at=None, words="InTransit_002", event="row-9").fingerprint
    assert told.fingerprint != a_scan(at=None, words="InTransit_002", source="loop").fingerprint


def test_the_same_first_scan_by_webhook_and_by_a_look_is_one() -> None:
    parcel = travelled([("accept", 5)])
    looked = by_easypost(parcel)[0]
    told: list[Scan] = []
    for module, document in (
        (easypost, easypost_shapes.event("tracker.updated", parcel, 1, NOW, [])),
        (aftership, {"event": "tracking_update", "event_id": "1", "msg": aftership_sandbox.tracking(parcel)}),
    ):
        told += [item for item in module.news(json.loads(json.dumps(document)), "row-1") if isinstance(item, Scan)]
    assert {scan.fingerprint for scan in told if scan.physical} == {looked.fingerprint}
    assert {scan.event for scan in told} == {"row-1"}
    assert isinstance(looked.at, datetime)
