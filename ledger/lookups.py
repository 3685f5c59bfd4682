"""Reading back what is booked: steps, entries and references, many at once. Read-only.

Every look-up is one statement whatever the number of keys: the keys travel as one JSON text on SQLite and as
one array on PostgreSQL.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from domain import instants
from domain.money import Money
from ledger.entries import Entry, Posting, paid_in
from ledger.reversals import standing_money_back

ENTRY_COLUMNS = (
    "seq, source_key, kind, occurred_at, effective_on, belongs_to, operation, case_id, vendor, vendor_ref, "
    "flow_run, policy_version, reverses"
)


class StepState(NamedTuple):
    """What the row of a step says of its outcome."""

    state: str
    vendor: str
    vendor_ref: str
    currency: str
    minor: int
    case: str


class Booked(NamedTuple):
    """An entry as it stands in the books."""

    seq: int
    entry: Entry


def steps(connection: Connection, keys: Sequence[str]) -> dict[str, StepState]:
    """The steps with these keys; one that was never intended is left out."""
    rows = select_in(
        connection, "SELECT key, state, vendor, vendor_ref, currency, amount_minor, case_id FROM steps", "key", keys
    )
    return {row[0]: StepState(*row[1:]) for row in rows}


def entries(connection: Connection, keys: Sequence[str]) -> dict[str, Booked]:
    """The entries with these source keys."""
    return _with_postings(connection, "source_key", keys)


def entry(connection: Connection, key: str) -> Entry | None:
    """The entry with this source key, e.g. to build its reversal or its refund."""
    found = entries(connection, [key]).get(key)
    return found.entry if found else None


def keys_by_ref(connection: Connection, refs: Iterable[str]) -> dict[tuple[str, str, str], str]:
    """(vendor, vendor's reference, kind) -> source key, for all entries with one of these references."""
    wanted = [ref for ref in refs if ref]
    query = "SELECT vendor, vendor_ref, kind, source_key FROM ledger_entries"
    rows = select_in(connection, query, "vendor_ref", wanted, " AND vendor_ref <> ''")
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def takers(connection: Connection, originals: Sequence[str]) -> dict[str, list[Entry]]:
    """Whatever takes back one of the originals, and whatever takes that back, by the key of what is taken back."""
    found: dict[str, list[Entry]] = {}
    wanted = list(originals)
    while wanted:
        taking = _with_postings(connection, "reverses", wanted, " AND reverses <> ''")
        for booked in taking.values():
            found.setdefault(booked.entry.reverses, []).append(booked.entry)
        wanted = list(taking)
    return found


def money_back(connection: Connection, key: str) -> Money | None:
    """What refunds and chargebacks took back of the payment booked under `key` and still stands; None if nothing."""
    backs = [paid_in(entry) for entry in standing_money_back(key, takers(connection, [key]))]
    return Money(-sum(back.minor for back in backs), backs[0].currency) if backs else None


def select_in(
    connection: Connection, query: str, column: str, values: Sequence[Any], condition: str = ""
) -> Sequence[Any]:
    """All rows of `query` whose `column` is one of `values`; an empty list asks nothing."""
    if not values:
        return ()
    if connection.dialect.name == "sqlite":
        sql = f"{query} WHERE {column} IN (SELECT value FROM json_each(?)){condition}"
        return connection.exec_driver_sql(sql, (json.dumps(values),)).fetchall()
    return connection.exec_driver_sql(f"{query} WHERE {column} = ANY(%s){condition}", (list(values),)).fetchall()


def _with_postings(
    connection: Connection, column: str, values: Sequence[str], condition: str = ""
) -> dict[str, Booked]:
    rows = select_in(connection, f"SELECT {ENTRY_COLUMNS} FROM ledger_entries", column, values, condition)
    lines: dict[int, list[tuple[int, Posting]]] = {}
    query = "SELECT seq, line, account, minor, currency FROM ledger_postings"
    for seq, line, *posting in select_in(connection, query, "seq", [row[0] for row in rows]):
        lines.setdefault(seq, []).append((line, Posting(*posting)))
    return {row[1]: Booked(row[0], _entry(row, lines.get(row[0], []))) for row in rows}


def _entry(row: Any, lines: list[tuple[int, Posting]]) -> Entry:
    return Entry(
        source_key=row[1],
        kind=row[2],
        occurred_at=instants.from_text(row[3]),
        effective_on=date.fromisoformat(row[4]),
        belongs_to=row[5],
        operation=row[6],
        case=row[7],
        vendor=row[8],
        vendor_ref=row[9],
        flow_run=row[10],
        policy_version=row[11],
        postings=tuple(posting for _, posting in sorted(lines)),
        reverses=row[12],
    )
