"""`make bench`: one table of everything that is measured, each beside the bare thing in the same run.

    python -m benchmarks [deciding performing receiver refunds ledger] [--quick]

`--quick` leaves the million out, and loads the receiver for 10 seconds instead of 60. Ends with 0 whatever the ratios
are: they are read, not enforced.
"""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import deciding, dispatch, ledger, performing, receiver, refunds
from benchmarks.rows import Row

SMALL, MIDDLE = 10_000, 100_000
EVENTS, QUICK = 20, 3


def measured(quick: bool) -> dict[str, Callable[[], list[Row]]]:
    """What can be measured, by name."""
    sizes = (SMALL, MIDDLE) if quick else (SMALL, MIDDLE, 1_000_000)
    return {
        "deciding": lambda: deciding.rows(sizes),
        "performing": lambda: performing.rows((1_000, SMALL)),
        "receiver": lambda: receiver.rows(10 if quick else 60),
        "refunds": lambda: refunds.rows(200 if quick else 5_000, 5 if quick else 20),
        "dispatch": lambda: dispatch.rows(QUICK if quick else EVENTS),
        "ledger": lambda: ledger.rows(MIDDLE, sizes),
    }


def main(words: list[str]) -> int:
    """Measure what is named, or everything, and print the table."""
    quick = "--quick" in words
    wanted = [word for word in words if not word.startswith("-")]
    known = measured(quick)
    if strange := set(wanted) - set(known):
        print(f"unknown: {', '.join(sorted(strange))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    table = Table(title="recoup bench", title_justify="left")
    for column in ("measured", "ours", "bare, same run", "ratio", "aim", "met"):
        table.add_column(column, justify="right" if column == "ratio" else "left")
    for name in wanted or known:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        for row in known[name]():
            met = {True: "yes", False: "NO", None: "-"}[row.met]
            table.add_row(row.name, row.ours, row.bare, row.ratio, row.aim, met)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
