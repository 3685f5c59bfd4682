"""Cursors: how far each poller has read. Moved forward only after what was read is kept."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import from_text, to_text
from store.event_tables import cursors


def at(connection: Connection, name: str) -> datetime | None:
    """How far the poller has read; None where it never did."""
    found = connection.execute(select(cursors.c.at).where(cursors.c.name == name)).scalar()
    return from_text(found) if found else None


def move(connection: Connection, name: str, to: datetime) -> None:
    """Everything until then has been read and kept."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(cursors)
    row = add.values({"name": name, "at": to_text(to)})
    connection.execute(row.on_conflict_do_update(index_elements=[cursors.c.name], set_={"at": to_text(to)}))
