"""What may be taken back: a pure rule over an entry, its original and everything that took it back before.

An entry is reversed at most once; a reversal may itself be reversed, and then the first entry stands again.
Refunds and chargebacks that stand never take back more than was paid, in parts or whole.
"""

from collections.abc import Mapping, Sequence

from ledger.accounts import MONEY_BACK
from ledger.entries import Entry, mirror, paid_in

Takers = Mapping[str, Sequence[Entry]]
"""The entries that take back the entry with that source key."""


def objection(entry: Entry, original: Entry | None, takers: Takers) -> str:
    """Why `entry` may not take back `original`, or empty where it may.

    `takers` knows everything that takes back the original, and whatever takes that back.
    """
    if original is None:
        return f"{entry.source_key} takes back {entry.reverses}, which was never booked."
    if entry.effective_on < original.effective_on:
        return f"{entry.source_key} of {entry.effective_on} is dated before {entry.reverses}."
    reversed_by = next((other.source_key for other in takers.get(entry.reverses, ()) if other.kind == "reversal"), "")
    if reversed_by and (entry.kind == "reversal" or not stands(entry.reverses, takers)):
        return f"{entry.reverses} was taken back before by {reversed_by}; reverse that entry to have it stand again."
    if entry.kind == "reversal":
        return _objection_to_mirror(entry, original, takers)
    return _objection_to_money_back(entry, original, takers)


def stands(key: str, takers: Takers) -> bool:
    """False where a reversal that itself stands takes the entry back."""
    return not any(other.kind == "reversal" and stands(other.source_key, takers) for other in takers.get(key, ()))


def standing_money_back(key: str, takers: Takers) -> list[Entry]:
    """The refunds and chargebacks of a payment that stand."""
    return [other for other in takers.get(key, ()) if other.kind in MONEY_BACK and stands(other.source_key, takers)]


def _objection_to_mirror(entry: Entry, original: Entry, takers: Takers) -> str:
    backs = standing_money_back(original.source_key, takers)
    if backs:
        return f"{original.source_key} was paid back by {backs[0].source_key}; reverse that entry first."
    if entry.postings != mirror(original.postings):
        return f"{entry.source_key} is not the exact mirror of {original.source_key}."
    return ""


def _objection_to_money_back(entry: Entry, original: Entry, takers: Takers) -> str:
    if original.kind != "renewal_recovered":
        return f"{original.source_key} ({original.kind}) brought no money, so none can go back."
    paid, back = paid_in(original), paid_in(entry)
    if back.currency != paid.currency:
        return f"{original.source_key} was paid in {paid.currency}, not in {back.currency}."
    before = standing_money_back(original.source_key, takers)
    left = paid.minor + sum(paid_in(other).minor for other in before)
    if -back.minor > left:
        return f"{entry.source_key} takes back {-back.minor} minor units of {original.source_key}; {left} are left."
    return ""
