"""Refund decisions as they were made: with the facts, every rule's result and the policy's version. Never changed.

A repetition of the last one is not stored: the same outcome, amount, policy and results say nothing new, and a case
that waits is decided again every few minutes.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import from_text, to_text
from domain.refund_case import RefundFacts, Verdict
from domain.refund_json import checks_to_json, facts_from_json, facts_to_json
from store.refund_tables import decisions
from store.tables import cases

PAGE = 500
SAME = ("outcome", "rule", "currency", "amount_minor", "vip", "policy_version", "owner")


def record(
    connection: Connection, case: str, verdict: Verdict, facts: RefundFacts, at: datetime, flow_run: str
) -> bool:
    """Store a decision; False where it is the last one again."""
    row: dict[str, Any] = {
        "case_id": case,
        "at": to_text(at),
        "outcome": verdict.outcome,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "currency": verdict.amount.currency if verdict.amount else "",
        "amount_minor": verdict.amount.minor if verdict.amount else 0,
        "vip": int(verdict.vip),
        "policy_version": verdict.policy_version,
        "flow_run": flow_run,
        "facts": facts_to_json(facts),
        "checks": checks_to_json(verdict.checks),
        "owner": verdict.owner,
        "next_action": verdict.next_action,
    }
    last = _last(connection, case)
    if last is not None:
        if all(getattr(last, name) == row[name] for name in SAME) and _results(last.checks) == _results(row["checks"]):
            return False
        # Two decisions of one instant are still two; the later one gets the next microsecond.
        row["at"] = max(row["at"], to_text(from_text(last.at) + timedelta(microseconds=1)))
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(decisions)
    connection.execute(add.values(row).on_conflict_do_nothing())
    return True


def since(connection: Connection, at: datetime) -> Iterator[Row[Any]]:
    """Every decision from `at` on, oldest first, read in pages."""
    after = ("", "")
    while True:
        key = (decisions.c.at > after[0]) | ((decisions.c.at == after[0]) & (decisions.c.case_id > after[1]))
        chosen = select(decisions).where(decisions.c.at >= to_text(at), key)
        page = connection.execute(chosen.order_by(decisions.c.at, decisions.c.case_id).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        after = (page[-1].at, page[-1].case_id)


def of_cases(connection: Connection, ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """The decisions of these cases, oldest first; a case without one is left out."""
    found: dict[str, list[Row[Any]]] = {}
    chosen = select(decisions).where(decisions.c.case_id.in_(list(ids)))
    for row in connection.execute(chosen.order_by(decisions.c.case_id, decisions.c.at)):
        found.setdefault(row.case_id, []).append(row)
    return found


def paid_for(connection: Connection, case: str) -> RefundFacts | None:
    """The facts of the last decision that paid; None where none did. Raises domain.refund_json.NotFacts."""
    mine = (decisions.c.case_id == case) & (decisions.c.outcome == "pay")
    found = connection.execute(select(decisions.c.facts).where(mine).order_by(decisions.c.at.desc()).limit(1)).scalar()
    return facts_from_json(found) if found else None


def asked(connection: Connection, case: str, until: str) -> tuple[str, ...]:
    """The rules that asked for a yes in what was last put to a person up to that instant; none where nothing was."""
    mine = (decisions.c.case_id == case) & (decisions.c.outcome == "approve") & (decisions.c.at <= until)
    chosen = select(decisions.c.checks).where(mine).order_by(decisions.c.at.desc()).limit(1)
    found = connection.execute(chosen).scalar()
    return tuple(rule for rule, result in _results(found) if result == "approve") if found else ()


def vip_seen(connection: Connection, customer: str) -> tuple[datetime | None, datetime | None]:
    """When this customer was last found a VIP by tag or spend, and when last found none.

    A VIP by grace is neither, so that grace does not renew itself; neither is one whose order could not be read, nor
    one of whose parcel nothing was heard yet.
    """
    if not customer:
        return None, None
    joined = decisions.join(cases, cases.c.id == decisions.c.case_id)
    seen: list[datetime | None] = []
    for result in ("pass", "never"):
        mine = (cases.c.customer == customer) & decisions.c.checks.contains(_entry("V-01", result), autoescape=True)
        found = connection.execute(select(func.max(decisions.c.at)).select_from(joined).where(mine)).scalar()
        seen.append(from_text(found) if found else None)
    return seen[0], seen[1]


def _last(connection: Connection, case: str) -> Row[Any] | None:
    chosen = select(decisions).where(decisions.c.case_id == case).order_by(decisions.c.at.desc()).limit(1)
    return connection.execute(chosen).first()


def _results(checks: str) -> list[tuple[str, str]]:
    return [(one["rule"], one["result"]) for one in json.loads(checks)]


def _entry(rule: str, result: str) -> str:
    """How a check begins in the stored JSON: its keys stand in alphabetical order."""
    return json.dumps({"result": result, "rule": rule}, separators=(",", ":"))[1:-1]
