"""What holds for any facts: never above what is left, never while stopped, and more history never helps."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.refund_amount import reduce
from domain.refund_case import History, RefundFacts, Window
from domain.refund_json import NotFacts, facts_from_json, facts_to_json, return_from_json, return_to_json
from domain.refund_rules import PAY, RULES
from domain.refunds import decide
from tests.domain.refund_strategies import ANY_FACTS, near_misses
from tests.domain.refund_values import FACTS, NOW, POLICY

OUTCOMES = {"pay", "wait", "hold", "approve", "never"}


@given(ANY_FACTS | near_misses())
@settings(max_examples=400, deadline=None)
def test_a_verdict_comes_out_of_any_facts_and_pays_only_what_is_there(facts: RefundFacts) -> None:
    found = decide(facts, POLICY, NOW)
    assert found.outcome in OUTCOMES
    assert found.rule in RULES or found.rule == PAY
    assert found.reason
    assert found == decide(facts, POLICY, NOW)
    if found.outcome == "pay":
        _may_be_paid(facts, found)
    if found.outcome == "approve":
        assert found.amount is not None, "nobody can say yes to an unknown amount"
    if found.outcome in ("approve", "hold"):
        assert found.owner and found.next_action


def _may_be_paid(facts: RefundFacts, found: Any) -> None:
    assert facts.quote and facts.order and found.amount
    assert 0 < found.amount.minor <= facts.quote.amount.minor <= facts.quote.most.minor
    assert found.amount.currency == facts.quote.most.currency == facts.order.presentment
    counted = sum(one.amount.minor for one in facts.order.refunds if one.state != "failed")
    assert facts.order.captured is not None
    assert counted + found.amount.minor <= facts.order.captured.minor
    assert sum(share.amount.minor for share in reduce(facts.quote, found.amount).shares) == found.amount.minor
    assert not facts.history.stopped
    assert {check.result for check in found.checks} <= {"pass", "off", "approve"}
    assert all(check.result != "approve" for check in found.checks) or facts.approval


def test_near_misses_are_paid_often_enough_to_mean_something() -> None:
    outcomes: list[str] = []

    @given(near_misses())
    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    def count(facts: RefundFacts) -> None:
        outcomes.append(decide(facts, POLICY, NOW).outcome)

    count()
    assert outcomes.count("pay") > 20
    assert set(outcomes) >= OUTCOMES - {"wait"}


@given(ANY_FACTS | near_misses())
@settings(deadline=None)
def test_77_nothing_is_ever_paid_while_refunds_are_stopped(facts: RefundFacts) -> None:
    stopped = replace(facts, history=replace(facts.history, stopped="stopped by ops"))
    assert decide(stopped, POLICY, NOW).outcome != "pay"


MORE: dict[str, Callable[[History, int], History]] = {
    "order_taken_minor": lambda history, by: replace(history, order_taken_minor=history.order_taken_minor + by),
    "customer_open_minor": lambda history, by: replace(history, customer_open_minor=history.customer_open_minor + by),
    "order_open_minor": lambda history, by: replace(history, order_open_minor=history.order_open_minor + by),
    "shop_hour_minor": lambda history, by: replace(history, shop_hour_minor=history.shop_hour_minor + by),
    "shop_day_count": lambda history, by: replace(history, shop_day_count=history.shop_day_count + by),
    "lost": lambda history, by: replace(history, lost=history.lost + by),
    "returns": lambda history, by: replace(history, returns=history.returns + by),
    "by_customer": lambda history, by: replace(history, by_customer=_more(history.by_customer, by)),
    "by_card": lambda history, by: replace(history, by_card=_more(history.by_card, by)),
}


def _more(windows: tuple[Window, ...], by: int) -> tuple[Window, ...]:
    return tuple(Window(one.days, one.count + by, one.minor + by) for one in windows)


@given(near_misses(), st.sampled_from(sorted(MORE)), st.integers(1, 5_000))
@settings(max_examples=300, deadline=None)
def test_75_more_history_never_turns_anything_into_a_payment(facts: RefundFacts, field: str, by: int) -> None:
    before, after = decide(facts, POLICY, NOW), None
    after = decide(replace(facts, history=MORE[field](facts.history, by)), POLICY, NOW)
    if before.outcome != "pay":
        assert after.outcome != "pay"


@given(near_misses())
@settings(deadline=None)
def test_a_persons_yes_never_lifts_a_hold_or_a_never(facts: RefundFacts) -> None:
    without = decide(replace(facts, approval=None), POLICY, NOW)
    if without.outcome in ("hold", "never", "wait"):
        assert decide(facts, POLICY, NOW).outcome != "pay"


@given(ANY_FACTS)
@settings(deadline=None)
def test_facts_come_back_from_json_as_they_were(facts: RefundFacts) -> None:
    assert facts_from_json(facts_to_json(facts)) == facts
    assert return_from_json(return_to_json(facts.ret)) == facts.ret


def test_personal_data_is_not_written() -> None:
    assert FACTS.order
    shopper = replace(FACTS.order.shopper, email="ana@example.com", name="Ana Lopez")
    ret = replace(FACTS.ret, contact="ana@example.com")
    written = facts_to_json(replace(FACTS, ret=ret, order=replace(FACTS.order, shopper=shopper)))
    assert "ana" not in written.lower()
    assert facts_from_json(written) == FACTS


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"version":1', '"version":2', "version 2; up to 1 can be read"),
        ('"version":1', '"version":true', "version True"),
        ('"minor":12000', '"minor":"12000"', "minor is a str, not a int"),
        ('"minor":12000', '"minor":120.00', "minor is a float, not a int"),
        ('"state":"open"', '"state":"ajar"', "facts.ret.state is none of open"),
        ('"at":"2026-11-23T08:58:00.000000Z"', '"at":"yesterday"', "facts.scans[0].at is no instant"),
        ('"currency":"USD","minor":15000', '"currency":"usd","minor":15000', "three capital letters"),
        ('"case":"loop-98765/label-4",', "", "facts lacks case"),
        ('"lines":["rl-1"]', '"lines":"rl-1"', "lines is a str, not a list"),
        ("{", "", "are no JSON"),
    ],
)
def test_stored_facts_that_are_not_facts_are_refused_with_field_and_shape(old: str, new: str, said: str) -> None:
    written = facts_to_json(FACTS)
    assert old in written
    with pytest.raises(NotFacts) as refused:
        facts_from_json(written.replace(old, new))
    assert said in str(refused.value)


def test_facts_of_an_older_version_read_a_field_they_lack_as_its_default() -> None:
    written = facts_to_json(FACTS).replace('"return_taken_minor":0,', "")
    assert facts_from_json(written) == FACTS
    assert isinstance(facts_from_json(written).ret.created_at, datetime)
