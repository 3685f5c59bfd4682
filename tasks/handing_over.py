"""The hand-over list: one CSV per day, made from the steps that were done, so a second run writes the same rows."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from domain.money import Money, plain
from store.db import reading
from store.tables import cases, steps
from tasks.connect import Connections

COLUMNS = ("case", "customer", "ticket", "amount", "currency", "failed_on", "decline")


def hand_over_list(c: Connections, day: date) -> list[dict[str, str]]:
    """What was handed over on `day`, by case. Each was looked at once more just before, so nothing paid is in it."""
    handed = (steps.c.action == "hand_over") & (steps.c.state == "done") & (steps.c.day == day.isoformat())
    with reading(c.engine) as connection:
        rows = connection.execute(
            select(cases).join(steps, steps.c.case_id == cases.c.id).where(handed).order_by(cases.c.id)
        ).all()
    return [_row(row) for row in rows]


def write_list(c: Connections, day: date) -> Path | None:
    """Write the day's list beside the other exports and return its path; None where nothing was handed over."""
    rows = hand_over_list(c, day)
    if not rows:
        return None
    path = c.home / "hand-over" / f"{day.isoformat()}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _row(case: Any) -> dict[str, str]:
    return {
        "case": case.id,
        "customer": case.customer,
        "ticket": case.ticket,
        "amount": plain(Money(case.failed_minor, case.currency)),
        "currency": case.currency,
        "failed_on": case.opened_on,
        "decline": case.treatment,
    }
