"""Commitments: money set aside for refunds; `store.histories` makes the sums over it that caps and budgets count.

Written in the transaction that writes the intent, after `switches.hold`, so that of two decisions the second sees
the first. What became of it is the state of the step with the same key, so nothing has to be given back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.money import Money
from store.refund_tables import commitment_payments, commitments

LIVE = ("intended", "unknown", "done")
"""Steps whose money went out or may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Money that one step may send out. `address` and `card` are keyed hashes, empty where not known."""

    key: str
    case: str
    customer: str
    order: str
    address: str
    card: str
    amount: Money


def put(connection: Connection, made: Sequence[Commitment], at: datetime) -> None:
    """Set the money aside; a step that is intended again sets aside anew."""
    if not made:
        return
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(commitments)
    new = {name: add.excluded[name] for name in ("currency", "minor", "address", "card", "at")}
    rows = [_row(one, to_text(at)) for one in made]
    connection.execute(add.on_conflict_do_update(index_elements=[commitments.c.key], set_=new), rows)


def put_payments(connection: Connection, payments: Mapping[str, Iterable[str]]) -> None:
    """Note by the key of a commitment which payments it is about."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(commitment_payments)
    rows = [{"payment": each, "key": key} for key, found in payments.items() for each in sorted({*found} - {""})]
    if rows:
        connection.execute(add.on_conflict_do_nothing(), rows)


def by_key(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    """Commitment rows by step key."""
    chosen = select(commitments).where(commitments.c.key.in_(list(keys)))
    return {row.key: row for row in connection.execute(chosen)}


def _row(made: Commitment, at: str) -> dict[str, Any]:
    row: dict[str, Any] = {"key": made.key, "case_id": made.case, "customer": made.customer, "order_ref": made.order}
    row |= {"address": made.address, "card": made.card, "currency": made.amount.currency, "minor": made.amount.minor}
    return row | {"at": at}
