"""`recoup refunds exposure | differences`: what is out, and where four sides say different things. Changes nothing."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from commands import format
from commands.ledger import books, print_json
from commands.output import DONE, FOUND, next_commands, out, table
from domain.instants import from_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

EXPOSURE = ("case", "line", "refunded", "days", "due", "state", "next", "owner")


def exposure(*, json: bool = False) -> int:
    """What was refunded early and is not back: line by line, the oldest first, and by age. Changes nothing.

    Parameters
    ----------
    json
        Print data instead of a table: whole minor units.
    """
    from store import exposures

    with books() as (_, connection):
        now = _as_of(connection)
        rows = exposures.out(connection)
        aged = exposures.by_age(connection, now)
    if json:
        lines = [{**dict(row._mapping), "left_minor": exposures.left_of(row)} for row in rows]
        print_json({"as_of": now.isoformat(), "by_age": [each._asdict() for each in aged], "lines": lines})
        return DONE
    if not rows:
        out().print("Nothing is out: everything that was refunded early has come back or was given up.")
        return DONE
    shown = [
        (
            row.case_id,
            row.line,
            f"{format.money(exposures.left_of(row), row.currency)} {row.currency}",
            (now - from_text(row.opened_at)).days,
            row.due_on,
            f"{row.state}{'' if row.refund == 'done' else f', refund {row.refund}'}",
            row.next_action,
            row.owner,
        )
        for row in rows
    ]
    out().print(table("", EXPOSURE, shown, right=("refunded", "days")))
    for each in aged:
        until = f"{each.since} to {each.until}" if each.until is not None else f"more than {each.since - 1}"
        amount = f"{format.money(each.minor, each.currency)} {each.currency}"
        out().print(f"  {until} days: {format.number(each.lines)} lines, {amount}", highlight=False)
    next_commands(("recoup explain CASE", "the whole story of one of them"))
    return DONE


def differences(*, all: bool = False, json: bool = False) -> int:
    """Where portal, shop, payments vendor and books differ, and what to do. Exit 3 where any is open. Changes nothing.

    Parameters
    ----------
    all
        Also what was resolved.
    json
        Print data instead of a table; the exit code is the same.
    """
    from store import differences as kept

    with books() as (_, connection):
        rows = kept.listing(connection, resolved=all)
    code = FOUND if any(not row.resolved_at for row in rows) else DONE
    if json:
        print_json([dict(row._mapping) for row in rows])
        return code
    if not rows:
        out().print("Portal, shop, payments vendor and books agree, as of the last nightly comparison.")
        return code
    shown: list[tuple[Any, ...]] = [
        (row.kind, row.subject, row.said, row.remedy, row.owner, row.first_seen[:10], row.resolved_at[:10] or "open")
        for row in rows
    ]
    out().print(table("", ("kind", "about", "what was found", "what to do", "owner", "since", "state"), shown))
    return code


def _as_of(connection: "Connection") -> datetime:
    """Ages are counted to the books' last entry, as in the statement; where there is none, to now."""
    head = connection.exec_driver_sql("SELECT recorded_at FROM ledger_head WHERE id = 1").scalar()
    return from_text(head) if head else datetime.now(UTC)
