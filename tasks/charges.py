"""Charge attempts: last look, charge under the step's key, and what the answer means for the case.

The last look reads the renewal again just before the call: paid, voided or cancelled meanwhile, it is dropped.
`settlement` is also what reconcile uses once the vendor has told what became of a key.
"""

from datetime import datetime
from typing import Any

from domain.declines import classify
from domain.instants import day_in
from domain.payments import ChargeResult, Payment, Renewal
from ledger.settlements import Settlement
from store import attempts, steps
from store.db import reading
from tasks import booking
from tasks.connect import Connections
from tasks.performing import Job


async def charge(c: Connections, job: Job) -> Settlement:
    """Try the renewal's card once. Raises the vendor's errors; a declined card is a value."""
    renewal = await c.payments.renewal(job.case.id)
    if against := no_longer_due(renewal) or ("" if renewal.auto_charge else "charging was switched off meanwhile"):
        # What it became meanwhile is settled by the next read, which observes every renewal that is not open.
        return Settlement(key=job.step.key, state="dropped", at=c.clock(), detail=against)
    result = await c.payments.charge(job.case.id, key=job.step.key)
    return settlement(c, job, result, at=c.clock())


def no_longer_due(renewal: Renewal) -> str:
    """Why nothing may be charged or said any more, empty where it is still due."""
    if renewal.status != "open":
        return f"the renewal is {renewal.status} meanwhile"
    if not renewal.amount_remaining:
        return "nothing is left to pay meanwhile"
    if renewal.subscription_status == "cancelled":
        return "the subscription was cancelled meanwhile"
    return ""


def settlement(c: Connections, job: Job, result: ChargeResult, *, at: datetime) -> Settlement:
    """What one charge attempt's outcome means, whether the vendor answered at once or was asked later."""
    step, case = job.step, job.case
    vendor, happened = c.vendors.payments, result.at or at
    if result.state == "paid" and result.amount is not None:
        payment = Payment(ref=result.ref, amount=result.amount, at=happened, step_key=step.key)
        return _paid(c, job, payment)
    if result.state == "declined":
        changes, detail = _declined(c, case, result, happened)
        return Settlement(
            key=step.key, state="refused", at=happened, vendor=vendor, vendor_ref=result.ref,
            detail=detail, case_changes=changes,
        )  # fmt: skip
    if result.state == "pending":
        return Settlement(
            key=step.key, state="unknown", at=happened, vendor=vendor, vendor_ref=result.ref,
            detail="the vendor says the payment is still being processed",
        )  # fmt: skip
    why = "paid by another way" if result.state == "already_paid" else "closed at the vendor"
    return Settlement(key=step.key, state="dropped", at=happened, vendor=vendor, detail=f"the renewal was {why}")


def _paid(c: Connections, job: Job, payment: Payment) -> Settlement:
    case, history = job.case, job.history
    if history is None:
        with reading(c.engine) as connection:
            history = steps.of_cases(connection, [case.id])
    new_card = bool(case.card and case.card_failed and case.card != case.card_failed)
    policy = c.rules.of(case.policy_version).policy
    window = policy.attribution_days
    earned = booking.phase_of(case, payment, history, customer_acted=new_card, window_days=window)
    return booking.recovered(
        case,
        payment,
        earned,
        key=job.step.key,
        vendor=c.vendors.payments,
        zone=c.zone,
        run=job.run.flow_run,
        new_step=None,
    )  # fmt: skip


def _declined(
    c: Connections, case: Any, result: ChargeResult, at: datetime
) -> tuple[tuple[tuple[str, str | int], ...], str]:
    """The case's new treatment, and the decline in words."""
    found = classify(result.codes, c.rules.of(case.policy_version).declines, day_in(at, c.zone))
    changes = (
        ("treatment", found.treatment),
        ("decline_rule", found.rule),
        ("decline_code", found.code),
        ("remedy", found.remedy),
        ("card_failed", case.card),
    )
    raw = attempts.codes_text(result.codes)
    return changes, f"declined: {found.reason}; {found.treatment} ({found.rule}); codes {raw}"
