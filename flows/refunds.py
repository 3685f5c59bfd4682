"""Refunds: the carrier has scanned a VIP's return parcel, so the money goes back now.

Gather what was heard, decide each label on fresh facts, perform. The dispatcher calls it with `source="inbox"` as soon
as an event is stored; the schedule calls it every minute and looks at everything else too. Safe to run twice and at
once: events are claimed, and every label's money has one key.
"""

from collections.abc import Sequence
from typing import Literal

from prefect import State, flow

from domain.decisions import Step
from flows.ending import end
from flows.work import Work, run_name, work
from tasks import refund_after, refund_events, refund_inbox, refund_polling, refund_telling, refunding
from tasks.actions import ACTIONS
from tasks.performing import perform_all
from tasks.refund_events import TakenIn

Source = Literal["sweep", "inbox"]


@flow(name="refunds", flow_run_name=run_name, validate_parameters=True)
async def refunds(on: str = "today", source: Source = "sweep") -> State[str]:
    """Send VIPs the money of a return as soon as the carrier has the parcel, and tell them.

    Args:
        on: The day that this run is for: today, or a date like 2026-01-27.
        source: sweep looks at everything: waiting cases, approvals, what webhooks missed. inbox takes new events only.
    """
    async with work("refunds", on, alone=False) as w:
        return await end(await send_refunds(w, source))


async def send_refunds(w: Work, source: Source = "sweep") -> Work:
    """Gather, decide and perform what is due now."""
    if not w.c.refunds_configured:
        w.report.problems.append("portal and shop are not set up (portal.api_key, storefront.token): nothing was read")
        return w
    while rows := refund_inbox.claim(w.c):
        w.report.read["events"] = w.report.read.get("events", 0) + len(rows)
        async with refund_inbox.held(w.c, rows):
            taken = await refund_events.take_in(w.c, rows)
            await act_on(w, taken)
            refund_events.close(w.c, taken)
    if source == "sweep":
        await refund_polling.watch(w.c, w.report)
        await refund_polling.follow_labels(w.c, w.report)
        found = await refund_polling.poll(w.c, w.report)
        await act_on(w, found)
        refund_polling.move(w.c, found.read)
        await act_on(w, TakenIn(cases=refund_inbox.due(w.c)))
        refund_polling.purge(w.c)
        await say(w, refund_telling.unheard(w.c, w.run) + refund_telling.reminders(w.c, w.run))
    await say(w, refund_telling.tellings(w.c, w.run) + refund_after.failure_tasks(w.c, w.run))
    return w


async def act_on(w: Work, taken: TakenIn) -> None:
    """Decide the cases, look again at refunds that changed, and give a person what is a person's."""
    decided = await refunding.settle_cases(w.c, taken.cases, w.run, w.report, taken.seen)
    outcomes = await refund_after.portal_failures(w.c, taken.failures, w.run)
    outcomes += await refund_after.check(w.c, taken.refunds, w.run)
    w.report.add_outcomes(outcomes)
    tasks = refund_telling.person_tasks(w.c, decided.decided)
    await say(w, tasks + refund_after.dispute_tasks(w.c, taken.disputes))


async def say(w: Work, due_steps: Sequence[Step]) -> None:
    """Perform messages and tasks; money has its own way through `tasks.refunding`."""
    if due_steps:
        w.report.add_outcomes(await perform_all(w.c, due_steps, w.run, ACTIONS))
