"""Charge attempts of every actor, as the payments vendor lists them: the base of the networks' budgets."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.payments import Attempt, DeclineCodes
from store.tables import attempts, steps


def remember(connection: Connection, seen: Sequence[Attempt]) -> None:
    """Write attempts; one that is known changes its outcome and gets its renewal. Ours are found by reference."""
    if not seen:
        return
    ours = _keys_by_ref(connection, [attempt.id for attempt in seen])
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(attempts)
    new: dict[str, Any] = {name: add.excluded[name] for name in ("outcome", "reached_network", "codes", "step_key")}
    # An attempt read while its invoice was being made names no renewal yet; a later read does.
    new["case_id"] = func.coalesce(func.nullif(add.excluded.case_id, ""), attempts.c.case_id)
    rows = [_row(attempt, ours.get(attempt.id, attempt.step_key)) for attempt in seen]
    connection.execute(add.on_conflict_do_update(index_elements=[attempts.c.id], set_=new), rows)


def failed_of_cases(connection: Connection, ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """The failed and blocked attempts of cases, oldest first, by case."""
    chosen = select(attempts).where(attempts.c.case_id.in_(list(ids)), attempts.c.outcome.in_(("failed", "blocked")))
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(chosen.order_by(attempts.c.at, attempts.c.id)):
        found.setdefault(row.case_id, []).append(row)
    return found


def succeeded(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Those of the cases that an attempt has paid."""
    chosen = select(attempts.c.case_id).where(attempts.c.case_id.in_(list(ids)), attempts.c.outcome == "succeeded")
    return {case for (case,) in connection.execute(chosen)}


def of_cases(connection: Connection, ids: Iterable[str]) -> list[Row[Any]]:
    """All attempts of cases, oldest first."""
    chosen = select(attempts).where(attempts.c.case_id.in_(list(ids))).order_by(attempts.c.at, attempts.c.id)
    return list(connection.execute(chosen).all())


def codes(row: Row[Any]) -> DeclineCodes:
    """The raw codes of a stored attempt."""
    return DeclineCodes(**json.loads(row.codes))


def codes_text(found: DeclineCodes) -> str:
    """Codes as they are stored: JSON with sorted names."""
    return json.dumps(asdict(found), sort_keys=True)


def _keys_by_ref(connection: Connection, refs: Sequence[str]) -> dict[str, str]:
    chosen = select(steps.c.vendor_ref, steps.c.key).where(steps.c.vendor_ref.in_(refs), steps.c.action == "charge")
    return {ref: key for ref, key in connection.execute(chosen)}


def _row(attempt: Attempt, step_key: str) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "case_id": attempt.renewal,
        "customer": attempt.customer,
        "card": attempt.card.fingerprint if attempt.card else "",
        "network": attempt.card.network if attempt.card else attempt.codes.network,
        "at": to_text(attempt.at),
        "outcome": attempt.outcome,
        "reached_network": int(attempt.outcome != "blocked" and not attempt.codes.blocked),
        "currency": attempt.amount.currency,
        "amount_minor": attempt.amount.minor,
        "codes": codes_text(attempt.codes),
        "step_key": step_key,
    }
