"""Steps: what was intended, committed before the call. Outcomes are written by the ledger's writer only.

`intend` is the one gate to an effect: the key is unique, so of two runs that decide the same step only one may
call. A step that had no effect (`void`, `dropped`) may be intended again under its key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Step
from domain.instants import day_in, from_text, to_text
from store.tables import contacts, steps

CHANNELS = {"mail": "mail", "sms": "sms", "follow_up": "mail", "tell": "mail"}
"""The actions that reach a customer, and on which channel."""
PURPOSES = {"follow_up": "support", "tell": "service"}
"""Why a message is sent, where it is not dunning."""
OPENED = ("intended", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A decided step with what the run knows about it. `detail` is kept for a later look-up, without personal data."""

    step: Step
    operation: str
    customer: str
    day: date
    policy_version: str
    flow_run: str
    vendor: str
    currency: str = ""
    amount_minor: int = 0
    detail: str = ""


def intend(connection: Connection, intents: Sequence[Intent], at: datetime) -> set[str]:
    """Write the intents; return the keys that are ours to perform now. The others belong to another run."""
    if not intents:
        return set()
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(steps)
    again = {name: statement.excluded[name] for name in ("state", "day", "rule", "reason", "message", "sender")}
    again |= {name: statement.excluded[name] for name in ("flow_run", "intended_at", "settled_at", "detail")}
    claim = statement.on_conflict_do_update(
        index_elements=[steps.c.key],
        set_={**again, "tries": steps.c.tries + 1},
        # No IN: its list cannot be bound beside many rows.
        where=(steps.c.state == "void") | (steps.c.state == "dropped"),
    )
    rows = {intent.step.key: _row(intent, to_text(at)) for intent in intents}
    # A list of rows and no VALUES of many rows: those are put together anew for every call, a millisecond a row.
    ours = {key for (key,) in connection.execute(claim.returning(steps.c.key), list(rows.values()))}
    _reserve(connection, [intent for intent in intents if intent.step.key in ours], to_text(at))
    return ours


def awaiting(connection: Connection, *, before: datetime) -> list[Row[Any]]:
    """Steps without a final answer: intended before `before` and never settled, or unknown since then.

    A vendor may still be at work on a call that we have given up, so one that is newer is left alone.
    """
    old = (steps.c.state == "intended") & (steps.c.intended_at < to_text(before))
    old |= (steps.c.state == "unknown") & (steps.c.settled_at < to_text(before))
    chosen = select(steps).where(old).order_by(steps.c.intended_at, steps.c.key)
    return list(connection.execute(chosen).all())


def by_keys(connection: Connection, keys: Iterable[str]) -> dict[str, Row[Any]]:
    """Step rows by key."""
    return {row.key: row for row in connection.execute(select(steps).where(steps.c.key.in_(list(keys))))}


def of_cases(connection: Connection, ids: Iterable[str]) -> list[Row[Any]]:
    """All steps of the cases, oldest first."""
    chosen = select(steps).where(steps.c.case_id.in_(list(ids))).order_by(steps.c.intended_at, steps.c.key)
    return list(connection.execute(chosen).all())


def acted_on(step: Any, zone: str) -> date:
    """The day on which a step was really taken: a run that starts late acts for an earlier one."""
    return max(date.fromisoformat(step.day), day_in(from_text(step.intended_at), zone))


def taken_since(connection: Connection, case: str, action: str, days: int, now: datetime) -> int:
    """How many steps of `action` the case had in the last `days` days, whatever came of them."""
    since = to_text(now - timedelta(days=days))
    chosen = select(steps.c.key).where(steps.c.case_id == case, steps.c.action == action, steps.c.intended_at > since)
    return len(connection.execute(chosen).all())


def note_detail(connection: Connection, key: str, detail: str) -> bool:
    """Keep what a later look-up needs (e.g. the exact text of an SMS) before the call is made.

    False where the step is not intended any more: somebody settled it meanwhile, and it must not be performed.
    """
    change = update(steps).where(steps.c.key == key, steps.c.state == "intended").values(detail=detail)
    return bool(connection.execute(change).rowcount)


def _row(intent: Intent, at: str) -> Mapping[str, Any]:
    step = intent.step
    return {
        "key": step.key,
        "operation": intent.operation,
        "case_id": step.case,
        "action": step.action,
        "rung": step.rung,
        "state": "intended",
        "day": intent.day.isoformat(),
        "rule": step.rule,
        "reason": step.reason,
        "message": step.message,
        "sender": step.sender,
        "policy_version": intent.policy_version,
        "flow_run": intent.flow_run,
        "intended_at": at,
        "settled_at": "",
        "vendor": intent.vendor,
        "vendor_ref": "",
        "currency": intent.currency,
        "amount_minor": intent.amount_minor,
        "detail": intent.detail,
        "tries": 1,
    }


def _reserve(connection: Connection, intents: Sequence[Intent], at: str) -> None:
    rows = {intent.step.key: _contact(intent, at) for intent in intents if intent.step.action in CHANNELS}
    if rows:
        add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(contacts)
        again = {"state": "reserved", "day": add.excluded.day, "at": add.excluded.at}
        connection.execute(add.on_conflict_do_update(index_elements=["key"], set_=again), list(rows.values()))


def _contact(intent: Intent, at: str) -> dict[str, Any]:
    return {
        "key": intent.step.key,
        "person": intent.customer,
        "channel": CHANNELS[intent.step.action],
        "purpose": PURPOSES.get(intent.step.action, "dunning"),
        "operation": intent.operation,
        "case_id": intent.step.case,
        "state": "reserved",
        "day": intent.day.isoformat(),
        "at": at,
    }
