"""Exposed lines in the database: opened with the intent, counted while their refund is live, changed once, by age."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, update

from domain.exposure import Change, changed
from domain.money import Money
from domain.returns import ReturnLine
from store import exposures
from store.db import transaction
from store.exposures import Aged
from store.histories import Asked, Histories
from store.refund_tables import exposures as table
from store.tables import steps
from tests.domain.refund_values import FACTS, NOW, facts
from tests.store.test_cases import row

KEY = f"refunds/{FACTS.case}"
AMOUNT = Money(9001, "EUR")
TWO = facts(
    ret={
        "lines": (
            ReturnLine(id="a", shop_line="x", quantity=1),
            ReturnLine(id="b", shop_line="y", quantity=2),
            ReturnLine(id="c", shop_line="z", outcome="exchange"),
        )
    },
    label={"lines": ("a", "b", "c")},
)


def opened(connection: Connection, state: str = "done", found: Any = TWO, amount: Money = AMOUNT) -> Any:
    """The lines of a refund whose step is in that state."""
    connection.execute(steps.delete().where(steps.c.key == KEY))
    connection.execute(insert(steps), [row(steps, key=KEY, case_id=found.case, state=state, action="refund")])
    return exposures.open_lines(connection, [exposures.Opened(found, amount, "shop-7")], due_days=21, at=NOW)


def test_the_refunded_lines_of_the_label_share_the_amount_and_an_exchange_is_none(engine: Engine) -> None:
    with transaction(engine) as connection:
        made = opened(connection)
        assert [(line.line, line.quantity, line.refunded.minor) for line in made] == [("a", 1, 3000), ("b", 2, 6001)]
        assert exposures.by_case(connection, [TWO.case]) == made
        assert made[0].due_on == (NOW + timedelta(days=21)).date()


def test_an_intent_that_is_made_anew_opens_its_lines_anew(engine: Engine) -> None:
    fewer = facts(ret={"lines": (ReturnLine(id="a", shop_line="x"),)}, label={"lines": ("a",)})
    with transaction(engine) as connection:
        opened(connection)
        opened(connection, found=fewer, amount=Money(3000, "EUR"))
        (line,) = exposures.by_case(connection, [TWO.case])
    assert (line.line, line.refunded) == ("a", Money(3000, "EUR"))


def test_a_refund_whose_lines_the_portal_does_not_name_is_one_line(engine: Engine) -> None:
    with transaction(engine) as connection:
        (line,) = opened(connection, found=facts(ret={"lines": ()}, label={"lines": ()}))
    assert (line.line, line.refunded, line.cost) == ("all", AMOUNT, None)


def test_the_lines_share_what_the_vendor_really_moved(engine: Engine) -> None:
    with transaction(engine) as connection:
        opened(connection)
        parts = exposures.confirm(connection, TWO.case, Money(9000, "EUR"))
        assert sum(part.refunded.minor for part in parts) == 9000
        assert exposures.by_case(connection, [TWO.case]) == parts


@pytest.mark.parametrize(
    ("state", "counts"),
    [("intended", True), ("unknown", True), ("done", True), ("refused", False), ("void", False), ("dropped", False)],
)
def test_a_line_counts_while_its_refund_went_out_or_may_have(engine: Engine, state: str, counts: bool) -> None:
    with transaction(engine) as connection:
        opened(connection, state)
        assert bool(exposures.out(connection)) == counts
        assert bool(exposures.to_follow(connection, NOW)) is False, "not before its goods are booked as expected"


def test_what_is_done_and_booked_is_followed_until_a_person_settles_it(engine: Engine) -> None:
    with transaction(engine) as connection:
        opened(connection)
        assert exposures.not_booked(connection) == [TWO.case]
        connection.execute(insert(steps), [row(steps, key=f"{KEY}/expected", case_id=TWO.case, state="done")])
        assert exposures.not_booked(connection) == []
        assert exposures.to_follow(connection, NOW) == [TWO.case]
        assert exposures.to_follow(connection, NOW, after=TWO.case) == []
        for line in exposures.by_case(connection, [TWO.case]):
            said = Change("X-20", "received", line.quantity, NOW, "fine")
            assert exposures.change(connection, line, changed(line, said, "Kim"))
        assert exposures.to_follow(connection, NOW) == []
        assert exposures.out(connection) == []


def test_of_two_sweeps_that_read_the_same_line_one_changes_it(engine: Engine) -> None:
    with transaction(engine) as connection:
        line = opened(connection)[0]
        said = Change("X-10", "reopened", 0, NOW, "late", "ask", "support lead")
        assert exposures.change(connection, line, changed(line, said))
        assert not exposures.change(connection, line, changed(line, said))
        assert exposures.by_case(connection, [TWO.case])[0].changes == 1


def test_what_was_received_long_ago_is_not_followed_for_ever(engine: Engine) -> None:
    with transaction(engine) as connection:
        opened(connection)
        connection.execute(insert(steps), [row(steps, key=f"{KEY}/expected", case_id=TWO.case, state="done")])
        for line in exposures.by_case(connection, [TWO.case]):
            exposures.change(connection, line, changed(line, Change("X-01", "received", line.quantity, NOW, "")))
        assert exposures.to_follow(connection, NOW + timedelta(days=89)) == [TWO.case]
        assert exposures.to_follow(connection, NOW + timedelta(days=91)) == []


@pytest.mark.parametrize(("days", "bucket"), [(0, 0), (7, 0), (8, 1), (30, 1), (31, 2), (60, 2), (61, 3), (400, 3)])
def test_what_is_out_is_shown_by_its_age_less_what_came(engine: Engine, days: int, bucket: int) -> None:
    with transaction(engine) as connection:
        line = opened(connection)[1]
        exposures.change(connection, line, changed(line, Change("X-02", "reopened", 1, NOW, "short")))
        aged = exposures.by_age(connection, NOW + timedelta(days=days, hours=1))
    assert [each.lines for each in aged] == [2 if place == bucket else 0 for place in range(4)]
    assert aged[bucket] == Aged("EUR", *exposures.AGES[bucket], 2, 3000 + 3001)


def test_only_refunds_that_came_back_whole_are_counted_as_received(engine: Engine) -> None:
    later = NOW + timedelta(days=5)
    with transaction(engine) as connection:
        first, second = opened(connection)
        exposures.change(connection, first, changed(first, Change("X-01", "received", 1, later, "")))
        month = (NOW - timedelta(days=1), NOW + timedelta(days=30))
        assert exposures.received_between(connection, *month) == []
        exposures.change(connection, second, changed(second, Change("X-01", "received", 2, later, "")))
        assert exposures.received_between(connection, *month) == [(TWO.case, NOW, later)]
        assert exposures.received_between(connection, later + timedelta(seconds=1), month[1]) == []


def test_a_line_that_changed_keeps_its_part_when_the_intent_comes_again(engine: Engine) -> None:
    with transaction(engine) as connection:
        line = opened(connection)[0]
        exposures.change(connection, line, changed(line, Change("X-10", "reopened", 0, NOW, "late")))
        opened(connection, amount=Money(12, "EUR"))
        kept = exposures.by_case(connection, [TWO.case])[0]
    assert kept == replace(line, state="reopened", why="late", changes=1)


def test_the_database_refuses_a_state_that_there_is_not(engine: Engine) -> None:
    with pytest.raises(Exception, match="exposures_state"), transaction(engine) as connection:
        opened(connection)
        connection.execute(update(exposures.exposures).values(state="gone"))


@pytest.mark.parametrize(
    ("state", "owner", "counted"),
    [("lost", "", 1), ("reopened", "fraud", 1), ("reopened", "warehouse", 0), ("received", "", 0)],
)
def test_a_parcel_that_was_empty_or_wrong_counts_like_a_lost_one(
    engine: Engine, state: str, owner: str, counted: int
) -> None:
    with transaction(engine) as connection:
        opened(connection)
        connection.execute(update(table).values(customer="shop-1", state=state, owner=owner))
        asked = Asked(case="", customer="shop-1", order="", address="", card="", currency="USD")
        found = Histories(connection, [asked], (), NOW).of(asked, "")
    assert found.lost == counted
