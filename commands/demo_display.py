"""How the demo looks: lines of set-up with their times, the table of days, and the end, also as a picture.

In a terminal the table redraws itself, the last days above a bar; elsewhere each day is one line.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from commands.demo_figures import Day, bar_line, day_line, head_line
from commands.output import animated, err, out

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

SHOWN = 6
PICTURE_WIDTH = 116


class Days:
    """The table of days as it grows."""

    def __init__(self, title: str, days: int) -> None:
        self.title, self.days, self.rows = title, days, list[Day]()
        self._started = time.monotonic()
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the days go by."""
        if not animated():
            say("", head_line())
            yield
            return
        from rich.live import Live

        say("")
        with Live(self._text(), console=err(), refresh_per_second=4, auto_refresh=False) as self._live:
            yield

    def add(self, row: Day) -> None:
        """One more day is over."""
        self.rows.append(row)
        if self._live:
            self._live.update(self._text(), refresh=True)
        else:
            say(day_line(row))

    def _text(self) -> "Text":
        """Heads, the last days, the bar."""
        from rich.text import Text

        last = [day_line(row) for row in self.rows[-SHOWN:]]
        left_out = ["  …"] if len(self.rows) > SHOWN else []
        bar = bar_line(len(self.rows), self.days, time.monotonic() - self._started)
        return Text("\n").join([Text(head_line(), style="bold"), *map(Text, [*left_out, *last, bar])])


def say(*lines: str) -> None:
    """Progress and hints."""
    err().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def ready(name: str, what: str, seconds: float) -> None:
    """One line of the set-up."""
    line = f"  {name:<16} ✓ {what}"
    say(f"{line:<88} {seconds:5.1f} s")


@contextmanager
def waiting(name: str) -> Iterator[None]:
    """Show in a terminal that something is still starting."""
    if not animated():
        yield
        return
    with err().status(f"{name} …"):
        yield


def result(*lines: str) -> None:
    """What the demo is for: data."""
    out().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def save_picture(file: Path, days: Days, month: str, end: list[str]) -> None:
    """What a person saw, as an SVG picture of a terminal: the days of the month, the last day, and the end.

    No times and no paths are in it, so the same seed gives the same picture but for hashes.
    """
    from io import StringIO

    from rich.console import Console

    rows = [day_line(row) for row in days.rows if f"{row.day:%Y-%m}" == month]
    lines = [days.title, "", head_line(), *rows, "  …", day_line(days.rows[-1]), "", *end]
    console = Console(record=True, file=StringIO(), width=PICTURE_WIDTH, force_terminal=True)
    console.print("\n".join(lines), markup=False, highlight=False)
    picture = console.export_svg(title="make demo", unique_id="recoup-demo")
    # A picture of ours fetches nothing from anybody.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    file.write_text(picture, "utf-8")
