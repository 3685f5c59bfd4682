"""The last look: what can have changed between the decision and the effect is read again just before the call."""

from collections.abc import Sequence
from typing import Any

from domain.contacts import may_contact
from domain.payments import Renewal
from store import people
from store.db import reading
from tasks.charges import no_longer_due
from tasks.connect import Connections
from tasks.performing import Job


async def before_message(c: Connections, job: Job, channel: str) -> str:
    """Why a message must not go out any more, empty where it may: paid, cancelled or opted out meanwhile."""
    renewal = await c.payments.renewal(job.case.id)
    if against := no_longer_due(renewal):
        return against
    with reading(c.engine) as connection:
        found = people.opt_outs_of(connection, [job.case.customer])
    return may_contact(channel, "dunning", found, job.run.day, c.rules.quiet_hours.revoke_all_from)


async def still_open(c: Connections, rows: Sequence[Any]) -> list[Renewal]:
    """The renewals of these cases that are still due at the vendor, in the same order."""
    renewals = [await c.payments.renewal(row.id) for row in rows]
    return [renewal for renewal in renewals if not no_longer_due(renewal)]
