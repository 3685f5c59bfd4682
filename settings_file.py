"""The settings file: `recoup.toml` as values by dotted key, each with the line it stands on, and settings' errors.

Pure but for reading the file. An error names the place, the key, the value's shape and the remedy, never a value:
it may be a secret in the wrong line.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One setting that cannot be used: where it stands, its key, what is wrong with the value, what to do."""

    where: str
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{f'{self.where}: ' if self.where else ''}{self.key}: {self.what}. {self.remedy}"


class SettingsError(Exception):
    """Settings that cannot be used, all of them at once; no value is ever quoted, only its shape."""

    def __init__(self, *problems: Problem) -> None:
        lines = [str(problem) for problem in problems]
        many = [f"{len(lines)} settings cannot be used:", *(f"  {line}" for line in lines)]
        super().__init__("\n".join(lines if len(lines) == 1 else many))
        self.problems = problems


def read_file(file: Path, known: set[str]) -> dict[str, tuple[str, Any]]:
    """The file's values by dotted key, each with `file:line`; SettingsError where it is no TOML."""
    if not file.exists():
        return {}
    try:
        text = file.read_text("utf-8-sig")
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        what = f"cannot be read ({error})" if not isinstance(error, UnicodeDecodeError) else "is not UTF-8 text"
        raise SettingsError(Problem(str(file), "file", what, "Mend the file and start again")) from None
    flat: dict[str, Any] = {}
    groups = {key.split(".")[0] for key in known if "." in key}
    for name, value in data.items():
        if name in groups and isinstance(value, dict):
            flat.update({f"{name}.{inner}": content for inner, content in value.items()})
        else:
            flat[name] = value
    return {key: (f"{file}:{_line_of(text, key)}", value) for key, value in flat.items()}


def _line_of(text: str, key: str) -> int:
    """The line that sets `group.name` or opens the table `name`; 1 where it cannot be told."""
    group, _, name = key.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if table := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            current = table[1]
            if current == key:
                return number
        elif (found := re.match(r"\s*([\w.-]+)\s*=", line)) and (
            (current == group and found[1] == name) or (not current and found[1] == key)
        ):
            return number
    return 1


def unknown(where: str, key: str, known: set[str]) -> Problem | None:
    """The problem with a key that nobody reads: most often a typing mistake, and silence would hide it."""
    if key in known:
        return None
    return Problem(where, key, "is not a setting", suggestion(key, known))


def suggestion(name: str, known: Iterable[str]) -> str:
    """What the person may have meant, as a sentence."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else "Take it out, or see README.md for the settings there are"


def shape(value: object) -> str:
    """What a value looks like, without quoting it."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if value else "an empty text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return f"a whole number of {len(str(abs(value)))} digits"
    return f"a {type(value).__name__} of {len(value)}" if isinstance(value, list | dict) else type(value).__name__
