"""Reconcile: what we do not know becomes known, by asking each vendor by our own key. Nothing is ever repeated."""

from prefect import State, flow

from flows import events
from flows.ending import end
from flows.work import Work, run_name, work
from tasks.shells import PLAIN, TASKS, Effects


@flow(name="reconcile", flow_run_name=run_name, validate_parameters=True)
async def reconcile(on: str = "today") -> State[str]:
    """Settle every step whose outcome is unknown by asking the vendor about it.

    Args:
        on: The day that new bookings are made for: today, or a date like 2026-01-27.
    """
    async with work("reconcile", on) as w:
        return await end(await settle_unknown(w, TASKS))


async def settle_unknown(w: Work, effects: Effects = PLAIN) -> Work:
    """Ask about every step without an answer; one that cannot be asked now stays for the next run."""
    if not w.busy:
        w.report.add_outcomes(await effects.reconcile(w.run))
        events.tell_old(w.c)
    return w
