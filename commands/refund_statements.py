"""The refunds part of the statement as text and as data. Pure: from the report's values, the same bytes every time."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from commands import format
from commands.statements import Cells, aligned, month_name
from domain.money import exponent

if TYPE_CHECKING:
    from ledger.refund_reports import RefundBook, RefundPart
    from ledger.reports import Line
    from store.exposures import Aged

MINUTES = 60
WORDS = {"hold": "held", "approve": "waited for a yes", "never": "left to the inspection"}
ESTIMATE = "estimate, no money and in no sum above"


def render_refunds(part: "RefundPart", month: str) -> str:
    """The part, one block a currency and one for what is counted; empty where nothing is refunded early."""
    if part.empty:
        return ""
    out = {aged.currency for aged in part.out}
    known = {book.currency: book for book in part.books}
    blocks = [
        _block(month, currency, known.get(currency), [aged for aged in part.out if aged.currency == currency], part)
        for currency in sorted(out | known.keys())
    ]
    return "\n\n".join([*blocks, *_counted(part)])


def refund_data(part: "RefundPart") -> dict[str, Any]:
    """The part for machines: whole minor units; the estimate stands apart and says that it is one."""
    return {
        "books": [
            {
                "currency": book.currency,
                "decimal_places": exponent(book.currency),
                "refunded": asdict(book.refunded),
                "goods": [asdict(line) for line in book.goods],
                "lines": [asdict(line) for line in book.lines],
            }
            for book in part.books
        ],
        "exposure": {"as_of": part.as_of, "by_age": [aged._asdict() for aged in part.out]},
        "held": [guard._asdict() for guard in part.guards],
        "estimate": {"refunds": part.saved.refunds, "minutes_earlier_than_the_goods": part.saved.minutes},
    }


def _block(month: str, currency: str, book: "RefundBook | None", out: "list[Aged]", part: "RefundPart") -> str:
    rows: list[Cells] = []
    if book is not None:
        rows += [
            ("", "Cases", "", currency),
            _row(book.refunded, currency),
            *_rows(book.goods, currency),
            ("Lines, by their part of the refund", "Lines", "", ""),
            *(_row(line, currency, "  ") for line in book.lines if line.count or line.minor),
        ]
    if out:
        rows += [(f"Not received yet, as of {part.as_of[:10]}", "Lines", "", currency)]
        rows += [(f"  {_age(aged)}", format.number(aged.lines), "", format.money(aged.minor, currency)) for aged in out]
    title = f"Refunds on first scan, {month_name(month)} · {currency}"
    return "\n".join([title, *aligned(rows)])


def _counted(part: "RefundPart") -> Iterable[str]:
    if part.guards:
        rows: list[Cells] = [("Held by guards", "Cases", "", "")]
        rows += [
            (f"  {guard.rule} {WORDS.get(guard.outcome, guard.outcome)}", format.number(guard.cases), "", "")
            for guard in part.guards
        ]
        names = [f"  {guard.rule}: {guard.name}" for guard in {guard.rule: guard for guard in part.guards}.values()]
        yield "\n".join([*aligned(rows), *names])
    if part.saved.refunds:
        hours = f"{format.number(part.saved.minutes // MINUTES)} hours"
        refunds = f"{format.number(part.saved.refunds)} refund{'' if part.saved.refunds == 1 else 's'}"
        yield f"  Money before the goods were in: {hours} over {refunds} ({ESTIMATE})"


def _age(aged: "Aged") -> str:
    return f"{aged.since} to {aged.until} days" if aged.until is not None else f"more than {aged.since - 1} days"


def _rows(lines: Iterable["Line"], currency: str) -> list[Cells]:
    return [_row(line, currency, "  ") for line in lines if line.count or line.minor]


def _row(line: "Line", currency: str, indent: str = "") -> Cells:
    return f"{indent}{line.label}", format.number(line.count), "", format.money(line.minor, currency)
