"""The tables of the books. Text and 64-bit integers only; see `store/tables.py` for why.

`ledger_entries` and `ledger_postings` are append-only by triggers in the database itself. `ledger_head` holds the
end of the chain, `ledger_rollup` the sums that the statement reads; both change in the posting transaction only.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text
from sqlalchemy import text as sql

from store.db import METADATA
from store.tables import text, whole

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Sorted by code point on both engines, so that a digest in the order of the keys is the same everywhere."""

entries = Table(
    "ledger_entries",
    METADATA,
    whole("seq", primary_key=True, autoincrement=False),
    Column("source_key", Key, nullable=False, unique=True),
    text("kind"),
    text("occurred_at"),
    text("recorded_at"),
    text("effective_on"),
    text("belongs_to"),
    text("operation"),
    text("case_id"),
    text("vendor"),
    text("vendor_ref"),
    text("flow_run"),
    text("policy_version"),
    text("reverses"),
    whole("hash_format"),
    text("prev_hash"),
    text("hash"),
    Index(
        "ledger_entries_by_ref",
        "vendor_ref",
        "vendor",
        "kind",
        unique=True,
        sqlite_where=sql("vendor_ref <> ''"),
        postgresql_where=sql("vendor_ref <> ''"),
    ),
    Index(
        "ledger_entries_reversed_once",
        "reverses",
        unique=True,
        sqlite_where=sql("kind = 'reversal'"),
        postgresql_where=sql("kind = 'reversal'"),
    ),
    Index(
        "ledger_entries_by_original",
        "reverses",
        sqlite_where=sql("reverses <> ''"),
        postgresql_where=sql("reverses <> ''"),
    ),
    sqlite_strict=True,
)
"""One row per entry. `seq` has no gaps; `hash` covers the row, its postings and the hash before it."""

postings = Table(
    "ledger_postings",
    METADATA,
    whole("seq", primary_key=True, autoincrement=False),
    whole("line", primary_key=True, autoincrement=False),
    text("account"),
    whole("minor"),
    text("currency"),
    ForeignKeyConstraint(["seq"], ["ledger_entries.seq"], name="ledger_postings_entry"),
    CheckConstraint("minor <> 0", name="ledger_postings_not_zero"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""The lines of the entries: debit +, credit -; per entry and currency they add up to zero."""

head = Table(
    "ledger_head",
    METADATA,
    whole("id", primary_key=True, autoincrement=False),
    whole("seq"),
    text("hash"),
    text("recorded_at"),
    CheckConstraint("id = 1", name="ledger_head_one_row"),
    sqlite_strict=True,
)
"""One row: the last entry. On PostgreSQL its lock makes the writers of several processes take turns."""

rollup = Table(
    "ledger_rollup",
    METADATA,
    text("account", primary_key=True),
    text("month", primary_key=True),
    text("currency", primary_key=True),
    text("belongs_to", primary_key=True),
    whole("amount_minor"),
    whole("count"),
    Index("ledger_rollup_by_month", "month"),
    Index("ledger_rollup_by_cohort", "belongs_to"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Sums of the postings by account, month of `effective_on`, currency and cohort.

`count` is debits less credits, so a mirror entry takes back its count as it takes back its amount.
"""
