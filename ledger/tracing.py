"""From a key to everything that stands behind it: entry, postings, step, vendor's reference, flow run, reversals."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger import models
from ledger.entries import Posting
from ledger.lookups import select_in
from store.tables import steps


class TracedEntry(NamedTuple):
    """One entry, as it stands."""

    row: dict[str, Any]
    """The columns of `ledger_entries` by name."""
    postings: tuple[Posting, ...]
    taken_back_by: tuple[str, ...]
    """The source keys of its reversal, refunds and chargebacks."""


class Trace(NamedTuple):
    """What was found for a key."""

    key: str
    step: dict[str, Any] | None
    """The columns of `steps` by name; None for an entry whose step has another key."""
    entries: tuple[TracedEntry, ...]


def trace(connection: Connection, key: str) -> tuple[Trace, ...]:
    """All traces for a step's key, an entry's source key, a sequence number or a vendor's reference; may be empty.

    A step's key also brings the entries whose source keys start with it and a slash.
    """
    return tuple(_trace(connection, found) for found in sorted(_step_keys(connection, key)))


def _step_keys(connection: Connection, key: str) -> set[str]:
    entries, found = models.entries.c, set()
    wanted = (entries.source_key == key) | ((entries.vendor_ref == key) & (entries.vendor_ref != ""))
    if key.isascii() and key.isdigit():
        wanted |= entries.seq == int(key)
    for (source_key,) in connection.execute(select(entries.source_key).where(wanted)):
        found.add(_step_of(connection, source_key))
    for (step_key,) in connection.execute(
        select(steps.c.key).where((steps.c.key == key) | (steps.c.vendor_ref == key))
    ):
        if key:
            found.add(step_key)
    return found


def _step_of(connection: Connection, source_key: str) -> str:
    """The step that booked the entry: the same key, or the key without its last part."""
    shorter = source_key.rpartition("/")[0]
    rows = {row[0] for row in select_in(connection, "SELECT key FROM steps", "key", [source_key, shorter])}
    return source_key if source_key in rows or shorter not in rows else shorter


def _trace(connection: Connection, key: str) -> Trace:
    step = connection.execute(select(steps).where(steps.c.key == key)).mappings().first()
    entries = models.entries
    # "0" is the character after "/": the range holds exactly the keys that start with the step's key and a slash.
    own = (entries.c.source_key == key) | ((entries.c.source_key >= key + "/") & (entries.c.source_key < key + "0"))
    rows = connection.execute(select(entries).where(own).order_by(entries.c.seq)).mappings().all()
    kept = [dict(row) for row in rows if row["source_key"] == key or row["source_key"].startswith(key + "/")]
    return Trace(key, dict(step) if step else None, tuple(_traced(connection, row) for row in kept))


def _traced(connection: Connection, row: dict[str, Any]) -> TracedEntry:
    lines = models.postings.c
    query = select(lines.account, lines.minor, lines.currency).where(lines.seq == row["seq"]).order_by(lines.line)
    taken = select(models.entries.c.source_key).where(models.entries.c.reverses == row["source_key"])
    back = connection.execute(taken.order_by(models.entries.c.seq)).scalars()
    return TracedEntry(row, tuple(Posting(*line) for line in connection.execute(query)), tuple(back))
