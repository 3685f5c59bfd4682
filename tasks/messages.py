"""Messages to a customer: mails in a team member's name, and the one SMS. Last look, then one call.

Mail has no look-up, so an unanswered one stays uncertain and is never sent again. The exact text of an SMS is
kept with its intent, because the vendor can only be asked by number and text.
"""

from datetime import timedelta

from domain.contacts import send_at
from domain.instants import to_text
from domain.messages import OutgoingMail, Sent
from domain.money import Money
from ledger import entries
from ledger.entries import Entry
from ledger.settlements import Settlement
from store import people, steps
from store.db import transaction
from tasks import booking
from tasks.connect import Connections
from tasks.last_look import before_message
from tasks.performing import Job
from tasks.wording import word

SLACK = timedelta(minutes=5)
"""A message whose allowed time starts within so little is sent now; clocks are not closer than that."""


async def mail(c: Connections, job: Job) -> Settlement:
    """Send one mail to the customer. Raises the vendor's errors; a refused address is a value."""
    if against := await before_message(c, job, "mail"):
        return _dropped(c, job, against)
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


async def sms(c: Connections, job: Job) -> Settlement:
    """Send the one SMS, inside the recipient's daytime. A refused number is a value; an opt-out is remembered."""
    if against := await before_message(c, job, "sms"):
        return _dropped(c, job, against)
    # The day that a run is for may be another one; the recipient sleeps by the real clock.
    now = c.clock()
    allowed = send_at("sms", job.person, now, c.rules.quiet_hours)
    if allowed - now > SLACK:
        return _dropped(c, job, f"quiet hours at the recipient until {to_text(allowed)}")
    body = word(c, job).text.body
    with transaction(c.engine) as connection:
        ours = steps.note_detail(connection, job.step.key, body)
    if not ours:
        return _dropped(c, job, "settled by another run meanwhile")
    sent = await c.texts.send(job.person.phone, body, key=job.step.key)
    return sent_settlement(c, job, sent, c.vendors.texts, "sms")


def sent_settlement(c: Connections, job: Job, sent: Sent, vendor: str, channel: str) -> Settlement:
    """What the channel's answer means; `reconcile` uses it too, once the vendor has told."""
    if sent.state == "refused":
        if sent.why == "opted_out":
            with transaction(c.engine) as connection:
                people.opt_out(connection, job.case.customer, channel, "dunning", vendor, job.run.now)
        return Settlement(
            key=job.step.key, state="refused", at=job.run.now, vendor=vendor, vendor_ref=sent.ref,
            detail=f"{sent.why or 'refused'}: {sent.reason or sent.code}", contact="released",
        )  # fmt: skip
    return Settlement(
        key=job.step.key, state="done", at=job.run.now, vendor=vendor, vendor_ref=sent.ref,
        detail=f"{channel} taken over for delivery", contact="sent",
        entries=cost(c, job, channel, vendor, sent.ref),
    )  # fmt: skip


def cost(c: Connections, job: Job, channel: str, vendor: str, ref: str) -> tuple[Entry, ...]:
    """The entry for what a message costs by the stored, dated price list; none where it is free or not listed."""
    price: Money | None = c.rules.costs.of(channel, job.case.currency, job.run.day)
    if not price:
        return ()
    about = booking.context(job.case, job.step.key, job.run.now, c.zone, vendor=vendor, ref=ref, run=job.run.flow_run)
    return (entries.message_cost(about, price, channel),)


def _dropped(c: Connections, job: Job, why: str) -> Settlement:
    return Settlement(key=job.step.key, state="dropped", at=c.clock(), detail=why, contact="released")
