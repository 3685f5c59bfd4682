"""What becomes of a refunded line: received, short, wrong, on its way back, lost, overdue, written off, found again.

Cases 29, 30, 31, 63, 78 and 79 of ../shared/cases/refunds.md.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exposure import (
    NEXT,
    RULES,
    WORDS,
    Change,
    Exposure,
    ExposureRules,
    Heard,
    Inspection,
    asks_for,
    changed,
    follow,
    moves,
    settle,
    split,
)
from domain.money import Money
from domain.parcels import own_scans, position
from domain.scans import Meaning, Scan

OPENED = datetime(2026, 1, 15, 12, tzinfo=UTC)
ZONE = "Europe/Berlin"
LINE = Exposure(
    case="loop-1/label-2", line="l1", customer="shop-7", order="5001", refunded=Money(9000, "EUR"),
    cost=Money(3001, "USD"), quantity=3, opened_at=OPENED, due_on=date(2026, 2, 5), changed_at=OPENED,
)  # fmt: skip
PATIENT = ExposureRules(delivery_is_enough=False, inspect_days=7, write_off_days=60)
TRUSTING = replace(PATIENT, delivery_is_enough=True)


def day(number: int, hour: int = 12) -> datetime:
    """So many days after the refund."""
    return OPENED.replace(hour=hour) + timedelta(days=number)


def scan(meaning: Meaning, on: int, **more: Any) -> Scan:
    return Scan(tracking="1Z1", carrier="ups", meaning=meaning, at=day(on), source="easypost", **more)


def heard(*scans: Scan, **more: Any) -> Heard:
    return Heard(scans=scans, **more)


def inspected(received: int, condition: Any = "", on: int = 5) -> Heard:
    return heard(scan("delivered", 4), inspection=Inspection(received, condition, day(on)))


def after(line: Exposure, told: Heard, on: int, rules: ExposureRules = PATIENT) -> Change | None:
    return follow(line, told, rules, day(on), ZONE)


TABLE = [
    # what was heard, on which day, by which rule, state, pieces
    (heard(), 3, None, "open", 0),
    (heard(scan("moving", 2)), 21, None, "open", 0),
    (heard(scan("delivered", 4)), 5, None, "open", 0),
    (inspected(3), 6, "X-01", "received", 3),
    (inspected(3, "good"), 6, "X-01", "received", 3),
    (inspected(5), 6, "X-01", "received", 3),
    (inspected(2), 6, "X-02", "reopened", 2),
    (inspected(0), 6, "X-03", "reopened", 0),
    (inspected(3, "empty"), 6, "X-03", "reopened", 0),
    (inspected(3, "worn"), 6, "X-04", "reopened", 0),
    (inspected(3, "wrong"), 6, "X-04", "reopened", 0),
    (inspected(3, "unknown"), 6, "X-04", "reopened", 0),
    (heard(scan("delivered", 4)), 11, "X-06", "reopened", 0),
    (heard(scan("moving", 1), scan("returning", 3)), 4, "X-07", "reopened", 0),
    (heard(scan("returning", 3), scan("delivered", 6)), 7, "X-07", "reopened", 0),
    (heard(scan("moving", 1), scan("lost", 3)), 4, "X-08", "reopened", 0),
    (heard(scan("damaged", 3)), 4, "X-08", "reopened", 0),
    (heard(scan("moving", 1), voided=False), 22, "X-10", "reopened", 0),
    (heard(voided=True), 1, "X-09", "reopened", 0),
    (heard(scan("cancelled", 2)), 3, "X-09", "reopened", 0),
    (heard(), 60, "X-11", "lost", 0),
    (inspected(2), 61, "X-11", "lost", 2),
    (heard(failed_at=day(9)), 10, "X-12", "withdrawn", 0),
]


@pytest.mark.parametrize(("told", "on", "rule", "state", "received"), TABLE)
def test_what_was_heard_decides_what_becomes_of_a_line(
    told: Heard, on: int, rule: str | None, state: str, received: int
) -> None:
    change = after(LINE, told, on)
    assert (change.rule if change else None) == rule
    if change:
        assert (change.state, change.received) == (state, received)
        assert change.why
        assert change.next_action or change.state != "reopened"
        assert change.owner or change.state != "reopened"


def test_every_rule_is_reached_by_a_test() -> None:
    assert {row[2] for row in TABLE} | {"X-00", "X-05", "X-13", "X-20", None} == {*RULES, None}


def test_every_change_that_asks_for_a_person_has_a_word_a_next_action_and_an_owner() -> None:
    assert set(WORDS) == set(NEXT)
    assert len({action for action, _ in NEXT.values()}) == len(NEXT)


def test_where_the_policy_trusts_the_carrier_a_delivery_is_enough() -> None:
    change = after(LINE, heard(scan("delivered", 4)), 5, TRUSTING)
    assert change is not None and (change.rule, change.state, change.at) == ("X-05", "received", day(4))


def test_an_inspection_beats_a_delivery_that_was_enough() -> None:
    received = changed(LINE, after(LINE, heard(scan("delivered", 4)), 5, TRUSTING) or pytest.fail("not received"))
    change = after(received, inspected(2), 6, TRUSTING)
    assert change is not None and (change.rule, change.state, change.received) == ("X-02", "reopened", 2)


def test_a_delivery_to_the_customer_after_a_return_to_sender_is_no_receipt() -> None:
    told = heard(scan("moving", 1), scan("returning", 3), scan("delivered", 6))
    assert position(told.scans).name == "going_back"
    change = after(LINE, told, 7, TRUSTING)
    assert change is not None and change.rule == "X-07"


def test_a_late_scan_of_an_earlier_stage_changes_nothing() -> None:
    assert position((scan("delivered", 4), scan("moving", 5))).name == "delivered"
    assert position((scan("moving", 5), scan("delivered", 4), scan("label", 6))).name == "delivered"


def test_a_parcel_that_was_found_again_is_on_its_way_again() -> None:
    assert position((scan("lost", 4), scan("moving", 5))).name == "travelling"


def test_a_scan_from_before_the_label_is_of_another_parcel_with_a_recycled_number() -> None:
    old, own, undated = scan("delivered", -30), scan("moving", 1), replace(scan("moving", 1), at=None)
    assert own_scans((old, own, undated), day(0)) == (own, undated)


def test_what_is_due_today_in_the_shops_zone_is_not_overdue_yet() -> None:
    last = datetime(2026, 2, 5, 22, 59, tzinfo=UTC)
    assert follow(LINE, heard(), PATIENT, last, ZONE) is None
    change = follow(LINE, heard(), PATIENT, last + timedelta(minutes=1), ZONE)
    assert change is not None and (change.rule, change.at) == ("X-10", last + timedelta(minutes=1))


def test_a_delivered_parcel_that_nobody_opened_is_not_written_off() -> None:
    change = after(LINE, heard(scan("delivered", 4)), 90)
    assert change is not None and change.rule == "X-06"


def test_what_was_written_off_and_comes_all_the_same_is_taken_in() -> None:
    lost = changed(LINE, after(LINE, heard(), 60) or pytest.fail("not lost"))
    assert lost.state == "lost"
    whole = after(lost, inspected(3, on=80), 81)
    assert whole is not None and (whole.rule, whole.state) == ("X-01", "received")
    part = after(lost, inspected(1, on=80), 81)
    assert part is not None and (part.rule, part.state, part.received) == ("X-13", "lost", 1)
    look = after(lost, heard(scan("delivered", 80)), 81)
    assert look is not None and (look.rule, look.state) == ("X-13", "reopened")


def test_a_refund_that_failed_withdraws_what_is_out_and_leaves_what_came() -> None:
    part = changed(LINE, after(LINE, inspected(2), 6) or pytest.fail("nothing"))
    change = after(part, heard(failed_at=day(9)), 10)
    assert change is not None and (change.state, change.received) == ("withdrawn", 2)
    received = changed(LINE, after(LINE, inspected(3), 6) or pytest.fail("nothing"))
    assert after(received, heard(failed_at=day(9)), 10) is None


def test_a_person_has_the_last_word_and_no_rule_changes_it_any_more() -> None:
    worn = changed(LINE, after(LINE, inspected(3, "worn"), 6) or pytest.fail("nothing"))
    assert asks_for(worn) == "X-04"
    said = settle(worn, 3, day(8), "Kim: as good as new")
    accepted = changed(worn, said, "Kim")
    assert (accepted.state, asks_for(accepted)) == ("received", "")
    for told in (inspected(0), heard(scan("returning", 9)), heard(failed_at=day(9))):
        assert after(accepted, told, 90) is None
    assert settle(worn, 1, day(8), "Kim").state == "lost"


@pytest.mark.parametrize("pieces", [-1, 4])
def test_a_person_cannot_accept_more_pieces_than_were_refunded(pieces: int) -> None:
    with pytest.raises(ValueError, match=r"has 3 pieces; -?[0-9] cannot be received"):
        settle(LINE, pieces, day(1), "Kim")


def test_short_by_one_moves_the_two_that_came_and_leaves_the_third_out() -> None:
    change = after(LINE, inspected(2), 6)
    assert change is not None
    (move,) = moves(LINE, change)
    assert (move.was, move.now, move.refunded, move.cost) == (
        "open",
        "received",
        Money(6000, "EUR"),
        Money(2000, "USD"),
    )
    lost = after(changed(LINE, change), inspected(2), 61)
    assert lost is not None
    (rest,) = moves(changed(LINE, change), lost)
    assert (rest.was, rest.now, rest.refunded, rest.cost) == ("open", "lost", Money(3000, "EUR"), Money(1001, "USD"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 100),
            st.sampled_from(["moving", "delivered", "returning", "lost", "cancelled", "exception", "unknown"]),
            st.none()
            | st.tuples(st.integers(0, 5), st.sampled_from(["", "good", "worn", "wrong", "empty", "unknown"])),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_following_twice_on_the_same_news_changes_nothing_the_second_time(history: list[Any]) -> None:
    line, scans = LINE, list[Scan]()
    for on, meaning, found, enough in sorted(history, key=lambda each: each[0]):
        scans.append(scan(meaning, on))
        told = heard(*scans, inspection=Inspection(*found, day(on)) if found else None)
        rules = replace(PATIENT, delivery_is_enough=enough)
        for _ in range(2):
            change = after(line, told, on, rules)
            if change is None:
                break
            assert 0 <= change.received <= line.quantity
            assert change.state != "received" or change.received == line.quantity
            assert change.at <= day(on)
            line = changed(line, change)
        assert after(line, told, on, rules) is None


@given(st.integers(0, 10**9), st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 10**6)), min_size=1))
def test_the_lines_of_a_refund_share_exactly_its_amount(minor: int, goods: list[tuple[int, int | None]]) -> None:
    lines = [
        replace(LINE, line=f"l{number}", quantity=pieces, cost=None if cost is None else Money(cost, "USD"))
        for number, (pieces, cost) in enumerate(goods)
    ]
    parts = split(lines, Money(minor, "JPY"))
    assert sum(part.refunded.minor for part in parts) == minor
    assert all(part.refunded.minor >= 0 for part in parts)
