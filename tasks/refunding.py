"""Refunding: one label's money, from the decision to the answer. Waves of distinct orders: gather, decide, perform.

Labels of one order go one after the other, because what the shop quotes for the second depends on the first. The
facts are read just before the decision, which is just before the call; only where a call had to wait its turn for
longer than `FRESH` is the case left for the next look instead of acting on what is old.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from domain.instants import day_in
from domain.money import Money
from domain.orders import RefundAnswer
from domain.people import Person
from domain.refund_amount import reduce
from domain.refund_case import RefundFacts
from ledger import refund_entries
from ledger.entries import Context
from ledger.settlements import Settlement
from store import cases, decisions, people, returns, switches
from store.db import reading, transaction
from tasks.connect import Connections
from tasks.movers import Payout
from tasks.performing import Job, Outcome, Run, perform_step
from tasks.refund_deciding import OPERATION, Decided, decide_all, key_of, undecided
from tasks.refund_facts import Gathered, NotRead, Seen, gather
from tasks.report import Report

FRESH: Final = timedelta(seconds=60)
RETRY_UNREAD: Final = timedelta(minutes=2)
WAVE: Final = 64
PART: Final = "only"
"""How the detail of a refund begins of which a part failed (store.refund_steps.failed)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was decided for the cases of one call, and what became of the money."""

    decided: list[Decided]
    outcomes: list[Outcome]


async def settle_cases(
    c: Connections, wanted: Iterable[str], run: Run, report: Report, seen: Seen | None = None
) -> Settled:
    """Decide these cases on fresh facts and send what is due; what cannot be read is looked at again soon.

    A label whose money went is not read again: the shop would quote nothing for it.
    """
    done = Settled([], [])
    for wave in _waves(c, undecided(c, list(dict.fromkeys(wanted)))):
        found = await gather(c, wave, seen)
        _not_read(c, [each for each in found if isinstance(each, NotRead)], report)
        read = [each for each in found if isinstance(each, Gathered)]
        decided = decide_all(c, read, run, report.problems)
        report.add_verdicts([each.verdict for each in decided])
        outcomes = await send(c, decided, run)
        report.add_outcomes(outcomes)
        done.decided.extend(decided)
        done.outcomes.extend(outcomes)
    return done


def _waves(c: Connections, wanted: list[str]) -> list[list[str]]:
    """The cases in waves in which no order stands twice."""
    with reading(c.engine) as connection:
        rows = returns.labels_by_case(connection, wanted)
        parents = returns.by_ids(connection, {row.return_id for row in rows.values()})
    waves: list[list[str]] = []
    orders: list[set[str]] = []
    first_open: dict[str, int] = {}
    for case in wanted:
        if case not in rows:
            continue
        order = parents[rows[case].return_id].order_ref or case
        place = first_open.get(order, 0)
        while place < len(waves) and (order in orders[place] or len(waves[place]) >= WAVE):
            place += 1
        if place == len(waves):
            waves.append([])
            orders.append(set())
        waves[place].append(case)
        orders[place].add(order)
        first_open[order] = place + 1
    return waves


def _not_read(c: Connections, unread: Sequence[NotRead], report: Report) -> None:
    if not unread:
        return
    now = c.clock()
    with transaction(c.engine) as connection:
        rows = returns.labels_by_case(connection, [each.case for each in unread])
        # By case, here and below: two runs that write the same labels then never wait for each other in a circle.
        for each in sorted(unread, key=lambda each: each.case):
            again = None if each.gone else now + RETRY_UNREAD
            returns.put_stage(connection, each.case, "never" if each.gone else "waiting", again, now)
    # A label that went away is said once; the portal may speak of its return for weeks.
    known = {each.case for each in unread if each.gone and rows[each.case].stage == "never"}
    report.problems += [f"{each.case}: {each.why}" for each in unread if each.case not in known]


async def send(c: Connections, decided: Sequence[Decided], run: Run) -> list[Outcome]:
    """Perform the refunds that are ours, at once; each has its own outcome."""
    due = [each for each in decided if each.step is not None]
    with reading(c.engine) as connection:
        rows = cases.by_id(connection, {each.gathered.case for each in due})
        known = people.by_ids(connection, {each.gathered.customer for each in due})
    gate = asyncio.Semaphore(c.concurrency)

    async def one(each: Decided) -> Outcome:
        case = rows[each.gathered.case]
        job = Job(each.step, case, known.get(case.customer) or Person(id=case.customer), run)
        async with gate:
            return await perform_step(c, job, partial(_refund, each))

    outcomes = list(await asyncio.gather(*map(one, due)))
    _mark(c, outcomes)
    return outcomes


async def _refund(decided: Decided, c: Connections, job: Job) -> Settlement:
    """Last look, then one call. Raises the vendor's errors."""
    now = c.clock()
    with reading(c.engine) as connection:
        stopped = switches.stopped(connection, OPERATION)
    if stopped or now - decided.gathered.read_at > FRESH:
        why = stopped or "the facts are too old to act on; they are read again"
        return Settlement(key=job.step.key, state="dropped", at=now, detail=why)
    facts, amount = decided.gathered.facts, decided.verdict.amount
    if c.mover is None or facts.order is None or facts.quote is None or amount is None:
        return Settlement(key=job.step.key, state="dropped", at=now, detail="no mover is set: refunds.mover")
    payout = Payout(key=job.step.key, ret=facts.ret, order=facts.order, quote=reduce(facts.quote, amount))
    return settlement(c, job, await c.mover.pay(payout), facts)


def settlement(c: Connections, job: Any, answer: RefundAnswer, facts: RefundFacts | None = None) -> Settlement:
    """What a mover's answer means, whether it came at once or was asked for later (then without `facts`)."""
    # What is pending or failed is so since we see it; the answer may name the instant at which the refund was made.
    went = answer.state == "succeeded" and answer.at
    at, vendor = went or c.clock(), c.mover.vendor if c.mover else ""
    part = answer.state == "failed" and answer.amount is not None and answer.amount.minor > 0
    if (answer.state == "succeeded" and answer.amount is not None) or part:
        # Of several tenders some may have gone and one failed: what went is booked, the rest is a person's.
        return _succeeded(c, job, answer, at, facts or _paid_for(c, job.case.id))
    if answer.state in ("pending", "succeeded"):
        return Settlement(
            key=job.step.key, state="unknown", at=at, vendor=vendor, vendor_ref=answer.ref,
            detail="accepted; the money has not arrived yet" + (f": {answer.why}" if answer.why else ""),
        )  # fmt: skip
    return Settlement(
        key=job.step.key, state="refused", at=at, vendor=vendor, vendor_ref=answer.ref,
        detail=f"{answer.state}: {answer.why or 'without a reason'}", case_changes=(("trouble", "refund_failed"),),
    )  # fmt: skip


def _succeeded(c: Connections, job: Any, answer: RefundAnswer, at: datetime, facts: RefundFacts | None) -> Settlement:
    """The money went: contra revenue, by the way it left. Its goods are booked as expected by the exposure sweep."""
    amount, vendor = answer.amount or Money(0, job.case.currency), c.mover.vendor if c.mover else ""
    about = context(c, job, at, vendor, answer.ref)
    shares = facts.quote.shares if facts and facts.quote else ()
    tenders = facts.order.tenders if facts and facts.order else ()
    return Settlement(
        key=job.step.key, state="done", at=at, vendor=vendor, vendor_ref=answer.ref, amount=amount,
        detail=f"{amount} went back" if answer.state == "succeeded" else f"{PART} {amount} went back: {answer.why}",
        entries=refund_entries.vip_refund(about, amount, mover=c.mover_name, shares=shares, tenders=tenders),
        case_changes=(
            ("state", "closed"), ("outcome", "refunded"), ("closed_on", about.effective_on.isoformat()),
            ("remaining_minor", 0), ("failed_minor", amount.minor), ("currency", amount.currency),
        ),
    )  # fmt: skip


def _paid_for(c: Connections, case: str) -> RefundFacts | None:
    """The facts that the money was decided on, as they were stored with the decision."""
    with reading(c.engine) as connection:
        return decisions.paid_for(connection, case)


def context(c: Connections, job: Any, at: datetime, vendor: str, ref: str, *, key: str = "") -> Context:
    """What every entry about a refund case says besides its amounts."""
    return Context(
        key=key or job.step.key, occurred_at=at, effective_on=day_in(at, c.zone), belongs_to=job.case.opened_on[:7],
        operation=OPERATION, case=job.case.id, vendor=vendor, vendor_ref=ref, flow_run=job.run.flow_run,
        policy_version=job.case.policy_version,
    )  # fmt: skip


def _mark(c: Connections, outcomes: Sequence[Outcome]) -> None:
    """Stages follow the steps; what was dropped or did not happen is decided again soon."""
    now = c.clock()
    with transaction(c.engine) as connection:
        in_order = sorted(outcomes, key=lambda each: each.key)
        returns.put_stages(connection, [_stage(outcome, now) for outcome in in_order], now)


def _stage(outcome: Outcome, now: datetime) -> returns.Stage:
    case = outcome.key.removeprefix(key_of(""))
    if outcome.state in ("void", "dropped", "failed"):
        return returns.Stage(case, "waiting", now + RETRY_UNREAD)
    return returns.Stage(case, "ended" if outcome.state == "refused" else "paid", None)
