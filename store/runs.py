"""Runs: one row per flow run with its counts. Prefect's history is pruned, this is not."""

import json
from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.tables import runs


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
