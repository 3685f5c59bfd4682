"""Outcomes seen at the payments vendor: a renewal that was paid, credited, voided or given up without our step.

Keyed by the vendor's own payment reference, so that the payment is booked once, whoever hears of it first.
A payment whose charge step has no answer yet is left to reconcile, which knows whose it is.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.instants import day_in
from domain.payments import Payment, Renewal
from ledger import entries, lookups
from ledger.errors import AlreadyBooked, Conflict
from ledger.settlements import NewStep, Settlement
from store import cases, steps
from store.db import reading
from tasks import booking
from tasks.connect import Connections
from tasks.settling import settle

PAID_RULE, ENDED_RULE = "D-30", "D-31"


async def observe(c: Connections, renewal: Renewal, now: datetime, run: str) -> bool:
    """Settle a case whose renewal is no longer open at the vendor; True where something was settled."""
    with reading(c.engine) as connection:
        case = cases.by_id(connection, [renewal.id]).get(renewal.id)
        history = steps.of_cases(connection, [renewal.id])
    if case is None or _unanswered_charge(history):
        return False
    if case.state == "closed" and (case.outcome == "recovered" or renewal.payment is None):
        return False
    settlement = _settlement(c, case, renewal, history, now, run)
    if case.state == "closed":
        settlement = after_all(c, case, settlement, history)
    try:
        posted = await settle(c, settlement)
    except (AlreadyBooked, Conflict):
        # The same payment was booked by the step that earned it; the books are right as they are.
        return False
    return not posted.replayed


def customer_acted(case: Any, payment: Payment, card: str) -> bool:
    """True where the customer had a hand in it: they paid on a page, or entered a card that had not failed."""
    new_card = bool(card and case.card_failed and card != case.card_failed)
    return payment.by_customer or new_card


def _settlement(c: Connections, case: Any, renewal: Renewal, history: list[Any], now: datetime, run: str) -> Settlement:
    payment = renewal.payment if renewal.status == "paid" else None
    if payment is None or not payment.amount:
        why = booking.LOST[renewal.status]
        key = f"dunning/{case.id}/ended-{renewal.status}"
        reason = f"the renewal is {renewal.status} at the payments vendor and brought no payment"
        new_step = _step(case, "ended", ENDED_RULE, reason, day_in(now, c.zone).isoformat(), run)
        return booking.lost(
            case,
            why,
            key=key,
            at=now,
            vendor=c.vendors.payments,
            zone=c.zone,
            run=run,
            reason=reason,
            new_step=new_step,
        )
    card = renewal.card.fingerprint if renewal.card else ""
    policy = c.rules.of(case.policy_version).policy
    acted = customer_acted(case, payment, card)
    earned = booking.phase_of(case, payment, history, customer_acted=acted, window_days=policy.attribution_days)
    key = f"dunning/{case.id}/paid-{payment.ref}"
    new_step = _step(case, f"paid-{payment.ref}", PAID_RULE, earned.reason, day_in(payment.at, c.zone).isoformat(), run)
    return booking.recovered(
        case, payment, earned, key=key, vendor=c.vendors.payments, zone=c.zone, run=run, new_step=new_step
    )


def after_all(c: Connections, case: Any, paid: Settlement, history: list[Any]) -> Settlement:
    """A case that was given up and is paid after all, or whose chargeback was won: the loss goes in one settlement."""
    endings = [step.key for step in history if step.state == "done" and step.rung.startswith(("close-", "ended"))]
    with reading(c.engine) as connection:
        lost = lookups.entry(connection, endings[-1]) if endings else None
    if lost is None:
        return paid
    about = paid.entries[0]
    on = max(about.effective_on, lost.effective_on)
    context = entries.Context(
        key=f"{paid.key}/after-all", occurred_at=about.occurred_at, effective_on=on,
        belongs_to=about.belongs_to, operation=about.operation, case=about.case, vendor=about.vendor,
        flow_run=about.flow_run, policy_version=about.policy_version,
    )  # fmt: skip
    return replace(paid, entries=(entries.reversal(lost, context), *paid.entries))


def _unanswered_charge(history: list[Any]) -> bool:
    return any(step.action == "charge" and step.state in ("intended", "unknown") for step in history)


def _step(case: Any, rung: str, rule: str, reason: str, day: str, run: str) -> NewStep:
    return NewStep(
        operation=case.operation, case_id=case.id, action="note", rung=rung, day=day, rule=rule, reason=reason,
        policy_version=case.policy_version, flow_run=run,
    )  # fmt: skip
