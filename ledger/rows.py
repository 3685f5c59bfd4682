"""The rows that a batch writes, and the SQL that writes them: one statement a table, whatever the batch's size.

SQLAlchemy's compiled inserts cost more than SQLite's own work, so these statements go to the driver as text.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table

from domain import instants
from ledger import hashing, models
from ledger.entries import Entry
from ledger.lookups import StepState
from ledger.settlements import Settlement
from store import tables

ROLL_UP: Final = (
    "INSERT INTO ledger_rollup (account, month, currency, belongs_to, amount_minor, count) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (account, month, currency, belongs_to) DO UPDATE SET "
    "amount_minor = ledger_rollup.amount_minor + excluded.amount_minor, "
    "count = ledger_rollup.count + excluded.count"
)
SETTLE_STEP: Final = (
    "UPDATE steps SET state = ?, settled_at = ?, vendor = ?, vendor_ref = ?, currency = ?, amount_minor = ?, "
    "detail = COALESCE(NULLIF(?, ''), detail) WHERE key = ?"
)
"""An outcome without a word leaves the step's own: the text of an SMS is what an unanswered one is found by."""


def insert_into(table: Table) -> str:
    """The INSERT of whole rows, every column in the table's order."""
    names = ", ".join(table.c.keys())
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(table.c))})"


ADD_ENTRIES: Final = insert_into(models.entries)
ADD_POSTINGS: Final = insert_into(models.postings)

STEP_COLUMNS: Final = (
    "key", "operation", "case_id", "action", "rung", "state", "day", "rule", "reason", "policy_version", "flow_run",
    "intended_at", "settled_at", "vendor", "vendor_ref", "currency", "amount_minor", "detail",
)  # fmt: skip
"""What is known of a step that the vendor reported by itself; the other columns are empty."""

_UNKNOWN: Final = {
    column.name: "''" if column.type.python_type is str else "0"
    for column in tables.steps.c
    if column.name not in STEP_COLUMNS
}
ADD_STEPS: Final = (
    f"INSERT INTO steps ({', '.join((*STEP_COLUMNS, *_UNKNOWN))}) "
    f"VALUES ({', '.join((*('?' * len(STEP_COLUMNS)), *_UNKNOWN.values()))})"
)


def read_head(connection: Connection) -> tuple[int, str, str]:
    """(sequence, hash, recorded_at) of the last entry; takes the row's lock where writers share a server."""
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    row = connection.exec_driver_sql(f"SELECT seq, hash, recorded_at FROM ledger_head WHERE id = 1{lock}").one()
    return row[0], row[1], row[2]


class Rows:
    """The rows of one batch. The chain is computed as entries are added."""

    def __init__(self, seq: int, last_hash: str, recorded_at: str) -> None:
        self._seq, self._hash, self._recorded_at = seq, last_hash, recorded_at
        self._entries: list[tuple[Any, ...]] = []
        self._postings: list[tuple[Any, ...]] = []
        self._rollup: dict[tuple[str, str], dict[tuple[str, str], list[int]]] = {}
        self._new_steps: list[tuple[Any, ...]] = []
        self._steps: list[tuple[Any, ...]] = []
        self._contacts: list[tuple[Any, ...]] = []
        self._cases: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        self._instant: datetime | None = None
        self._instant_text = ""

    def add_entry(self, entry: Entry) -> int:
        """Chain the entry to the last one; returns its sequence number."""
        seq = self._seq + 1
        day = entry.effective_on.isoformat()
        row = (
            seq, entry.source_key, entry.kind, self._text(entry.occurred_at), self._recorded_at, day,
            entry.belongs_to, entry.operation, entry.case, entry.vendor, entry.vendor_ref, entry.flow_run,
            entry.policy_version, entry.reverses, hashing.FORMAT, self._hash,
        )  # fmt: skip
        self._hash = hashing.digest(row, entry.postings)
        self._seq = seq
        self._entries.append((*row, self._hash))
        totals = self._rollup.setdefault((day[:7], entry.belongs_to), {})
        for line, (account, minor, currency) in enumerate(entry.postings, 1):
            self._postings.append((seq, line, account, minor, currency))
            total = totals.get((account, currency))
            if total is None:
                total = totals[account, currency] = [0, 0]
            total[0] += minor
            total[1] += 1 if minor > 0 else -1
        return seq

    def settle_step(self, settlement: Settlement, step: StepState | None, minor: int, currency: str) -> str:
        """Write the outcome into the step's row, its contact and its case; returns the case."""
        at, key = self._text(settlement.at), settlement.key
        outcome = (settlement.state, at, settlement.vendor, settlement.vendor_ref, currency, minor, settlement.detail)
        if step is not None:
            case = step.case
            self._steps.append((*outcome, key))
        else:
            case = self._add_step(settlement, at, minor, currency)
        if settlement.contact:
            self._contacts.append((settlement.contact, at, key))
        if settlement.case_changes and case:
            columns, values = zip(*settlement.case_changes, strict=True)
            self._cases.setdefault(columns, []).append((*values, case))
        return case

    def write(self, connection: Connection) -> None:
        """Send everything to the database, in the order that the foreign key needs."""
        _send(connection, ADD_STEPS, self._new_steps)
        _send(connection, SETTLE_STEP, self._steps)
        _send(connection, "UPDATE contacts SET state = ?, at = ? WHERE key = ?", self._contacts)
        for columns, rows in self._cases.items():
            changes = ", ".join(f"{column} = ?" for column in columns)
            _send(connection, f"UPDATE cases SET {changes} WHERE id = ?", rows)
        if not self._entries:
            return
        _send(connection, ADD_ENTRIES, self._entries)
        _send(connection, ADD_POSTINGS, self._postings)
        _send(connection, ROLL_UP, self._rollup_rows())
        end = (self._seq, self._hash, self._recorded_at)
        _send(connection, "UPDATE ledger_head SET seq = ?, hash = ?, recorded_at = ? WHERE id = 1", [end])

    def _add_step(self, settlement: Settlement, at: str, minor: int, currency: str) -> str:
        new = settlement.new_step
        assert new is not None
        row = (
            settlement.key, new.operation, new.case_id, new.action, new.rung, settlement.state, new.day, new.rule,
            new.reason, new.policy_version, new.flow_run, at, at, settlement.vendor, settlement.vendor_ref, currency,
            minor, settlement.detail,
        )  # fmt: skip
        self._new_steps.append(row)
        return new.case_id

    def _rollup_rows(self) -> list[tuple[Any, ...]]:
        """In a fixed order, so that two processes never wait for each other's rows."""
        return sorted(
            (account, month, currency, cohort, minor, count)
            for (month, cohort), totals in self._rollup.items()
            for (account, currency), (minor, count) in totals.items()
        )

    def _text(self, instant: datetime) -> str:
        """The instant as text; a step and its entry mostly share one, and formatting it is what costs."""
        if instant is not self._instant:
            self._instant, self._instant_text = instant, instants.to_text(instant)
        return self._instant_text


def _send(connection: Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        placeholder = sql if connection.dialect.name == "sqlite" else sql.replace("?", "%s")
        connection.exec_driver_sql(placeholder, rows)
