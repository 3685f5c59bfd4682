"""The schema: bring it up to date, and find out whether it may be served.

`migrate` creates and changes the tables, in one transaction, and gives the application's role its rights; running
it again changes nothing. `check` reads only, and returns a sentence for everything that is unsafe.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect

from store.db import reading, transaction

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS: Final = Path(__file__).parent / "migrations"

GUARDS: Final = {
    "sqlite": (
        "ledger_entries_no_update", "ledger_entries_no_delete", "ledger_entries_no_replace",
        "ledger_postings_no_update", "ledger_postings_no_delete", "ledger_postings_no_replace",
        "ledger_head_forward", "ledger_head_no_delete", "ledger_head_no_replace", "ledger_rollup_no_delete",
    ),
    "postgresql": (
        "ledger_entries_append_only", "ledger_postings_append_only", "ledger_head_kept", "ledger_head_forward",
        "ledger_rollup_kept",
    ),
}  # fmt: skip
"""The triggers that must stand. A tool that rebuilds a table drops them silently."""

RIGHTS: Final = {
    "ledger_entries": "SELECT, INSERT",
    "ledger_postings": "SELECT, INSERT",
    "ledger_head": "SELECT, UPDATE",
    "ledger_rollup": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}
"""What the application's role may do on PostgreSQL; on every other table it may read and write rows."""

FORBIDDEN: Final = (
    ("ledger_entries", "UPDATE"), ("ledger_entries", "DELETE"), ("ledger_entries", "TRUNCATE"),
    ("ledger_postings", "UPDATE"), ("ledger_postings", "DELETE"), ("ledger_postings", "TRUNCATE"),
    ("ledger_head", "DELETE"), ("ledger_head", "TRUNCATE"),
)  # fmt: skip
"""Rights that an application's role must not have."""

PRAGMAS: Final = (
    ("recursive_triggers", 1, "INSERT OR REPLACE walks past the delete triggers"),
    ("synchronous", 2, "a power loss can take entries that were acknowledged"),
    ("foreign_keys", 1, "a posting could stand without its entry"),
)
"""SQLite settings of every connection of ours (`store.db.connect`), and what goes wrong without them."""

_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")


def migrate(engine: Engine, app_role: str = "") -> None:
    """Bring the schema up to date. On PostgreSQL `engine` connects as the owner, and `app_role` gets its rights.

    Raises ValueError for a role name that is not plain letters, digits and underscores.
    """
    from alembic import command  # noqa: PLC0415  # A fifth of a second, which no other command has to wait for.

    if app_role and not _ROLE.match(app_role):
        raise ValueError(f"the application's role must be a plain name like recoup_app, not {app_role!r}")
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two services that start together migrate one after the other.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7306427)")
        command.upgrade(_config(connection), "head")
        if app_role and engine.dialect.name == "postgresql":
            _grant(connection, app_role)


def check(engine: Engine) -> list[str]:
    """Everything that makes the database unsafe to serve, a sentence each; empty where all is well."""
    with reading(engine) as connection:
        behind = _revision_findings(connection)
        if behind:
            return behind
        findings = _guard_findings(connection)
        if engine.dialect.name == "sqlite":
            return findings + _sqlite_findings(connection)
        return findings + _postgresql_findings(connection)


def has_books(engine: Engine) -> bool:
    """True where the ledger's tables exist, whatever the schema's version and guards."""
    return inspect(engine).has_table("ledger_entries")


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _newest() -> str:
    """The newest revision, from the files' names: reading alembic's own script folder would import it."""
    return max(path.stem for path in (SCRIPTS / "versions").glob("r*.py"))[1:5]


def _revision_findings(connection: Connection) -> list[str]:
    table = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.dialect.name == "postgresql":
        table = "SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = current_schema()"
    if connection.exec_driver_sql(table).first() is None:
        return ["The database is empty: its tables were never created. Migrate it."]
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "none"
    if found < _newest():
        return [f"The schema is behind: it stands at {found}, this recoup needs {_newest()}. Migrate it."]
    if found > _newest():
        return [f"The schema is ahead: it stands at {found}, this recoup knows {_newest()}. Use the newer recoup."]
    return []


def _guard_findings(connection: Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'"
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE tgenabled IN ('O', 'A') AND relnamespace = current_schema()::regnamespace"
        )
    standing = {row[0] for row in connection.exec_driver_sql(query)}
    return [
        f"The guard {name} is missing: the books could be changed. Restore it from store/migrations, then run "
        "`recoup ledger verify`."
        for name in GUARDS[connection.dialect.name]
        if name not in standing
    ]


def _sqlite_findings(connection: Connection) -> list[str]:
    findings = []
    for name, wanted, danger in PRAGMAS:
        found = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        if found != wanted:
            findings.append(f"PRAGMA {name} is {found}, not {wanted}: {danger}. Open it with store.db.connect.")
    loose = connection.exec_driver_sql(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 "
        "AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version' ORDER BY name"
    )
    return findings + [f"The table {row[0]} is not STRICT: it takes text for numbers. Migrate it." for row in loose]


def _postgresql_findings(connection: Connection) -> list[str]:
    findings = []
    role = connection.exec_driver_sql("SELECT current_user").scalar()
    powers = connection.exec_driver_sql(
        "SELECT rolsuper OR EXISTS (SELECT 1 FROM pg_tables WHERE tablename LIKE 'ledger_%%' "
        "AND schemaname = current_schema() AND pg_has_role(current_user, tableowner, 'MEMBER')) "
        "FROM pg_roles WHERE rolname = current_user"
    ).scalar()
    if powers:
        findings.append(
            f"The role {role} owns the books or is a superuser, so it could drop their guards. "
            "Migrate as the owner, and let recoup connect as another role."
        )
    for table, right in FORBIDDEN:
        allowed = connection.exec_driver_sql(f"SELECT has_table_privilege('{table}', '{right}')").scalar()
        if allowed and not powers:
            findings.append(f"The role {role} may {right} {table}. Migrate again with this role as app_role.")
    if connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "off":
        findings.append("synchronous_commit is off: a power loss can take entries that were acknowledged.")
    return findings


def _grant(connection: Connection, role: str) -> None:
    schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
    run = connection.exec_driver_sql
    run(f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"')
    tables = run("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    for (table,) in tables.fetchall():
        run(f'REVOKE ALL ON "{table}" FROM PUBLIC, "{role}"')
        rights = RIGHTS.get(table, "SELECT, INSERT, UPDATE, DELETE")
        run(f'GRANT {rights} ON "{table}" TO "{role}"')
