"""The operational tables: people, policies, cases, attempts, steps, holds, contacts, quarantine, runs, leases."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE attempts (
        id TEXT NOT NULL, case_id TEXT NOT NULL, customer TEXT NOT NULL, card TEXT NOT NULL, network TEXT NOT NULL,
        at TEXT NOT NULL, outcome TEXT NOT NULL, reached_network {whole} NOT NULL, currency TEXT NOT NULL,
        amount_minor {whole} NOT NULL, codes TEXT NOT NULL, step_key TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
    """
    CREATE TABLE cases (
        id TEXT NOT NULL, operation TEXT NOT NULL, customer TEXT NOT NULL, subscription TEXT NOT NULL,
        state TEXT NOT NULL, outcome TEXT NOT NULL, opened_on TEXT NOT NULL, closed_on TEXT NOT NULL,
        failed_at TEXT NOT NULL, currency TEXT NOT NULL, failed_minor {whole} NOT NULL,
        remaining_minor {whole} NOT NULL, treatment TEXT NOT NULL, decline_rule TEXT NOT NULL,
        decline_code TEXT NOT NULL, remedy TEXT NOT NULL, not_before TEXT NOT NULL,
        card TEXT NOT NULL, card_failed TEXT NOT NULL,
        network TEXT NOT NULL, auto_charge {whole} NOT NULL, vendor_retry_on TEXT NOT NULL,
        subscription_status TEXT NOT NULL, pay_link TEXT NOT NULL, trouble TEXT NOT NULL,
        policy_version TEXT NOT NULL, ticket TEXT NOT NULL, answered_at TEXT NOT NULL, source TEXT NOT NULL,
        read_at TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
    """
    CREATE TABLE contacts (
        key TEXT NOT NULL, person TEXT NOT NULL, channel TEXT NOT NULL, purpose TEXT NOT NULL,
        operation TEXT NOT NULL, case_id TEXT NOT NULL, state TEXT NOT NULL, day TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (key)
    ){strict}
    """,
    """
    CREATE TABLE holds (
        case_id TEXT NOT NULL, first_day TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL,
        last_day TEXT NOT NULL, until TEXT NOT NULL, person {whole} NOT NULL, times {whole} NOT NULL,
        PRIMARY KEY (case_id, first_day)
    ){strict}
    """,
    """
    CREATE TABLE leases (
        name TEXT NOT NULL, holder TEXT NOT NULL, until TEXT NOT NULL,
        PRIMARY KEY (name)
    ){strict}
    """,
    """
    CREATE TABLE opt_outs (
        person TEXT NOT NULL, channel TEXT NOT NULL, scope TEXT NOT NULL, since TEXT NOT NULL, source TEXT NOT NULL,
        PRIMARY KEY (person, channel, scope)
    ){strict}
    """,
    """
    CREATE TABLE people (
        id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL, language TEXT NOT NULL,
        country TEXT NOT NULL, region TEXT NOT NULL, zone TEXT NOT NULL, sms_consent {whole} NOT NULL,
        vip {whole} NOT NULL, seen_at TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
    """
    CREATE TABLE policy_versions (
        stem TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL, first_used_at TEXT NOT NULL,
        PRIMARY KEY (stem, version)
    ){strict}
    """,
    """
    CREATE TABLE quarantine (
        id TEXT NOT NULL, source TEXT NOT NULL, line {whole} NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL,
        raw TEXT NOT NULL, at TEXT NOT NULL, resolved_at TEXT NOT NULL,
        PRIMARY KEY (id)
    ){strict}
    """,
    """
    CREATE TABLE runs (
        operation TEXT NOT NULL, day TEXT NOT NULL, flow_run TEXT NOT NULL, started_at TEXT NOT NULL,
        ended_at TEXT NOT NULL, counts TEXT NOT NULL,
        PRIMARY KEY (operation, day, flow_run)
    ){strict}
    """,
    """
    CREATE TABLE steps (
        key TEXT NOT NULL, operation TEXT NOT NULL, case_id TEXT NOT NULL, action TEXT NOT NULL, rung TEXT NOT NULL,
        state TEXT NOT NULL, day TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
        sender TEXT NOT NULL, policy_version TEXT NOT NULL, flow_run TEXT NOT NULL, intended_at TEXT NOT NULL,
        settled_at TEXT NOT NULL, vendor TEXT NOT NULL, vendor_ref TEXT NOT NULL, currency TEXT NOT NULL,
        amount_minor {whole} NOT NULL, detail TEXT NOT NULL, tries {whole} NOT NULL,
        PRIMARY KEY (key),
        CONSTRAINT steps_state CHECK (state in ('intended','done','refused','unknown','void','dropped'))
    ){strict}
    """,
)

INDEXES = (
    "CREATE INDEX attempts_by_card ON attempts (card, at)",
    "CREATE INDEX attempts_by_case ON attempts (case_id, at)",
    "CREATE INDEX cases_by_customer ON cases (customer)",
    "CREATE INDEX cases_by_state ON cases (operation, customer, id)",
    "CREATE INDEX contacts_by_case ON contacts (case_id)",
    "CREATE INDEX contacts_by_person ON contacts (person, day)",
    "CREATE INDEX steps_by_case ON steps (case_id)",
    "CREATE INDEX steps_by_ref ON steps (vendor_ref)",
    "CREATE INDEX steps_open ON steps (state, intended_at)",
)


def upgrade() -> None:
    """Create them; whole numbers have 64 bits on both engines, and SQLite keeps to the declared types."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = {"whole": "INTEGER", "strict": " STRICT"} if sqlite else {"whole": "BIGINT", "strict": ""}
    for statement in TABLES:
        op.execute(statement.format(**words))
    for statement in INDEXES:
        op.execute(statement)
