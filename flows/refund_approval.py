"""Refund approval: a person's yes or no, given in a form of the Prefect UI. It moves no money itself."""

from typing import Literal

from prefect import State, flow
from prefect.states import Completed

from domain.money import Money
from flows.work import work
from tasks.refund_approving import approve


@flow(name="refunds-approval", validate_parameters=True)
async def refunds_approval(case: str, decision: Literal["approve", "reject"], by: str, note: str = "") -> State[str]:
    """Decide about one refund that is above a cap. The next run of refunds acts on it, within a minute.

    Args:
        case: The case as the task names it, like loop-98765/label-4. recoup approvals lists them.
        decision: approve lets the money go, up to the amount that was shown; reject keeps it until the inspection.
        by: Who decides. It is kept with the decision.
        note: Why, for whoever reads it later. No personal data.
    """
    async with work("refunds-approval", "today", alone=False) as w:
        row = approve(
            w.c.engine, case, approved=decision == "approve", by=by, channel="prefect", note=note, now=w.c.clock()
        )
        said = f"{row.decision}: {Money(row.minor, row.currency)} for {row.case_id}, by {by}"
        return Completed(message=said, data=said)
