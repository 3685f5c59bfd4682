"""The books, and the guards that make them append-only in the database itself.

SQLite: triggers against UPDATE and DELETE, and against an INSERT that meets an existing row, so that INSERT OR
REPLACE is refused for any client, whatever its `recursive_triggers`. PostgreSQL: triggers against UPDATE, DELETE
and TRUNCATE; what binds there is that the application's role does not own the tables (`store.schema.migrate`).
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = (
    """
    CREATE TABLE ledger_entries (
        seq {whole} NOT NULL, source_key {key} NOT NULL, kind TEXT NOT NULL, occurred_at TEXT NOT NULL,
        recorded_at TEXT NOT NULL, effective_on TEXT NOT NULL, belongs_to TEXT NOT NULL, operation TEXT NOT NULL,
        case_id TEXT NOT NULL, vendor TEXT NOT NULL, vendor_ref TEXT NOT NULL, flow_run TEXT NOT NULL,
        policy_version TEXT NOT NULL, reverses TEXT NOT NULL, hash_format {whole} NOT NULL,
        prev_hash TEXT NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (seq),
        UNIQUE (source_key)
    ){strict}
    """,
    """
    CREATE TABLE ledger_postings (
        seq {whole} NOT NULL, line {whole} NOT NULL, account TEXT NOT NULL, minor {whole} NOT NULL,
        currency TEXT NOT NULL,
        PRIMARY KEY (seq, line),
        CONSTRAINT ledger_postings_entry FOREIGN KEY (seq) REFERENCES ledger_entries (seq),
        CONSTRAINT ledger_postings_not_zero CHECK (minor <> 0)
    ){clustered}
    """,
    """
    CREATE TABLE ledger_head (
        id {whole} NOT NULL, seq {whole} NOT NULL, hash TEXT NOT NULL, recorded_at TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT ledger_head_one_row CHECK (id = 1)
    ){strict}
    """,
    """
    CREATE TABLE ledger_rollup (
        account TEXT NOT NULL, month TEXT NOT NULL, currency TEXT NOT NULL, belongs_to TEXT NOT NULL,
        amount_minor {whole} NOT NULL, count {whole} NOT NULL,
        PRIMARY KEY (account, month, currency, belongs_to)
    ){clustered}
    """,
)

INDEXES = (
    "CREATE UNIQUE INDEX ledger_entries_by_ref ON ledger_entries (vendor_ref, vendor, kind) WHERE vendor_ref <> ''",
    "CREATE UNIQUE INDEX ledger_entries_reversed_once ON ledger_entries (reverses) WHERE kind = 'reversal'",
    "CREATE INDEX ledger_entries_by_original ON ledger_entries (reverses) WHERE reverses <> ''",
    "CREATE INDEX ledger_rollup_by_month ON ledger_rollup (month)",
    "CREATE INDEX ledger_rollup_by_cohort ON ledger_rollup (belongs_to)",
)

REFUSED = "is append-only: book a reversal instead"

SQLITE_GUARDS = (
    f"""
    CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'ledger_entries {REFUSED}'); END
    """,
    f"""
    CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'ledger_entries {REFUSED}'); END
    """,
    # The head moves last in a posting, so what it has reached is booked: no entry again, no line added to one.
    # One test for every other unique index: a REPLACE deletes whatever row stands in its way.
    f"""
    CREATE TRIGGER ledger_entries_no_replace BEFORE INSERT ON ledger_entries
    WHEN NEW.seq <= (SELECT seq FROM ledger_head WHERE id = 1)
        OR EXISTS (SELECT 1 FROM ledger_entries WHERE source_key = NEW.source_key)
        OR (NEW.vendor_ref <> '' AND EXISTS (
            SELECT 1 FROM ledger_entries WHERE vendor_ref <> '' AND vendor_ref = NEW.vendor_ref
            AND vendor = NEW.vendor AND kind = NEW.kind))
        OR (NEW.kind = 'reversal' AND EXISTS (
            SELECT 1 FROM ledger_entries WHERE kind = 'reversal' AND reverses = NEW.reverses))
    BEGIN SELECT RAISE(ABORT, 'ledger_entries {REFUSED}; this sequence, key or reference is booked'); END
    """,
    f"""
    CREATE TRIGGER ledger_postings_no_update BEFORE UPDATE ON ledger_postings
    BEGIN SELECT RAISE(ABORT, 'ledger_postings {REFUSED}'); END
    """,
    f"""
    CREATE TRIGGER ledger_postings_no_delete BEFORE DELETE ON ledger_postings
    BEGIN SELECT RAISE(ABORT, 'ledger_postings {REFUSED}'); END
    """,
    f"""
    CREATE TRIGGER ledger_postings_no_replace BEFORE INSERT ON ledger_postings
    WHEN NEW.seq <= (SELECT seq FROM ledger_head WHERE id = 1)
    BEGIN SELECT RAISE(ABORT, 'ledger_postings {REFUSED}; this entry is booked'); END
    """,
    """
    CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head
    WHEN NEW.id <> OLD.id OR NEW.seq <= OLD.seq
    BEGIN SELECT RAISE(ABORT, 'ledger_head only moves forward'); END
    """,
    """
    CREATE TRIGGER ledger_head_no_delete BEFORE DELETE ON ledger_head
    BEGIN SELECT RAISE(ABORT, 'ledger_head is kept'); END
    """,
    """
    CREATE TRIGGER ledger_head_no_replace BEFORE INSERT ON ledger_head
    WHEN EXISTS (SELECT 1 FROM ledger_head)
    BEGIN SELECT RAISE(ABORT, 'ledger_head is kept'); END
    """,
    """
    CREATE TRIGGER ledger_rollup_no_delete BEFORE DELETE ON ledger_rollup
    BEGIN SELECT RAISE(ABORT, 'ledger_rollup is kept'); END
    """,
)

POSTGRESQL_GUARDS = (
    f"""
    CREATE FUNCTION recoup_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' {REFUSED}'; END $$
    """,
    """
    CREATE FUNCTION recoup_head_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id <> OLD.id OR NEW.seq <= OLD.seq THEN RAISE EXCEPTION 'ledger_head only moves forward'; END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION recoup_append_only()
    """,
    """
    CREATE TRIGGER ledger_postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_postings
    FOR EACH STATEMENT EXECUTE FUNCTION recoup_append_only()
    """,
    """
    CREATE TRIGGER ledger_head_kept BEFORE DELETE OR TRUNCATE ON ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION recoup_append_only()
    """,
    """
    CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head
    FOR EACH ROW EXECUTE FUNCTION recoup_head_forward()
    """,
    """
    CREATE TRIGGER ledger_rollup_kept BEFORE DELETE OR TRUNCATE ON ledger_rollup
    FOR EACH STATEMENT EXECUTE FUNCTION recoup_append_only()
    """,
)


def upgrade() -> None:
    """Create the books, empty: the head stands before the first entry."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = {"whole": "BIGINT", "strict": "", "clustered": "", "key": 'TEXT COLLATE "C"'}
    if sqlite:
        words = {"whole": "INTEGER", "strict": " STRICT", "clustered": " WITHOUT ROWID, STRICT", "key": "TEXT"}
    connection = op.get_bind()
    for statement in TABLES:
        connection.exec_driver_sql(statement.format(**words))
    head = f"INSERT INTO ledger_head (id, seq, hash, recorded_at) VALUES (1, 0, '{'0' * 64}', '')"
    for statement in (*INDEXES, head, *(SQLITE_GUARDS if sqlite else POSTGRESQL_GUARDS)):
        # Straight to the driver: `op.execute` would take a colon in the text for a parameter.
        connection.exec_driver_sql(statement)
