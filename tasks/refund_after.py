"""After a refund: what became of the money at the vendor. Pending arrives or fails, sent fails later, disputes open.

Whatever an event says, the vendor is asked by its own reference first. Each change is one settlement with its key.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from domain.decisions import Step
from domain.instants import day_in
from domain.money import Money
from domain.news import DisputeTouched, ProcessingFailed, RefundTouched
from domain.orders import RefundAnswer
from domain.people import Person
from integrations.errors import VendorError
from ledger import lookups, refund_entries
from ledger.entries import Entry
from ledger.errors import LedgerError
from ledger.settlements import NewStep, Settlement
from store import cases, refund_steps, returns, steps
from store.db import reading
from tasks.connect import Connections
from tasks.performing import Job, Outcome, Run
from tasks.refund_deciding import OPERATION, key_of
from tasks.refund_telling import LOOK_BACK, new, task
from tasks.refunding import context, settlement
from tasks.settling import settle

FAILED_RULE: Final = "R-40"
DISPUTE_RULE: Final = "R-41"
PORTAL_RULE: Final = "R-42"


async def check(c: Connections, touched: Sequence[RefundTouched], run: Run) -> list[Outcome]:
    """Look again at the refunds of ours that these events are about."""
    found: dict[str, tuple[Any, str]] = {}
    with reading(c.engine) as connection:
        for news in touched:
            rows = refund_steps.by_vendor_ref(connection, news.ref) if news.ref else []
            rows = rows or _of(connection, news)
            found |= {row.key: (row, order) for row, order in rows if row.state in ("unknown", "done")}
    return await look_at(c, list(found.values()), run)


async def recheck(c: Connections, since: datetime, run: Run) -> list[Outcome]:
    """Look again at every refund that may still change: pending ones, and those made since then."""
    with reading(c.engine) as connection:
        rows = refund_steps.to_watch(connection, since)
    return await look_at(c, rows, run)


async def look_at(c: Connections, rows: Sequence[tuple[Any, str]], run: Run) -> list[Outcome]:
    """Ask the mover about each; one that cannot be asked now is asked again by the next run."""
    outcomes: list[Outcome] = []
    for row, order in rows:
        try:
            answer = await c.mover.state(row.vendor_ref, order) if c.mover and row.vendor_ref else None
        except VendorError as error:
            outcomes.append(Outcome(row.key, "refund", "unknown", f"could not be asked: {error}"))
            continue
        if answer is not None and (changed := await _changed(c, row, answer, run)):
            outcomes.append(changed)
    return outcomes


async def _changed(c: Connections, row: Any, answer: RefundAnswer, run: Run) -> Outcome | None:
    with reading(c.engine) as connection:
        case = cases.by_id(connection, [row.case_id])[row.case_id]
    job = Job(row, case, Person(id=case.customer), run)
    if row.state == "unknown" and answer.state != "pending":
        return await _book(c, settlement(c, job, answer), "refund")
    if row.state == "done" and answer.state == "failed" and _went(answer, row).minor < row.amount_minor:
        return await _failed_later(c, job, answer)
    return None


def _went(answer: RefundAnswer, row: Any) -> Money:
    """What went of a refund that failed: nothing, or the part of some of its tenders."""
    nothing = Money(0, row.currency)
    return answer.amount if answer.amount and answer.amount.currency == row.currency else nothing


async def _failed_later(c: Connections, job: Job, answer: RefundAnswer) -> Outcome | None:
    """The money that was sent came back to the shop: the entry is taken back, the goods are owed money again.

    Where a part of it went all the same, that part is booked anew. It failed when we see it: the instant that comes
    with the answer may be the one at which the refund was made.
    """
    key, at = f"{key_of(job.case.id)}/failed-{answer.ref}", c.clock()
    with reading(c.engine) as connection:
        original = lookups.entry(connection, job.step.key)
        if key in steps.by_keys(connection, [key]):
            return None
    vendor = c.mover.vendor if c.mover else ""
    about = context(c, job, at, vendor, f"{answer.ref}/failed", key=key)
    new_step = NewStep(
        operation=OPERATION, case_id=job.case.id, action="refund_failed", rung=f"failed-{answer.ref}",
        day=day_in(at, c.zone).isoformat(), rule=FAILED_RULE, reason=f"the vendor says it failed: {answer.why}",
        policy_version=job.case.policy_version, flow_run=job.run.flow_run,
    )  # fmt: skip
    went = _went(answer, job.step)
    amount = Money(job.step.amount_minor, job.step.currency) - went
    entries: tuple[Entry, ...] = (refund_entries.refund_failed(original, about),) if original else ()
    if original and went:
        again = context(c, job, at, vendor, f"{answer.ref}/went", key=f"{key}/went")
        entries += refund_entries.vip_refund(again, went, mover=c.mover_name)
    taken_back = Settlement(
        key=key, state="done", at=at, vendor=vendor, vendor_ref=f"{answer.ref}/failed", amount=amount,
        detail=f"{amount} did not arrive: {answer.why}",
        entries=entries,
        case_changes=(("state", "person"), ("outcome", "refund_failed"), ("trouble", "refund_failed")),
        new_step=new_step,
    )  # fmt: skip
    return await _book(c, taken_back, "refund_failed")


async def _book(c: Connections, made: Settlement, action: str) -> Outcome:
    try:
        await settle(c, made)
    except LedgerError as error:
        return Outcome(made.key, action, "failed", f"not booked: {error}")
    amount = made.amount if made.state == "done" else None
    return Outcome(
        made.key, action, made.state, made.detail, amount.minor if amount else 0, amount.currency if amount else ""
    )


def failure_tasks(c: Connections, run: Run) -> list[Step]:
    """A task for a person for every refund that was refused or failed and of which none was told yet.

    Found from the books, so it does not matter which run, or which flow, saw the failure.
    """
    with reading(c.engine) as connection:
        rows = refund_steps.failed(connection, run.now - LOOK_BACK)
    return [
        task(
            row.case_id, "failed", FAILED_RULE, f"the refund did not happen: {row.detail}", "staff_refund_failed"
        )
        for row in rows
    ]  # fmt: skip


def dispute_tasks(c: Connections, touched: Sequence[DisputeTouched]) -> list[Step]:
    """A dispute on an order that we refunded early: the refund is evidence, and a person answers the dispute."""
    with reading(c.engine) as connection:
        rows = [(row, news) for news in touched for row, _ in _of(connection, news)]
    return new(c, [
        task(
            row.case_id, f"dispute-{news.ref}", DISPUTE_RULE,
            f"a dispute is open on an order that was refunded as {row.vendor_ref}: send the refund as evidence",
            "staff_refund_hold",
        )
        for row, news in rows
        if row.state in ("done", "unknown")
    ])  # fmt: skip


async def portal_failures(c: Connections, failures: Sequence[ProcessingFailed], run: Run) -> list[Outcome]:
    """The portal could not process what we had asked it to: those refunds did not happen, unless it has done so since.

    An event may be late, or about somebody else's try before ours, so the return itself is asked first.
    """
    outcomes: list[Outcome] = []
    for failure in failures if c.mover_name == "portal" else ():
        with reading(c.engine) as connection:
            labels = returns.labels_of(connection, [f"{failure.portal}-{failure.portal_id}"])
            taken = steps.by_keys(connection, [key_of(row.case_id) for row in labels])
            rows = cases.by_id(connection, [row.case_id for row in taken.values()])
        for row in taken.values():
            if row.state in ("intended", "unknown"):
                job = Job(row, rows[row.case_id], Person(id=""), run)
                try:
                    answer = await _processed(c, failure)
                except VendorError as error:
                    # Not known, then; reconcile asks again, and a person looks at what nobody knows for long.
                    outcomes.append(Outcome(row.key, "refund", "unknown", f"could not be asked: {error}"))
                    continue
                outcomes.append(await _book(c, settlement(c, job, answer), "refund"))
    return outcomes


async def _processed(c: Connections, failure: ProcessingFailed) -> RefundAnswer:
    """What the portal made of the return after all; failed where it has made nothing of it."""
    found: RefundAnswer | None = await c.mover.find("", "", failure.portal_id) if c.mover else None
    return found or RefundAnswer(state="failed", why=f"the portal could not process it: {failure.why}")


def _of(connection: Connection, news: RefundTouched | DisputeTouched) -> list[tuple[Any, str]]:
    """Our refunds on what an event is about: the shop names the order, the payments vendor its payment."""
    if news.order:
        return refund_steps.of_order(connection, news.order)
    return refund_steps.of_payment(connection, news.payment) if news.payment else []
