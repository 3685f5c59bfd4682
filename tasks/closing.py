"""Closing a case by decision: cancelled, superseded or written off. The vendor is only read: was it paid meanwhile?"""

from domain.instants import to_text
from ledger.settlements import Settlement
from tasks import booking
from tasks.connect import Connections
from tasks.performing import Job

GIVEN_BACK = ("refund", "chargeback")
"""Troubles of a case whose payment went back: the vendor goes on calling its renewal paid."""


async def close(c: Connections, job: Job) -> Settlement:
    """End the case as the decision says; one that ended at the vendor meanwhile is left to the next read."""
    renewal = await c.payments.renewal(job.case.id)
    paid_and_gone = renewal.status == "paid" and job.case.trouble in GIVEN_BACK
    if renewal.status != "open" and not paid_and_gone:
        detail = f"the renewal is {renewal.status} meanwhile"
        return Settlement(key=job.step.key, state="dropped", at=c.clock(), detail=detail)
    return booking.lost(
        job.case, job.step.outcome or job.step.rung.removeprefix("close-"), key=job.step.key, at=job.run.now,
        vendor="", zone=c.zone, run=job.run.flow_run, reason=f"{job.step.reason} ({to_text(job.run.now)[:10]})",
    )  # fmt: skip
