"""Which vendor's export a CSV file is, and what it says: failed renewals, what is left out, what cannot be read.

The header decides. One bad row never stops the rest, and several tries of one invoice are one failed renewal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.payments import BadRow, ImportedFailure, LeftOut
from integrations.churnbuster import export as churnbuster
from integrations.csv_reading import Sheet, UnreadableFile, read_sheet
from integrations.csv_values import date_order
from integrations.export_rows import CellError, Kind, Reading, Row
from integrations.stripe import export as stripe

KINDS = (stripe.INVOICES, stripe.PAYMENTS, churnbuster.FAILED_PAYMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A whole file as read: every record is in exactly one of the three, or is another try of a failure."""

    kind: str
    records: int
    failures: tuple[ImportedFailure, ...]
    bad: tuple[BadRow, ...]
    left_out: tuple[LeftOut, ...]


def read_export(data: bytes, *, date_format: str = "", currency: str = "") -> Export:
    """The failed renewals of a file. `date_format` is `m/d/Y` or `d/m/Y` where the file does not show which.

    Raises UnreadableFile where the file as a whole cannot be read or is no export that is known.
    """
    sheet = read_sheet(data)
    kind = _recognise(sheet)
    reading = Reading(date_format or date_order(_dates(sheet, kind)), currency)
    failures: list[ImportedFailure] = []
    bad, left_out = list(sheet.bad), list[LeftOut]()
    for record in sheet.records:
        row = Row(record, kind.columns)
        try:
            read = kind.read_row(row, reading)
        except CellError as error:
            bad.append(BadRow(record.line, error.column, error.reason, record.raw))
        else:
            (left_out if isinstance(read, LeftOut) else failures).append(read)  # type: ignore[arg-type]
    return Export(
        kind=kind.name,
        records=len(sheet.records) + len(sheet.bad),
        failures=_by_invoice(failures, left_out),
        bad=tuple(sorted(bad)),
        left_out=tuple(sorted(left_out)),
    )


def _recognise(sheet: Sheet) -> Kind:
    for kind in KINDS:
        if not _missing(kind, sheet.columns):
            return kind
    nearest = min(KINDS, key=lambda kind: len(_missing(kind, sheet.columns)))
    missing = ", ".join(_missing(nearest, sheet.columns))
    known = "; ".join(f"{kind.name} ({', '.join(kind.columns[word][0] for word in kind.needs)})" for kind in KINDS)
    raise UnreadableFile(f"no export that is known: for {nearest.name} it lacks {missing}. Known are: {known}")


def _missing(kind: Kind, columns: Sequence[str]) -> list[str]:
    there = set(columns)
    return [kind.columns[word][0] for word in kind.needs if there.isdisjoint(kind.columns[word])]


def _dates(sheet: Sheet, kind: Kind) -> Iterable[str]:
    return (Row(record, kind.columns).text(kind.dates) for record in sheet.records)


def _by_invoice(failures: Iterable[ImportedFailure], left_out: list[LeftOut]) -> tuple[ImportedFailure, ...]:
    """One failure for each invoice: it failed at its first try, and the latest try's codes say why."""
    tries: dict[str, list[ImportedFailure]] = {}
    for failure in failures:
        tries.setdefault(failure.id, []).append(failure)
    result = []
    for group in tries.values():
        latest = max(group, key=lambda one: (one.failed_at, one.line))
        result.append(replace(latest, failed_at=min(one.failed_at for one in group), line=group[0].line))
        left_out += [LeftOut(one.line, "another try of an invoice that is already read") for one in group[1:]]
    return tuple(result)
