"""Reconcile: every step whose outcome is unknown becomes known, by asking the vendor by our key. Nothing is repeated.

Found at the vendor, it is settled like a direct answer. Not found, it never happened, and its key may be
intended again. Mail cannot be asked: an uncertain one counts as sent, because a second one would be worse.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from domain.instants import from_text
from domain.payments import ChargeResult
from domain.people import Person
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable, VendorError
from ledger.errors import LedgerError
from ledger.settlements import Settlement
from store import cases, commitments, people, steps
from store.db import reading
from tasks import charges, messages, refunding, tickets
from tasks.connect import Connections
from tasks.mistakes import told
from tasks.performing import Job, Outcome, Run
from tasks.settling import settle

GRACE = timedelta(minutes=10)
"""A step younger than this may still be in its call: every client gives up long before, the vendor perhaps not."""
LOOK_BACK = timedelta(minutes=5)
"""The vendor's clock may be so much behind ours when a key is looked up."""


async def reconcile_all(c: Connections, run: Run, *, grace: timedelta = GRACE) -> list[Outcome]:
    """Settle what can be known now; a vendor that does not answer leaves its steps unknown for the next run."""
    with reading(c.engine) as connection:
        waiting = steps.awaiting(connection, before=run.now - grace)
        rows = cases.by_id(connection, {step.case_id for step in waiting})
        known = people.by_ids(connection, {row.customer for row in rows.values()})
    grouped: dict[str, list[Job]] = defaultdict(list)
    for step in waiting:
        case = rows[step.case_id]
        grouped[step.action].append(Job(step, case, known.get(case.customer) or Person(id=case.customer), run))
    outcomes: list[Outcome] = []
    for action, jobs in grouped.items():
        outcomes += await _ask(c, action, jobs)
    return outcomes


async def _ask(c: Connections, action: str, jobs: list[Job]) -> list[Outcome]:
    if action == "charge":
        try:
            return [await _settle(c, job, found) for job, found in await _charges(c, jobs)]
        except VendorError as error:
            return [_not_asked(job, error) for job in jobs]
    ask = ASK.get(action, _uncertain)
    outcomes: list[Outcome] = []
    out_of_reach: VendorError | None = None
    for job in jobs:
        if out_of_reach:
            outcomes.append(_not_asked(job, out_of_reach))
            continue
        try:
            outcomes.append(await _settle(c, job, await ask(c, job)))
        except VendorError as error:
            # An answer that cannot be read concerns this step alone; a vendor that is down concerns the rest too.
            out_of_reach = error if isinstance(error, Unavailable | NoAnswer | Unauthorised) else None
            outcomes.append(_not_asked(job, error))
        except Exception as error:
            # What we cannot make sense of in one step's answer leaves that step unknown, and no other.
            outcomes.append(Outcome(job.step.key, job.step.action, "failed", told(error)))
    return outcomes


def _not_asked(job: Job, error: VendorError) -> Outcome:
    return Outcome(job.step.key, job.step.action, "unknown", f"could not be asked: {error}")


async def _settle(c: Connections, job: Job, settlement: Settlement) -> Outcome:
    try:
        await settle(c, settlement)
    except LedgerError as error:
        return Outcome(job.step.key, job.step.action, "failed", str(error))
    amount = settlement.amount if settlement.state == "done" else None
    return Outcome(
        job.step.key, job.step.action, settlement.state, settlement.detail,
        amount.minor if amount else 0, amount.currency if amount else "",
    )  # fmt: skip


async def _charges(c: Connections, jobs: Sequence[Job]) -> list[tuple[Job, Settlement]]:
    """All uncertain charges in one pass over the vendor's events since the oldest of them."""
    since = min(_intended(job) for job in jobs) - LOOK_BACK
    found = await c.payments.find_charges({job.step.key for job in jobs}, since)
    answers: list[tuple[Job, Settlement]] = []
    for job in jobs:
        result = found.get(job.step.key)
        if result is not None and result.state != "pending":
            result = await _whole(c, job, result)
            answer = charges.settlement(c, job, result, at=c.clock())
        elif ref := (result.ref if result else job.step.vendor_ref):
            answer = _still_pending(c, job, ref)
        else:
            answer = _never_happened(c, job)
        answers.append((job, answer))
    return answers


async def _whole(c: Connections, job: Job, result: ChargeResult) -> ChargeResult:
    """A charge found by its key, with the amount that a direct answer would have named: the renewal's payment."""
    if result.state != "paid":
        return result
    try:
        payment = (await c.payments.renewal(job.case.id)).payment
    except (Refused, Unreadable):
        # One renewal that cannot be read must not keep the other charges unknown; its own charge is confirmed.
        return result
    same = payment is not None and payment.ref == result.ref
    return replace(result, amount=payment.amount) if payment is not None and same else result


def _still_pending(c: Connections, job: Job, ref: str) -> Settlement:
    """A payment that stays pending too long is a person's from now on; the case waits for them and is not charged."""
    days = c.rules.of(job.case.policy_version).policy.pending_days
    too_long = job.run.now - _intended(job) > timedelta(days=days)
    told: tuple[tuple[str, str | int], ...] = (("trouble", "pending"), ("state", "person"))
    return Settlement(
        key=job.step.key, state="unknown", at=c.clock(), vendor=c.vendors.payments, vendor_ref=ref,
        detail="still pending at the vendor" + ("; a person is asked to look" if too_long else ""),
        case_changes=told if too_long and not job.case.trouble else (),
    )  # fmt: skip


async def _sms(c: Connections, job: Job) -> Settlement:
    """The text to this number with exactly the words we meant to send."""
    body = job.step.detail
    sent = await c.texts.find(job.person.phone, body, _intended(job) - LOOK_BACK) if body else None
    if sent is None:
        return _never_happened(c, job)
    return messages.sent_settlement(c, job, sent, c.vendors.texts, "sms")


async def _follow_up(c: Connections, job: Job) -> Settlement:
    ref = await c.helpdesk.find_message(job.case.ticket, job.step.key)
    return tickets.follow_up_sent(c, job, ref) if ref else _never_happened(c, job)


async def _ticket(c: Connections, job: Job) -> Settlement:
    ticket = await c.helpdesk.find_ticket(job.step.key)
    if ticket is None:
        return _never_happened(c, job)
    opened = tickets.ticket_opened if job.step.action == "hand_over" else tickets.person_told
    return opened(c, job, ticket)


async def _uncertain(c: Connections, job: Job) -> Settlement:
    if job.step.action in ("mail", "tell"):
        return Settlement(
            key=job.step.key, state="done", at=_intended(job), vendor=c.vendors.mail, contact="sent",
            detail="uncertain: the mail server gave no answer; counted as sent, for a second mail would be worse",
        )  # fmt: skip
    return _never_happened(c, job)


async def _refund(c: Connections, job: Job) -> Settlement:
    """The refund under our key; one that is pending stays unknown, with the vendor's reference."""
    with reading(c.engine) as connection:
        kept = commitments.by_key(connection, [job.step.key])[job.step.key]
    if c.mover is None:
        raise Unavailable("refunds", "find a refund", "no mover is set: refunds.mover")
    answer = await c.mover.find(job.step.key, kept.order_ref, _portal_id(job.case.id))
    if answer is None and job.step.vendor_ref:
        answer = await c.mover.state(job.step.vendor_ref, kept.order_ref)
        if answer is None:
            return Settlement(
                key=job.step.key, state="unknown", at=c.clock(), vendor=c.mover.vendor, vendor_ref=job.step.vendor_ref,
                detail="accepted before, and not found by our key now",
            )  # fmt: skip
    if answer is None and c.clock() - _intended(job) < c.mover.queue:
        return Settlement(
            key=job.step.key, state="unknown", at=c.clock(), vendor=c.mover.vendor,
            detail=f"{c.mover.vendor} may still have it in its queue",
        )  # fmt: skip
    return _never_happened(c, job) if answer is None else refunding.settlement(c, job, answer)


def _portal_id(case: str) -> str:
    """The portal's own id in a case: `loop-98765/label-4` is about `98765`."""
    return case.partition("/")[0].partition("-")[2]


def _never_happened(c: Connections, job: Job) -> Settlement:
    released: Literal["", "released"] = "released" if job.step.action in steps.CHANNELS else ""
    return Settlement(
        key=job.step.key, state="void", at=c.clock(), contact=released, detail="the vendor was asked and never had it"
    )


def _intended(job: Job) -> datetime:
    at: str = job.step.intended_at
    return from_text(at)


ASK = {"sms": _sms, "follow_up": _follow_up, "hand_over": _ticket, "person": _ticket, "refund": _refund}
"""Who is asked about which action; what is not named cannot be asked."""
