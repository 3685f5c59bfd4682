"""Refunds afterwards: the goods that are still out, every day, and what four sides say of the same money, every night.

Both send no money. Safe to run twice: every change of a line has its own key, and a difference is kept once.
"""

from dataclasses import replace
from datetime import timedelta

from prefect import State, flow
from prefect.artifacts import acreate_table_artifact
from prefect.runtime import flow_run

from flows.ending import end
from flows.work import Work, run_name, work
from tasks import exposure, refund_after, three_way
from tasks.shells import PLAIN, TASKS, Effects
from tasks.three_way import Compared

SHOWN = 200
MAY_FAIL = timedelta(days=30)
"""A refund that went may come back for so long: a closed card is found out days later."""


@flow(name="refunds-exposure", flow_run_name=run_name, validate_parameters=True)
async def refunds_exposure(on: str = "today") -> State[str]:
    """Follow every line that was refunded early until its goods are in or given up, and tell persons what is theirs.

    Args:
        on: The day that this run is for: today, or a date like 2026-01-27.
    """
    async with work("refunds-exposure", on) as w:
        return await end(await follow(w, TASKS))


@flow(name="refunds-reconcile", flow_run_name=run_name, validate_parameters=True)
async def refunds_reconcile(on: str = "today") -> State[str]:
    """Compare the portal's, the shop's and the payments vendor's refunds with our books, and list what differs.

    Args:
        on: The day that this run is for: today, or a date like 2026-01-27.
    """
    async with work("refunds-reconcile", on) as w:
        return await end(await compare(w, TASKS))


async def follow(w: Work, effects: Effects = PLAIN) -> Work:
    """Book what is expected, follow the lines, then hand persons their tasks."""
    if w.busy:
        return w
    # The steps are the operation's own, whichever of its flows takes them.
    run = replace(w.run, operation=exposure.OPERATION)
    found = await exposure.follow_all(w.c, run)
    w.report.add_outcomes(found.outcomes)
    w.report.add_decisions(found.holds, len(found.holds))
    due = exposure.person_tasks(w.c)
    if due:
        w.report.add_outcomes(await effects.perform(due, run))
    return w


async def compare(w: Work, effects: Effects = PLAIN) -> Work:
    """Ask again about every refund that may still fail, then compare; every open difference is on the run's page."""
    if w.busy:
        return w
    if not w.c.refunds_configured:
        w.report.problems.append("portal and shop are not set up (portal.api_key, storefront.token): nothing was read")
        return w
    run = replace(w.run, operation=exposure.OPERATION)
    changed = await refund_after.recheck(w.c, w.run.now - MAY_FAIL, run)
    w.report.add_outcomes(changed)
    if due := refund_after.failure_tasks(w.c, run):
        w.report.add_outcomes(await effects.perform(due, run))
    found = await three_way.compare_all(w.c, w.run)
    w.report.problems += found.problems
    w.report.problems += [f"{each.kind} {each.subject}: {each.said}" for each in found.found]
    w.report.read |= {"refunds of ours": found.ours, "orders": found.orders, "differences": len(found.found)}
    w.report.read |= {"new differences": found.taken.opened, "resolved": found.taken.resolved}
    await _publish(found)
    return w


async def _publish(found: Compared) -> None:
    if not flow_run.id or not found.found:
        return
    rows = [
        {"kind": each.kind, "about": each.subject, "said": each.said, "do": each.remedy, "owner": each.owner}
        for each in found.found[:SHOWN]
    ]
    description = f"{len(found.found)} differences; `recoup refunds differences` lists them"
    await acreate_table_artifact(key="refunds-differences", table=rows, description=description)
