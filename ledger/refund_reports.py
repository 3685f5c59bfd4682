"""The refunds part of the month's statement: money, exposure, what guards held, and an estimate that is no money.

Money comes from the roll-up as in the rest of the statement; what is out comes from the lines themselves, as of the
books' last entry. Hours are an estimate and stand apart: they are never added to anything.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from domain.instants import from_text, to_text
from domain.refund_rules import RULES
from ledger import accounts
from ledger.reports import Line
from store import exposures
from store.exposures import Aged
from store.refund_tables import decisions

LABELS: Final = {
    "refunded": "Refunded to VIPs on the first scan",
    "lost": "Goods given up, at cost",
    "expected": "Goods on their way, at cost",
    "received": "Goods that came back, at cost",
}
HELD: Final = ("hold", "approve", "never")
"""Outcomes in which a guard kept the money for a person or for the usual inspection."""


class RefundBook(NamedTuple):
    """What moved in the month in one currency."""

    currency: str
    refunded: Line
    """Money that went back, negative; a refund that failed afterwards is taken off again."""
    goods: tuple[Line, ...]
    """What the goods cost: expected and received as they are, given up negative, for it is an expense."""
    lines: tuple[Line, ...]
    """The memo book: lines refunded early, received, given up, withdrawn, by their part of the refund."""


class Saved(NamedTuple):
    """An estimate, no money: how much earlier customers had theirs than with inspection."""

    refunds: int
    """Refunds of which all goods came in within the month."""
    minutes: int


class Guard(NamedTuple):
    """What one rule kept from being refunded early in the month."""

    rule: str
    name: str
    outcome: str
    cases: int


class RefundPart(NamedTuple):
    """The part of one month. `as_of` is when the lines that are out were looked at, as text; empty for no books."""

    books: tuple[RefundBook, ...]
    out: tuple[Aged, ...]
    saved: Saved
    guards: tuple[Guard, ...]
    as_of: str

    @property
    def empty(self) -> bool:
        """True for a shop that refunds nothing early."""
        return not (self.books or self.out or self.saved.refunds or self.guards)


def refund_part(connection: Connection, month: str, zone: str) -> RefundPart:
    """The refunds of the month (`2026-01`, days in the shop's zone)."""
    since, until = _bounds(month, zone)
    head = connection.exec_driver_sql("SELECT recorded_at FROM ledger_head WHERE id = 1").scalar() or ""
    return RefundPart(
        books=_books(connection, month),
        out=exposures.by_age(connection, from_text(head)) if head else (),
        saved=_saved(connection, since, until),
        guards=_guards(connection, since, until),
        as_of=head,
    )


def _books(connection: Connection, month: str) -> tuple[RefundBook, ...]:
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    rows = connection.exec_driver_sql(
        f"SELECT currency, account, SUM(count), SUM(amount_minor) FROM ledger_rollup WHERE month = {mark} "
        "GROUP BY currency, account",
        (month,),
    )
    wanted = {accounts.VIP_REFUNDS, *(name for pair in accounts.RETURNS.values() for name in pair)}
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for currency, account, count, minor in rows:
        if account in wanted:
            found.setdefault(currency, {})[account] = int(count), int(minor)
    return tuple(_book(currency, found[currency]) for currency in sorted(found))


def _book(currency: str, totals: dict[str, tuple[int, int]]) -> RefundBook:
    def line(name: str, account: str, label: str, sign: int) -> Line:
        count, minor = totals.get(account, (0, 0))
        return Line(name, label, abs(count), sign * minor)

    places = accounts.RETURNS
    return RefundBook(
        currency=currency,
        refunded=line("refunded", accounts.VIP_REFUNDS, LABELS["refunded"], -1),
        goods=(
            line("expected", places["open"][1], LABELS["expected"], 1),
            line("received", places["received"][1], LABELS["received"], 1),
            line("lost", places["lost"][1], LABELS["lost"], -1),
        ),
        lines=(
            line("early", places["new"][0], "refunded before the goods", -1),
            line("received", places["received"][0], "received", 1),
            line("lost", places["lost"][0], "given up", 1),
            line("withdrawn", places["withdrawn"][0], "refund failed afterwards", 1),
        ),
    )


def _saved(connection: Connection, since: datetime, until: datetime) -> Saved:
    found = exposures.received_between(connection, since, until)
    minutes = sum(max(0, int((received - refunded) / timedelta(minutes=1))) for _, refunded, received in found)
    return Saved(len(found), minutes)


def _guards(connection: Connection, since: datetime, until: datetime) -> tuple[Guard, ...]:
    columns = decisions.c.rule, decisions.c.outcome, func.count(func.distinct(decisions.c.case_id))
    within = (decisions.c.at >= to_text(since)) & (decisions.c.at < to_text(until))
    chosen = select(*columns).where(within, decisions.c.outcome.in_(HELD)).group_by(*columns[:2])
    rows = [(rule, outcome, int(cases)) for rule, outcome, cases in connection.execute(chosen)]
    ordered = sorted(rows, key=lambda row: (-row[2], row[0], row[1]))
    return tuple(
        Guard(rule, RULES[rule].name if rule in RULES else rule, outcome, cases) for rule, outcome, cases in ordered
    )


def _bounds(month: str, zone: str) -> tuple[datetime, datetime]:
    """The month's first instant and the first one after it."""
    year, number = int(month[:4]), int(month[5:])
    first = date(year, number, 1)
    after = first + timedelta(days=monthrange(year, number)[1])
    return (
        datetime.combine(first, time(), ZoneInfo(zone)),
        datetime.combine(after, time(), ZoneInfo(zone)),
    )
