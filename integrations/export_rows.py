"""What every vendor's export is read with: its columns under the names they have had, one row at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from domain.payments import ImportedFailure, LeftOut
from integrations.csv_reading import Record

T = TypeVar("T")
Columns = dict[str, tuple[str, ...]]
"""By our word, the names that the vendor has used for the column, newest first."""


class CellError(ValueError):
    """A value of a row cannot be read; `column` is its name in the file."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason


class Reading(NamedTuple):
    """What holds for a whole file: how dates are ordered, and the currency where the file names none."""

    date_order: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One record seen through a vendor's columns."""

    record: Record
    columns: Columns

    def text(self, word: str) -> str:
        """The value of a column, empty where the file has none."""
        return self.record.values.get(self.name(word), "")

    def read(self, word: str, read: Callable[[str], T]) -> T:
        """The value as `read` makes it. Raises CellError with the column's name in the file."""
        try:
            return read(self.text(word))
        except ValueError as error:
            raise CellError(self.name(word), str(error)) from error

    def name(self, word: str) -> str:
        """The column's name in this file, else the newest one it has had."""
        names = self.columns[word]
        return next((name for name in names if name in self.record.values), names[0])


class Kind(NamedTuple):
    """One file that a vendor exports: how to know it and how to read a row of it."""

    name: str
    columns: Columns
    needs: tuple[str, ...]
    """Our words for the columns without which it is not this file."""
    dates: str
    """Our word for the column whose dates may be written month first or day first."""
    read_row: Callable[[Row, Reading], ImportedFailure | LeftOut]
    """Raises CellError."""


def need(text: str) -> str:
    """The text, which must not be empty."""
    if not text:
        raise ValueError("is empty")
    return text
