"""Holds: every time nothing was done, and why. Days in a row with the same reason are one row that grows."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from domain.decisions import Hold
from store.tables import holds


def record(connection: Connection, found: Sequence[Hold], day: date) -> None:
    """Store the holds of one day; recording the same day twice changes nothing but a changed reason."""
    if not found:
        return
    today = day.isoformat()
    before = _latest(connection, [hold.case for hold in found], today)
    new, grown = [], []
    for hold in found:
        last = before.get(hold.case)
        if last is None or (last.rule, last.reason) != (hold.rule, hold.reason):
            new.append(_row(hold, today))
        elif last.last_day < today:
            grown.append({"case": hold.case, "first": last.first_day, "day": today, "till": hold.until})
    if grown:
        same = (holds.c.case_id == bindparam("case")) & (holds.c.first_day == bindparam("first"))
        change = update(holds).where(same)
        connection.execute(
            change.values(last_day=bindparam("day"), until=bindparam("till"), times=holds.c.times + 1), grown
        )
    replaced = [row["case_id"] for row in new if row["case_id"] in before and before[row["case_id"]].first_day == today]
    if replaced:
        connection.execute(holds.delete().where(holds.c.case_id.in_(replaced), holds.c.first_day == today))
    if new:
        connection.execute(insert(holds), new)


def of_cases(connection: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    """All holds of the cases, oldest first."""
    chosen = select(holds).where(holds.c.case_id.in_(ids)).order_by(holds.c.first_day)
    return list(connection.execute(chosen).all())


def waiting(connection: Connection, now: str, *, oldest: date) -> list[str]:
    """Ids of cases whose newest hold asked to be looked at again by `now` (quiet hours) since `oldest`."""
    chosen = select(holds.c.case_id).where(
        holds.c.until > oldest.isoformat(), holds.c.until <= now, func.length(holds.c.until) > len("2026-01-15")
    )
    return [case for (case,) in connection.execute(chosen)]


def _latest(connection: Connection, ids: Sequence[str], today: str) -> dict[str, Row[Any]]:
    """The newest holds that began by `today`, which may be a past day that is run again."""
    newest = (
        select(holds.c.case_id, func.max(holds.c.first_day).label("first_day"))
        .where(holds.c.case_id.in_(ids), holds.c.first_day <= today)
        .group_by(holds.c.case_id)
        .subquery()
    )
    same = (holds.c.case_id == newest.c.case_id) & (holds.c.first_day == newest.c.first_day)
    return {row.case_id: row for row in connection.execute(select(holds).join(newest, same))}


def _row(hold: Hold, today: str) -> dict[str, Any]:
    return {
        "case_id": hold.case,
        "first_day": today,
        "rule": hold.rule,
        "reason": hold.reason,
        "last_day": today,
        "until": hold.until,
        "person": int(hold.person),
        "times": 1,
    }
