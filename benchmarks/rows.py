"""One row of the benchmark table: what was measured, ours, the bare thing beside it, the ratio and its aim."""

from typing import NamedTuple


class Row(NamedTuple):
    """`ratio` is ours to bare; `aim` says which ratio or size was aimed at, `met` whether it was reached."""

    name: str
    ours: str
    bare: str
    ratio: str
    aim: str
    met: bool | None = None
