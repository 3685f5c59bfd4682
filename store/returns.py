"""Returns and their labels as last read from the portal, and how far the early refund of each label is.

A label's `stage` is a working mark for the sweep, never the record of money: whether a refund went out is said by
the step with its key. A stage that lags behind a crash is put right by the next look.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.returns import Return, case_id
from store.refund_tables import labels, returns
from store.tables import steps

UNDONE_WITHIN = timedelta(days=30)
"""A step that turned out to have had no effect is taken up by the next sweep, so an older one is nobody's."""
OPEN_STAGES = ("made", "scanned", "waiting", "approval", "held")


def remember(connection: Connection, ret: Return, body: str, at: datetime) -> list[str]:
    """Write what the portal says of a return now; return the case ids of its labels."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    add = dialect.insert(returns)
    row = {"id": ret.id, "portal": ret.portal, "order_ref": ret.order, "customer": "", "state": ret.state}
    row |= {"body": body, "edited_at": to_text(ret.edited_at) if ret.edited_at else "", "read_at": to_text(at)}
    new = {name: add.excluded[name] for name in ("order_ref", "state", "body", "edited_at", "read_at")}
    connection.execute(add.values(row).on_conflict_do_update(index_elements=[returns.c.id], set_=new))
    rows: list[dict[str, Any]] = [
        {
            "case_id": case_id(ret, label),
            "return_id": ret.id,
            "tracking": label.tracking,
            "carrier": label.carrier,
            "made_at": to_text(label.made_at) if label.made_at else "",
            "stage": "made",
            "look_at": "",
            "changed_at": to_text(at),
            "watched": 0,
        }
        for label in ret.labels
    ]
    if rows:
        more = dialect.insert(labels)
        same = {name: more.excluded[name] for name in ("tracking", "carrier", "made_at")}
        connection.execute(more.values(rows).on_conflict_do_update(index_elements=[labels.c.case_id], set_=same))
    return [str(row["case_id"]) for row in rows]


def set_customer(connection: Connection, return_id: str, customer: str) -> None:
    """Note whose return it is, once the shop has said so."""
    connection.execute(update(returns).where(returns.c.id == return_id).values(customer=customer))


def by_ids(connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Return rows by id."""
    return {row.id: row for row in connection.execute(select(returns).where(returns.c.id.in_(list(ids))))}


def of_order(connection: Connection, order: str) -> list[Row[Any]]:
    """All returns of an order, oldest id first."""
    return list(connection.execute(select(returns).where(returns.c.order_ref == order).order_by(returns.c.id)))


def orders_known(connection: Connection, orders: Iterable[str]) -> set[str]:
    """Those of the orders that have a return."""
    chosen = select(returns.c.order_ref).where(returns.c.order_ref.in_(list(orders))).distinct()
    return {order for (order,) in connection.execute(chosen)}


def labels_by_case(connection: Connection, cases: Iterable[str]) -> dict[str, Row[Any]]:
    """Label rows by case id."""
    return {row.case_id: row for row in connection.execute(select(labels).where(labels.c.case_id.in_(list(cases))))}


def labels_of(connection: Connection, return_ids: Sequence[str]) -> list[Row[Any]]:
    """All labels of these returns."""
    chosen = select(labels).where(labels.c.return_id.in_(list(return_ids))).order_by(labels.c.case_id)
    return list(connection.execute(chosen))


def labels_by_number(connection: Connection, numbers: Iterable[str]) -> list[Row[Any]]:
    """The labels with these tracking numbers; a recycled number has several."""
    known = sorted({number for number in numbers if number})
    chosen = select(labels).where(labels.c.tracking.in_(known)).order_by(labels.c.case_id)
    return list(connection.execute(chosen))


def to_look_at(connection: Connection, at: datetime, limit: int) -> list[str]:
    """Cases that the sweep decides again now: their time has come, or their money turned out never to have gone."""
    due = labels.c.stage.in_(("scanned", "waiting", "approval", "held")) & (labels.c.look_at != "")
    chosen = select(labels.c.case_id).where(due, labels.c.look_at <= to_text(at)).order_by(labels.c.look_at)
    found = [case for (case,) in connection.execute(chosen.limit(limit))]
    # Reconcile has found that nothing happened; until then the stage says that the money went or is about to.
    undone = steps.join(labels, labels.c.case_id == steps.c.case_id)
    recent = (steps.c.action == "refund") & (steps.c.settled_at > to_text(at - UNDONE_WITHIN))
    open_again = steps.c.state.in_(("void", "dropped")) & labels.c.stage.in_(("scanned", "paid"))
    more = select(labels.c.case_id).select_from(undone).where(recent, open_again).order_by(labels.c.changed_at)
    return [*found, *(case for (case,) in connection.execute(more.limit(limit)))]


def to_watch(connection: Connection, limit: int) -> list[Row[Any]]:
    """Labels whose number no feed was asked to follow yet."""
    mine = (labels.c.watched == 0) & (labels.c.tracking != "") & labels.c.stage.in_(("made", "scanned", "waiting"))
    return list(connection.execute(select(labels).where(mine).order_by(labels.c.case_id).limit(limit)))


def set_watched(connection: Connection, cases: Sequence[str]) -> None:
    """The feeds follow these labels now."""
    connection.execute(update(labels).where(labels.c.case_id.in_(cases)).values(watched=1))


def put_stage(connection: Connection, case: str, stage: str, look_at: datetime | None, at: datetime) -> None:
    """Note how far the case is, and when it is looked at again by itself (None: only with news)."""
    values = {"stage": stage, "look_at": to_text(look_at) if look_at else "", "changed_at": to_text(at)}
    connection.execute(update(labels).where(labels.c.case_id == case).values(values))
