"""The chain: SHA-256 over every column of an entry, all its postings in order, and the hash before it.

The bytes are a tag, the lengths of all fields with a comma between them, a colon, and the fields: the row's
columns, the number of postings, each posting. The lengths first, so that no two entries can have the same bytes.
They count characters; the whole is UTF-8. The format's number is in the row, so that entries of an older format
are still checked by its code.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Final

FORMAT: Final = 1
GENESIS: Final = "0" * 64
"""What stands for the hash before the first entry."""

COVERED: Final = (
    "seq", "source_key", "kind", "occurred_at", "recorded_at", "effective_on", "belongs_to", "operation", "case_id",
    "vendor", "vendor_ref", "flow_run", "policy_version", "reverses", "hash_format", "prev_hash",
)  # fmt: skip
"""The columns of `ledger_entries` in the order in which they are hashed: all but the hash itself."""

_TAG = "recoup/ledger-entry "
_decimal = cache(str)  # The lengths are few, and every entry has some thirty of them.


def digest(row: Sequence[str | int], postings: Sequence[tuple[str, int, str]]) -> str:
    """The hash of an entry: `row` as in COVERED, `postings` as (account, minor, currency) in their order.

    Raises ValueError for a format that this version does not know.
    """
    if row[-2] != FORMAT:
        raise ValueError(f"hash format {row[-2]} is not known here; a newer recoup wrote this entry")
    return sha256(canonical(row, postings)).hexdigest()


def canonical(row: Sequence[str | int], postings: Sequence[tuple[str, int, str]]) -> bytes:
    """The bytes that format 1 hashes."""
    fields = [*map(str, row), str(len(postings))]
    for account, minor, currency in postings:
        fields += account, str(minor), currency
    return f"{_TAG}{','.join(map(_decimal, map(len, fields)))}:{''.join(fields)}".encode()
