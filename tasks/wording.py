"""Wording: which values a text gets, from the case, the person and the decision. No personal data leaves the text.

A text promises a retry only where the decision planned one, and offers the pay link only where there is one.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from policies.formats import format_date, format_money
from policies.render import Text, render

from domain.money import Money
from domain.people import Sender
from tasks.connect import Connections
from tasks.performing import Job


@dataclass(frozen=True, slots=True)
class Worded:
    """A rendered text and the language it is in."""

    text: Text
    language: str
    sender: Sender


def word(c: Connections, job: Job, *, name: str = "") -> Worded:
    """Render the message of a step for its person; raises the policies' error where a value is missing."""
    loaded = c.policy_of(job.case.policy_version)
    policy = loaded.policy
    sender = policy.senders[job.step.sender or policy.follow_up_senders[0]]
    language = loaded.messages.language_for(job.person.language)
    amount = format_money(Money(job.case.remaining_minor, job.case.currency), language)
    failed_on = date.fromisoformat(job.case.opened_on)
    last_day = failed_on + timedelta(days=policy.hand_over_day)
    values = {
        "name": job.person.name,
        "shop": c.shop,
        "amount": amount,
        "failed_on": format_date(failed_on, language),
        "last_day": format_date(last_day, language),
        "sender": sender.name,
        "sender_email": sender.email,
        "reason": job.step.reason,
    }
    return Worded(render(loaded.messages, name or job.step.message, language, values), language, sender)
