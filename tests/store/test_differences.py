"""Differences in the database: opened once, seen again, resolved only by a night that looked and found them gone."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from domain.differences import difference
from store import differences
from store.db import transaction
from store.differences import Taken

FIRST = datetime(2026, 1, 20, 2, 30, tzinfo=UTC)
FOUND = (
    difference("double_refund", "loop-1/label-2", "5001/re_2", "twice"),
    difference("missing_in_shop", "loop-2/label-3", "5002/re_3", "not there"),
)


def night(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def test_a_difference_is_opened_seen_again_and_resolved_when_it_is_looked_for_and_gone(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert differences.take(connection, FOUND, {"5001", "5002"}, night(0)) == Taken(2, 0, 0)
        assert differences.take(connection, FOUND, {"5001", "5002"}, night(1)) == Taken(0, 2, 0)
        assert differences.open_orders(connection) == {"5001", "5002"}
        assert differences.take(connection, FOUND[:1], {"5001", "5002"}, night(2)) == Taken(0, 1, 1)
        (row,) = differences.listing(connection)
        assert (row.kind, row.first_seen[:10], row.last_seen[:10]) == ("double_refund", "2026-01-20", "2026-01-22")
        assert len(differences.listing(connection, resolved=True)) == 2


def test_what_was_not_looked_at_stays_open(engine: Engine) -> None:
    with transaction(engine) as connection:
        differences.take(connection, FOUND, {"5001", "5002"}, night(0))
        assert differences.take(connection, (), {"5001"}, night(1)) == Taken(0, 0, 1)
        assert differences.take(connection, (), set(), night(2)) == Taken(0, 0, 0)
        assert differences.open_orders(connection) == {"5002"}


def test_one_that_comes_back_is_open_again_since_the_first_day(engine: Engine) -> None:
    with transaction(engine) as connection:
        differences.take(connection, FOUND, {"5001", "5002"}, night(0))
        differences.take(connection, (), {"5001", "5002"}, night(1))
        assert differences.take(connection, FOUND[:1], {"5001", "5002"}, night(2)) == Taken(1, 0, 0)
        (row,) = differences.listing(connection)
    assert (row.first_seen[:10], row.resolved_at) == ("2026-01-20", "")


def test_other_words_about_the_same_thing_are_the_same_difference(engine: Engine) -> None:
    with transaction(engine) as connection:
        differences.take(connection, FOUND[:1], {"5001"}, night(0))
        again = (FOUND[0]._replace(said="twice, by hand"),)
        assert differences.take(connection, again, {"5001"}, night(1)) == Taken(0, 1, 0)
        (row,) = differences.listing(connection)
    assert row.said == "twice, by hand"
