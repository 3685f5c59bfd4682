"""Where a command's words go: data to stdout, everything else to stderr, and one shape for every failure.

Not a terminal, NO_COLOR or TERM=dumb: no colour and no animation. COLUMNS is honoured by rich. Colour never
carries meaning alone; the marks stand beside a word. Nothing here imports rich before something is printed.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

DONE, FAILED, WRONG_USE, FOUND, NOT_AUTHORISED, LEDGER_BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
"""Exit codes. 0 done or nothing to do; 1 failed, nothing more was done after it; 2 wrong use or settings;
3 worked and found something; 4 credentials refused; 5 the ledger does not verify; 130 interrupted."""

WIDTH_WITHOUT_TERMINAL = 110
"""Columns where nobody says how wide the output is: a pipe, a file, a CI log."""


class Failure(Exception):
    """A command cannot go on: what happened, why, what to do, and the exit code.

    `not_done` says what was certainly not sent or booked; with money that is the question behind every error.
    """

    def __init__(self, what: str, cause: str = "", fix: str = "", code: int = FAILED, not_done: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix
        self.code = code
        self.not_done = not_done


def fail(message: str, cause: str = "", fix: str = "", code: int = FAILED, not_done: str = "") -> NoReturn:
    """End the command with `✗ message → cause → fix` on stderr and this exit code."""
    raise Failure(message, cause, fix, code, not_done)


def out() -> "Console":
    """The console for data (stdout). It never wraps or colours what goes into a file or a pipe."""
    return _console(sys.stdout)


def err() -> "Console":
    """The console for progress, hints, warnings and errors (stderr)."""
    return _console(sys.stderr)


def animated() -> bool:
    """True where a progress display may redraw itself; else print one line per finished step."""
    return err().is_terminal and not err().is_dumb_terminal


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> "Table":
    """A plain table: no box but a rule under the header; the columns named in `right` are aligned right.

    Cells are text as it is; square brackets in a customer's name are not markup.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    result = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return result


def show(failure: Failure, to: "Console | None" = None) -> None:
    """Print a failure on stderr: what → cause → fix, one line each, and what was not done."""
    console = to or err()
    lines = [f"✗ {failure.what}"]
    lines += [f"  {label:<6} {text}" for label, text in _parts(failure) if text]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def next_commands(*commands: tuple[str, str]) -> None:
    """After success: at most three commands to go on with, and what each is for. On stderr, never in data."""
    width = max((len(command) for command, _ in commands[:3]), default=0)
    lines = ["Next"] + [f"  {command:<{width}}   {why}" for command, why in commands[:3]]
    err().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _parts(failure: Failure) -> tuple[tuple[str, str], ...]:
    return (("cause:", failure.cause), ("fix:", failure.fix), ("note:", failure.not_done))


@lru_cache(maxsize=4)
def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not stream.isatty()
    sized = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(
        file=stream,
        no_color=plain,
        highlight=False,
        force_terminal=None if stream.isatty() else False,
        width=None if sized else WIDTH_WITHOUT_TERMINAL,
    )
