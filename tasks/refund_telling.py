"""Telling: the customer hears once what is true of their money, and a person hears of what needs one.

The steps here are ordinary keyed steps of the refund case: `…/told-sent` and its like for the customer,
`…/person-<why>` for a task in the helpdesk. What a run could not say is found again by the next one.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from domain.decisions import Step
from domain.instants import from_text
from domain.messages import OutgoingMail
from domain.refund_case import Verdict
from ledger.settlements import Settlement
from store import approvals, refund_steps, steps
from store.db import reading
from tasks.connect import Connections
from tasks.messages import sent_settlement
from tasks.performing import Job, Run
from tasks.refund_deciding import Decided, key_of
from tasks.wording import word

LOOK_BACK: Final = timedelta(days=10)
REASONS: Final = {
    "sent": "the money went back",
    "pending": "the money is on its way and has not arrived",
    "failed": "the refund did not arrive",
}


def tellings(c: Connections, run: Run) -> list[Step]:
    """What customers are still to be told."""
    with reading(c.engine) as connection:
        due = refund_steps.untold(connection, run.now - LOOK_BACK)
    return [_tell(row.case_id, row.rule, said) for row, said in due]


def _tell(case: str, rule: str, said: str) -> Step:
    return Step(
        case=case, key=f"{key_of(case)}/told-{said}", action="tell", rung=f"told-{said}", rule=rule,
        reason=REASONS[said], message=f"refund_{said}",
    )  # fmt: skip


def person_tasks(c: Connections, decided: Iterable[Decided]) -> list[Step]:
    """One task for a person per case and reason: an approval to give, or something to find out."""
    return new(c, [_person(each.gathered.case, each.verdict) for each in decided if _needs_person(each.verdict)])


def _needs_person(verdict: Verdict) -> bool:
    return verdict.outcome == "approve" or (verdict.outcome == "hold" and bool(verdict.owner))


def _person(case: str, verdict: Verdict) -> Step:
    why = "approval" if verdict.outcome == "approve" else "hold"
    amount = f"-{verdict.amount.minor}" if verdict.outcome == "approve" and verdict.amount else ""
    return task(case, f"{why}-{verdict.rule.lower()}{amount}", verdict.rule, verdict.reason, f"staff_refund_{why}")


def task(case: str, why: str, rule: str, reason: str, message: str) -> Step:
    """A task for a person about a refund case; `why` makes it one of its kind."""
    rung = f"person-{why}"
    return Step(
        case=case, key=f"{key_of(case)}/{rung}", action="person", rung=rung, rule=rule, reason=reason, message=message
    )


def unheard(c: Connections, run: Run) -> list[Step]:
    """Tasks that could not be given, e.g. because the helpdesk was down; they are given now."""
    with reading(c.engine) as connection:
        rows = refund_steps.unheard(connection, run.now - LOOK_BACK)
    return [
        Step(case=row.case_id, key=row.key, action=row.action, rung=row.rung, rule=row.rule, reason=row.reason,
             message=row.message)
        for row in rows
    ]  # fmt: skip


def reminders(c: Connections, run: Run) -> list[Step]:
    """A task more for every approval that nobody has given or refused in time: after one period, two, four, eight …"""
    with reading(c.engine) as connection:
        rows = [row for row in approvals.waiting(connection) if from_text(row.due_at) <= run.now]
    return new(c, [_reminder(row, run) for row in rows])


def _reminder(row: Any, run: Run) -> Step:
    asked, due = from_text(row.asked_at), from_text(row.due_at)
    periods = (run.now - asked) // max(due - asked, timedelta(hours=1))
    power = 1 << (max(periods, 1).bit_length() - 1)
    why = f"approval-{row.rule.lower()}-{row.minor}-again-{power}"
    reason = f"nobody has answered since {row.asked_at[:10]}: {row.reason}"
    return task(row.case_id, why, row.rule, reason, "staff_refund_approval")


def new(c: Connections, wanted: Sequence[Step]) -> list[Step]:
    """Those that are not there yet: asking the database once is cheaper than an intent each."""
    with reading(c.engine) as connection:
        known = steps.by_keys(connection, [step.key for step in wanted])
    return [step for step in wanted if step.key not in known or known[step.key].state in ("void", "dropped")]


async def tell(c: Connections, job: Job) -> Settlement:
    """Send the one mail about the money. Raises the vendor's errors; nobody to write to is a refusal."""
    if not job.person.email:
        return Settlement(
            key=job.step.key, state="refused", at=c.clock(), contact="released", detail="no mail address is known"
        )
    if against := _not_true_any_more(c, job):
        return Settlement(key=job.step.key, state="dropped", at=c.clock(), contact="released", detail=against)
    worded = word(c, job)
    outgoing = OutgoingMail(
        to=job.person.email,
        to_name=job.person.name,
        sender_name=f"{worded.sender.name} ({c.shop})",
        sender_email=worded.sender.email,
        subject=worded.text.subject,
        body=worded.text.body,
        language=worded.text.language,
    )
    sent = await c.mailer.send(outgoing, key=job.step.key, at=job.run.now)
    return sent_settlement(c, job, sent, c.vendors.mail, "mail")


def _not_true_any_more(c: Connections, job: Job) -> str:
    """Why the text would not be true, read just before it is sent; empty where it is."""
    with reading(c.engine) as connection:
        taken = {row.key: row for row in steps.of_cases(connection, [job.case.id])}
    money: Any = taken.get(key_of(job.case.id))
    failed = any(row.action == "refund_failed" for row in taken.values())
    said = job.step.rung.removeprefix("told-")
    now = "failed" if failed or (money and money.state == "refused") else "sent" if money.state == "done" else "pending"
    return "" if said == now else f"the refund is {now} meanwhile"
