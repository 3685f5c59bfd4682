"""Which refunds are to be told of, and which are still to be watched: questions to `steps` that only refunds ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select

from domain.instants import to_text
from store.refund_tables import commitments
from store.tables import steps

told = steps.alias("told")
SAID = ("intended", "unknown", "done", "refused")
"""States of a message that went out, may have, or never can."""


def untold(connection: Connection, since: datetime) -> list[tuple[Row[Any], str]]:
    """Refunds whose state the customer has not been told yet, with the word for it: sent, pending or failed.

    Once is enough: who was told `pending` hears again only if the money then fails.
    """
    money = (steps.c.action == "refund") & (steps.c.intended_at > to_text(since))
    sent = money & (steps.c.state == "done") & ~_told("sent") & ~_told("pending")
    pending = money & (steps.c.state == "unknown") & (steps.c.vendor_ref != "") & ~_told("pending")
    found = [(row, "sent") for row in connection.execute(select(steps).where(sent))]
    found += [(row, "pending") for row in connection.execute(select(steps).where(pending))]
    broken = (steps.c.action == "refund_failed") & (steps.c.intended_at > to_text(since))
    return found + [(row, "failed") for row in connection.execute(select(steps).where(broken, ~_told_failed()))]


def to_watch(connection: Connection, since: datetime) -> list[tuple[Row[Any], str]]:
    """Refunds that may still change at the vendor, with their order: pending ones, and those made since then."""
    joined = steps.join(commitments, commitments.c.key == steps.c.key)
    live = or_(steps.c.state == "unknown", (steps.c.state == "done") & (steps.c.settled_at > to_text(since)))
    chosen = select(steps, commitments.c.order_ref).select_from(joined).where(steps.c.action == "refund", live)
    return [(row, row.order_ref) for row in connection.execute(chosen.where(steps.c.vendor_ref != ""))]


def by_vendor_ref(connection: Connection, ref: str) -> list[tuple[Row[Any], str]]:
    """Our refunds with the vendor's own reference, with their order."""
    joined = steps.join(commitments, commitments.c.key == steps.c.key)
    chosen = select(steps, commitments.c.order_ref).select_from(joined)
    mine = (steps.c.vendor_ref == ref) & (steps.c.action == "refund")
    return [(row, row.order_ref) for row in connection.execute(chosen.where(mine))]


def of_order(connection: Connection, order: str) -> list[tuple[Row[Any], str]]:
    """Our refunds on an order."""
    joined = steps.join(commitments, commitments.c.key == steps.c.key)
    chosen = select(steps, commitments.c.order_ref).select_from(joined)
    mine = (commitments.c.order_ref == order) & (steps.c.action == "refund")
    return [(row, row.order_ref) for row in connection.execute(chosen.where(mine))]


def _told(word: str) -> ColumnElement[bool]:
    mine = told.c.key == steps.c.key + f"/told-{word}"
    return exists(select(told.c.key).where(mine, told.c.state.in_(SAID)))


def _told_failed() -> ColumnElement[bool]:
    mine = told.c.key == "refunds/" + steps.c.case_id + "/told-failed"
    return exists(select(told.c.key).where(mine, told.c.state.in_(SAID)))
