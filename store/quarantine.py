"""Quarantine: input that could not be read, kept whole with the reason until it is mended and taken in again."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.tables import quarantine


def keep(connection: Connection, *, source: str, line: int, field: str, reason: str, raw: str, at: datetime) -> str:
    """Keep one item and return its id. The same item of the same source again changes nothing."""
    identity = sha256("\0".join((source, str(line), raw)).encode()).hexdigest()[:16]
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(quarantine)
    row = {"id": identity, "source": source, "line": line, "field": field, "reason": reason, "raw": raw}
    connection.execute(add.values(row | {"at": to_text(at), "resolved_at": ""}).on_conflict_do_nothing())
    return identity


def waiting(connection: Connection) -> int:
    """How many items wait for a person."""
    chosen = select(func.count()).select_from(quarantine).where(quarantine.c.resolved_at == "")
    return connection.execute(chosen).scalar_one()
