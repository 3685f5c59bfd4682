"""Helpdesk tickets: the hand-over, the personal mails from it, and tasks for a person.

The helpdesk has no idempotency key, so the step's key is the ticket's or message's external id, and every call
is preceded by a look-up of it: a ticket that is there already is the outcome.
"""

from typing import Any

from domain.messages import Ticket, TicketDraft, TicketMessage
from ledger.settlements import Settlement
from store import cases, steps
from store.db import reading
from tasks import last_look
from tasks.charges import no_longer_due
from tasks.connect import Connections
from tasks.messages import cost
from tasks.performing import Job
from tasks.wording import Worded, word

HAND_OVER, PERSON = "handed_over", "person"


async def hand_over(c: Connections, job: Job) -> Settlement:
    """Give what is still open to support: one ticket per customer, whatever number of renewals is open."""
    renewal = await c.payments.renewal(job.case.id)
    if against := no_longer_due(renewal):
        return Settlement(key=job.step.key, state="dropped", at=c.clock(), detail=against)
    with reading(c.engine) as connection:
        rows = cases.open_of_customer(connection, job.case.customer)
        handed = [step for step in steps.of_cases(connection, [row.id for row in rows]) if step.action == "hand_over"]
    if ticket := next((row.ticket for row in rows if row.ticket), ""):
        return _handed_over(c, job, ticket, "joined the customer's ticket", booked=False)
    if _unanswered_before(handed, job.step.key):
        why = "nothing happened: the hand-over of another invoice of this customer has no answer yet"
        return Settlement(key=job.step.key, state="void", at=c.clock(), detail=why)
    opened = await _open(c, job, word(c, job, name="staff_hand_over"), tags=("recoup", "dunning", "hand-over"))
    return _handed_over(c, job, opened.ref, "ticket opened for support", booked=True)


def _unanswered_before(handed: list[Any], key: str) -> bool:
    """Whether another invoice's ticket may be there already. Those intended together with this one come after it."""
    mine = next(step.intended_at for step in handed if step.key == key)
    return any(step.state == "unknown" or (step.state == "intended" and step.intended_at < mine) for step in handed)


async def follow_up(c: Connections, job: Job) -> Settlement:
    """One personal mail from the ticket. Stops where the customer answered, an agent took it, or all is paid."""
    state = await c.helpdesk.state(job.case.ticket)
    if state.answered_at or state.taken_by or state.closed:
        who = "the customer answered" if state.answered_at else "an agent took the ticket"
        return Settlement(
            key=job.step.key, state="dropped", at=c.clock(), detail=f"{who} meanwhile", contact="released"
        )
    with reading(c.engine) as connection:
        rows = [row for row in cases.open_of_customer(connection, job.case.customer) if row.ticket == job.case.ticket]
    if not await last_look.still_open(c, rows):
        return Settlement(
            key=job.step.key, state="dropped", at=c.clock(), detail="nothing is open meanwhile", contact="released"
        )
    worded = word(c, job)
    found = await c.helpdesk.find_message(job.case.ticket, job.step.key)
    ref = found or await c.helpdesk.add_message(job.case.ticket, _message(job, worded), key=job.step.key)
    return follow_up_sent(c, job, ref)


async def person(c: Connections, job: Job) -> Settlement:
    """Open an internal task for a person; the customer hears nothing from us meanwhile."""
    name = job.step.message or f"staff_{job.step.rung.removeprefix('person-')}"
    worded = word(c, job, name=name)
    ticket = await _open(c, job, worded, tags=("recoup", job.case.operation, job.step.rung), internal=True)
    return person_told(c, job, ticket)


def follow_up_sent(c: Connections, job: Job, ref: str) -> Settlement:
    """The outcome of a personal mail that the helpdesk confirms."""
    return Settlement(
        key=job.step.key, state="done", at=job.run.now, vendor=c.vendors.helpdesk, vendor_ref=ref,
        detail="personal mail sent from the ticket", contact="sent",
    )  # fmt: skip


def ticket_opened(c: Connections, job: Job, ticket: Ticket) -> Settlement:
    """The outcome of a hand-over whose ticket the helpdesk confirms; for reconcile."""
    return _handed_over(c, job, ticket.ref, "ticket opened for support", booked=True)


def person_told(c: Connections, job: Job, ticket: Ticket) -> Settlement:
    """The outcome of a task for a person; a VIP's case stays open, every other one waits for that person."""
    stays = job.step.rung == "concierge" or job.case.operation != "dunning"
    changes: tuple[tuple[str, str | int], ...] = () if stays else (("state", PERSON),)
    return Settlement(
        key=job.step.key, state="done", at=job.run.now, vendor=c.vendors.helpdesk, vendor_ref=ticket.ref,
        detail="a person was told", case_changes=changes,
        entries=cost(c, job, "ticket", c.vendors.helpdesk, ticket.ref),
    )  # fmt: skip


def _handed_over(c: Connections, job: Job, ref: str, detail: str, *, booked: bool) -> Settlement:
    return Settlement(
        key=job.step.key, state="done", at=job.run.now, vendor=c.vendors.helpdesk,
        vendor_ref=ref if booked else "", detail=detail,
        case_changes=(("state", HAND_OVER), ("ticket", ref)),
        entries=cost(c, job, "ticket", c.vendors.helpdesk, ref) if booked else (),
    )  # fmt: skip


async def _open(c: Connections, job: Job, worded: Worded, *, tags: tuple[str, ...], internal: bool = True) -> Ticket:
    """The ticket with our key, opened if it is not there yet."""
    found = await c.helpdesk.find_ticket(job.step.key)
    if found:
        return found
    draft = TicketDraft(
        customer_name=job.person.name,
        customer_email=job.person.email,
        subject=worded.text.subject,
        body=worded.text.body,
        sender_email=worded.sender.email,
        sender_name=worded.sender.name,
        tags=tags,
        language=worded.text.language,
        internal=internal,
    )
    return await c.helpdesk.open_ticket(draft, key=job.step.key)


def _message(job: Job, worded: Worded) -> TicketMessage:
    return TicketMessage(
        to_email=job.person.email,
        to_name=job.person.name,
        sender_email=worded.sender.email,
        sender_name=worded.sender.name,
        subject=worded.text.subject,
        body=worded.text.body,
    )
