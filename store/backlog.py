"""What waits in the inbox for an operation: how much, and since when. Read-only, two small queries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from domain.instants import from_text
from store import inbox
from store.event_tables import inbox as events


@dataclass(frozen=True, slots=True)
class Backlog:
    """`count` events could be claimed now. `oldest` is the first that nobody has claimed yet, empty where none is."""

    count: int
    oldest: str = ""
    since: datetime | None = None


def backlog(connection: Connection, operation: str, at: datetime) -> Backlog:
    """What waits for the operation at this instant."""
    count = inbox.waiting(connection, operation, at)
    if not count:
        return Backlog(0)
    waiting = (events.c.state == "waiting") & (events.c.operation == operation)
    chosen = select(events.c.id, events.c.received_at).where(waiting).order_by(events.c.received_at, events.c.id)
    row = connection.execute(chosen.limit(1)).first()
    return Backlog(count, row.id, from_text(row.received_at)) if row else Backlog(count)
