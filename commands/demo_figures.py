"""What the demo shows of each day and case, read from our own tables and books."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from commands import format

CURRENCIES = ("USD", "EUR")
HEADS = (
    "Day",
    "failed",
    "charged",
    "written",
    "recovered",
    "handed over",
    "refunds",
    "held",
    "entries",
    *(f"{c} booked" for c in CURRENCIES),
)
WIDTHS = (15, 7, 9, 9, 11, 13, 9, 6, 9, 12, 12)
STEPS = "SELECT COUNT(*) FROM steps WHERE day = ? AND action IN ({}) AND state IN ('done', 'refused', 'unknown')"
STORY = """
    SELECT c.id FROM cases c JOIN steps s ON s.case_id = c.id
    WHERE c.operation = 'dunning' AND c.outcome = 'recovered' AND c.answered_at <> '' AND c.ticket <> ''
    GROUP BY c.id ORDER BY COUNT(DISTINCT s.action) DESC, COUNT(*) DESC, c.id LIMIT 1
"""
"""A renewal that came back late: silent charges, mails, a text, the hand-over, an answer, a payment."""
HELD = """
    SELECT COUNT(DISTINCT d.case_id) FROM decisions d JOIN cases c ON c.id = d.case_id
    WHERE c.opened_on = ? AND d.outcome IN ('hold', 'approve')
"""
"""Returns whose money a guard kept back for a person."""
HEARD = "SELECT COUNT(*), COALESCE(SUM(copies), 0) FROM inbox"


class Day(NamedTuple):
    """One day's figures: counts of that day; entries and what dunning brought (minor units, net of costs) so far."""

    day: date
    failed: int
    charged: int
    written: int
    recovered: int
    handed_over: int
    refunds: int
    held: int
    entries: int
    booked: tuple[int, ...]


def day_figures(connection: Connection, day: date, entries_before: int) -> Day:
    """The figures of a day that just ended; what was booked since `entries_before` counts as this day's."""

    def count(query: str, *values: object) -> int:
        return int(connection.exec_driver_sql(query, values).scalar() or 0)

    on = day.isoformat()
    booked = "SELECT COUNT(*) FROM ledger_entries WHERE kind = ? AND seq > ?"
    return Day(
        day=day,
        failed=count("SELECT COUNT(*) FROM cases WHERE operation = 'dunning' AND opened_on = ?", on),
        charged=count(STEPS.format("'charge'"), on),
        written=count(STEPS.format("'mail', 'sms', 'follow_up'"), on),
        recovered=count(booked, "renewal_recovered", entries_before),
        handed_over=count(STEPS.format("'hand_over'"), on),
        refunds=count(booked, "vip_refund", entries_before),
        held=count(HELD, on),
        entries=count("SELECT seq FROM ledger_head WHERE id = 1"),
        booked=tuple(-count(BOOKED, currency) for currency in CURRENCIES),
    )


BOOKED = """
    SELECT COALESCE(SUM(amount_minor), 0) FROM ledger_rollup
    WHERE currency = ? AND (account LIKE 'Income:%' OR account LIKE 'Expenses:%')
    AND account NOT LIKE 'Income:Contra:Returns:%' AND account NOT LIKE 'Expenses:Goods:%'
    AND account NOT LIKE 'Expenses:Refunds:%'
"""
"""As the statement's result: what a return gives back is the shop's sale, and stands in a part of its own."""


def story(connection: Connection) -> str:
    """The id of a case worth reading."""
    found = connection.exec_driver_sql(STORY).scalar()
    return str(found or connection.exec_driver_sql("SELECT MIN(id) FROM cases").scalar() or "")


def webhooks(connection: Connection) -> tuple[int, int]:
    """(events that were heard, copies of them that came too)."""
    found = connection.exec_driver_sql(HEARD).one()
    return int(found[0]), int(found[1])


def head_line() -> str:
    """The heads of the columns."""
    return _line(HEADS)


def day_line(found: Day) -> str:
    """One day as a line under the heads."""
    amounts = [format.money(minor, currency) for minor, currency in zip(found.booked, CURRENCIES, strict=True)]
    counts = (
        found.failed, found.charged, found.written, found.recovered, found.handed_over, found.refunds, found.held
    )  # fmt: skip
    cells = [format.number(count) if count else "·" for count in counts]
    return _line((f"{found.day:%a} {found.day}", *cells, format.number(found.entries), *amounts))


def bar_line(done: int, days: int, seconds: float, width: int = 30) -> str:
    """How far it is."""
    full = width * done // days
    return f"  {'█' * full}{'░' * (width - full)}  {done} of {days} days {seconds:>8.0f} s"


def _line(cells: Sequence[str]) -> str:
    first, *rest = cells
    return f"  {first:<{WIDTHS[0]}}" + "".join(
        # A closing parenthesis hangs in the margin, so that the digits stand under each other.
        f"{cell:>{width}}" if cell.endswith(")") else f"{cell:>{width - 1}} "
        for cell, width in zip(rest, WIDTHS[1:], strict=True)
    )
