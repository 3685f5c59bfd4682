"""The month's statement as text and as data. Pure: from the report's values, the same bytes every time."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from commands import format
from domain.money import exponent

if TYPE_CHECKING:
    from ledger.reports import Book, Cohort, Line, Statement

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
LABEL, COUNT, SHARE, AMOUNT = 34, 9, 10, 16

Cells = tuple[str, ...]


def render_statement(statement: "Statement") -> str:
    """The whole statement, one block a currency; what it is made from stands at its end."""
    title = f"Statement, {month_name(statement.month)}"
    if not statement.books:
        blocks = [f"{title}\n  Nothing was booked for this month."]
    else:
        blocks = [_block(title, statement.month, book) for book in statement.books]
    made_from = f"As of entry {format.number(statement.seq)}, {statement.recorded_at or 'nothing booked yet'}"
    return "\n\n".join([*blocks, f"{made_from} · chain {format.short_hash(statement.head)}"])


def statement_data(statement: "Statement") -> dict[str, Any]:
    """The statement for machines: whole minor units, with the number of decimal places beside them."""
    return {
        "month": statement.month,
        "as_of": {"seq": statement.seq, "hash": statement.head, "recorded_at": statement.recorded_at},
        "books": [_book_data(book) for book in statement.books],
    }


def month_name(month: str) -> str:
    """`January 2026` for `2026-01`."""
    year, number = month.split("-")
    return f"{MONTHS[int(number) - 1]} {year}"


def _block(title: str, month: str, book: "Book") -> str:
    currency = book.currency
    rows: list[Cells] = [
        ("", "Cases", "", currency),
        _money_row("Recovered", book.gross, currency),
        *_money_rows(book.income, currency),
    ]
    if any(line.minor for line in book.contra):
        rows += [("Given back", "", "", ""), *_money_rows(book.contra, currency)]
    if any(line.minor for line in book.costs):
        rows += [("Costs, accrued from the price list", "", "", ""), *_money_rows(book.costs, currency)]
    rows.append(("Result", "", "", format.money(book.result.minor, currency)))
    header = f"{title} · {currency} · management statement"
    return "\n".join([header, *aligned(rows), "", *_cohort_block(month, book)])


def _cohort_block(month: str, book: "Book") -> list[str]:
    cohort, currency = book.cohort, book.currency
    shares = _shares(cohort, currency)
    rows: list[Cells] = [
        ("", "Cases", "of failed", currency, "of failed"),
        shares("Failed", cohort.failed),
        shares("Recovered, gross", cohort.gross),
        *(shares(f"  {line.label}", line) for line in cohort.recovered),
        *(shares(line.label, line) for line in cohort.back if line.count or line.minor),
        shares("Recovered, net", cohort.net),
        shares("Lost", _total(cohort.lost)),
        *(shares(f"  {line.label}", line) for line in cohort.lost if line.count),
        shares("Still open", cohort.open),
    ]
    if cohort.difference.minor:
        rows.append((cohort.difference.label, "", "", format.money(cohort.difference.minor, currency), ""))
    over = f"Every share is over all {format.number(cohort.failed.count)} renewals that failed."
    return [
        f"Renewals that failed in {month_name(month)}, and what became of them so far",
        *aligned(rows),
        f"  {over}",
    ]


def _shares(cohort: "Cohort", currency: str) -> Any:
    def row(label: str, line: Any) -> Cells:
        return (
            label,
            format.number(line.count),
            format.percent(line.count, cohort.failed.count),
            format.money(line.minor, currency),
            format.percent(line.minor, cohort.failed.minor),
        )

    return row


def _total(lines: Iterable["Line"]) -> "Line":
    from ledger.reports import Line

    taken = tuple(lines)
    return Line("total", "Total", sum(line.count for line in taken), sum(line.minor for line in taken))


def _money_row(label: str, line: "Line", currency: str) -> Cells:
    return label, format.number(line.count), "", format.money(line.minor, currency)


def _money_rows(lines: Iterable["Line"], currency: str) -> list[Cells]:
    return [_money_row(f"  {line.label}", line, currency) for line in lines if line.count or line.minor]


def aligned(rows: Iterable[Cells]) -> list[str]:
    """Fixed columns; a closing parenthesis hangs in the margin, so that the digits stand under each other."""
    return [_row(*cells) for cells in rows]


def _row(label: str, count: str, share: str, amount: str, amount_share: str = "") -> str:
    cells = (_hanging(count, COUNT), _hanging(share, SHARE), _hanging(amount, AMOUNT), _hanging(amount_share, SHARE))
    return f"  {label:<{LABEL}}{''.join(cells)}".rstrip()


def _hanging(text: str, width: int) -> str:
    return f"{text:>{width}}" if text.endswith(")") else f"{text:>{width - 1}} "


def _book_data(book: "Book") -> dict[str, Any]:
    cohort = book.cohort
    return {
        "currency": book.currency,
        "decimal_places": exponent(book.currency),
        "income": [asdict(line) for line in book.income],
        "contra": [asdict(line) for line in book.contra],
        "costs": [asdict(line) for line in book.costs],
        "gross_minor": book.gross.minor,
        "result_minor": book.result.minor,
        "cohort": {
            "failed": asdict(cohort.failed),
            "recovered": [asdict(line) for line in cohort.recovered],
            "back": [asdict(line) for line in cohort.back],
            "lost": [asdict(line) for line in cohort.lost],
            "open": asdict(cohort.open),
            "difference": asdict(cohort.difference),
            "rates": {name: {"part": rate.part, "whole": rate.whole} for name, rate in cohort.rates().items()},
        },
    }
