"""The report of a run: counts of everything, and the first rows of each kind for the run's page. No personal data."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from domain.decisions import Decision, Hold
from domain.refund_case import Verdict
from store.runs import READ_WHOLE
from tasks.performing import Outcome
from tasks.reading import Read

ROWS = 500
"""Rows kept for the page; the whole record is in our own tables."""
FAILED = frozenset({"failed", "unknown", "void"})
"""Outcomes that make a run end failed: something that was due could not be done or is not known."""


@dataclass(slots=True)
class Report:
    """What one run read, decided and did."""

    operation: str
    day: str
    read: dict[str, int] = field(default_factory=dict)
    read_whole: bool = False
    """True where the payments vendor was read to the end, so that the next read goes on from there."""
    problems: list[str] = field(default_factory=list)
    cases: int = 0
    decided: int = 0
    states: Counter[str] = field(default_factory=Counter)
    """Outcomes by state."""
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Outcomes by (action, state)."""
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Holds by (rule, reason without its particulars)."""
    person: int = 0
    """Holds in which a person has to act."""
    money: Counter[str] = field(default_factory=Counter)
    """Recovered minor units by currency."""
    refunded: Counter[str] = field(default_factory=Counter)
    """Minor units that went back to customers, by currency."""
    failed_rows: list[Outcome] = field(default_factory=list)
    other_rows: list[Outcome] = field(default_factory=list)
    tell: Callable[[str, Sequence[Outcome]], object] | None = None
    """Who else is told the outcomes of every chunk, with the operation: `flows.events`."""

    def took_in(self, found: Read) -> None:
        """Add what was read from the vendors."""
        self.read |= {name: count for name, count in asdict(found).items() if isinstance(count, int) and count}
        self.problems += found.problems
        self.read_whole = True

    def add_decisions(self, decisions: Iterable[Decision], cases: int) -> None:
        """Count one page of decisions."""
        self.cases += cases
        for found in decisions:
            self.decided += 1
            if isinstance(found, Hold):
                self.held[(found.rule, found.reason)] += 1
                self.person += found.person

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Count decisions about refunds; what is not paid now is held, by the rule that decided."""
        for verdict in verdicts:
            self.cases += 1
            self.decided += 1
            if verdict.outcome != "pay":
                name = next((check.name for check in verdict.checks if check.rule == verdict.rule), verdict.rule)
                self.held[(verdict.rule, f"{verdict.outcome}: {name}")] += 1
                self.person += verdict.outcome in ("hold", "approve")

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of a chunk of steps, and tell it."""
        outcomes = list(outcomes)
        if self.tell:
            self.tell(self.operation, outcomes)
        for outcome in outcomes:
            self.states[outcome.state] += 1
            self.actions[(outcome.action, outcome.state)] += 1
            if outcome.action == "charge" and outcome.amount_minor:
                self.money[outcome.currency] += outcome.amount_minor
            if outcome.action == "refund" and outcome.amount_minor:
                self.refunded[outcome.currency] += outcome.amount_minor
            kept = self.failed_rows if outcome.state in FAILED else self.other_rows
            if len(kept) < ROWS:
                kept.append(outcome)

    @property
    def rows(self) -> list[Outcome]:
        """The first outcomes of the run; what was not done comes first, so that a long run cannot hide it."""
        return [*self.failed_rows, *self.other_rows][:ROWS]

    @property
    def failures(self) -> int:
        """How many steps were due and not done, or are not known."""
        return sum(count for state, count in self.states.items() if state in FAILED)

    @property
    def sentence(self) -> str:
        """One sentence for the run's state message."""
        total, done = sum(self.states.values()), self.states["done"] + self.states["refused"]
        rest = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()) if state != "done")
        return f"Did {done} of {total}" + (f" ({rest})" if rest else "") + f"; held {sum(self.held.values())}"

    def counts(self) -> dict[str, int]:
        """Everything that `runs` keeps."""
        kept = {f"{action}.{state}": count for (action, state), count in self.actions.items()}
        whole = {READ_WHOLE: 1} if self.read_whole else {}
        return {"cases": self.cases, "held": sum(self.held.values()), "person": self.person} | kept | self.read | whole
