"""What the scans of a label prove: each way to be fooled by a carrier's word, and what is made of it."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.evidence import grade
from domain.scans import Place, Scan
from tests.domain.refund_values import (
    AWAY,
    HOME,
    LABEL,
    MADE,
    NOW,
    POLICY,
    SCANNED,
    STATUS,
    facts,
    replaced,
    result,
    said,
    scan,
    verdict,
)

LATER = SCANNED + timedelta(minutes=1)


def heard(*scans: Scan, **changes: object) -> str:
    """The outcome and the rule that decided, where these scans were heard."""
    return said(verdict(scans=scans, **changes))


def test_a_physical_checkpoint_after_the_label_at_a_plausible_place_pays() -> None:
    assert heard(scan()) == "pay R-01"


def test_19_given_label_created_with_a_location_then_it_is_no_scan() -> None:
    assert heard(scan(meaning="label")) == "wait E-04"
    assert heard() == "wait E-04"
    assert verdict(scans=()).until is None, "only news changes it"


@pytest.mark.parametrize("physical", [True, False])
def test_21_given_an_unknown_status_then_a_person_looks_and_it_is_never_a_scan(physical: bool) -> None:
    unknown = scan(meaning="unknown", words="teleported", physical=physical)
    assert heard(unknown) == "hold E-08"
    assert result(verdict(scans=(unknown,)), "E-04") == "wait"
    assert verdict(scans=(unknown,)).owner == "support lead"


def test_21_given_an_unknown_word_and_a_clear_checkpoint_since_then_it_pays() -> None:
    unknown = scan(meaning="unknown", at=SCANNED - timedelta(hours=1), words="odd")
    assert heard(unknown, scan()) == "pay R-01"
    assert heard(scan(), replaced(unknown, at=LATER)) == "hold E-08"
    assert heard(scan(), replaced(unknown, at=None)) == "hold E-08"
    assert heard(scan(), label={"status": "a new word", "updated_at": LATER}) == "hold E-08"


def test_22_given_no_usable_tracking_number_or_another_one_then_it_is_not_eligible() -> None:
    assert heard(scan(), label={"tracking": "N/A"}) == "wait E-01"
    assert heard(scan(tracking=""), label={"tracking": ""}) == "wait E-01"
    assert heard(scan(), label={"tracking": "1Z000"}) == "wait E-04", "the number was changed after the label"
    assert heard(scan(), label={"tracking": "1z 999"}) == "pay R-01", "the same number, written otherwise"


def test_22_given_the_shoppers_own_tracking_number_then_never() -> None:
    assert heard(scan(), label={"issued_by": "shopper"}) == "never E-02"
    assert heard(scan(), label={"issued_by": "unknown"}) == "hold E-02"


def test_23_given_a_checkpoint_older_than_the_label_then_the_number_is_recycled_and_it_is_ignored() -> None:
    old = scan(at=MADE - timedelta(days=200), meaning="delivered")
    assert heard(old) == "wait E-04"
    assert result(verdict(scans=(old,)), "E-06") == "wait"
    assert heard(old, scan()) == "pay R-01"
    assert heard(scan(at=MADE - timedelta(minutes=POLICY.slack_minutes))) == "pay R-01"
    assert heard(scan(at=MADE - timedelta(minutes=POLICY.slack_minutes, seconds=1))) == "wait E-04"


def test_23_given_nobody_says_when_the_label_was_made_then_the_return_does_and_else_a_person() -> None:
    assert heard(scan(), label={"made_at": None}) == "pay R-01"
    assert heard(scan(at=MADE - timedelta(days=1)), label={"made_at": None}) == "wait E-04"
    assert heard(scan(), label={"made_at": None}, ret={"created_at": None}) == "hold E-06"


def test_25_given_the_first_scan_in_another_country_or_at_the_destinations_end_then_it_is_held_as_ftid() -> None:
    assert heard(scan(place=Place(country="CN"))) == "hold E-09"
    assert verdict(scans=(scan(place=Place(country="CN")),)).owner == "fraud"
    assert heard(scan(place=Place(country="US", region="NJ"))) == "hold E-09"
    assert heard(scan(place=Place(country="US", region="PA"))) == "pay R-01", "on a journey in the same country"
    assert heard(scan(place=Place(country="US")), label={"destination": Place(country="US")}) == "pay R-01"


def test_25_given_a_cross_border_return_then_the_first_scan_is_at_the_shoppers_end() -> None:
    abroad = {"origin": Place(country="CA"), "destination": HOME}
    assert heard(scan(place=Place(country="US", region="NJ")), label=abroad) == "hold E-09"
    assert heard(scan(place=Place(country="CA")), label=abroad) == "pay R-01"
    moved = scan(place=Place(country="US"), at=LATER, meaning="moving")
    assert heard(scan(place=Place(country="CA")), moved, label=abroad) == "pay R-01", "the first one counts"


def test_25_given_the_label_names_no_origin_then_the_orders_address_counts() -> None:
    nowhere = {"origin": Place()}
    assert heard(scan(place=Place(country="CN")), label=nowhere) == "hold E-09"
    assert heard(scan(place=Place(country="CN")), label=nowhere, order={"ship_to": Place()}) == "pay R-01"


def test_25_given_a_scan_without_a_place_then_the_policy_says_whether_it_counts() -> None:
    assert heard(scan(place=Place())) == "pay R-01"
    strict = replaced(POLICY, place_needed=True)
    assert said(verdict(strict, scans=(scan(place=Place()),))) == "hold E-09"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (Place(country="US", postal="07102"), "pay R-01"),
        (Place(country="US", postal="071-99"), "pay R-01"),
        (Place(country="US", postal="10001"), "hold E-10"),
        (Place(country="CA"), "hold E-10"),
        (Place(postal="9021"), "hold E-10"),
        (Place(), "pay R-01"),
    ],
)
def test_25_given_the_carriers_destination_differs_then_it_is_held(destination: Place, expected: str) -> None:
    assert heard(scan(destination=destination)) == expected


def test_25_given_it_was_delivered_somewhere_else_then_it_is_held() -> None:
    assert heard(scan(), scan(meaning="delivered", at=LATER, place=AWAY)) == "hold E-10"
    assert heard(scan(meaning="delivered", place=HOME)) == "pay R-01"


def test_25_given_the_label_names_no_destination_then_the_shops_country_counts() -> None:
    unknown = {"destination": Place()}
    assert heard(scan(destination=Place(country="CA")), label=unknown) == "hold E-10"
    assert heard(scan(destination=Place(country="CA")), label=unknown, home_country="") == "pay R-01"


def test_26_given_a_drop_off_of_a_box_without_a_label_scan_then_it_is_held_for_a_reason_of_its_own() -> None:
    assert heard(label={"tracking": "", "status": "accepted"}) == "hold E-11"


def test_29_given_the_label_was_voided_after_the_scan_then_it_is_held() -> None:
    assert heard(scan(), label={"voided": True}) == "hold E-03"
    assert heard(scan(), scan(meaning="cancelled", at=LATER, physical=False)) == "hold E-03"


@pytest.mark.parametrize("meaning", ["returning", "returned", "lost", "damaged"])
def test_31_given_the_parcel_goes_back_to_the_shopper_or_nowhere_then_it_is_held(meaning: str) -> None:
    bad = scan(meaning=meaning, at=LATER)
    assert heard(scan(), bad) == "hold E-07"
    back_home = scan(meaning="delivered", at=LATER + timedelta(hours=1), place=HOME)
    assert heard(scan(), bad, back_home) == "hold E-07", "delivered may then be at the shopper's door"


def test_05_given_delivered_before_in_transit_then_it_satisfies_the_first_scan_and_the_late_one_changes_nothing() -> (
    None
):
    delivered = scan(meaning="delivered", place=HOME)
    late = scan(meaning="moving", at=SCANNED - timedelta(hours=5))
    assert heard(delivered) == "pay R-01"
    assert heard(delivered, late) == "pay R-01"
    found = grade(facts(scans=(delivered, late)), POLICY, NOW)
    assert found.stage == "delivered"


def test_06_given_the_carrier_goes_back_to_label_created_then_the_scan_still_counts() -> None:
    regressed = (scan(), scan(meaning="label", at=LATER))
    assert heard(*regressed) == "pay R-01"
    assert grade(facts(scans=regressed), POLICY, NOW).stage == "accepted"


def test_03_given_the_same_scan_from_two_sources_then_one_decision_comes_out() -> None:
    assert verdict(scans=(scan(), STATUS)).outcome == "pay"
    assert verdict(scans=(STATUS, scan())).amount == verdict(scans=(scan(),)).amount


def test_given_only_the_portals_status_then_the_policy_decides_and_it_is_recorded_as_weaker() -> None:
    found = verdict(scans=(STATUS,))
    assert said(found) == "pay R-01"
    assert "weaker" in next(check.said for check in found.checks if check.rule == "E-05")
    assert said(verdict(replaced(POLICY, accept_portal_status=False), scans=(STATUS,))) == "wait E-04"
    assert said(verdict(scans=(), label={"status": "moving", "updated_at": SCANNED})) == "pay R-01"


def test_given_a_carrier_feed_that_knows_only_the_label_then_it_wins_over_the_portals_status() -> None:
    assert heard(STATUS, scan(meaning="label")) == "wait E-04"
    assert "knows no more than the label" in verdict(scans=(STATUS, scan(meaning="label"))).reason


def test_given_an_exception_alone_then_it_is_no_scan_and_after_one_it_changes_nothing() -> None:
    assert heard(scan(meaning="exception")) == "wait E-04"
    assert heard(scan(), scan(meaning="exception", at=LATER)) == "pay R-01"


def test_given_a_checkpoint_without_a_time_then_it_is_only_a_status() -> None:
    assert said(verdict(replaced(POLICY, accept_portal_status=False), scans=(scan(at=None),))) == "wait E-04"


def test_given_an_old_scan_then_somebody_looks_why_nothing_happened() -> None:
    old = {"made_at": datetime(2026, 10, 1, tzinfo=UTC)}
    assert heard(scan(at=NOW - timedelta(days=14)), label=old, ret={"edited_at": None}) == "pay R-01"
    assert heard(scan(at=NOW - timedelta(days=15)), label=old, ret={"edited_at": None}) == "hold E-12"


def test_given_scans_in_any_order_then_the_oldest_is_the_first() -> None:
    old, label = scan(at=NOW - timedelta(days=15)), {"made_at": datetime(2026, 10, 1, tzinfo=UTC)}
    assert heard(old, scan(), label=label, ret={"edited_at": None}) == "hold E-12"
    assert heard(scan(), old, label=label, ret={"edited_at": None}) == "hold E-12"


def test_given_a_scan_dated_far_ahead_then_it_does_not_count_yet() -> None:
    assert heard(scan(at=NOW + timedelta(hours=20))) == "pay R-01", "local time written as UTC"
    assert heard(scan(at=NOW + timedelta(days=2))) == "wait E-04"


def test_27_given_two_labels_and_one_scanned_then_the_other_is_not() -> None:
    other = replaced(LABEL, id="5", tracking="1Z555", lines=("rl-2",))
    assert said(verdict(scans=(scan(),), label={"id": "5", "tracking": other.tracking})) == "wait E-04"
