"""Settlements to test with: a renewal that fails, is paid, and whose money goes back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from domain.money import Money
from ledger import entries
from ledger.entries import Context, Entry
from ledger.posting import Posted, Writer
from ledger.settlements import NewStep, Settlement
from store import db
from store.tables import steps

AT = datetime(2026, 1, 15, 8, tzinfo=UTC)
NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
EUR_49_90 = Money(4990, "EUR")


def clock() -> datetime:
    """A clock that stands still."""
    return NOW


def about(key: str, *, days: int = 0, **changes: Any) -> Context:
    """What an entry with this key says of itself, some days after the 15th."""
    at = AT + timedelta(days=days)
    values: dict[str, Any] = {
        "key": key,
        "occurred_at": at,
        "effective_on": at.date(),
        "belongs_to": "2026-01",
        "operation": "dunning",
        "case": "in_1",
        "vendor": "stripe",
        "vendor_ref": f"ref-{key}",
        "flow_run": "brave-otter",
        "policy_version": "p1",
    }
    return Context(**values | changes)


def new_step(case: str = "in_1") -> NewStep:
    """A step that the vendor reported by itself."""
    return NewStep(operation="dunning", case_id=case, action="note", day="2026-01-15", rule="D-01", reason="it failed")


def settled(*booked: Entry, key: str = "", **changes: Any) -> Settlement:
    """A settlement of an observed fact with these entries, under the first one's key."""
    values: dict[str, Any] = {
        "key": key or booked[0].source_key,
        "state": "done",
        "at": AT,
        "vendor": "stripe",
        "vendor_ref": booked[0].vendor_ref if booked else "",
        "entries": booked,
        "new_step": new_step(),
    }
    return Settlement(**values | changes)


def failed(key: str, amount: Money = EUR_49_90, **changes: Any) -> Entry:
    """A renewal failed."""
    return entries.renewal_failed(about(key, **changes), amount)


def recovered(
    key: str, paid: Money = EUR_49_90, owed: Money = EUR_49_90, phase: str = "message", **changes: Any
) -> Entry:
    """A failed renewal was paid."""
    return entries.renewal_recovered(about(key, **changes), paid, owed, phase)


def post(engine: Engine, *settlements: Settlement) -> list[Any]:
    """Post all in one transaction; the answers, errors among them."""
    return Writer(engine, clock=clock).post(settlements)


def post_well(engine: Engine, *settlements: Settlement) -> list[Posted]:
    """Post all; every one has to be accepted."""
    answers = post(engine, *settlements)
    assert all(isinstance(answer, Posted) for answer in answers), answers
    return answers


def rows(engine: Engine, query: str) -> list[Any]:
    """The rows of a query."""
    with db.reading(engine) as connection:
        return list(connection.exec_driver_sql(query).fetchall())


def intend(engine: Engine, key: str, case: str = "in_1", state: str = "intended") -> None:
    """A step as it stands before its call."""

    values: dict[str, Any] = {column.name: "" if column.type.python_type is str else 0 for column in steps.c}
    values |= {
        "key": key,
        "case_id": case,
        "state": state,
        "operation": "dunning",
        "intended_at": "2026-01-15T07:59:59.000000Z",
    }
    with db.transaction(engine) as connection:
        connection.execute(steps.insert().values(values))


def day(text: str) -> date:
    """A day from ISO text."""
    return date.fromisoformat(text)
