"""Dunning: once a day, take the one step that is due for every failed renewal; on weekdays, follow up personally.

Gather, decide, perform. The decisions are `domain.dunning.next_step` and `domain.dunning_follow_up.next_follow_up`;
this file only puts things in order. Safe to run twice: every step has a key.
"""

from collections.abc import Iterable

from prefect import State, flow

from domain.decisions import Hold, Step
from flows.ending import end, progress
from flows.work import Work, run_name, work
from store import holds, leases
from store.db import transaction
from tasks.deciding import Page, decide, decide_follow_ups, waiting_cases
from tasks.handing_over import write_list
from tasks.shells import CHUNK, PLAIN, TASKS, Effects


@flow(name="dunning", flow_run_name=run_name, validate_parameters=True)
async def dunning(on: str = "today", waiting_only: bool = False) -> State[str]:
    """Take every dunning step that is due: silent charges, mails, one SMS, the hand-over on day 12.

    Args:
        on: The day to decide for: today, or a date like 2026-01-27. A past day acts as if it were 9 o'clock there.
        waiting_only: Only take up messages that waited for the recipient's daytime. Nothing is read from the vendors.
    """
    async with work("dunning", on) as w:
        return await end(await take_steps(w, TASKS, waiting_only=waiting_only))


@flow(name="dunning-follow-up", flow_run_name=run_name, validate_parameters=True)
async def dunning_follow_up(on: str = "today") -> State[str]:
    """Send the personal mail that is due on every hand-over ticket; stop where a person is talking.

    Args:
        on: The day to decide for: today, or a date like 2026-01-27. A past day acts as if it were 9 o'clock there.
    """
    async with work("dunning-follow-up", on) as w:
        return await end(await follow_up(w, TASKS))


async def take_steps(w: Work, effects: Effects = PLAIN, *, waiting_only: bool = False) -> Work:
    """Gather, decide and perform the day's dunning."""
    if w.busy:
        return w
    only = waiting_cases(w.c, w.run.now, w.run.day) if waiting_only else None
    if not waiting_only:
        await _gather(w, effects)

    pages = decide(w.c, w.run.day, w.run.now, only=only)

    await _perform(w, effects, pages)
    write_list(w.c, w.run.day)
    return w


async def follow_up(w: Work, effects: Effects = PLAIN) -> Work:
    """Gather, decide and perform the day's personal mails."""
    if w.busy:
        return w
    await _gather(w, effects)

    pages = decide_follow_ups(w.c, w.run.day)

    await _perform(w, effects, pages)
    return w


async def _gather(w: Work, effects: Effects) -> None:
    """Read the payments vendor, and the tickets too: where a person talks to a customer, nothing goes on beneath."""
    w.report.took_in(await effects.read_payments(w.run))
    talking, problems = await effects.read_threads(w.run)
    w.report.problems += problems
    if talking:
        w.report.read["talking"] = talking


async def _perform(w: Work, effects: Effects, pages: Iterable[Page]) -> None:
    """Store why nothing is done, do the rest in chunks, and show how far it is."""
    for page in pages:
        w.report.add_decisions(page.decisions, page.cases)
        with transaction(w.c.engine) as connection:
            leases.renew(connection, w.run.operation, w.c.clock())
            holds.record(connection, [found for found in page.decisions if isinstance(found, Hold)], w.run.day)
        due = [found for found in page.decisions if isinstance(found, Step)]
        for start in range(0, len(due), CHUNK):
            with transaction(w.c.engine) as connection:
                leases.renew(connection, w.run.operation, w.c.clock())
            w.report.add_outcomes(await effects.perform(due[start : start + CHUNK], w.run))
            await progress(w)
