"""Commitments: money set aside for refunds, and the sums over it that caps and budgets are made of.

Written in the transaction that writes the intent, after `switches.hold`, so that of two decisions the second sees
the first. What became of it is the state of the step with the same key, so nothing has to be given back.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.money import Money
from domain.refund_case import History, Window
from store import decisions
from store.refund_tables import commitment_payments, commitments, exposures, returns
from store.tables import steps

LIVE = ("intended", "unknown", "done")
"""Steps whose money went out or may have."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Money that one step may send out. `address` and `card` are keyed hashes, empty where not known."""

    key: str
    case: str
    customer: str
    order: str
    address: str
    card: str
    amount: Money


def put(connection: Connection, made: Commitment, at: datetime) -> None:
    """Set the money aside; a step that is intended again sets aside anew."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(commitments)
    row: dict[str, Any] = {"key": made.key, "case_id": made.case, "customer": made.customer, "order_ref": made.order}
    row |= {"address": made.address, "card": made.card, "currency": made.amount.currency, "minor": made.amount.minor}
    new = {name: add.excluded[name] for name in ("currency", "minor", "address", "card", "at")}
    add = add.values(row | {"at": to_text(at)})
    connection.execute(add.on_conflict_do_update(index_elements=[commitments.c.key], set_=new))


def put_payments(connection: Connection, key: str, payments: Iterable[str]) -> None:
    """Note which payments the commitment is about."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(commitment_payments)
    rows = [{"payment": payment, "key": key} for payment in sorted({*payments} - {""})]
    if rows:
        connection.execute(add.on_conflict_do_nothing(), rows)


def by_key(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    """Commitment rows by step key."""
    chosen = select(commitments).where(commitments.c.key.in_(list(keys)))
    return {row.key: row for row in connection.execute(chosen)}


def history(
    connection: Connection,
    *,
    customer: str,
    order: str,
    address: str,
    card: str,
    currency: str,
    windows: Sequence[int],
    now: datetime,
    stopped: str,
    case: str,
) -> History:
    """What our books say of this customer, order, address, card and shop at this moment; the case itself left out."""
    others, mine = commitments.c.case_id != case, commitments.c.order_ref == order

    def within(whose: ColumnElement[bool]) -> tuple[Window, ...]:
        return tuple(
            Window(days, *_sum(connection, whose & others, currency, now - timedelta(days=days))) for days in windows
        )

    vip_seen, not_vip_seen = decisions.vip_seen(connection, customer)
    hour = _sum(connection, others, currency, now - HOUR)
    day = _sum(connection, others, currency, now - DAY)
    return History(
        customer_open_minor=_open(connection, exposures.c.customer == customer, currency, case),
        order_open_minor=_open(connection, exposures.c.order_ref == order, currency, case),
        order_taken_minor=_sum(connection, mine & others, currency, None)[1],
        return_taken_minor=_sum(connection, _of_return(case) & mine & others, currency, None)[1],
        lines_taken=_lines_taken(connection, mine & others),
        by_customer=within(commitments.c.customer == customer),
        by_address=within(commitments.c.address == address) if address else (),
        by_card=within(commitments.c.card == card) if card else (),
        shop_hour_minor=hour[1],
        shop_day_minor=day[1],
        shop_hour_count=hour[0],
        shop_day_count=day[0],
        returns=_count(connection, func.distinct(returns.c.order_ref), returns.c.customer == customer),
        lost=_count(
            connection,
            func.distinct(exposures.c.case_id),
            (exposures.c.customer == customer) & _never_came(),
        ),
        stopped=stopped,
        vip_seen=vip_seen,
        not_vip_seen=not_vip_seen,
    )


def _never_came() -> ColumnElement[bool]:
    """A line that never came, or whose parcel was empty or held something else, which is a matter for fraud."""
    reopened = (exposures.c.state == "reopened") & (exposures.c.owner == "fraud")
    return or_(exposures.c.state == "lost", reopened)


def _lines_taken(connection: Connection, mine: ColumnElement[bool]) -> tuple[tuple[str, int], ...]:
    """(the shop's line, pieces) of these commitments, by the quotes that they were decided on."""
    chosen = select(commitments.c.case_id).select_from(commitments.join(steps, steps.c.key == commitments.c.key))
    pieces: Counter[str] = Counter()
    for (case,) in connection.execute(chosen.where(mine, steps.c.state.in_(LIVE))).all():
        facts = decisions.paid_for(connection, case)
        for line, quantity in facts.quote.lines if facts and facts.quote else ():
            pieces[line] += quantity
    return tuple(sorted(pieces.items()))


def _of_return(case: str) -> ColumnElement[bool]:
    """The labels of the same return: their ids begin alike, up to and with the slash."""
    start = case.partition("/")[0] + "/"
    return func.substr(commitments.c.case_id, 1, len(start)) == start


def _sum(connection: Connection, mine: ColumnElement[bool], currency: str, since: datetime | None) -> tuple[int, int]:
    """How many, and how much in the currency; the count is of all currencies."""
    same = func.coalesce(func.sum(commitments.c.minor).filter(commitments.c.currency == currency), 0)
    chosen = select(func.count(), same).select_from(commitments.join(steps, steps.c.key == commitments.c.key))
    chosen = chosen.where(mine, steps.c.state.in_(LIVE))
    if since is not None:
        chosen = chosen.where(commitments.c.at > to_text(since))
    count, minor = connection.execute(chosen).one()
    return int(count), int(minor)


def _open(connection: Connection, mine: ColumnElement[bool], currency: str, case: str) -> int:
    """Refunded, or about to be, and not received yet."""
    joined = exposures.join(steps, steps.c.key == "refunds/" + exposures.c.case_id)
    chosen = select(func.coalesce(func.sum(exposures.c.minor), 0)).select_from(joined)
    open_ = exposures.c.state.in_(("open", "reopened")) & (exposures.c.currency == currency)
    found = connection.execute(chosen.where(mine, open_, exposures.c.case_id != case, steps.c.state.in_(LIVE)))
    return int(found.scalar_one())


def _count(connection: Connection, what: Any, mine: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count(what)).where(mine)).scalar_one())
