"""Histories: what a decision is told of customers, orders, addresses and cards is what one by one would give."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, insert

from domain.instants import to_text
from domain.money import Money
from domain.refund_case import Window
from store import commitments
from store.commitments import LIVE, Commitment
from store.db import transaction
from store.histories import Asked, Histories, apart
from store.tables import steps
from tests.domain.refund_values import NOW
from tests.store.test_cases import row

NAMES = st.sampled_from(["", "a", "b", "c"])
CASES = st.builds("loop-{}/label-{}".format, st.integers(1, 3), st.integers(1, 2))
WINDOWS = (1, 30)


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """A case with names that others share."""
    names = {name: draw(NAMES) for name in ("customer", "order", "address", "card")}
    return Asked(case=draw(CASES), currency=draw(st.sampled_from(["USD", "EUR"])), **names)


Past = tuple[Asked, int, float, str]
PASTS = st.lists(
    st.tuples(asked(), st.integers(1, 9000), st.floats(0, 40), st.sampled_from(["intended", "done", "void"])),
    max_size=12,
    unique_by=lambda past: past[0].case,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pasts=PASTS, wanted=st.lists(asked(), min_size=1, max_size=6, unique_by=lambda one: one.case))
def test_a_batch_is_told_what_each_case_alone_would_be(
    sqlite_engine: Engine, pasts: list[Past], wanted: list[Asked]
) -> None:
    with transaction(sqlite_engine) as connection:
        for one, minor, days, state in pasts:
            at, key = NOW - timedelta(days=days), f"refunds/{one.case}"
            connection.execute(insert(steps), [row(steps, key=key, case_id=one.case, state=state, tries=1)])
            made = Commitment(
                key=key, case=one.case, customer=one.customer, order=one.order, address=one.address, card=one.card,
                amount=Money(minor, one.currency),
            )  # fmt: skip
            commitments.put(connection, [made], at)
        for batch in apart(wanted):
            found = Histories(connection, batch, WINDOWS, NOW)
            for one in batch:
                _compare(found, one, pasts)
        connection.rollback()


def _compare(found: Histories, one: Asked, pasts: list[Past]) -> None:
    told = found.of(one, "")
    live = [(past, minor, NOW - timedelta(days=days)) for past, minor, days, state in pasts if state in LIVE]
    others = [(past, minor, at) for past, minor, at in live if past.case != one.case]

    def within(kind: str) -> tuple[Window, ...]:
        mine = [each for each in others if getattr(each[0], kind) == getattr(one, kind) != ""]
        return tuple(Window(days, *_sum(one, mine, days)) for days in WINDOWS)

    assert told.by_customer == within("customer")
    assert told.by_address == (within("address") if one.address else ())
    assert told.by_card == (within("card") if one.card else ())
    ever = [each for each in others if one.order and each[0].order == one.order]
    assert told.order_taken_minor == _sum(one, ever, 99)[1]
    same = [each for each in ever if each[0].case.partition("/")[0] == one.case.partition("/")[0]]
    assert told.return_taken_minor == _sum(one, same, 99)[1]
    assert (told.shop_day_count, told.shop_day_minor) == _sum(one, live, 1)


def _sum(one: Asked, mine: list[tuple[Asked, int, datetime]], days: int) -> tuple[int, int]:
    """How many, and how much in the case's currency."""
    recent = [each for each in mine if to_text(each[2]) > to_text(NOW - timedelta(days=days))]
    return len(recent), sum(minor for past, minor, _ in recent if past.currency == one.currency)


def test_what_one_case_of_a_batch_sets_aside_counts_for_the_next(sqlite_engine: Engine) -> None:
    first, second = (
        Asked(case=f"loop-{n}/label-1", customer=f"c{n}", order=f"o{n}", address="", card="", currency="USD")
        for n in (1, 2)
    )
    with transaction(sqlite_engine) as connection:
        found = Histories(connection, [first, second], WINDOWS, NOW)
        assert found.of(first, "").shop_hour_count == 0
        found.spend(Money(500, "USD"))
        found.spend(Money(70, "EUR"))
        told = found.of(second, "")
    assert (told.shop_hour_count, told.shop_hour_minor, told.shop_day_count, told.shop_day_minor) == (2, 500, 2, 500)


def test_no_name_stands_twice_in_a_batch_and_the_order_stays() -> None:
    def one(case: str, **names: str) -> Asked:
        return Asked(**{**dict.fromkeys(("customer", "order", "address", "card"), ""), **names}, case=case, currency="")

    cases = [one("1", customer="a"), one("2", card="a"), one("3", customer="a"), one("4"), one("5", customer="a")]
    assert [[each.case for each in batch] for batch in apart(cases)] == [["1", "2"], ["3", "4"], ["5"]]


def test_no_question_walks_through_all_refunds_where_there_are_no_statistics(sqlite_engine: Engine) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(sqlite_engine, "before_cursor_execute", note)
    one = Asked(case="loop-1/label-1", customer="c", order="o", address="a", card="k", currency="USD")
    with transaction(sqlite_engine) as connection:
        Histories(connection, [one], WINDOWS, NOW)
        plans = [
            step.detail
            for statement, parameters in [each for each in asked if each[0].startswith("SELECT")]
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") or "steps_open" in plan or "_by_state" in plan]
