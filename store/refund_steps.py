"""Which refunds are to be told of, and which are still to be watched: questions to `steps` that only refunds ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select

from domain.instants import to_text
from store.refund_tables import commitment_payments, commitments, labels
from store.tables import steps

told = steps.alias("told")
SAID = ("intended", "unknown", "done", "refused")
"""States of a message that went out, may have, or never can."""


def untold(connection: Connection, since: datetime) -> list[tuple[Row[Any], str]]:
    """Refunds whose state the customer has not been told yet, with the word for it: sent, pending or failed.

    Once is enough: who was told `pending` hears again only if the money then fails.
    """
    money = (steps.c.action == "refund") & (steps.c.settled_at > to_text(since))
    later = exists(select(told.c.key).where(told.c.case_id == steps.c.case_id, told.c.action == "refund_failed"))
    sent = money & (steps.c.state == "done") & ~_told("sent") & ~_told("pending") & ~later
    pending = money & (steps.c.state == "unknown") & (steps.c.vendor_ref != "") & ~_told("pending")
    found = [(row, "sent") for row in connection.execute(select(steps).where(sent))]
    found += [(row, "pending") for row in connection.execute(select(steps).where(pending))]
    # Who was told `pending` has to hear that it failed; who was told nothing hears it from whoever makes it good.
    broken = (steps.c.action == "refund_failed") | ((steps.c.action == "refund") & _told("pending"))
    chosen = select(steps).where(broken, _broken(since), ~_said_of_case("told-failed"))
    return found + [(row, "failed") for row in connection.execute(chosen)]


def failed(connection: Connection, since: datetime) -> list[Row[Any]]:
    """Refunds that were refused or failed since then and of which no person has been told."""
    chosen = select(steps).where(_broken(since), ~_said_of_case("person-failed")).order_by(steps.c.settled_at)
    return list(connection.execute(chosen))


def unheard(connection: Connection, since: datetime) -> list[Row[Any]]:
    """Tasks for a person that could not be given since then; a question only while it is still asked."""
    joined = steps.outerjoin(labels, labels.c.case_id == steps.c.case_id)
    mine = (steps.c.operation == "refunds") & (steps.c.action == "person") & steps.c.state.in_(("void", "dropped"))
    asked = or_(steps.c.rung.startswith("person-hold"), steps.c.rung.startswith("person-approval"))
    chosen = select(steps).select_from(joined).where(mine, steps.c.settled_at > to_text(since))
    return list(connection.execute(chosen.where(or_(~asked, labels.c.stage.in_(("held", "approval"))))))


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


def of_payment(connection: Connection, payment: str) -> list[tuple[Row[Any], str]]:
    """Our refunds on the orders that were paid with the vendor's payment."""
    joined = steps.join(commitments, commitments.c.key == steps.c.key)
    joined = joined.join(commitment_payments, commitment_payments.c.key == commitments.c.key)
    chosen = select(steps, commitments.c.order_ref).select_from(joined)
    mine = (commitment_payments.c.payment == payment) & (steps.c.action == "refund")
    return [(row, row.order_ref) for row in connection.execute(chosen.where(mine))]


def _broken(since: datetime) -> ColumnElement[bool]:
    refused = (steps.c.action == "refund") & (steps.c.state == "refused")
    later = (steps.c.action == "refund_failed") & (steps.c.state == "done")
    # Of several tenders one may have failed while the others went; the step's detail then begins so.
    part = (steps.c.action == "refund") & (steps.c.state == "done") & steps.c.detail.startswith("only ")
    return or_(refused, later, part) & (steps.c.settled_at > to_text(since))


def _said_of_case(rung: str) -> ColumnElement[bool]:
    mine = told.c.key == "refunds/" + steps.c.case_id + f"/{rung}"
    return exists(select(told.c.key).where(mine, told.c.state.in_(SAID)))
