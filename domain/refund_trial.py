"""A policy tried on decisions that were made: who would have been decided otherwise, and the money. Pure, no effects.

Each stored decision is decided again at its own instant over its own facts. What our books said then is part of the
facts: refunds that a looser policy adds would fill caps and budgets sooner, which is not played through.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from domain.money import Money
from domain.refund_case import RefundFacts, Verdict
from domain.refund_policy import RefundPolicy
from domain.refunds import decide


class Made(NamedTuple):
    """A decision as it was made."""

    case: str
    at: datetime
    outcome: str
    rule: str
    amount: Money | None
    facts: RefundFacts


class Otherwise(NamedTuple):
    """The first decision of a case that would have come out otherwise, and what the case would have been paid."""

    case: str
    at: datetime
    was: str
    """Outcome and rule, e.g. `approve G-01`."""
    would_be: str
    reason: str
    paid: Money | None
    would_pay: Money | None


@dataclass(slots=True)
class _Case:
    first: Made | None = None
    verdict: Verdict | None = None
    paid: Money | None = None
    would_pay: Money | None = None


@dataclass(slots=True)
class Trial:
    """What a policy would have done; decisions are added one after the other, oldest first."""

    policy: RefundPolicy
    decisions: int = 0
    _cases: dict[str, _Case] = field(default_factory=dict)

    def add(self, made: Made) -> None:
        """Decide one stored decision again."""
        self.decisions += 1
        case = self._cases.setdefault(made.case, _Case())
        verdict = decide(made.facts, self.policy, made.at)
        if made.outcome == "pay":
            case.paid = case.paid or made.amount
        if verdict.outcome == "pay":
            case.would_pay = case.would_pay or verdict.amount
        same = (made.outcome, made.rule) == (verdict.outcome, verdict.rule)
        if case.first is None and not (same and (made.outcome != "pay" or made.amount == verdict.amount)):
            case.first, case.verdict = made, verdict

    @property
    def cases(self) -> int:
        """How many cases were looked at."""
        return len(self._cases)

    def otherwise(self) -> list[Otherwise]:
        """Every case with a difference, by id."""
        return [
            Otherwise(
                case=name,
                at=case.first.at,
                was=f"{case.first.outcome} {case.first.rule}",
                would_be=f"{case.verdict.outcome} {case.verdict.rule}",
                reason=case.verdict.reason,
                paid=case.paid,
                would_pay=case.would_pay,
            )
            for name, case in sorted(self._cases.items())
            if case.first and case.verdict
        ]


def money(found: Iterable[Otherwise]) -> dict[str, tuple[int, int]]:
    """(more, less) that would have gone back early, in minor units by currency, case by case."""
    sums: dict[str, tuple[int, int]] = {}
    for one in found:
        for currency in sorted({amount.currency for amount in (one.paid, one.would_pay) if amount}):
            change = _minor(one.would_pay, currency) - _minor(one.paid, currency)
            more, less = sums.get(currency, (0, 0))
            sums[currency] = (more + max(0, change), less + max(0, -change))
    return sums


def _minor(amount: Money | None, currency: str) -> int:
    return amount.minor if amount and amount.currency == currency else 0
