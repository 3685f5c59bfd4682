"""From a case and a vendor's confirmed fact to a settlement: which entry, which phase, what becomes of the case. Pure.

Shared by the charge, by what is only observed at the vendor, and by reconcile, so that one fact is booked
the same way whoever hears of it first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.attribution import Earned, earned_by
from domain.instants import day_in, from_text
from domain.money import Money
from domain.payments import Payment
from ledger import entries
from ledger.settlements import NewStep, Settlement

LOST = {"void": "voided", "uncollectible": "uncollectible", "paid": "voided"}
"""How a renewal that ended without a payment is lost, by its status; paid without a payment was credited."""


def context(case: Any, key: str, at: datetime, zone: str, *, vendor: str, ref: str, run: str) -> entries.Context:
    """What every entry about a case says besides its amounts."""
    return entries.Context(
        key=key,
        occurred_at=at,
        effective_on=day_in(at, zone),
        belongs_to=case.opened_on[:7],
        operation=case.operation,
        case=case.id,
        vendor=vendor,
        vendor_ref=ref,
        flow_run=run,
        policy_version=case.policy_version,
    )


def recovered(
    case: Any, payment: Payment, earned: Earned, *, key: str, vendor: str, zone: str, run: str, new_step: NewStep | None
) -> Settlement:
    """A failed renewal was paid: income to the phase that earned it, and the case is closed."""
    about = context(case, key, payment.at, zone, vendor=vendor, ref=payment.ref, run=run)
    failed = Money(case.failed_minor, case.currency)
    return Settlement(
        key=key,
        state="done",
        at=payment.at,
        vendor=vendor,
        vendor_ref=payment.ref,
        amount=payment.amount,
        detail=f"{earned.phase}: {earned.reason}{_odd(payment.amount, failed)}",
        entries=(entries.renewal_recovered(about, payment.amount, failed, earned.phase, outside=payment.outside),),
        case_changes=closing("recovered", day_in(payment.at, zone).isoformat()),
        new_step=new_step,
    )


def _odd(paid: Money, failed: Money) -> str:
    """What a person should know of an amount that is not the one that had failed; empty where it is."""
    return "" if paid == failed else f"; attention: {paid} were paid where {failed} had failed"


def lost(case: Any, why: str, *, key: str, at: datetime, vendor: str, zone: str, run: str, reason: str,
         new_step: NewStep | None = None) -> Settlement:  # fmt: skip
    """A failed renewal will not be paid: the memo account says why, and the case is closed."""
    about = context(case, key, at, zone, vendor=vendor, ref="", run=run)
    failed = Money(case.failed_minor, case.currency)
    return Settlement(
        key=key,
        state="done",
        at=at,
        vendor=vendor,
        amount=failed,
        detail=reason,
        entries=(entries.renewal_lost(about, failed, why),),
        case_changes=closing(why, day_in(at, zone).isoformat()),
        new_step=new_step,
    )


def closing(outcome: str, day: str) -> tuple[tuple[str, str | int], ...]:
    """The columns of a case that ends."""
    left = (("remaining_minor", 0),) if outcome == "recovered" else ()
    return (("state", "closed"), ("outcome", outcome), ("closed_on", day), *left)


def phase_of(case: Any, payment: Payment, history: Sequence[Any], *, customer_acted: bool, window_days: int) -> Earned:
    """The phase that earned a payment, from the messages, personal mails and answers that came before it."""
    answered = from_text(case.answered_at) if case.answered_at else None
    talked = [at for at in (_last(history, ("follow_up",), payment.at), answered) if at and at <= payment.at]
    return earned_by(
        paid_at=payment.at,
        customer_acted=customer_acted,
        last_message_at=_last(history, ("mail", "sms"), payment.at),
        last_support_at=max(talked, default=None),
        window_days=window_days,
    )


def _last(history: Sequence[Any], actions: tuple[str, ...], until: datetime) -> datetime | None:
    sent = (
        from_text(step.settled_at or step.intended_at)
        for step in history
        if step.action in actions and step.state in ("done", "unknown")
    )
    return max((at for at in sent if at <= until), default=None)
