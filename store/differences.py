"""Differences: opened when the nightly comparison first sees one, resolved when a later one looks and finds it gone.

A difference that the comparison did not look at stays open: out of the window, or its vendor did not answer.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from domain.differences import Difference
from domain.instants import to_text
from store.refund_tables import commitments, differences
from store.tables import steps


class Taken(NamedTuple):
    """What a comparison changed: how many are new, seen again, and resolved."""

    opened: int
    again: int
    resolved: int


def take(connection: Connection, found: Sequence[Difference], looked_at: Collection[str], at: datetime) -> Taken:
    """Keep what was found; resolve what is open about an order that was looked at (`looked_at`) and not found again.

    One that comes back after it was resolved is open again, since the day it was first seen.
    """
    now, by_id = to_text(at), {ident(each): each for each in found}
    known = {row.id: row for row in connection.execute(select(differences).where(differences.c.id.in_(list(by_id))))}
    new = [_row(key, each, now) for key, each in by_id.items() if key not in known]
    if new:
        connection.execute(insert(differences), new)
    for key in known:
        values = {"last_seen": now, "said": by_id[key].said, "resolved_at": ""}
        connection.execute(update(differences).where(differences.c.id == key).values(values))
    gone = [row.id for row in listing(connection) if row.id not in by_id and order_of(row.subject) in looked_at]
    for key in gone:
        connection.execute(update(differences).where(differences.c.id == key).values(resolved_at=now))
    reopened = sum(1 for row in known.values() if row.resolved_at)
    return Taken(len(new) + reopened, len(known) - reopened, len(gone))


def listing(connection: Connection, *, resolved: bool = False) -> list[Row[Any]]:
    """What is open, by kind and the day it was first seen; with `resolved` also what was."""
    chosen = select(differences).order_by(differences.c.kind, differences.c.first_seen, differences.c.id)
    if not resolved:
        chosen = chosen.where(differences.c.resolved_at == "")
    return list(connection.execute(chosen))


def open_orders(connection: Connection) -> set[str]:
    """The orders that something is open about: the next comparison looks at them, however old they are."""
    return {order_of(row.subject) for row in listing(connection)} - {""}


def refunds_since(connection: Connection, since: datetime) -> list[tuple[Row[Any], str]]:
    """The steps of refunds intended since then, each with its order."""
    joined = steps.join(commitments, commitments.c.key == steps.c.key)
    chosen = select(steps, commitments.c.order_ref).select_from(joined).where(steps.c.action == "refund")
    rows = connection.execute(chosen.where(steps.c.intended_at > to_text(since)).order_by(steps.c.key))
    return [(row, row.order_ref) for row in rows]


def order_of(subject: str) -> str:
    """The order in a subject like `5001/re_1`."""
    return subject.partition("/")[0]


def ident(found: Difference) -> str:
    """The same difference has the same id every night, whatever is said about it."""
    return sha256("\0".join((found.kind, found.case, found.subject)).encode()).hexdigest()[:16]


def _row(key: str, found: Difference, now: str) -> dict[str, Any]:
    return {
        "id": key,
        "kind": found.kind,
        "case_id": found.case,
        "subject": found.subject,
        "said": found.said,
        "remedy": found.remedy,
        "owner": found.owner,
        "first_seen": now,
        "last_seen": now,
        "resolved_at": "",
    }
