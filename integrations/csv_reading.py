"""CSV files as people export them: read into records with their line numbers, without guessing.

Byte order marks, CR LF and bare CR, quoted line breaks, `;` and tab are taken as they come. "NA" stays text and
leading zeros stay. A record that does not fit the header is a `BadRow`; a file that cannot be read is an error.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from domain.payments import BadRow

DELIMITERS = (",", ";", "\t")
LONGEST_FIELD = 1_000_000

_FLOAT_ID = re.compile(r"(\d+)\.0+\Z")
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+\Z")
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"PK\x03\x04", "an Excel workbook"))


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the message says why and how to save it again."""


class Record(NamedTuple):
    """One record: the physical line it starts on, its values by column, and its text as it stands in the file."""

    line: int
    values: Mapping[str, str]
    raw: str


class Sheet(NamedTuple):
    """A whole file: its columns in order, the records that fit, and those that do not."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    bad: tuple[BadRow, ...]


def read_sheet(data: bytes) -> Sheet:
    """The records of a CSV file with a header. Raises UnreadableFile.

    Blank lines are passed over, spaces around a value are taken off. Line numbers are physical lines, 1-based.
    """
    text = _decode(data)
    delimiter = _delimiter(text)
    rows = _parse(text, delimiter)
    header = next((row for row in rows if isinstance(row, BadRow) or any(row[1])), None)
    if header is None:
        raise UnreadableFile("the file is empty; a first line with the columns' names is needed")
    if isinstance(header, BadRow):
        raise UnreadableFile(f"line {header.line}, the columns' names: {header.reason}")
    columns = _columns(header[1])
    records: list[Record] = []
    bad: list[BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        elif any(row[1]):
            fitted = _fit(row, columns)
            (bad if isinstance(fitted, BadRow) else records).append(fitted)  # type: ignore[arg-type]
    return Sheet(columns, tuple(records), tuple(bad))


def read_id(text: str) -> str:
    """An id as text: `17850.0` is `17850`, leading zeros stay. Raises ValueError where a spreadsheet cut it."""
    text = text.strip()
    if _SCIENTIFIC.match(text):
        raise ValueError("was shortened by a spreadsheet; export it again and do not open it there")
    match = _FLOAT_ID.match(text)
    return match[1] if match else text


def _decode(data: bytes) -> str:
    for mark, what in _MARKS:
        if data.startswith(mark):
            raise UnreadableFile(f"the file is {what}; save it as CSV UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFile(f"line {line} is not UTF-8 text; save the file as CSV UTF-8") from error
    if "\0" in text:
        raise UnreadableFile("the file holds zero bytes, so it is no text; save it as CSV UTF-8")
    return text


def _delimiter(text: str) -> str:
    """The one of the three that gives the first line the most columns; a comma where they are equal."""
    first = next((line.strip("\r\n") for line in io.StringIO(text, newline="") if line.strip()), "")
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))


def _parse(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str] | BadRow]:
    """(first line, fields, raw text) of each record, or the reason why one cannot be told apart."""
    csv.field_size_limit(LONGEST_FIELD)
    seen: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            seen.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    done = 0
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(done + 1, "", _say(error), "".join(seen[done:]).rstrip("\r\n"))
        else:
            yield done + 1, [field.strip() for field in fields], "".join(seen[done:]).rstrip("\r\n")
        done = len(seen)


def _say(error: csv.Error) -> str:
    what = str(error)
    if "unexpected end" in what:
        return "a quote is opened here and never closed, so everything after it cannot be told apart"
    if "field larger" in what:
        return f"a value is longer than {LONGEST_FIELD} characters; probably a quote is missing"
    return "something stands after a closing quote; a quote inside a value is written twice"


def _columns(names: list[str]) -> tuple[str, ...]:
    columns = tuple(name or f"(column {position})" for position, name in enumerate(names, 1))
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise UnreadableFile(f'the column "{twice[0]}" is there twice; rename or remove one')
    if len(columns) == 1:
        raise UnreadableFile("the file has one column; values are separated by a comma, a semicolon or a tab")
    return columns


def _fit(row: tuple[int, list[str], str], columns: tuple[str, ...]) -> Record | BadRow:
    line, fields, raw = row
    surplus = fields[len(columns) :]
    if len(fields) < len(columns) or any(surplus):
        return BadRow(line, "", f"has {len(fields)} values for {len(columns)} columns", raw)
    return Record(line, dict(zip(columns, fields, strict=False)), raw)
