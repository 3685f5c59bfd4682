"""Deciding refunds: history, decision, intent and money set aside in one transaction, under the operation's switch.

So two decisions never use the same budget, and the kill switch counts from the moment it is put. Everything that was
decided is stored with its facts, whatever came out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from domain.decisions import Step
from domain.instants import day_in, from_text
from domain.money import Money
from domain.refund_case import Approval, RefundFacts, Verdict
from domain.refund_policy import RefundPolicy
from domain.refunds import decide
from store import approvals, cases, commitments, decisions, exposures, people, returns, steps, switches
from store.commitments import Commitment
from store.db import reading, transaction
from store.histories import Asked, Histories, apart
from store.steps import Intent
from tasks.connect import Connections
from tasks.mistakes import told
from tasks.performing import Run
from tasks.refund_facts import Gathered

OPERATION: Final = "refunds"
TAKEN: Final = ("intended", "unknown", "done", "refused")
"""States of a label's money after which nothing is decided about it any more: it went, may have, or never will."""
STAGES: Final = {"pay": "scanned", "wait": "waiting", "hold": "held", "approve": "approval", "never": "never"}
LOOK_AGAIN: Final = {"wait": timedelta(minutes=15), "hold": timedelta(hours=6), "approve": timedelta(hours=6)}
"""When a case without news is decided again. What is asked of a person is looked at too: the reason may be gone."""
STUMBLED: Final = timedelta(hours=1)
"""When a case over which we stumbled is tried again: perhaps with a newer version."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided for one case. `step` is there where the money is ours to send now."""

    gathered: Gathered
    verdict: Verdict
    step: Step | None


def key_of(case: str) -> str:
    """The key of a label's money."""
    return f"{OPERATION}/{case}"


def undecided(c: Connections, wanted: Sequence[str]) -> list[str]:
    """Those of the cases whose money is still to be decided about; the stage of the others is put right."""
    with reading(c.engine) as connection:
        taken = [row for row in steps.by_keys(connection, map(key_of, wanted)).values() if row.state in TAKEN]
    if taken:
        with transaction(c.engine) as connection:
            for row in sorted(taken, key=lambda each: each.case_id):
                _keep_stage(connection, row.case_id, row.state, c.clock())
    over = {row.case_id for row in taken}
    return [case for case in wanted if case not in over]


def decide_all(c: Connections, gathered: Sequence[Gathered], run: Run, problems: list[str]) -> list[Decided]:
    """Decide these cases in one transaction, batch by batch; each sees what the ones before set aside.

    One that we stumble over leaves no trace but its reason in `problems`, is tried again, and stops no other.
    """
    if not gathered:
        return []
    now = c.clock()
    with transaction(c.engine) as connection:
        stopped = switches.hold(connection, OPERATION)
        taken = steps.by_keys(connection, [key_of(found.case) for found in gathered])
        said = approvals.latest(connection, [found.case for found in gathered])
        over = {row.case_id: row.state for row in taken.values() if row.state in TAKEN}
        for case, state in sorted(over.items()):
            _keep_stage(connection, case, state, now)
        # In the order of their cases: two runs that write the same rows then never wait for each other in a circle.
        found = {each.case: each for each in sorted(gathered, key=lambda each: each.case) if each.case not in over}
        this = Deciding(connection, c, stopped, said, now, run, problems)
        decided: list[Decided] = []
        for batch in apart([_asked(c, each) for each in found.values()]):
            decided += _decide_apart(this, [found[one.case] for one in batch])
    return decided


@dataclass(frozen=True, slots=True)
class Deciding:
    """The transaction that decides, and what holds for all of its cases. `said` are people's answers by case."""

    connection: Connection
    c: Connections
    stopped: str
    said: Mapping[str, Any]
    now: datetime
    run: Run
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with its facts, its history among them, and the verdict over them."""

    found: Gathered
    facts: RefundFacts
    verdict: Verdict


def _decide_apart(this: Deciding, batch: Sequence[Gathered]) -> list[Decided]:
    """Decide a batch in a savepoint; where anything in it makes us stumble, each case in one of its own."""
    try:
        with this.connection.begin_nested():
            return _decide(this, batch)
    except OperationalError:
        raise
    except Exception as error:
        if len(batch) > 1:
            return [decided for each in batch for decided in _decide_apart(this, [each])]
        this.problems.append(f"{batch[0].case}: not decided: {told(error)}")
        returns.put_stage(this.connection, batch[0].case, "waiting", this.now + STUMBLED, this.now)
        return []


def _decide(this: Deciding, batch: Sequence[Gathered]) -> list[Decided]:
    """Judge the cases one after the other, then write all that was decided; no name stands in two of them."""
    judged = _judge(this, batch)
    made = [decisions.Made(each.verdict, each.facts) for each in judged]
    decisions.record(this.connection, made, this.now, this.run.flow_run)
    _open_cases(this, judged)
    stages = [returns.Stage(each.found.case, STAGES[each.verdict.outcome], _look(this, each)) for each in judged]
    returns.put_stages(this.connection, stages, this.now)
    _ask(this, judged)
    ours = _set_aside(this, [each for each in judged if each.verdict.outcome == "pay" and each.verdict.amount])
    steps_of = [_step(each) if key_of(each.found.case) in ours else None for each in judged]
    return [Decided(each.found, each.verdict, step) for each, step in zip(judged, steps_of, strict=True)]


def _judge(this: Deciding, batch: Sequence[Gathered]) -> list[Judged]:
    policy, asked = this.c.rules.refunds.policy, [_asked(this.c, found) for found in batch]
    known = Histories(this.connection, asked, _windows(policy), this.now)
    judged: list[Judged] = []
    for found, one in zip(batch, asked, strict=True):
        answer = _approval(this.connection, this.said.get(found.case))
        facts = replace(found.facts, history=known.of(one, this.stopped), approval=answer)
        verdict = decide(facts, policy, this.now)
        if verdict.outcome == "pay" and verdict.amount:
            known.spend(verdict.amount)
        judged.append(Judged(found, facts, verdict))
    return judged


def _asked(c: Connections, found: Gathered) -> Asked:
    facts = found.facts
    return Asked(
        case=found.case,
        customer=found.customer,
        order=facts.ret.order,
        address=facts.order.address if facts.order else "",
        card=found.card,
        currency=facts.quote.amount.currency if facts.quote else c.currency,
    )


def _look(this: Deciding, each: Judged) -> datetime | None:
    wait = LOOK_AGAIN.get(each.verdict.outcome)
    return each.verdict.until or (this.now + wait if wait else None)


def _ask(this: Deciding, judged: Sequence[Judged]) -> None:
    """Ask a person where one may say yes; what was asked about the others is no question any more."""
    due = this.now + timedelta(hours=this.c.rules.refunds.policy.approval_hours)
    asks = [(each.found.case, each.verdict) for each in judged if each.verdict.outcome == "approve"]
    asked = {case: verdict.amount for case, verdict in asks if verdict.amount}
    approvals.withdraw(this.connection, [each.found.case for each in judged if each.found.case not in asked], this.now)
    for case, verdict in asks:
        if amount := asked.get(case):
            approvals.ask(
                this.connection, case, amount, rule=verdict.rule, reason=verdict.reason, due=due, at=this.now
            )  # fmt: skip


def _windows(policy: RefundPolicy) -> tuple[int, ...]:
    """The days of every window that the policy counts over."""
    return tuple(sorted({limit.days for limits in policy.limits.values() for limit in limits}))


def _approval(connection: Connection, row: Any) -> Approval | None:
    if row is None:
        return None
    return Approval(
        decision=row.decision,
        by=row.decided_by,
        at=from_text(row.decided_at),
        amount=Money(row.minor, row.currency),
        note=row.note,
        lifts=decisions.asked(connection, row.case_id, row.decided_at),
    )


def _open_cases(this: Deciding, judged: Sequence[Judged]) -> None:
    """The cases' rows, as every operation has them."""
    rows = [_case(this, each) for each in judged]
    new = set(cases.insert_cases(this.connection, rows))
    changed = ("id", "customer", "state", "outcome", "closed_on", "currency", "failed_minor", "remaining_minor")
    known = [{name: row[name] for name in (*changed, "policy_version")} for row in rows if row["id"] not in new]
    cases.update_facts(this.connection, known)
    named = [each for each in judged if each.found.customer]
    returns.set_customers(this.connection, {each.facts.ret.id: each.found.customer for each in named})
    people.set_vip(this.connection, {each.found.customer: each.verdict.vip for each in named})


def _case(this: Deciding, each: Judged) -> dict[str, Any]:
    """The amount is the shop's quote."""
    verdict, quote = each.verdict, each.facts.quote
    day = day_in(this.now, this.c.zone).isoformat()
    amount = verdict.amount or (quote.amount if quote else Money(0, this.c.currency))
    over = verdict.outcome == "never"
    return {
        **dict.fromkeys(cases.TEXTS, ""),
        **dict.fromkeys(cases.NUMBERS, 0),
        "id": each.found.case,
        "operation": OPERATION,
        "customer": each.found.customer,
        "state": "closed" if over else "open",
        "outcome": "not_early" if over else "",
        "opened_on": day,
        "closed_on": day if over else "",
        "currency": amount.currency,
        "failed_minor": amount.minor,
        "remaining_minor": amount.minor,
        "policy_version": verdict.policy_version,
        "source": "vendor",
    }


def _step(each: Judged) -> Step:
    verdict, case = each.verdict, each.found.case
    return Step(case=case, key=key_of(case), action="refund", rung="refund", rule=verdict.rule, reason=verdict.reason)


def _set_aside(this: Deciding, paying: Sequence[Judged]) -> set[str]:
    """Write intents, commitments and exposures; return the keys that are ours, for another run may have some."""
    meant = {key_of(each.found.case): (each, each.verdict.amount or Money(0, this.c.currency)) for each in paying}
    intents = [_intent(this, each, amount) for each, amount in meant.values()]
    ours = steps.intend(this.connection, intents, this.now)
    mine = {key: meant[key] for key in meant if key in ours}
    commitments.put(this.connection, [_commitment(this, *mine[key]) for key in mine], this.now)
    commitments.put_payments(this.connection, {key: _payments(each.facts) for key, (each, _) in mine.items()})
    exposures.open_lines(
        this.connection,
        [exposures.Opened(each.facts, amount, each.found.customer) for each, amount in mine.values()],
        due_days=this.c.rules.refunds.policy.exposure_days,
        at=this.now,
    )
    return ours


def _commitment(this: Deciding, each: Judged, amount: Money) -> Commitment:
    one = _asked(this.c, each.found)
    return Commitment(
        key=key_of(one.case), case=one.case, customer=one.customer, order=one.order, address=one.address,
        card=one.card, amount=amount,
    )  # fmt: skip


def _payments(facts: RefundFacts) -> list[str]:
    return [tender.payment for tender in facts.order.tenders] if facts.order else []


def _intent(this: Deciding, each: Judged, amount: Money) -> Intent:
    return Intent(
        step=_step(each),
        operation=OPERATION,
        customer=each.found.customer,
        day=this.run.day,
        policy_version=this.c.rules.refunds.version,
        flow_run=this.run.flow_run,
        vendor=this.c.mover.vendor if this.c.mover else "",
        currency=amount.currency,
        amount_minor=amount.minor,
    )


def _keep_stage(connection: Connection, case: str, state: str, now: datetime) -> None:
    """The money's step says how far the case is; a stage that a crash left behind is put right."""
    returns.put_stage(connection, case, "ended" if state == "refused" else "paid", None, now)
