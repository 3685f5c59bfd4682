"""Taking back what a faulty run booked: the mirror of every entry of it that still stands, the newest first.

Safe to run twice: an entry that was taken back before is left out, and the mirrors' keys follow from the entries'.
"""

from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from ledger import lookups
from ledger.entries import Context, Entry, reversal
from ledger.settlements import NewStep, Settlement

RULE: Final = "L-01"
SUFFIX: Final = "undone"


def undoing(connection: Connection, flow_run: str, *, at: datetime, day: date, by: str) -> tuple[Settlement, ...]:
    """Settlements that reverse what `flow_run` booked; empty where nothing of it stands.

    `at` and `day` date the mirrors, never before their entries; `by` is the flow run that corrects. Post them in the
    order they come in: a refund is taken back before its payment.
    """
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    query = f"SELECT source_key FROM ledger_entries WHERE flow_run = {mark} ORDER BY seq DESC"
    keys = [row[0] for row in connection.exec_driver_sql(query, (flow_run,))]
    booked, takers = lookups.entries(connection, keys), lookups.takers(connection, keys)
    taken = {key for key, others in takers.items() if any(other.kind == "reversal" for other in others)}
    return tuple(_undoing(booked[key].entry, at, day, by) for key in keys if key not in taken)


def _undoing(entry: Entry, at: datetime, day: date, by: str) -> Settlement:
    key, on = f"{entry.source_key}/{SUFFIX}", max(day, entry.effective_on)
    about = Context(
        key=key, occurred_at=at, effective_on=on, belongs_to=entry.belongs_to, operation=entry.operation,
        case=entry.case, flow_run=by, policy_version=entry.policy_version,
    )  # fmt: skip
    new_step = NewStep(
        operation=entry.operation, case_id=entry.case, action="note", rung=SUFFIX, day=on.isoformat(), rule=RULE,
        reason=f"the entry of flow run {entry.flow_run} was booked in error", policy_version=entry.policy_version,
        flow_run=by,
    )  # fmt: skip
    return Settlement(key=key, state="done", at=at, entries=(reversal(entry, about),), new_step=new_step)
