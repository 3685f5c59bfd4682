"""What we hear: the inbox, scans, cursors of pollers, the watchdog, the kill switches."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """
    CREATE TABLE inbox (
        id TEXT NOT NULL, sender TEXT NOT NULL, vendor TEXT NOT NULL, operation TEXT NOT NULL,
        topic TEXT NOT NULL, identity TEXT NOT NULL, state TEXT NOT NULL, received_at TEXT NOT NULL,
        not_before TEXT NOT NULL, claimed_by TEXT NOT NULL, claimed_until TEXT NOT NULL,
        done_at TEXT NOT NULL, tries {whole} NOT NULL, deaths {whole} NOT NULL, copies {whole} NOT NULL,
        outcome TEXT NOT NULL, body TEXT NOT NULL, encoding TEXT NOT NULL, fingerprint TEXT NOT NULL,
        size {whole} NOT NULL, secret TEXT NOT NULL, purged_at TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT inbox_state CHECK (state in ('waiting','claimed','done','failed','quarantined','unrouted'))
    ){strict}
    """,
    """
    CREATE TABLE scans (
        fingerprint TEXT NOT NULL, tracking TEXT NOT NULL, carrier TEXT NOT NULL, source TEXT NOT NULL,
        meaning TEXT NOT NULL, at TEXT NOT NULL, physical {whole} NOT NULL, country TEXT NOT NULL,
        region TEXT NOT NULL, city TEXT NOT NULL, postal TEXT NOT NULL, to_country TEXT NOT NULL,
        to_postal TEXT NOT NULL, words TEXT NOT NULL, event TEXT NOT NULL, heard_at TEXT NOT NULL,
        PRIMARY KEY (fingerprint)
    ){strict}
    """,
    """
    CREATE TABLE cursors (
        name TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (name)
    ){strict}
    """,
    """
    CREATE TABLE watches (
        sender TEXT NOT NULL, checked_at TEXT NOT NULL, ok {whole} NOT NULL, said TEXT NOT NULL,
        remedy TEXT NOT NULL,
        PRIMARY KEY (sender)
    ){strict}
    """,
    """
    CREATE TABLE switches (
        operation TEXT NOT NULL, stopped {whole} NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (operation)
    ){strict}
    """,
)

INDEXES = (
    "CREATE INDEX inbox_by_sender ON inbox (sender, received_at)",
    "CREATE INDEX inbox_by_state ON inbox (state, operation, not_before, received_at)",
    "CREATE INDEX scans_by_tracking ON scans (tracking, at)",
)


def upgrade() -> None:
    """Create them; whole numbers have 64 bits on both engines, and SQLite keeps to the declared types."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = {"whole": "INTEGER", "strict": " STRICT"} if sqlite else {"whole": "BIGINT", "strict": ""}
    for statement in TABLES:
        op.execute(statement.format(**words))
    for statement in INDEXES:
        op.execute(statement)
