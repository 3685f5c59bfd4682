"""`recoup import failed-payments FILE`: failed renewals from a vendor's CSV export. Sends nothing, charges nothing.

The same file twice takes nothing in twice. A bad row is quarantined with its line, column and reason.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from commands.output import DONE, FOUND, WRONG_USE, err, fail, next_commands, out, table
from settings import load

if TYPE_CHECKING:
    from domain.payments import BadRow
    from integrations.exports import Export
    from tasks.importing import Imported

LINES_SHOWN = 8
DATE_FORMATS = ("", "m/d/Y", "d/m/Y")


def failed_payments(
    file: Path,
    *,
    date_format: Annotated[str, Parameter(name="--date-format")] = "",
    currency: Annotated[str, Parameter(name="--currency")] = "",
) -> int:
    """Take failed renewals in from a CSV export of Stripe or Churn Buster; exits 3 where rows were quarantined.

    Parameters
    ----------
    file
        The exported file, unchanged: not opened and saved again by a spreadsheet.
    date_format
        m/d/Y or d/m/Y, where the file's dates do not show which comes first.
    currency
        Three letters, for a file that names no currency.
    """
    from integrations.csv_reading import UnreadableFile
    from integrations.exports import read_export
    from policies.load import load_dunning
    from tasks.database import open_database
    from tasks.importing import keep_bad, take_in

    if date_format not in DATE_FORMATS:
        fail(f'--date-format "{date_format}" is not known', fix="m/d/Y or d/m/Y", code=WRONG_USE, not_done=NOT_DONE)
    settings = load()
    policy = load_dunning(settings.policies_dir)
    try:
        export = read_export(file.read_bytes(), date_format=date_format, currency=currency)
    except UnreadableFile as error:
        fail(f"{file}: {error}", fix="Export the file again, as CSV", code=WRONG_USE, not_done=NOT_DONE)
    settings.home.mkdir(parents=True, exist_ok=True)
    engine, now = open_database(settings), datetime.now(UTC)
    try:
        keep_bad(engine, export.bad, source=file.name, now=now)
        imported = take_in(engine, policy, export.failures, source=file.name, zone=settings.shop.time_zone, now=now)
    finally:
        engine.dispose()
    _show(file, export, imported)
    return FOUND if export.bad else DONE


NOT_DONE = "Nothing was taken in."


def _show(file: Path, export: "Export", imported: "Imported") -> None:
    rows: list[Sequence[object]] = [
        ("read", export.records, ""),
        ("new", imported.new, ""),
        ("known before", imported.known, ""),
    ]
    rows += [("left out: " + why, len(lines), _lines(lines)) for why, lines in _grouped(export.left_out)]
    rows += [("quarantined: " + why, len(lines), _lines(lines)) for why, lines in _by_reason(export.bad)]
    title = f"{file.name}: {export.kind}"
    out().print(table(title, ("what", "records", "lines"), rows, right=("records",)))
    if imported.unknown_codes:
        codes = ", ".join(imported.unknown_codes)
        err().print(f"! Codes that no list knows, treated with caution: {codes}. Add them to policies/declines.toml")
    if export.bad:
        err().print("! Quarantined rows are kept whole. Correct them in the file and import it again")
    next_commands(("recoup plan dunning", "what would be done with them"))


def _grouped(items: Iterable[tuple[int, str]]) -> list[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for line, why in items:
        groups.setdefault(why, []).append(line)
    return sorted(groups.items())


def _by_reason(bad: Sequence["BadRow"]) -> list[tuple[str, list[int]]]:
    """By column and reason, without the values: the output goes into logs, the quarantine keeps the rows."""
    return _grouped((row.line, f"{row.column}: {_shape(row.reason)}" if row.column else row.reason) for row in bad)


def _shape(reason: str) -> str:
    """A reason without the quoted value of this one row, so that equal mistakes stand together."""
    return reason.split('" ', maxsplit=1)[-1] if reason.startswith('"') else reason


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(str(line) for line in lines[:LINES_SHOWN])
    return f"{shown} and {len(lines) - LINES_SHOWN} more" if len(lines) > LINES_SHOWN else shown
