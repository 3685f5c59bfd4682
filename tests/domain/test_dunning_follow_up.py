"""The personal mails after the hand-over: when they come, and everything that stops them."""

from datetime import date, timedelta

import pytest

from domain.decisions import Hold, Step
from domain.dunning_follow_up import RULES, Thread, next_follow_up
from tests.domain.dunning_values import POLICY

HANDED = date(2026, 1, 27)
THREAD = Thread("in_1", "cus_1", "t-1", HANDED, 1, "d-test")


def after(days: int) -> date:
    return HANDED + timedelta(days=days)


@pytest.mark.parametrize(
    ("days", "taken", "last", "expected"),
    [
        (0, set(), None, "follow-up-1"),
        (1, {"follow-up-1"}, 0, "F-04"),
        (2, {"follow-up-1"}, 0, "follow-up-2"),
        (5, {"follow-up-1", "follow-up-2"}, 2, "follow-up-3"),
        (6, {"follow-up-1", "follow-up-2", "follow-up-3"}, 5, "F-04"),
        (9, set(), None, "follow-up-1"),
        (9, {"follow-up-1"}, 9, "F-04"),
    ],
)
def test_three_mails_over_a_few_days_and_never_two_on_one(
    days: int, taken: set[str], last: int | None, expected: str
) -> None:
    thread = THREAD._replace(taken=frozenset(taken), last_message_on=None if last is None else after(last))
    decision = next_follow_up(thread, POLICY, after(days))
    assert (decision.rung if isinstance(decision, Step) else decision.rule) == expected
    assert decision.rule in RULES


@pytest.mark.parametrize(
    ("change", "rule", "person"),
    [
        ({"open_cases": 0}, "F-06", False),
        ({"answered": True}, "F-02", True),
        ({"taken_by": "agent"}, "F-02", True),
        ({"waiting_for_answer": True}, "F-03", False),
        ({"mail": "no e-mail address is known"}, "F-05", True),
        ({"vip": True}, "F-07", True),
    ],
)
def test_what_stops_the_personal_mails_at_once(change: dict[str, object], rule: str, person: bool) -> None:
    decision = next_follow_up(THREAD._replace(**change), POLICY, after(2))
    assert isinstance(decision, Hold)
    assert (decision.rule, decision.person) == (rule, person)


def test_the_same_person_goes_on_writing_while_they_are_there() -> None:
    second = THREAD._replace(taken=frozenset({"follow-up-1"}), last_message_on=after(0), last_sender="maya")
    decision = next_follow_up(second, POLICY, after(2))
    assert isinstance(decision, Step)
    assert decision.sender == "maya"
    assert decision.key == "dunning/in_1/follow-up-2"
