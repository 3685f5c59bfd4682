"""Wording: the values a text gets, from the case, the person and the decision.

A text promises a charge only where the decision planned one, and shows the pay link only where there is one;
`policies.render` chooses those sentences by the values that are empty here.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from domain.dunning_policy import pick_sender
from domain.money import Money
from domain.people import Sender
from domain.refund_json import return_from_json
from policies.formats import format_date, format_money
from policies.render import Text, render
from store import decisions, returns
from store.db import reading
from tasks.connect import Connections
from tasks.performing import Job

STAFF = "staff_"
"""How the names of messages to our own people begin."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A rendered text and who signs it."""

    text: Text
    sender: Sender


def word(c: Connections, job: Job, *, name: str = "") -> Worded:
    """Render the message of a step for its person. Raises RenderError where a value is missing."""
    if job.case.operation == "refunds":
        return _word_refund(c, job, name or job.step.message)
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


def _word_refund(c: Connections, job: Job, name: str) -> Worded:
    """The same for a refund: what goes back, for which order, and what a person is to do."""
    sender = _signs(c, job.step.sender, job.run.day)
    language = c.rules.messages.language_for(job.person.language)
    with reading(c.engine) as connection:
        ret = returns.by_ids(connection, [job.case.id.partition("/")[0]]).get(job.case.id.partition("/")[0])
        said = decisions.of_cases(connection, [job.case.id]).get(job.case.id, []) if name.startswith(STAFF) else []
    values = {
        "name": job.person.name or job.case.customer or job.case.id,
        "shop": c.shop,
        "amount": format_money(Money(job.case.failed_minor, job.case.currency), language),
        "order": return_from_json(ret.body).order_name or ret.order_ref if ret else job.case.id,
        "case": job.case.id,
        "sender": sender.name,
        "reason": job.step.reason,
        "next_action": said[-1].next_action if said and said[-1].next_action else f"recoup explain {job.case.id}",
    }
    return Worded(render(c.rules.messages, name, language, values), sender)


def _signs(c: Connections, chosen: str, day: date) -> Sender:
    """Who signs: whom the step names, else the first of the policy's senders who is there that day."""
    named = c.rules.refunds.policy.senders
    return c.rules.senders[chosen or pick_sender(named, c.rules.senders, day) or named[0]]
