"""Histories: what our books say of the customers, orders, addresses and cards that are decided about together.

Read once for a batch, in the transaction that decides and after `switches.hold`, so nothing else sets money aside
meanwhile. In a batch every name stands once, so its cases share only the shop's budget, which `spend` keeps up.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from domain.instants import to_text
from domain.money import Money
from domain.refund_case import History, Window
from store import decisions
from store.commitments import LIVE
from store.refund_tables import commitments, exposures, returns
from store.tables import steps

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose history a case needs; a name that is not known is empty. `currency` is the one that sums are in."""

    case: str
    customer: str
    order: str
    address: str
    card: str
    currency: str

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """What no two cases of a batch may share."""
        told = (("customer", self.customer), ("order", self.order), ("address", self.address), ("card", self.card))
        return frozenset((kind, name) for kind, name in told if name)


class Histories:
    """The histories of one batch of cases at one moment. `windows` are the days that the policy counts over."""

    def __init__(self, connection: Connection, asked: Sequence[Asked], windows: Sequence[int], now: datetime) -> None:
        self._connection, self._windows, self._now = connection, windows, now
        customers, orders = {one.customer for one in asked} - {""}, {one.order for one in asked} - {""}
        self._rows = _commitments(connection, asked, now - timedelta(days=max(windows, default=0)))
        self._out = _exposures(connection, customers, orders)
        self._returns = _counted(connection, returns.c.customer, returns.c.order_ref, customers)
        self._lost = _counted(connection, exposures.c.customer, exposures.c.case_id, customers, _never_came())
        self._vips = decisions.vip_seen(connection, customers)
        self._hour, self._day = (_spent(connection, now - since) for since in (HOUR, DAY))

    def of(self, one: Asked, stopped: str) -> History:
        """The history of a case of the batch; what the case itself had set aside before is left out."""
        order = self._others(one, "order")
        taken = [row for row in order if row.currency == one.currency]
        # The labels of one return have ids that begin alike, up to and with the slash.
        start = one.case.partition("/")[0] + "/"
        seen, unseen = self._vips.get(one.customer, (None, None))
        return History(
            customer_open_minor=self._open(one, lambda row: bool(one.customer) and row.customer == one.customer),
            order_open_minor=self._open(one, lambda row: bool(one.order) and row.order_ref == one.order),
            order_taken_minor=sum(row.minor for row in taken),
            return_taken_minor=sum(row.minor for row in taken if row.case_id.startswith(start)),
            lines_taken=_lines(self._connection, [row.case_id for row in order]),
            by_customer=self._within(one, "customer"),
            by_address=self._within(one, "address") if one.address else (),
            by_card=self._within(one, "card") if one.card else (),
            shop_hour_minor=self._hour[one.currency],
            shop_day_minor=self._day[one.currency],
            shop_hour_count=self._hour[""],
            shop_day_count=self._day[""],
            returns=self._returns[one.customer],
            lost=self._lost[one.customer],
            stopped=stopped,
            vip_seen=seen,
            not_vip_seen=unseen,
        )

    def spend(self, amount: Money) -> None:
        """A case of the batch sets this aside, which the next ones have to see in the shop's budget."""
        for spent in (self._hour, self._day):
            spent[""] += 1
            spent[amount.currency] += amount.minor

    def _others(self, one: Asked, kind: str) -> list[Row[Any]]:
        name = next((name for known, name in one.names if known == kind), "")
        return [row for row in self._rows[kind, name] if row.case_id != one.case] if name else []

    def _within(self, one: Asked, kind: str) -> tuple[Window, ...]:
        """How often, and how much in the currency; the count is of all currencies."""
        rows, found = self._others(one, kind), []
        for days in self._windows:
            recent = [row for row in rows if row.at > to_text(self._now - timedelta(days=days))]
            found.append(Window(days, len(recent), sum(row.minor for row in recent if row.currency == one.currency)))
        return tuple(found)

    def _open(self, one: Asked, mine: Callable[[Row[Any]], bool]) -> int:
        """Refunded, or about to be, and not received yet."""
        rows = (row for row in self._out if row.case_id != one.case and row.currency == one.currency and mine(row))
        return sum(row.minor for row in rows)


def apart(asked: Iterable[Asked]) -> list[list[Asked]]:
    """The cases in their order, cut into batches in which no name stands twice."""
    batches: list[list[Asked]] = []
    taken: set[tuple[str, str]] = set()
    for one in asked:
        if not batches or taken & one.names:
            batches.append([])
            taken = set()
        batches[-1].append(one)
        taken |= one.names
    return batches


def _commitments(
    connection: Connection, asked: Sequence[Asked], since: datetime
) -> defaultdict[tuple[str, str], list[Row[Any]]]:
    """Money that is or may be out, by each name: of an order ever, of the others since then."""
    columns = {"customer": commitments.c.customer, "order": commitments.c.order_ref}
    columns |= {"address": commitments.c.address, "card": commitments.c.card}
    found: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for kind, column in columns.items():
        names = sorted({name for one in asked for known, name in one.names if known == kind})
        mine = column.in_(names) if kind == "order" else column.in_(names) & (commitments.c.at > to_text(since))
        chosen = select(commitments, column.label("name")).select_from(_with_steps())
        for row in connection.execute(chosen.where(mine, _among(steps.c.state, LIVE))) if names else ():
            found[kind, row.name].append(row)
    return found


def _spent(connection: Connection, since: datetime) -> Counter[str]:
    """What the shop has set aside since then: minor units by currency, and under no name how many times."""
    mine = (commitments.c.at > to_text(since)) & _among(steps.c.state, LIVE)
    chosen = select(commitments.c.currency, func.count(), func.sum(commitments.c.minor)).select_from(_with_steps())
    chosen = chosen.where(mine).group_by(commitments.c.currency)
    spent: Counter[str] = Counter()
    for currency, count, minor in connection.execute(chosen):
        spent[""] += count
        spent[currency] += int(minor)
    return spent


def _exposures(connection: Connection, customers: Collection[str], orders: Collection[str]) -> list[Row[Any]]:
    """The lines of these customers and orders that are out, or are about to be."""
    joined = exposures.join(steps, steps.c.key == "refunds/" + exposures.c.case_id)
    out = _among(exposures.c.state, ("open", "reopened")) & _among(steps.c.state, LIVE)
    found: dict[tuple[str, str], Row[Any]] = {}
    for mine in (exposures.c.customer.in_(sorted(customers)), exposures.c.order_ref.in_(sorted(orders))):
        for row in connection.execute(select(exposures).select_from(joined).where(mine, out)):
            found[row.case_id, row.line] = row
    return list(found.values())


def _never_came() -> ColumnElement[bool]:
    """A line that never came, or whose parcel was empty or held something else, which is a matter for fraud."""
    reopened = (exposures.c.state == "reopened") & (exposures.c.owner == "fraud")
    return or_(exposures.c.state == "lost", reopened)


def _counted(
    connection: Connection, whose: Any, what: Any, customers: Collection[str], mine: ColumnElement[bool] | None = None
) -> Counter[str]:
    chosen = select(whose, func.count(func.distinct(what))).where(whose.in_(sorted(customers))).group_by(whose)
    rows = connection.execute(chosen if mine is None else chosen.where(mine))
    return Counter({customer: int(count) for customer, count in rows})


def _lines(connection: Connection, cases: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """(the shop's line, pieces) of these cases, by the quotes that they were decided on."""
    pieces: Counter[str] = Counter()
    for case in cases:
        facts = decisions.paid_for(connection, case)
        for line, quantity in facts.quote.lines if facts and facts.quote else ():
            pieces[line] += quantity
    return tuple(sorted(pieces.items()))


def _among(state: ColumnElement[str], states: Sequence[str]) -> ColumnElement[bool]:
    """Whether it is one of these, in a way that no index serves: most rows are, so to begin with them reads them all.

    SQLite chooses that where it has no statistics: two seconds a wave with 100,000 refunds, in place of 8 ms.
    """
    return func.coalesce(state, "").in_(states)


def _with_steps() -> Any:
    return commitments.join(steps, steps.c.key == commitments.c.key)
