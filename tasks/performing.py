"""Performing: the life of a step. Intended, last look, call, outcome; one wave of steps at a time.

The intent is committed before the call, and only who wrote it may call. What becomes of the call is one
settlement. No answer is `unknown` and never repeated here: reconcile asks the vendor by our key.
Steps of one customer go one after the other; after a refused credential that vendor is not called again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

from domain.decisions import Step
from domain.people import Person
from integrations.errors import Refused, Unauthorised, Unavailable, VendorError
from ledger.errors import LedgerError
from ledger.settlements import Settlement
from policies.render import RenderError
from store import cases, people, steps
from store.db import reading, transaction
from store.steps import CHANNELS, Intent
from tasks.connect import Connections
from tasks.settling import settle

WAVE = 16
"""Intents per commit: at most so many mails can be uncertain after a crash, for mail has no look-up."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run knows of itself: the day it is for, its instant, its id in the Prefect UI."""

    operation: str
    day: date
    now: datetime
    flow_run: str


@dataclass(frozen=True, slots=True)
class Job:
    """One step with the rows it needs, read just before."""

    step: Any
    """A decided `Step`, or a stored row of `steps`: both have the same names."""
    case: Any
    person: Person
    run: Run
    history: Sequence[Any] | None = None
    """The case's steps so far, read with the chunk; None where they are read when they are needed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step, for the run's page. `detail` holds no personal data."""

    key: str
    action: str
    state: Literal["done", "refused", "unknown", "void", "dropped", "elsewhere", "failed"]
    detail: str
    amount_minor: int = 0
    currency: str = ""


Perform = Callable[[Connections, Job], Awaitable[Settlement]]


async def perform_all(
    c: Connections, decided: Sequence[Step], run: Run, actions: Mapping[str, Perform]
) -> list[Outcome]:
    """Perform a chunk of steps, several waves at once; every step has an outcome in the answer."""
    jobs = _jobs(c, decided, run)
    waves = [jobs[start : start + WAVE] for start in range(0, len(jobs), WAVE)]
    gate = asyncio.Semaphore(max(1, c.concurrency // WAVE))

    async def one(wave: list[list[Job]]) -> list[Outcome]:
        async with gate:
            return await _wave(c, wave, actions)

    return [outcome for wave in await asyncio.gather(*map(one, waves)) for outcome in wave]


def _jobs(c: Connections, decided: Sequence[Step], run: Run) -> list[list[Job]]:
    """The steps with their cases and people, one list per customer; a key that stands twice is one step."""
    decided = list({step.key: step for step in decided}.values())
    with reading(c.engine) as connection:
        rows = cases.by_id(connection, {step.case for step in decided})
        known = people.by_ids(connection, {row.customer for row in rows.values()})
        taken: dict[str, list[Any]] = {case: [] for case in rows}
        for past in steps.of_cases(connection, rows):
            taken[past.case_id].append(past)
    grouped: dict[str, list[Job]] = {}
    for step in decided:
        case = rows[step.case]
        person = known.get(case.customer) or Person(id=case.customer)
        grouped.setdefault(case.customer, []).append(Job(step, case, person, run, taken[step.case]))
    return list(grouped.values())


async def _wave(c: Connections, wave: list[list[Job]], actions: Mapping[str, Perform]) -> list[Outcome]:
    jobs = [job for customer in wave for job in customer]
    with transaction(c.engine) as connection:
        ours = steps.intend(connection, [_intent(job, c) for job in jobs], c.clock())

    async def in_order(customer: list[Job]) -> list[Outcome]:
        return [
            await perform_step(c, job, actions[job.step.action]) if job.step.key in ours else elsewhere(job.step)
            for job in customer
        ]

    return [outcome for customer in await asyncio.gather(*map(in_order, wave)) for outcome in customer]


async def perform_step(c: Connections, job: Job, perform: Perform) -> Outcome:
    """Call and settle one step whose intent is written and ours."""
    step = job.step
    try:
        settlement = await _settlement(c, job, perform)
        # The words of an SMS stay with an unanswered step, for the vendor can only be asked by them.
        unanswered = (settlement.state, step.action) == ("unknown", "sms")
        await settle(c, replace(settlement, detail="") if unanswered else settlement)
    except LedgerError as error:
        return Outcome(step.key, step.action, "failed", f"not booked: {error}")
    amount = settlement.amount if settlement.state == "done" else None
    return Outcome(
        step.key,
        step.action,
        settlement.state,
        settlement.detail,
        amount.minor if amount else 0,
        amount.currency if amount else "",
    )


async def _settlement(c: Connections, job: Job, perform: Perform) -> Settlement:
    """The outcome of the call, or what the vendor's error says about whether anything happened."""
    step = job.step
    contact: Literal["", "released"] = "released" if step.action in CHANNELS else ""
    blank = Settlement(key=step.key, state="void", at=c.clock())
    vendor = vendor_of(c, step.action)
    if vendor in c.locked_out:
        return replace(blank, detail=f"not called: {vendor} refused our credentials before", contact=contact)
    try:
        return await perform(c, job)
    except VendorError as error:
        return replace(blank, **_after_error(c, vendor, error, contact))
    except RenderError as error:
        return replace(blank, detail=f"nothing happened: {error}", contact=contact)
    except Exception as error:
        # A mistake of ours concerns this step alone; whether it was called before is for the vendor to say.
        return replace(blank, state="unknown", detail=f"our own mistake, {_where(error)}; reconcile asks the vendor")


def _after_error(c: Connections, vendor: str, error: VendorError, contact: str) -> dict[str, Any]:
    """What a vendor's error says about the effect. Another vendor's came from the last look, so nothing was called."""
    if isinstance(error, Unauthorised):
        c.locked_out.add(error.vendor)
    if isinstance(error, Unavailable | Unauthorised) or error.vendor != vendor:
        return {"detail": f"nothing happened: {error}", "contact": contact}
    if isinstance(error, Refused):
        return {"state": "refused", "detail": str(error), "contact": contact}
    return {"state": "unknown", "detail": f"{error}; reconcile asks the vendor"}


def _where(error: Exception) -> str:
    """The kind and the place of a mistake of ours, without its words, which may hold personal data."""
    place = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"


def _intent(job: Job, c: Connections) -> Intent:
    return Intent(
        step=job.step,
        operation=job.run.operation,
        customer=job.case.customer,
        day=job.run.day,
        policy_version=job.case.policy_version,
        flow_run=job.run.flow_run,
        vendor=vendor_of(c, job.step.action),
        currency=job.case.currency,
        amount_minor=job.case.remaining_minor if job.step.action == "charge" else 0,
    )


def vendor_of(c: Connections, action: str) -> str:
    """Which vendor an action calls; empty for what is done in our own tables."""
    vendors = {"charge": c.vendors.payments, "mail": c.vendors.mail, "tell": c.vendors.mail, "sms": c.vendors.texts}
    vendors["refund"] = c.mover.vendor if c.mover else ""
    helpdesk = c.vendors.helpdesk if action in ("hand_over", "follow_up", "person") else ""
    return vendors.get(action, helpdesk)


def elsewhere(step: Step) -> Outcome:
    """The outcome here of a step that another run performs."""
    return Outcome(step.key, step.action, "elsewhere", "another run has this step, or it has its outcome already")
