"""A policy tried on decisions that were made: what differs, by whom, and the money in each direction."""

from datetime import timedelta

from domain.refund_case import RefundFacts
from domain.refund_policy import RefundPolicy
from domain.refund_trial import Made, Trial, money
from domain.refunds import decide
from tests.domain.refund_values import FACTS, NOW, POLICY, approval, facts, replaced

ABOVE = {"order_open_minor": 45_000}


def made(case: str, found: RefundFacts, minutes: int = 0) -> Made:
    """A decision as it was made under the policy of the tests."""
    at = NOW + timedelta(minutes=minutes)
    verdict = decide(found, POLICY, at)
    return Made(case, at, verdict.outcome, verdict.rule, verdict.amount, found)


def tried(policy: RefundPolicy, *decisions: Made) -> Trial:
    """The trial of a policy over these decisions."""
    trial = Trial(policy)
    for one in decisions:
        trial.add(one)
    return trial


def test_the_same_policy_decides_the_same() -> None:
    trial = tried(POLICY, made("a", FACTS), made("b", facts(scans=())), made("b", FACTS, 5))
    assert (trial.decisions, trial.cases, trial.otherwise()) == (3, 2, [])


def test_a_stricter_policy_says_who_would_have_waited_and_how_much_less_would_have_gone() -> None:
    strict = replaced(POLICY, order_cap_minor={"USD": 10_000})
    trial = tried(strict, made("a", facts(scans=())), made("a", FACTS, 5), made("b", facts(shopper={"tags": ()})))
    (only,) = trial.otherwise()
    assert (only.case, only.was, only.would_be, only.at) == (
        "a",
        "pay R-01",
        "approve G-01",
        NOW + timedelta(minutes=5),
    )
    assert money([only]) == {"USD": (0, 12_000)}


def test_a_looser_policy_pays_at_the_first_look_and_only_what_nobody_paid_later_is_more() -> None:
    loose = replaced(POLICY, order_cap_minor={"USD": 90_000})
    asked = made("a", facts(history=ABOVE))
    said_yes = made("a", facts(history=ABOVE, approval=approval(12_000)), 30)
    other = made("b", facts(history=ABOVE))
    found = tried(loose, asked, said_yes, other).otherwise()
    assert [(one.case, one.was, one.would_be) for one in found] == [
        ("a", "approve G-01", "pay R-01"),
        ("b", "approve G-01", "pay R-01"),
    ]
    assert money(found) == {"USD": (12_000, 0)}, "the approved one was paid all the same"


def test_an_amount_that_changes_is_a_difference_too() -> None:
    paid = made("a", FACTS)
    assert paid.amount is not None
    before = paid._replace(amount=replaced(paid.amount, minor=11_000))
    (only,) = tried(POLICY, before).otherwise()
    assert money([only]) == {"USD": (1_000, 0)}
