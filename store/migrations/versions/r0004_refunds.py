"""Refunds on first scan: returns, labels, decisions, money set aside, exposure, approvals, differences."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    """
    CREATE TABLE returns (
        id TEXT NOT NULL, portal TEXT NOT NULL, order_ref TEXT NOT NULL, customer TEXT NOT NULL,
        state TEXT NOT NULL, body TEXT NOT NULL, edited_at TEXT NOT NULL, read_at TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
    """
    CREATE TABLE labels (
        case_id TEXT NOT NULL, return_id TEXT NOT NULL, tracking TEXT NOT NULL, carrier TEXT NOT NULL,
        made_at TEXT NOT NULL, stage TEXT NOT NULL, look_at TEXT NOT NULL, changed_at TEXT NOT NULL,
        watched {whole} NOT NULL,
        PRIMARY KEY (case_id),
        CONSTRAINT labels_stage CHECK (stage in ('made','scanned','waiting','approval','held','paid','never','ended'))
    ){strict}
    """,
    """
    CREATE TABLE decisions (
        case_id TEXT NOT NULL, at TEXT NOT NULL, outcome TEXT NOT NULL, rule TEXT NOT NULL,
        reason TEXT NOT NULL, currency TEXT NOT NULL, amount_minor {whole} NOT NULL, vip {whole} NOT NULL,
        policy_version TEXT NOT NULL, flow_run TEXT NOT NULL, facts TEXT NOT NULL, checks TEXT NOT NULL,
        owner TEXT NOT NULL, next_action TEXT NOT NULL,
        PRIMARY KEY (case_id, at)
    ){strict}
    """,
    """
    CREATE TABLE commitments (
        key TEXT NOT NULL, case_id TEXT NOT NULL, customer TEXT NOT NULL, order_ref TEXT NOT NULL,
        address TEXT NOT NULL, card TEXT NOT NULL, currency TEXT NOT NULL, minor {whole} NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (key)
    ){strict}
    """,
    """
    CREATE TABLE commitment_payments (
        payment TEXT NOT NULL, key TEXT NOT NULL,
        PRIMARY KEY (payment, key)
    ){strict}
    """,
    """
    CREATE TABLE exposures (
        case_id TEXT NOT NULL, line TEXT NOT NULL, customer TEXT NOT NULL, order_ref TEXT NOT NULL,
        currency TEXT NOT NULL, minor {whole} NOT NULL, cost_minor {whole} NOT NULL,
        cost_currency TEXT NOT NULL, quantity {whole} NOT NULL, received {whole} NOT NULL,
        state TEXT NOT NULL, opened_at TEXT NOT NULL, due_on TEXT NOT NULL, changed_at TEXT NOT NULL,
        why TEXT NOT NULL, next_action TEXT NOT NULL, owner TEXT NOT NULL, decided_by TEXT NOT NULL,
        changes {whole} NOT NULL,
        PRIMARY KEY (case_id, line),
        CONSTRAINT exposures_state CHECK (state in ('open','reopened','received','lost','withdrawn'))
    ){strict}
    """,
    """
    CREATE TABLE approvals (
        case_id TEXT NOT NULL, asked_at TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL,
        currency TEXT NOT NULL, minor {whole} NOT NULL, digest TEXT NOT NULL, due_at TEXT NOT NULL,
        decision TEXT NOT NULL, decided_at TEXT NOT NULL, decided_by TEXT NOT NULL, channel TEXT NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (case_id, asked_at),
        CONSTRAINT approvals_decision CHECK (decision in ('','approved','rejected','withdrawn'))
    ){strict}
    """,
    """
    CREATE TABLE differences (
        id TEXT NOT NULL, kind TEXT NOT NULL, case_id TEXT NOT NULL, subject TEXT NOT NULL,
        said TEXT NOT NULL, remedy TEXT NOT NULL, owner TEXT NOT NULL, first_seen TEXT NOT NULL,
        last_seen TEXT NOT NULL, resolved_at TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
)

INDEXES = (
    "CREATE INDEX returns_by_customer ON returns (customer)",
    "CREATE INDEX returns_by_order ON returns (order_ref)",
    "CREATE INDEX labels_by_return ON labels (return_id)",
    "CREATE INDEX labels_by_stage ON labels (stage, look_at)",
    "CREATE INDEX labels_by_tracking ON labels (tracking)",
    "CREATE INDEX decisions_by_time ON decisions (at)",
    "CREATE INDEX commitments_by_address ON commitments (address, at)",
    "CREATE INDEX commitments_by_card ON commitments (card, at)",
    "CREATE INDEX commitments_by_customer ON commitments (customer, at)",
    "CREATE INDEX commitments_by_order ON commitments (order_ref)",
    "CREATE INDEX commitments_by_time ON commitments (at)",
    "CREATE INDEX exposures_by_customer ON exposures (customer, state)",
    "CREATE INDEX exposures_by_order ON exposures (order_ref)",
    "CREATE INDEX exposures_by_state ON exposures (state, due_on)",
    "CREATE INDEX approvals_waiting ON approvals (decision, asked_at)",
    "CREATE INDEX differences_open ON differences (resolved_at, kind)",
    "CREATE INDEX steps_by_action ON steps (action, settled_at)",
)


def upgrade() -> None:
    """Create them; whole numbers have 64 bits on both engines, and SQLite keeps to the declared types."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = {"whole": "INTEGER", "strict": " STRICT"} if sqlite else {"whole": "BIGINT", "strict": ""}
    for statement in TABLES:
        op.execute(statement.format(**words))
    for statement in INDEXES:
        op.execute(statement)
