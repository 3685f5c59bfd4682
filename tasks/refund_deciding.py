"""Deciding refunds: history, decision, intent and money set aside in one transaction, under the operation's switch.

So two decisions never use the same budget, and the kill switch counts from the moment it is put. Everything that was
decided is stored with its facts, whatever came out.
"""

from collections.abc import Sequence
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
    """Decide these cases one after the other in one transaction; each sees what the ones before set aside.

    One that we stumble over leaves no trace but its reason in `problems`, is tried again, and stops no other.
    """
    if not gathered:
        return []
    now = c.clock()
    with transaction(c.engine) as connection:
        stopped = switches.hold(connection, OPERATION)
        taken = steps.by_keys(connection, [key_of(found.case) for found in gathered])
        said = approvals.latest(connection, [found.case for found in gathered])
        decided: list[Decided] = []
        # In the order of their cases: two runs that write the same rows then never wait for each other in a circle.
        for found in sorted(gathered, key=lambda each: each.case):
            before = taken.get(key_of(found.case))
            if before is not None and before.state in TAKEN:
                _keep_stage(connection, found.case, before.state, now)
                continue
            try:
                with connection.begin_nested():
                    decided.append(_decide(connection, c, found, said.get(found.case), stopped, now, run))
            except OperationalError:
                raise
            except Exception as error:
                problems.append(f"{found.case}: not decided: {told(error)}")
                returns.put_stage(connection, found.case, "waiting", now + STUMBLED, now)
    return decided


def _decide(
    connection: Connection, c: Connections, found: Gathered, said: Any, stopped: str, now: datetime, run: Run
) -> Decided:
    facts = _with_history(connection, c, found, said, stopped, now)
    policy = c.rules.refunds.policy
    verdict = decide(facts, policy, now)
    decisions.record(connection, found.case, verdict, facts, now, run.flow_run)
    _open_case(connection, c, found, verdict, now)
    look = verdict.until or (now + LOOK_AGAIN[verdict.outcome] if verdict.outcome in LOOK_AGAIN else None)
    returns.put_stage(connection, found.case, STAGES[verdict.outcome], look, now)
    if verdict.outcome == "approve" and verdict.amount:
        due = now + timedelta(hours=policy.approval_hours)
        approvals.ask(connection, found.case, verdict.amount, rule=verdict.rule, reason=verdict.reason, due=due, at=now)
    else:
        approvals.withdraw(connection, found.case, now)
    if verdict.outcome != "pay" or not verdict.amount:
        return Decided(found, verdict, None)
    step = Step(case=found.case, key=key_of(found.case), action="refund", rung="refund", rule=verdict.rule,
                reason=verdict.reason)  # fmt: skip
    ours = _set_aside(connection, c, found, facts, step, verdict.amount, now, run)
    return Decided(found, verdict, step if ours else None)


def _with_history(
    connection: Connection, c: Connections, found: Gathered, said: Any, stopped: str, now: datetime
) -> RefundFacts:
    facts = found.facts
    history = commitments.history(
        connection,
        customer=found.customer,
        order=facts.ret.order,
        address=facts.order.address if facts.order else "",
        card=found.card,
        currency=facts.quote.amount.currency if facts.quote else c.currency,
        windows=_windows(c.rules.refunds.policy),
        now=now,
        stopped=stopped,
        case=found.case,
    )
    return replace(facts, history=history, approval=_approval(connection, said))


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


def _open_case(connection: Connection, c: Connections, found: Gathered, verdict: Verdict, now: datetime) -> None:
    """The case's row, as every operation has it; the amount is the shop's quote."""
    day = day_in(now, c.zone).isoformat()
    amount = verdict.amount or (found.facts.quote.amount if found.facts.quote else Money(0, c.currency))
    over = verdict.outcome == "never"
    row = {
        **dict.fromkeys(cases.TEXTS, ""),
        **dict.fromkeys(cases.NUMBERS, 0),
        "id": found.case,
        "operation": OPERATION,
        "customer": found.customer,
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
    if not cases.insert_cases(connection, [row]):
        changed = ("id", "customer", "state", "outcome", "closed_on", "currency", "failed_minor", "remaining_minor")
        cases.update_facts(connection, [{name: row[name] for name in (*changed, "policy_version")}])
    if found.customer:
        returns.set_customer(connection, found.facts.ret.id, found.customer)
        people.set_vip(connection, found.customer, verdict.vip)


def _set_aside(
    connection: Connection, c: Connections, found: Gathered, facts: RefundFacts, step: Step, amount: Money,
    now: datetime, run: Run,
) -> bool:  # fmt: skip
    """Write the intent, the commitment and the exposure; False where another run has the key."""
    intent = Intent(
        step=step,
        operation=OPERATION,
        customer=found.customer,
        day=run.day,
        policy_version=c.rules.refunds.version,
        flow_run=run.flow_run,
        vendor=c.mover.vendor if c.mover else "",
        currency=amount.currency,
        amount_minor=amount.minor,
    )
    if step.key not in steps.intend(connection, [intent], now):
        return False
    made = Commitment(
        key=step.key, case=found.case, customer=found.customer, order=facts.ret.order,
        address=facts.order.address if facts.order else "", card=found.card, amount=amount,
    )  # fmt: skip
    commitments.put(connection, made, now)
    tenders = facts.order.tenders if facts.order else ()
    commitments.put_payments(connection, step.key, (tender.payment for tender in tenders))
    exposures.open_lines(
        connection, facts, amount, found.customer, due_days=c.rules.refunds.policy.exposure_days, at=now
    )
    return True


def _keep_stage(connection: Connection, case: str, state: str, now: datetime) -> None:
    """The money's step says how far the case is; a stage that a crash left behind is put right."""
    returns.put_stage(connection, case, "ended" if state == "refused" else "paid", None, now)
