"""Kill switches: no new effect of an operation leaves after its switch is on. Read where the intent is written.

The row is also the lock under which an operation decides about budgets: of two transactions on PostgreSQL that
`hold` it the second waits for the first, and on SQLite every writing transaction is alone anyway.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.event_tables import switches


def hold(connection: Connection, operation: str) -> str:
    """Lock the operation's switch for this transaction; return why it is stopped, empty where it is not."""
    row = connection.execute(select(switches).where(switches.c.operation == operation).with_for_update()).first()
    if row is None:
        _put(connection, operation, {"stopped": 0, "at": "", "by": "", "reason": ""}, replace=False)
        row = connection.execute(select(switches).where(switches.c.operation == operation).with_for_update()).first()
    return _why(row)


def stopped(connection: Connection, operation: str) -> str:
    """Why the operation is stopped, empty where it is not."""
    return _why(connection.execute(select(switches).where(switches.c.operation == operation)).first())


def put(connection: Connection, operation: str, *, stop: bool, by: str, reason: str, at: datetime) -> None:
    """Stop an operation, or let it go on."""
    _put(connection, operation, {"stopped": int(stop), "at": to_text(at), "by": by, "reason": reason}, replace=True)


def all_of(connection: Connection) -> list[Row[Any]]:
    """Every switch that was ever touched."""
    return list(connection.execute(select(switches).where(switches.c.at != "").order_by(switches.c.operation)))


def _why(row: Row[Any] | None) -> str:
    if row is None or not row.stopped:
        return ""
    return f"stopped by {row.by or 'somebody'} on {row.at[:16]}: {row.reason or 'no reason given'}"


def _put(connection: Connection, operation: str, values: dict[str, Any], *, replace: bool) -> None:
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(switches)
    row = add.values({"operation": operation} | values)
    key = [switches.c.operation]
    same = row.on_conflict_do_update(index_elements=key, set_=values) if replace else row.on_conflict_do_nothing()
    connection.execute(same)
