"""Watches: what the watchdog saw last of each sender's subscription at its vendor."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.event_tables import watches


def put(connection: Connection, sender: str, *, ok: bool, said: str, remedy: str, at: datetime) -> None:
    """Write what was seen now."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(watches)
    values = {"checked_at": to_text(at), "ok": int(ok), "said": said, "remedy": remedy}
    row = add.values({"sender": sender} | values)
    connection.execute(row.on_conflict_do_update(index_elements=[watches.c.sender], set_=values))


def all_of(connection: Connection) -> list[Row[Any]]:
    """Every sender that was looked at, by name."""
    return list(connection.execute(select(watches).order_by(watches.c.sender)))
