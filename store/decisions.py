"""Refund decisions as they were made: with the facts, every rule's result and the policy's version. Never changed.

A repetition of the last one is not stored: the same outcome, amount, policy and results say nothing new, and a case
that waits is decided again every few minutes.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import from_text, to_text
from domain.refund_case import RefundFacts, Verdict
from domain.refund_json import checks_to_json, facts_from_json, facts_to_json
from store.refund_tables import decisions
from store.tables import cases

PAGE = 500
SAME = ("outcome", "rule", "currency", "amount_minor", "vip", "policy_version", "owner")


class Made(NamedTuple):
    """A decision about one case, with the facts that it was made on."""

    verdict: Verdict
    facts: RefundFacts


def record(connection: Connection, made: Sequence[Made], at: datetime, flow_run: str) -> list[str]:
    """Store decisions about different cases; return the cases of which it is not the last one again."""
    last = _last(connection, [one.facts.case for one in made])
    rows = [_row(one, at, flow_run) for one in made]
    new = [row for row in rows if not _same(row, last.get(row["case_id"]))]
    for row in new:
        before = last.get(row["case_id"])
        if before is not None:
            # Two decisions of one instant are still two; the later one gets the next microsecond.
            row["at"] = max(row["at"], to_text(from_text(before.at) + timedelta(microseconds=1)))
    if new:
        add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(decisions)
        connection.execute(add.on_conflict_do_nothing(), new)
    return [row["case_id"] for row in new]


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


def vip_seen(connection: Connection, customers: Collection[str]) -> dict[str, tuple[datetime | None, datetime | None]]:
    """When these customers were last found VIPs by tag or spend, and when last found none; without any, left out.

    A VIP by grace is neither, so that grace does not renew itself; neither is one whose order could not be read, nor
    one of whose parcel nothing was heard yet.
    """
    joined = decisions.join(cases, cases.c.id == decisions.c.case_id)
    passed, denied = (
        func.max(decisions.c.at).filter(decisions.c.checks.contains(_entry("V-01", result), autoescape=True))
        for result in ("pass", "never")
    )
    chosen = select(cases.c.customer, passed, denied).select_from(joined).group_by(cases.c.customer)
    found = connection.execute(chosen.where(cases.c.customer.in_(sorted(set(customers) - {""}))))
    return {who: (_instant(seen), _instant(unseen)) for who, seen, unseen in found if seen or unseen}


def _row(made: Made, at: datetime, flow_run: str) -> dict[str, Any]:
    verdict = made.verdict
    return {
        "case_id": made.facts.case,
        "at": to_text(at),
        "outcome": verdict.outcome,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "currency": verdict.amount.currency if verdict.amount else "",
        "amount_minor": verdict.amount.minor if verdict.amount else 0,
        "vip": int(verdict.vip),
        "policy_version": verdict.policy_version,
        "flow_run": flow_run,
        "facts": facts_to_json(made.facts),
        "checks": checks_to_json(verdict.checks),
        "owner": verdict.owner,
        "next_action": verdict.next_action,
    }


def _last(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The newest decision of each of these cases."""
    newest = select(decisions.c.case_id, func.max(decisions.c.at).label("at")).where(decisions.c.case_id.in_(ids))
    last = newest.group_by(decisions.c.case_id).subquery()
    joined = decisions.join(last, (last.c.case_id == decisions.c.case_id) & (last.c.at == decisions.c.at))
    return {row.case_id: row for row in connection.execute(select(decisions).select_from(joined))}


def _same(row: dict[str, Any], last: Row[Any] | None) -> bool:
    if last is None or any(getattr(last, name) != row[name] for name in SAME):
        return False
    return _results(last.checks) == _results(row["checks"])


def _instant(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _results(checks: str) -> list[tuple[str, str]]:
    return [(one["rule"], one["result"]) for one in json.loads(checks)]


def _entry(rule: str, result: str) -> str:
    """How a check begins in the stored JSON: its keys stand in alphabetical order."""
    return json.dumps({"result": result, "rule": rule}, separators=(",", ":"))[1:-1]
