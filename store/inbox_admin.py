"""The inbox as people see it: what waits, failed or is quarantined, trying again, and forgetting bodies in time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, func, select, update

from domain.instants import to_text
from store.event_tables import inbox
from store.inbox import ENDED, NEVER

NEEDS_A_LOOK = ("waiting", "claimed", "failed", "quarantined")
"""States that `listing` shows unless told otherwise: everything that is not over."""


class Used(NamedTuple):
    """How many events a secret signed, and when it did last."""

    sender: str
    secret: str
    events: int
    last: str


def listing(
    connection: Connection, *, states: Sequence[str] = NEEDS_A_LOOK, sender: str = "", limit: int = 50
) -> list[Row[Any]]:
    """The newest events in these states, without their bodies."""
    columns = [column for column in inbox.c if column.name != "body"]
    chosen = select(*columns).where(inbox.c.state.in_(states))
    if sender:
        chosen = chosen.where(inbox.c.sender == sender)
    return list(connection.execute(chosen.order_by(inbox.c.received_at.desc(), inbox.c.id).limit(limit)))


def counts(connection: Connection) -> dict[str, int]:
    """How many events are in each state."""
    rows = connection.execute(select(inbox.c.state, func.count()).group_by(inbox.c.state))
    return {state: count for state, count in rows}


def find(connection: Connection, start: str) -> list[Row[Any]]:
    """The events whose id begins so, at most two: more than one is ambiguous."""
    return list(connection.execute(select(inbox).where(inbox.c.id.startswith(start, autoescape=True)).limit(2)))


def used(connection: Connection) -> list[Used]:
    """What each secret of each sender was used for, so that one sees when an old one has gone quiet."""
    columns = (inbox.c.sender, inbox.c.secret, func.count(), func.max(inbox.c.received_at))
    rows = connection.execute(select(*columns).group_by(inbox.c.sender, inbox.c.secret).order_by(*columns[:2]))
    return [Used(*row) for row in rows]


def replay(connection: Connection, ident: str, at: datetime, *, operation: str, topic: str, outcome: str = "") -> str:
    """Put an event that is over into the queue again; gives its state afterwards, '' where there is none.

    `operation` and `topic` are as they are read now. Without an operation it is `unrouted`, with an `outcome` it is
    still quarantined and says why. One that waits, is being worked on or has lost its body is left as it is.
    """
    row = connection.execute(select(inbox.c.state, inbox.c.purged_at).where(inbox.c.id == ident)).first()
    if row is None:
        return ""
    if row.state not in ENDED or row.purged_at:
        return str(row.state)
    state = "quarantined" if outcome else ("waiting" if operation else "unrouted")
    fresh = {"state": state, "operation": operation, "topic": topic, "outcome": outcome, "deaths": 0}
    over = {
        "not_before": to_text(at),
        "claimed_by": "",
        "claimed_until": "",
        "done_at": "" if state == "waiting" else to_text(at),
    }
    still = and_(inbox.c.id == ident, inbox.c.state == row.state)
    connection.execute(update(inbox).where(still).values(fresh | over))
    return state


def purge(connection: Connection, before: datetime, at: datetime) -> int:
    """Empty the bodies of events from before that instant that are over; gives how many.

    The fingerprint stays, so the event is still known when it comes again. What waits keeps its body: it is needed.
    """
    over = and_(inbox.c.state.in_(ENDED), inbox.c.received_at < to_text(before), inbox.c.purged_at == "")
    # What failed is not tried again by itself without its body.
    emptied = {"body": "", "purged_at": to_text(at), "not_before": NEVER}
    return connection.execute(update(inbox).where(over).values(emptied)).rowcount
