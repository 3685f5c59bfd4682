"""Returns and their labels as last read from the portal, and how far the early refund of each label is.

A label's `stage` is a working mark for the sweep, never the record of money: whether a refund went out is said by
the step with its key. A stage that lags behind a crash is put right by the next look.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.returns import Return, case_id
from store.refund_tables import labels, returns
from store.tables import steps

UNDONE_WITHIN = timedelta(days=30)
"""A step that turned out to have had no effect is taken up by the next sweep, so an older one is nobody's."""
OPEN_STAGES = ("made", "scanned", "waiting", "approval", "held")


def remember(connection: Connection, read: Sequence[tuple[Return, str]], at: datetime) -> None:
    """Write what the portal says of returns now, each with its body, and of their labels."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    add, more = dialect.insert(returns), dialect.insert(labels)
    whole = list({ret.id: _row(ret, body, to_text(at)) for ret, body in read}.values())
    parts = list({row["case_id"]: row for ret, _ in read for row in _labels(ret, to_text(at))}.values())
    if whole:
        new = {name: add.excluded[name] for name in ("order_ref", "state", "body", "edited_at", "read_at")}
        connection.execute(add.on_conflict_do_update(index_elements=[returns.c.id], set_=new), whole)
    if parts:
        same = {name: more.excluded[name] for name in ("tracking", "carrier", "made_at")}
        connection.execute(more.on_conflict_do_update(index_elements=[labels.c.case_id], set_=same), parts)


def set_customers(connection: Connection, customers: Mapping[str, str]) -> None:
    """Note by return whose it is, once the shop has said so."""
    change = update(returns).where(returns.c.id == bindparam("ident")).values(customer=bindparam("whose"))
    if customers:
        connection.execute(change, [{"ident": ident, "whose": whose} for ident, whose in customers.items()])


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


class Stage(NamedTuple):
    """How far a case is, and when it is looked at again by itself (None: only with news)."""

    case: str
    stage: str
    look_at: datetime | None


def put_stages(connection: Connection, stages: Sequence[Stage], at: datetime) -> None:
    """Note how far these cases are."""
    values = {"stage": bindparam("now"), "look_at": bindparam("next"), "changed_at": to_text(at)}
    change = update(labels).where(labels.c.case_id == bindparam("case")).values(values)
    rows = [{"case": case, "now": stage, "next": to_text(look) if look else ""} for case, stage, look in stages]
    if rows:
        connection.execute(change, rows)


def put_stage(connection: Connection, case: str, stage: str, look_at: datetime | None, at: datetime) -> None:
    """Note how far one case is."""
    put_stages(connection, [Stage(case, stage, look_at)], at)


def _row(ret: Return, body: str, at: str) -> dict[str, Any]:
    row = {"id": ret.id, "portal": ret.portal, "order_ref": ret.order, "customer": "", "state": ret.state}
    return row | {"body": body, "edited_at": to_text(ret.edited_at) if ret.edited_at else "", "read_at": at}


def _labels(ret: Return, at: str) -> list[dict[str, Any]]:
    return [
        {
            "case_id": case_id(ret, label),
            "return_id": ret.id,
            "tracking": label.tracking,
            "carrier": label.carrier,
            "made_at": to_text(label.made_at) if label.made_at else "",
            "stage": "made",
            "look_at": "",
            "changed_at": at,
            "watched": 0,
        }
        for label in ret.labels
    ]
