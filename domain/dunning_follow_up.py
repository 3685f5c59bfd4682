"""Dunning's second phase: what a customer's ticket needs today, after the hand-over to support. Pure.

Up to three personal mails go out from the ticket, days apart, and stop at once when the customer answers,
pays or cancels, or when a support agent takes the ticket. `explain` shows the rules F-01 to F-07.
"""

from datetime import date, timedelta
from typing import NamedTuple

from domain.decisions import Decision, Hold, Step
from domain.dunning_policy import DunningPolicy, pick_sender

RULES = {
    "F-01": "A personal mail from the ticket is due",
    "F-02": "The customer answered or an agent took the ticket: a person talks to them",
    "F-03": "An earlier mail has no answer from the helpdesk yet",
    "F-04": "The next personal mail is not due yet, or none is left",
    "F-05": "No sender is there to sign",
    "F-06": "Nothing is open any more",
    "F-07": "VIP: a robot does not write; the senior concierge does",
}


class Thread(NamedTuple):
    """One customer's hand-over ticket and what is still open on it."""

    id: str
    """The case whose hand-over opened the ticket; it names the steps."""
    customer: str
    ticket: str
    handed_over_on: date
    open_cases: int
    policy_version: str
    taken: frozenset[str] = frozenset()
    waiting_for_answer: bool = False
    answered: bool = False
    taken_by: str = ""
    last_message_on: date | None = None
    """The last day on which this customer got a message of ours about a payment."""
    last_sender: str = ""
    mail: str = ""
    """Why a mail cannot be sent, empty where it can."""
    vip: bool = False


def next_follow_up(thread: Thread, policy: DunningPolicy, today: date) -> Decision:
    """The one personal mail due on `today`, or the reason to hold."""
    if not thread.open_cases:
        return Hold(thread.id, "F-06", "everything on this ticket is paid or closed")
    if thread.answered:
        return Hold(thread.id, "F-02", "the customer answered; a person talks to them", person=True)
    if thread.taken_by:
        return Hold(thread.id, "F-02", "a support agent took the ticket", person=True)
    if thread.vip:
        return Hold(thread.id, "F-07", "VIP: the senior concierge writes from the ticket", person=True)
    if thread.mail:
        return Hold(thread.id, "F-05", thread.mail, person=True)
    if thread.waiting_for_answer:
        return Hold(thread.id, "F-03", "an earlier mail has no answer from the helpdesk yet")
    day = (today - thread.handed_over_on).days
    left = [mail for mail in policy.follow_ups if mail.name not in thread.taken]
    if not left:
        return Hold(thread.id, "F-04", "all personal mails were sent; silent charges go on", person=True)
    if day < left[0].day or (thread.last_message_on and thread.last_message_on >= today):
        due = max(thread.handed_over_on + timedelta(days=left[0].day), today + timedelta(days=1))
        return Hold(thread.id, "F-04", f"{left[0].name} comes on {due}", until=due.isoformat())
    senders = (thread.last_sender, *policy.follow_up_senders) if thread.last_sender else policy.follow_up_senders
    sender = pick_sender(senders, policy.senders, today)
    if not sender:
        return Hold(thread.id, "F-05", f"none of {', '.join(senders)} is there to sign", person=True)
    key, reason = (
        f"dunning/{thread.id}/{left[0].name}",
        f"{left[0].name} is due {left[0].day} days after the hand-over",
    )
    return Step(key, thread.id, "follow_up", left[0].name, "F-01", reason, left[0].message, sender)
