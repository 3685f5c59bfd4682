"""Exposures: what was refunded early and has not come back, line by line; sums of it for caps and for the statement.

A line is written with the intent of its refund and counts while that step is in flight or done, so money that is
pending counts too. It changes only from the state it was read in, so of two sweeps one changes it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.exposure import Exposure, split
from domain.instants import from_text, to_text
from domain.money import Money
from domain.refund_case import RefundFacts
from store.refund_tables import exposures
from store.tables import steps

LIVE: Final = ("intended", "unknown", "done")
"""Steps whose money went out or may have."""
OUT: Final = ("open", "reopened")
WHOLE: Final = "all"
"""The one line of a refund whose lines the portal does not name."""
AGES: Final = ((0, 7), (8, 30), (31, 60), (61, None))
"""Days since the refund: the buckets that exposure is shown in."""


PAGE: Final = 500
LATE: Final = timedelta(days=90)

booking = steps.alias("booking")


class Aged(NamedTuple):
    """What is out in one currency since so many days. `until` is None for the last bucket."""

    currency: str
    since: int
    until: int | None
    lines: int
    minor: int


class Opened(NamedTuple):
    """A refund that is about to be made: what was decided on, how much, and to whom."""

    facts: RefundFacts
    amount: Money
    customer: str


def open_lines(
    connection: Connection, opened: Sequence[Opened], *, due_days: int, at: datetime
) -> tuple[Exposure, ...]:
    """Open the lines of refunds that are about to be made; an intent that is made again opens them anew."""
    if not opened:
        return ()
    due = (at + timedelta(days=due_days)).date()
    lines = [
        line
        for facts, amount, customer in opened
        for line in split(_lines(facts, amount, customer, due, at), amount)
    ]  # fmt: skip
    untouched = exposures.c.case_id.in_([one.facts.case for one in opened]) & (exposures.c.changes == 0)
    connection.execute(exposures.delete().where(untouched))
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(exposures)
    connection.execute(add.on_conflict_do_nothing(), [_row(line) for line in lines])
    return tuple(lines)


def confirm(connection: Connection, case: str, amount: Money) -> tuple[Exposure, ...]:
    """The vendor moved `amount`: the lines share it from now on. Lines that changed already keep their parts."""
    lines = tuple(line for line in by_case(connection, [case]) if not line.changes)
    parts = split(lines, amount)
    for line, part in zip(lines, parts, strict=True):
        if part.refunded != line.refunded:
            mine = (exposures.c.case_id == case) & (exposures.c.line == line.line) & (exposures.c.changes == 0)
            values = {"minor": part.refunded.minor, "currency": part.refunded.currency}
            connection.execute(update(exposures).where(mine).values(values))
    return parts


def by_case(connection: Connection, cases: Iterable[str]) -> tuple[Exposure, ...]:
    """The lines of these cases."""
    chosen = select(exposures).where(exposures.c.case_id.in_(list(cases)))
    rows = connection.execute(chosen.order_by(exposures.c.case_id, exposures.c.line))
    return tuple(_exposure(row) for row in rows)


def to_follow(connection: Connection, now: datetime, *, after: str = "", page: int = PAGE) -> list[str]:
    """Cases after `after` whose refund is done and booked and of which a line may still change; at most `page`.

    What is out; what was received or given up within 90 days, because an inspection or a parcel may come late.
    """
    recent = exposures.c.state.in_(("received", "lost")) & (exposures.c.changed_at > to_text(now - LATE))
    mine = and_(or_(exposures.c.state.in_(OUT), recent), exposures.c.decided_by == "", exposures.c.case_id > after)
    booked = _expected_step(("done",))
    cases = (
        select(exposures.c.case_id).distinct().select_from(_with_steps()).where(mine, steps.c.state == "done", booked)
    )
    return [case for (case,) in connection.execute(cases.order_by(exposures.c.case_id).limit(page))]


def not_booked(connection: Connection, *, page: int = PAGE) -> list[str]:
    """Cases whose refund is done and whose goods are not in the books as expected yet; at most `page`."""
    cases = select(exposures.c.case_id).distinct().select_from(_with_steps())
    chosen = cases.where(steps.c.state == "done", ~_expected_step(("done", "refused")))
    return [case for (case,) in connection.execute(chosen.order_by(exposures.c.case_id).limit(page))]


def change(connection: Connection, before: Exposure, after: Exposure) -> bool:
    """Write what became of a line; False where it is not any more what it was read as."""
    mine = (exposures.c.case_id == before.case) & (exposures.c.line == before.line)
    values = {name: value for name, value in _row(after).items() if name not in ("case_id", "line")}
    done = connection.execute(update(exposures).where(mine, exposures.c.changes == before.changes).values(values))
    return bool(done.rowcount)


def out(connection: Connection) -> list[Row[Any]]:
    """Every line that is out now, the oldest first, with the state of its refund in `refund`."""
    chosen = select(exposures, steps.c.state.label("refund")).select_from(_with_steps())
    chosen = chosen.where(exposures.c.state.in_(OUT), steps.c.state.in_(LIVE))
    return list(connection.execute(chosen.order_by(exposures.c.opened_at, exposures.c.case_id, exposures.c.line)))


def by_age(connection: Connection, now: datetime) -> tuple[Aged, ...]:
    """What is out, by currency and days since the refund; every bucket of a currency that is out at all."""
    rows = out(connection)
    found: list[Aged] = []
    for currency in sorted({row.currency for row in rows}):
        for since, until in AGES:
            of_age = [row for row in rows if row.currency == currency and _is_aged(row, now, since, until)]
            found.append(Aged(currency, since, until, len(of_age), sum(left_of(row) for row in of_age)))
    return tuple(found)


def left_of(row: Any) -> int:
    """Minor units of a line that are still out: without the pieces that came."""
    return int(row.minor - row.minor * row.received // max(1, row.quantity))


def received_between(connection: Connection, since: datetime, until: datetime) -> list[tuple[str, datetime, datetime]]:
    """(case, refunded at, goods in at) of cases all of whose lines were received, the last one within the time."""
    first, last = to_text(since), to_text(until)
    within = (exposures.c.changed_at >= first) & (exposures.c.changed_at < last)
    ended = select(exposures.c.case_id).where(within, exposures.c.state == "received").distinct()
    cases: dict[str, list[Any]] = {}
    for row in connection.execute(select(exposures).where(exposures.c.case_id.in_(ended))):
        cases.setdefault(row.case_id, []).append(row)
    found = []
    for case, lines in sorted(cases.items()):
        at = max(line.changed_at for line in lines)
        if first <= at < last and all(line.state == "received" for line in lines):
            found.append((case, from_text(min(line.opened_at for line in lines)), from_text(at)))
    return found


def _expected_step(states: Sequence[str]) -> ColumnElement[bool]:
    key = "refunds/" + exposures.c.case_id + "/expected"
    return exists(select(booking.c.key).where(booking.c.key == key, booking.c.state.in_(states)))


def _with_steps() -> Any:
    return exposures.join(steps, steps.c.key == "refunds/" + exposures.c.case_id)


def _is_aged(row: Any, now: datetime, since: int, until: int | None) -> bool:
    days = max(0, (now - from_text(row.opened_at)).days)
    return days >= since and (until is None or days <= until)


def _lines(facts: RefundFacts, amount: Money, customer: str, due: date, at: datetime) -> Sequence[Exposure]:
    """The lines that travel in the parcel and are refunded, at the shop's cost where it tells it."""
    order_lines = {line.id: line for line in facts.order.lines} if facts.order else {}
    lines = [line for line in facts.ret.lines_of(facts.label) if line.outcome == "refund"]

    def opened(ident: str, quantity: int, cost: Money | None) -> Exposure:
        return Exposure(
            case=facts.case, line=ident, customer=customer, order=facts.ret.order, refunded=Money(0, amount.currency),
            cost=cost, quantity=max(1, quantity), opened_at=at, due_on=due, changed_at=at,
        )  # fmt: skip

    def cost_of(shop_line: str, quantity: int) -> Money | None:
        known = order_lines.get(shop_line)
        each = known.cost if known else None
        return Money(each.minor * max(1, quantity), each.currency) if each else None

    return [opened(line.id, line.quantity, cost_of(line.shop_line, line.quantity)) for line in lines] or [
        opened(WHOLE, 1, None)
    ]


def _row(line: Exposure) -> dict[str, Any]:
    return {
        "case_id": line.case,
        "line": line.line,
        "customer": line.customer,
        "order_ref": line.order,
        "currency": line.refunded.currency,
        "minor": line.refunded.minor,
        "cost_minor": line.cost.minor if line.cost else 0,
        "cost_currency": line.cost.currency if line.cost else "",
        "quantity": line.quantity,
        "received": line.received,
        "state": line.state,
        "opened_at": to_text(line.opened_at),
        "due_on": line.due_on.isoformat(),
        "changed_at": to_text(line.changed_at),
        "why": line.why,
        "next_action": line.next_action,
        "owner": line.owner,
        "decided_by": line.decided_by,
        "changes": line.changes,
    }


def _exposure(row: Row[Any]) -> Exposure:
    return Exposure(
        case=row.case_id,
        line=row.line,
        customer=row.customer,
        order=row.order_ref,
        refunded=Money(row.minor, row.currency),
        cost=Money(row.cost_minor, row.cost_currency) if row.cost_currency else None,
        quantity=row.quantity,
        received=row.received,
        state=row.state,
        opened_at=from_text(row.opened_at),
        due_on=date.fromisoformat(row.due_on),
        changed_at=from_text(row.changed_at),
        why=row.why,
        next_action=row.next_action,
        owner=row.owner,
        decided_by=row.decided_by,
        changes=row.changes,
    )
