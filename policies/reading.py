"""Reads a policy file key by key: typed, with the line of each key, and every mistake noted instead of raised.

The standard library reads TOML but keeps no line numbers; `find_lines` finds them again. A value that is
wrong is noted and replaced by a harmless one, so that the rest of the file is still looked at.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from policies.findings import Finding, shape, suggest

Keys = tuple[str | int, ...]
Lines = Mapping[Keys, int]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=(.*)$""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'[^']*'")


class Table:
    """One table of a policy file. Each getter names the key, checks the value and notes what is wrong."""

    def __init__(self, data: Mapping[str, Any], file: str, lines: Lines, findings: list[Finding], path: Keys = ()):
        self.data = data
        self.file = file
        self.findings = findings
        self._lines = lines
        self._path = path
        self._asked: set[str] = set()

    def note(self, key: str, problem: str, help: str = "") -> None:
        """Write down that the value at `key` is wrong."""
        self.findings.append(Finding(self.file, self.line(key), self._name(key), problem, help))

    def line(self, key: str = "") -> int:
        """The line of the key, else of the table it belongs to; 0 where neither is known."""
        path = (*self._path, key) if key else self._path
        while path and path not in self._lines:
            # A table that is only named in others' headers, as `budget` in [budget.visa], starts with the first.
            inner = [number for other, number in self._lines.items() if other[: len(path)] == path]
            if inner:
                return min(inner)
            path = path[:-1]
        return self._lines.get(path, 0)

    def has(self, key: str) -> bool:
        """Whether the key is there; asks for it, so that it is not called unknown."""
        self._asked.add(key)
        return key in self.data

    def text(self, key: str, default: str | None = None, choices: tuple[str, ...] = ()) -> str:
        """A text, one of `choices` where given."""
        value = self._value(key, default)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.note(key, f"is {shape(value)}, must be a text in quotes")
            return ""
        if choices and value not in choices:
            self.note(key, f'is "{value}"', suggest(value, choices))
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`, both included."""
        value = self._value(key, default)
        if value is None:
            return low
        if type(value) is not int:
            self.note(key, f"is {shape(value)}, must be a whole number from {low} to {high}")
            return low
        if not low <= value <= high:
            self.note(key, f"is {value}, must be from {low} to {high}")
            return low
        return value

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            self.note(key, f"is {shape(value)}, must be true or false, without quotes")
            return default
        return value

    def day(self, key: str, default: str | None = None) -> str:
        """A date like 2026-06-30, without quotes, as ISO text; empty where it may be left out."""
        value = self._value(key, default)
        return self._iso(key, value) if value else ""

    def spans(self, key: str) -> tuple[tuple[str, str], ...]:
        """A list of [first day, last day]; empty where the key is left out."""
        spans = []
        for value in self._list(key, []):
            if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004  # first and last day
                self.note(key, f"holds {shape(value)}, must hold pairs", "away = [[2026-12-24, 2027-01-02]]")
                continue
            first, last = self._iso(key, value[0]), self._iso(key, value[1])
            if first and last and last < first:
                self.note(key, f"ends on {last}, before it starts on {first}", "first day first")
            spans.append((first, last))
        return tuple(spans)

    def texts(self, key: str, choices: tuple[str, ...] = (), default: list[str] | None = None) -> tuple[str, ...]:
        """A list of texts, each one of `choices` where given."""
        result = []
        for value in self._list(key, default):
            if not isinstance(value, str):
                self.note(key, f"holds {shape(value)}, must hold texts in quotes")
            elif choices and value not in choices:
                self.note(key, f'holds "{value}"', suggest(value, choices))
            else:
                result.append(value)
        return tuple(result)

    def wholes(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers from `low` to `high`, each once and in ascending order."""
        result: list[int] = []
        for value in self._list(key, None):
            if type(value) is not int or not low <= value <= high:
                self.note(key, f"holds {shape(value)}, must hold whole numbers from {low} to {high}")
            elif result and value <= result[-1]:
                self.note(key, f"has {value} after {result[-1]}", "each once, in ascending order")
            else:
                result.append(value)
        return tuple(result)

    def table(self, key: str) -> "Table":
        """The table `[key]`; an empty one where it is missing, which is noted."""
        self._asked.add(key)
        value = self.data.get(key)
        if not isinstance(value, dict):
            self.note(key, f"is {shape(value)}, must be a table" if key in self.data else "is missing", f"add [{key}]")
            value = {}
        return Table(value, self.file, self._lines, self.findings, (*self._path, key))

    def tables(self, key: str) -> list["Table"]:
        """The tables under `[[key]]`, in order; noted where there is none."""
        self._asked.add(key)
        value = self.data.get(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            found = f"is {shape(value)}, must be tables" if key in self.data else "is missing"
            self.note(key, found, f"write each as [[{key}]]")
            return []
        return [
            Table(item, self.file, self._lines, self.findings, (*self._path, key, index))
            for index, item in enumerate(value)
        ]

    def entries(self) -> Iterator[tuple[str, "Table"]]:
        """Every table in this one with its name, where the names are free."""
        for key in self.data:
            yield key, self.table(key)

    def close(self) -> None:
        """Note every key that nobody asked for, with the nearest known one."""
        for key in self.data:
            if key not in self._asked:
                self.note(key, "is not a key I know", suggest(key, tuple(self._asked)))

    def _value(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        if key not in self.data and default is None:
            self.note(key, "is missing")
        return self.data.get(key, default)

    def _list(self, key: str, default: list[Any] | None) -> list[Any]:
        value = self._value(key, default)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(key, f"is {shape(value)}, must be a list in square brackets")
            return []
        return value

    def _iso(self, key: str, value: object) -> str:
        # A body kept in the database is JSON, where a date is text; a file holds real dates.
        if isinstance(value, str):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        if type(value) is date:
            return value.isoformat()
        self.note(key, f"is {shape(value)}, must be a date", "write it as 2026-06-30, without quotes")
        return ""

    def _name(self, key: str) -> str:
        names = [str(part) if isinstance(part, str) else f"[{part + 1}]" for part in (*self._path, key) if part != ""]
        return ".".join(names).replace(".[", "[")


def read(path: Path, findings: list[Finding]) -> Table:
    """A policy file as a table; an unreadable one is noted and read as empty."""
    name = path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
        return Table(tomllib.loads(text), name, find_lines(text), findings)
    except FileNotFoundError:
        findings.append(Finding(name, 0, "", "is missing", f"restore it: git checkout policies/{name}"))
    except UnicodeDecodeError:
        findings.append(Finding(name, 0, "", "is not UTF-8 text", "save it again as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        findings.append(Finding(name, *_syntax(str(error))))
    return Table({}, name, {}, findings)


def read_amounts(table: Table, others: tuple[str, ...] = ()) -> dict[str, int]:
    """Every `USD = 50` of a table, in minor units by currency; a key that is neither that nor in `others` is noted."""
    amounts = {}
    for key in table.data:
        if _CURRENCY.match(key):
            amounts[key] = table.whole(key, 0, 10**9)
        elif key not in others and table.has(key):
            table.note(key, "is no currency", "three capital letters, like USD = 50 for 50 cents")
    return amounts


def find_lines(text: str) -> dict[Keys, int]:
    """For every table and key of a TOML text the line on which it starts; indexes count `[[tables]]` from 0."""
    lines: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    here: Keys = ()
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if depth == 0 and (header := _HEADER.match(line)):
            here = _enter(_parts(header[2]), header[1] == "[[", counts)
            lines.setdefault(here, number)
            continue
        match = _KEY.match(line) if depth == 0 else None
        if match:
            lines.setdefault((*here, *_parts(match[1])), number)
        bare = _STRING.sub("", match[2] if match else line).split("#")[0]
        depth = max(0, depth + bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}"))
    return lines


def _enter(parts: Keys, is_list: bool, counts: dict[Keys, int]) -> Keys:
    """The path of a header, with the index of each list of tables that it lies in."""
    here: Keys = ()
    for position, part in enumerate(parts):
        here = (*here, part)
        last = position == len(parts) - 1
        if last and is_list:
            counts[here] = counts.get(here, -1) + 1
        if here in counts:
            here = (*here, counts[here])
    return here


def _parts(name: str) -> Keys:
    return tuple(next(part for part in match if part) for match in _PART.findall(name) if any(match))


def _syntax(message: str) -> tuple[int, str, str, str]:
    """(line, key, problem, help) of a text that is not TOML at all."""
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    what = message.split(" (at ", maxsplit=1)[0]
    return int(match[1]) if match else 0, "", f"cannot be read: {what}", 'texts stand in quotes: name = "mail-1"'
