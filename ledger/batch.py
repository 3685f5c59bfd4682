"""A batch: what its settlements change, decided one by one against what is known, then written in bulk.

The decision is made in Python under the write lock: the rows to write, a replay, or an error that concerns this
settlement alone. Later settlements of a batch see the earlier ones, so a key that stands twice is booked once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import lookups
from ledger.entries import Entry, content_differences
from ledger.errors import AlreadyBooked, Conflict, LedgerError, NoSuchStep, NotReversible, StepClosed
from ledger.lookups import Booked, StepState
from ledger.reversals import objection
from ledger.rows import Rows, read_head
from ledger.settlements import FINAL, Settlement


class Posted(NamedTuple):
    """What became of a settlement that was accepted."""

    key: str
    first_seq: int
    """The sequence number of its first entry; 0 where it books nothing."""
    entries: int
    replayed: bool
    """True where the same settlement was posted before, and nothing was written now."""


class Known(NamedTuple):
    """What the books say of the keys in a batch; the batch adds to it as it goes."""

    steps: dict[str, StepState]
    entries: dict[str, Booked]
    refs: dict[tuple[str, str, str], str]
    takers: dict[str, list[Entry]]


def write(connection: Connection, settlements: Sequence[Settlement], now: str) -> list[Posted | LedgerError]:
    """Decide and write the settlements in the connection's transaction, which then holds the write lock.

    `now` is an instant as `instants.to_text` gives it.
    """
    seq, last_hash, last_recorded = read_head(connection)
    # The clock of a machine may step back; the order of the records must not.
    rows = Rows(seq, last_hash, max(now, last_recorded))
    known = _look_up(connection, settlements)
    results = [_settle(settlement, known, rows) for settlement in settlements]
    rows.write(connection)
    return results


def _look_up(connection: Connection, settlements: Sequence[Settlement]) -> Known:
    booking = [entry for settlement in settlements for entry in settlement.entries]
    originals = sorted({entry.reverses for entry in booking if entry.reverses})
    return Known(
        steps=lookups.steps(connection, [settlement.key for settlement in settlements]),
        entries=lookups.entries(connection, [*(entry.source_key for entry in booking), *originals]),
        refs=lookups.keys_by_ref(connection, (entry.vendor_ref for entry in booking)),
        takers=lookups.takers(connection, originals),
    )


def _settle(settlement: Settlement, known: Known, rows: Rows) -> Posted | LedgerError:
    step = known.steps.get(settlement.key)
    if step is None and settlement.new_step is None:
        return NoSuchStep(settlement.key)
    if step is not None and step.state in FINAL:
        return _replay(settlement, step, known)
    if step is not None and step.state in ("void", "dropped"):
        same = step.state == settlement.state
        return Posted(settlement.key, 0, 0, True) if same else StepClosed(settlement.key, step.state)
    fresh = [entry for entry in settlement.entries if entry.source_key not in known.entries]
    for entry in settlement.entries:
        refusal = _entry_refusal(entry, known)
        if refusal:
            return refusal
    return _accept(settlement, step, fresh, known, rows)


def _replay(settlement: Settlement, step: StepState, known: Known) -> Posted | LedgerError:
    """The step is settled for good: the same content again changes nothing, other content is a conflict."""
    differing = [name for name, same in _comparison(settlement, step) if not same]
    for entry in settlement.entries:
        booked = known.entries.get(entry.source_key)
        if booked is None:
            differing.append("entries")
        else:
            differing += content_differences(booked.entry, entry)
    if differing:
        return Conflict(settlement.key, dict.fromkeys(differing))
    seqs = [known.entries[entry.source_key].seq for entry in settlement.entries]
    return Posted(settlement.key, seqs[0] if seqs else 0, len(seqs), True)


def _comparison(settlement: Settlement, step: StepState) -> tuple[tuple[str, bool], ...]:
    minor, currency = _amount(settlement)
    return (
        ("state", settlement.state == step.state),
        ("vendor", settlement.vendor == step.vendor),
        ("vendor_ref", settlement.vendor_ref == step.vendor_ref),
        ("amount", (minor, currency) == (step.minor, step.currency)),
    )


def _entry_refusal(entry: Entry, known: Known) -> LedgerError | None:
    booked = known.entries.get(entry.source_key)
    if booked is not None:
        differing = content_differences(booked.entry, entry)
        return Conflict(entry.source_key, differing) if differing else None
    if entry.vendor_ref:
        booked_as = known.refs.get((entry.vendor, entry.vendor_ref, entry.kind))
        if booked_as is not None:
            return AlreadyBooked(entry.source_key, entry.vendor, entry.vendor_ref, booked_as)
    if entry.reverses:
        original = known.entries.get(entry.reverses)
        refusal = objection(entry, original.entry if original else None, known.takers)
        return NotReversible(f"{refusal} Nothing was written.") if refusal else None
    return None


def _accept(settlement: Settlement, step: StepState | None, fresh: list[Entry], known: Known, rows: Rows) -> Posted:
    minor, currency = _amount(settlement)
    case = rows.settle_step(settlement, step, minor, currency)
    known.steps[settlement.key] = StepState(
        settlement.state, settlement.vendor, settlement.vendor_ref, currency, minor, case
    )
    for entry in fresh:
        known.entries[entry.source_key] = Booked(rows.add_entry(entry), entry)
        if entry.vendor_ref:
            known.refs[entry.vendor, entry.vendor_ref, entry.kind] = entry.source_key
        if entry.reverses:
            known.takers.setdefault(entry.reverses, []).append(entry)
    seqs = [known.entries[entry.source_key].seq for entry in settlement.entries]
    return Posted(settlement.key, seqs[0] if seqs else 0, len(seqs), False)


def _amount(settlement: Settlement) -> tuple[int, str]:
    return (settlement.amount.minor, settlement.amount.currency) if settlement.amount else (0, "")
