"""Settlements: what became of one step, with the entries, the contact and the case changes it brings.

All of a settlement is written or nothing. Posting the same settlement again is a no-op, so a flow that runs
twice, or a crash between the commit and its report, is harmless.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from domain.money import Money
from ledger.entries import Entry
from ledger.errors import BadSettlement
from store.tables import cases

State = Literal["done", "refused", "unknown", "void", "dropped"]

FINAL: Final = frozenset({"done", "refused"})
"""States that never change again. Only they may bring entries: what is not known is not booked."""

CASE_COLUMNS: Final = frozenset(cases.c.keys()) - {"id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """The step of a fact that the vendor reported by itself; its row is written with its outcome."""

    operation: str
    case_id: str
    action: str
    rung: str = ""
    day: str
    rule: str
    reason: str
    policy_version: str = ""
    flow_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of the step `key`. Raises BadSettlement where it contradicts itself.

    Every entry's source key is the step's key, or starts with it and a slash where a step books several.
    """

    key: str
    state: State
    at: datetime
    vendor: str = ""
    vendor_ref: str = ""
    amount: Money | None = None
    detail: str = ""
    entries: tuple[Entry, ...] = ()
    contact: Literal["", "sent", "released"] = ""
    """What becomes of the reserved contact with the step's key; empty leaves it as it is."""
    case_changes: tuple[tuple[str, str | int], ...] = ()
    """(column of `cases`, value), for the case of the step."""
    new_step: NewStep | None = None

    def __post_init__(self) -> None:
        if self.entries and self.state not in FINAL:
            raise BadSettlement(f"{self.key}: {self.state} is not a known outcome, so it books nothing.")
        for entry in self.entries:
            if entry.source_key != self.key and not entry.source_key.startswith(self.key + "/"):
                raise BadSettlement(f"{self.key}: the entry {entry.source_key} does not carry the step's key.")
        if len(self.entries) > 1 and len({entry.source_key for entry in self.entries}) < len(self.entries):
            raise BadSettlement(f"{self.key}: two of its entries have the same source key.")
        for column, _ in self.case_changes:
            if column not in CASE_COLUMNS:
                raise BadSettlement(f"{self.key}: a case has no column {column!r} that could be changed.")
