"""Wording: the values a text gets, from the case, the person and the decision.

A text promises a charge only where the decision planned one, and shows the pay link only where there is one;
`policies.render` chooses those sentences by the values that are empty here.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from domain.money import Money
from domain.people import Sender
from policies.formats import format_date, format_money
from policies.render import Text, render
from tasks.connect import Connections
from tasks.performing import Job


@dataclass(frozen=True, slots=True)
class Worded:
    """A rendered text and who signs it."""

    text: Text
    sender: Sender


def word(c: Connections, job: Job, *, name: str = "") -> Worded:
    """Render the message of a step for its person. Raises RenderError where a value is missing."""
    policy = c.rules.of(job.case.policy_version).policy
    sender = c.rules.senders[job.step.sender or policy.follow_up_senders[0]]
    language = c.rules.messages.language_for(job.person.language)
    failed_on = date.fromisoformat(job.case.opened_on)
    retry_on = getattr(job.step, "retry_on", "")
    values = {
        "name": job.person.name,
        "shop": c.shop,
        "amount": format_money(Money(job.case.remaining_minor, job.case.currency), language),
        "failed_on": format_date(failed_on, language),
        "last_day": format_date(failed_on + timedelta(days=policy.hand_over_day), language),
        "sender": sender.name,
        "reason": job.step.reason,
        "pay_link": job.case.pay_link,
        "retry_on": format_date(date.fromisoformat(retry_on), language) if retry_on else "",
        "remedy": job.case.remedy,
    }
    return Worded(render(c.rules.messages, name or job.step.message, language, values), sender)
