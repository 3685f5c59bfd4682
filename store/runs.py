"""Runs: one row per flow run with its counts. Prefect's history is pruned, this is not."""

import json
from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.tables import runs

READ_WHOLE = "read_whole"
"""The count that says that a run read everything the payments vendor has."""


def begin(connection: Connection, operation: str, day: date, flow_run: str, at: datetime) -> None:
    """Note that a run began; the same run again changes nothing."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(runs)
    row = {"operation": operation, "day": day.isoformat(), "flow_run": flow_run, "started_at": to_text(at)}
    connection.execute(add.values(row | {"ended_at": "", "counts": "{}"}).on_conflict_do_nothing())


def end(
    connection: Connection, operation: str, day: date, flow_run: str, at: datetime, counts: Mapping[str, int]
) -> None:
    """Note how a run ended, by counts."""
    mine = (runs.c.operation == operation) & (runs.c.day == day.isoformat()) & (runs.c.flow_run == flow_run)
    connection.execute(update(runs).where(mine).values(ended_at=to_text(at), counts=json.dumps(dict(counts))))


def last_whole_read(connection: Connection) -> str:
    """When the newest run began that read the payments vendor to the end, as text; empty where none did."""
    whole = runs.c.counts.contains(json.dumps(READ_WHOLE) + ": 1")
    return connection.execute(select(func.max(runs.c.started_at)).where(whole)).scalar() or ""
