"""What the books say: the month's statement, from the roll-up only, and a digest of the whole content.

The P&L of a month is what moved in it. The dunning table is of the renewals that failed in it, whenever what
became of them was booked. Every rate is over all that failed; none is left out of the denominator.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import Connection

from ledger import accounts

PHASES: Final = {
    "silent_retry": "Silent retry",
    "customer_action": "Customer's own action",
    "message": "After a message",
    "support": "Personal follow-up by support",
}
REASONS: Final = {
    "cancelled": "Cancelled",
    "voided": "Invoice voided",
    "written_off": "Written off",
    "superseded": "Given up for the next renewal",
    "uncollectible": "Uncollectible",
}
BACK: Final = {"refund": "Refunded", "chargeback": "Charged back"}
COSTS: Final = {"mail": "Mails", "sms": "Texts", "ticket": "Helpdesk tickets"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: how many, and how much in minor units; what reduces the result is negative."""

    name: str
    label: str
    count: int
    minor: int


class Rate(NamedTuple):
    """A share, exact: `part` of `whole`."""

    part: int
    whole: int


class Cohort(NamedTuple):
    """The renewals that failed in one month, and what became of them so far."""

    failed: Line
    recovered: tuple[Line, ...]
    """By phase, gross, at what was paid."""
    back: tuple[Line, ...]
    """Refunds and chargebacks, negative: by count those that took all back, by money also the parts."""
    lost: tuple[Line, ...]
    open: Line
    difference: Line
    """Money that failed and is in none of the lines: paid short, or refunded in part. Its count is zero."""

    @property
    def gross(self) -> Line:
        """All that was recovered."""
        return _sum("gross", "Recovered, gross", self.recovered)

    @property
    def net(self) -> Line:
        """What was recovered and not given back."""
        return _sum("net", "Recovered, net", (*self.recovered, *self.back))

    def rates(self) -> dict[str, Rate]:
        """The four figures, each over all failures: by count and by money, gross and net."""
        return {
            "by_count_gross": Rate(self.gross.count, self.failed.count),
            "by_count_net": Rate(self.net.count, self.failed.count),
            "by_money_gross": Rate(self.gross.minor, self.failed.minor),
            "by_money_net": Rate(self.net.minor, self.failed.minor),
        }


class Book(NamedTuple):
    """The statement in one currency; currencies are never added."""

    currency: str
    income: tuple[Line, ...]
    contra: tuple[Line, ...]
    costs: tuple[Line, ...]
    cohort: Cohort

    @property
    def gross(self) -> Line:
        """The income before what went back."""
        return _sum("gross", "Recovered", self.income)

    @property
    def result(self) -> Line:
        """Income less what went back less costs. Its count is of no meaning and zero."""
        return replace(_sum("result", "Result", (*self.income, *self.contra, *self.costs)), count=0)


class Statement(NamedTuple):
    """The support department's month. A management statement, not the statutory accounts."""

    month: str
    books: tuple[Book, ...]
    seq: int
    """The last entry that it knows."""
    head: str
    recorded_at: str


SHOWN: Final = frozenset(
    {accounts.FAILED, accounts.OPEN, accounts.REFUNDS, accounts.CHARGEBACKS}.union(
        accounts.RECOVERED_INCOME.values(), accounts.RECOVERED_MEMO.values(), accounts.LOST_MEMO.values(),
        accounts.MESSAGE_COSTS.values(), (pair[1] for pair in accounts.MONEY_BACK.values()),
    )
)  # fmt: skip
"""The accounts that the statement's lines are made of."""

Totals = dict[str, tuple[int, int]]
"""Account -> (count, minor units), as in the books: count is debits less credits."""


def statement(connection: Connection, month: str) -> Statement:
    """The month (`2026-01`) in every currency that moved or failed in it. Raises ValueError for no month."""
    if not _is_month(month):
        raise ValueError(f"{month!r} is not a month; write it like 2026-01, the month from 01 to 12")
    moved = _totals(connection, "month", month)
    cohorts = _totals(connection, "belongs_to", month)
    head = connection.exec_driver_sql("SELECT seq, hash, recorded_at FROM ledger_head WHERE id = 1").one()
    # A currency in which only returns moved has no block here: the refunds part tells of it.
    currencies = sorted(
        currency for currency in moved.keys() | cohorts.keys() if _told(moved, currency) or _told(cohorts, currency)
    )
    books = tuple(_book(currency, moved.get(currency, {}), cohorts.get(currency, {})) for currency in currencies)
    return Statement(month, books, head[0], head[1], head[2])


def content_digest(connection: Connection) -> str:
    """SHA-256 over what happened, by source key: the same events give the same digest, whoever booked them when.

    Left out are `recorded_at`, the sequence, the flow run and the hashes.
    """
    rows = connection.execution_options(stream_results=True).exec_driver_sql(
        "SELECT e.source_key, e.kind, e.occurred_at, e.effective_on, e.belongs_to, e.operation, e.case_id, e.vendor, "
        "e.vendor_ref, e.policy_version, e.reverses, p.line, p.account, p.minor, p.currency "
        "FROM ledger_entries e JOIN ledger_postings p ON p.seq = e.seq ORDER BY e.source_key, p.line"
    )
    digest = sha256()
    for row in rows:
        fields = [str(value) for value in row]
        digest.update("".join(f"{len(field)}:{field}" for field in fields).encode())
    return digest.hexdigest()


def _told(totals: dict[str, Totals], currency: str) -> bool:
    """Whether any of the lines here is about this currency."""
    return not SHOWN.isdisjoint(totals.get(currency, {}))


def _book(currency: str, moved: Totals, cohort: Totals) -> Book:
    contra = {kind: pair[0] for kind, pair in accounts.MONEY_BACK.items()}
    return Book(
        currency=currency,
        income=_lines(accounts.RECOVERED_INCOME, PHASES, moved, sign=-1),
        contra=_costs(_lines(contra, BACK, moved, sign=-1)),
        costs=_costs(_lines(accounts.MESSAGE_COSTS, COSTS, moved, sign=-1)),
        cohort=_cohort(cohort),
    )


def _cohort(totals: Totals) -> Cohort:
    failed = _line("failed", "Failed", totals.get(accounts.FAILED, (0, 0)), sign=-1)
    recovered = tuple(
        # By money what was paid; by count the cases, which a part refunded later does not touch.
        Line(phase, label, totals.get(accounts.RECOVERED_MEMO[phase], (0, 0))[0],
             -totals.get(accounts.RECOVERED_INCOME[phase], (0, 0))[1])
        for phase, label in PHASES.items()
    )  # fmt: skip
    back = tuple(
        Line(kind, label, totals.get(accounts.MONEY_BACK[kind][1], (0, 0))[0],
             -totals.get(accounts.MONEY_BACK[kind][0], (0, 0))[1])
        for kind, label in BACK.items()
    )  # fmt: skip
    lost = _lines(accounts.LOST_MEMO, REASONS, totals, sign=1)
    still_open = _line("open", "Still open", totals.get(accounts.OPEN, (0, 0)), sign=1)
    rest = failed.minor - sum(line.minor for line in (*recovered, *back, *lost, still_open))
    difference = Line("difference", "Paid short or refunded in part", 0, rest)
    return Cohort(failed, recovered, back, lost, still_open, difference)


def _totals(connection: Connection, column: str, month: str) -> dict[str, Totals]:
    """The roll-up's rows of a month, by currency and account."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    rows = connection.exec_driver_sql(
        "SELECT currency, account, SUM(count), SUM(amount_minor) FROM ledger_rollup "
        f"WHERE {column} = {mark} GROUP BY currency, account",
        (month,),
    )
    found: dict[str, Totals] = {}
    for currency, account, count, minor in rows:
        # PostgreSQL adds 64-bit integers up to a numeric, which arrives as a Decimal.
        found.setdefault(currency, {})[account] = int(count), int(minor)
    return found


def _lines(names: dict[str, str], labels: dict[str, str], totals: Totals, sign: int) -> tuple[Line, ...]:
    return tuple(_line(name, labels[name], totals.get(account, (0, 0)), sign) for name, account in names.items())


def _line(name: str, label: str, total: tuple[int, int], sign: int) -> Line:
    return Line(name, label, sign * total[0], sign * total[1])


def _costs(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Counts of what reduces the result are shown as they are, only the money is negative."""
    return tuple(replace(line, count=-line.count) for line in lines)


def _sum(name: str, label: str, lines: Iterable[Line]) -> Line:
    taken = tuple(lines)
    return Line(name, label, sum(line.count for line in taken), sum(line.minor for line in taken))


def _is_month(text: str) -> bool:
    year, _, month = text.partition("-")
    return len(year) == 4 and year.isascii() and year.isdigit() and month in {f"{number:02}" for number in range(1, 13)}  # noqa: PLR2004
