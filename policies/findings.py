"""What is wrong with a policy file, said so that a support lead can mend it, and all of it at once."""

from difflib import get_close_matches
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: where, what, and how to mend it."""

    file: str
    line: int
    """1-based; 0 where the whole file is meant."""
    key: str
    problem: str
    help: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{place}: {self.key}: {self.problem}" if self.key else f"{place}: {self.problem}"
        return f"{what} → {self.help}" if self.help else what


class PolicyErrors(Exception):
    """The policies cannot be used; `findings` holds every reason. Nothing was sent and nothing was decided."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


LONGEST_QUOTE = 40


def suggest(word: str, known: tuple[str, ...]) -> str:
    """`did you mean hand_over_day?` where a known word is near, else the list of known words."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(sorted(known))}" if known else ""


def shape(value: object) -> str:
    """What kind of value stands there, short enough for one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= LONGEST_QUOTE else f"a text of {len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"a table of {len(value)} keys"
    return f"a {type(value).__name__}"
