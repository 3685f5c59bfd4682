"""Refund on first scan: what is to be done with one return label now. Pure; the clock is an argument.

All checks are evaluated and stored; the worst one decides: never, then hold, approve, wait, and only then pay.
While nothing has been heard of the parcel the case just waits, so that nobody is asked about what may never come.
`domain.refund_rules` names every rule. A person's yes lifts what asks for approval, never a hold.
"""

from datetime import datetime
from typing import NamedTuple

from domain.evidence import Evidence, grade
from domain.money import Money
from domain.refund_amount import payable
from domain.refund_case import Check, RefundFacts, Verdict
from domain.refund_guards import check_approval, check_budgets, check_guards, check_vip
from domain.refund_policy import RefundPolicy
from domain.refund_rules import PAY, RULES
from domain.refund_state import check_state


class Examined(NamedTuple):
    """Every check of one decision, and what they were made of."""

    checks: tuple[Check, ...]
    evidence: Evidence
    amount: Money | None
    vip: bool
    again: tuple[datetime, ...]
    """When the checks that wait by themselves may be looked at again."""


def decide(facts: RefundFacts, policy: RefundPolicy, now: datetime) -> Verdict:
    """The verdict over `facts` at `now`; the same facts, policy and instant always give the same one."""
    found = examine(facts, policy, now)
    for outcome in ("never", "hold", "approve", "wait"):
        if outcome != "never" and not found.evidence.spoken:
            return _verdict(found, policy, "wait", next(one for one in found.checks if one.result == "wait"))
        if outcome == "approve" and found.amount is None:
            # Nobody can say yes to an amount that is not known.
            continue
        deciding = next((one for one in found.checks if one.result == outcome and not _lifted(facts, found, one)), None)
        if deciding:
            return _verdict(found, policy, outcome, deciding)
    return _pay(found, policy)


def examine(facts: RefundFacts, policy: RefundPolicy, now: datetime) -> Examined:
    """Every check, whatever the others say."""
    evidence = grade(facts, policy, now)
    scanned = (evidence.scan.at or now) if evidence.scan else None
    vip_checks, vip = check_vip(facts, policy, evidence, now)
    amount = payable(facts).amount
    budgets = check_budgets(facts, policy, amount, now)
    checks = (
        *evidence.checks,
        *vip_checks,
        *check_state(facts, policy, now, scanned),
        *check_guards(facts, policy, amount, now),
        *(looked.check for looked in budgets),
        check_approval(facts, amount),
    )
    return Examined(checks, evidence, amount, vip, tuple(one.until for one in budgets if one.until))


def _lifted(facts: RefundFacts, found: Examined, one: Check) -> bool:
    """Whether a person's yes covers this check: it counts for every rule that asked when it was given, and no other."""
    said = facts.approval
    if one.result != "approve" or said is None or found.checks[-1].result != "pass":
        return False
    return not said.lifts or one.rule in said.lifts


def _verdict(found: Examined, policy: RefundPolicy, outcome: str, deciding: Check) -> Verdict:
    rule = RULES[deciding.rule]
    asks = outcome in ("hold", "approve")
    return Verdict(
        outcome=outcome,  # type: ignore[arg-type]
        rule=deciding.rule,
        reason=deciding.said,
        amount=found.amount,
        vip=found.vip,
        checks=found.checks,
        until=_until(found) if outcome == "wait" else None,
        owner=rule.owner if asks else "",
        next_action=rule.next_action if asks else "",
        policy_version=policy.version,
    )


def _until(found: Examined) -> datetime | None:
    """When all that makes it wait may be over by itself; None where news is needed."""
    by_themselves = ("B-01", "B-02", "B-03")
    if any(one.result == "wait" and one.rule not in by_themselves for one in found.checks):
        return None
    return max(found.again, default=None)


def _pay(found: Examined, policy: RefundPolicy) -> Verdict:
    scan = found.evidence.scan
    assert scan is not None, "without a scan a check waits"
    said = next(one.said for one in found.checks if one.rule == "E-04")
    vip = next(one.said for one in found.checks if one.rule in ("V-01", "V-02") and one.result == "pass")
    passed = sum(one.result == "pass" for one in found.checks)
    return Verdict(
        outcome="pay",
        rule=PAY,
        reason=f"{said}; {vip}; {passed} checks passed",
        amount=found.amount,
        vip=found.vip,
        checks=found.checks,
        policy_version=policy.version,
    )
