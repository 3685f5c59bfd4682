"""The migrated schema is the one the code describes, guarded, and a check finds whatever is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.exc import DBAPIError

import ledger.models  # noqa: F401  # These fill METADATA, with the tables of store.
import store.event_tables
import store.refund_tables  # noqa: F401
from store import db, schema
from tests.conftest import APP, Database


def described(engine: Engine) -> dict[str, Any]:
    """Everything the database says of its tables, in a form to compare."""
    inspector = inspect(engine)
    names = [name for name in inspector.get_table_names() if name != "alembic_version"]
    return {
        name: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(name)),
            "checks": sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)),
            "foreign": [
                (key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(name)
            ],
            "indexes": sorted(
                (index["name"], tuple(index["column_names"]), bool(index["unique"]), str(conditions(index)))
                for index in inspector.get_indexes(name)
            ),
        }
        for name in sorted(names)
    }


def conditions(index: Any) -> list[str]:
    return [str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")]


def test_the_migrated_schema_is_the_one_the_code_describes(database: Database, tmp_path: Path) -> None:
    migrated = described(database.owner)
    if database.owner.dialect.name == "sqlite":
        fresh = db.connect(f"sqlite:///{tmp_path / 'fresh.db'}")
        db.METADATA.create_all(fresh)
    else:
        fresh = database.owner
        with database.owner.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA fresh")
        fresh = create_engine(database.owner.url, connect_args={"options": "-csearch_path=fresh"})
        db.METADATA.create_all(fresh)
    assert described(fresh) == migrated
    assert set(migrated) == set(db.METADATA.tables)
    fresh.dispose()


def test_every_sqlite_table_is_strict_and_laid_out_as_described(sqlite_engine: Engine, tmp_path: Path) -> None:
    fresh = db.connect(f"sqlite:///{tmp_path / 'fresh.db'}")
    db.METADATA.create_all(fresh)
    query = (
        "SELECT name, strict, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%' "
        "AND name <> 'alembic_version' ORDER BY name"
    )
    with db.reading(sqlite_engine) as migrated, db.reading(fresh) as described_by_code:
        rows = migrated.exec_driver_sql(query).fetchall()
        assert rows == described_by_code.exec_driver_sql(query).fetchall()
    assert rows and all(row.strict for row in rows)
    fresh.dispose()


def test_a_migrated_database_has_no_finding_and_migrating_again_changes_nothing(database: Database) -> None:
    before = described(database.owner)
    schema.migrate(database.owner, app_role=APP)
    assert described(database.owner) == before
    assert schema.check(database.app) == []


def test_an_empty_database_is_found(tmp_path: Path) -> None:
    engine = db.connect(f"sqlite:///{tmp_path / 'empty.db'}")
    assert schema.check(engine) == ["The database is empty: its tables were never created. Migrate it."]
    engine.dispose()


@pytest.mark.parametrize(("version", "words"), [("0001", "behind"), ("9999", "ahead")])
def test_a_schema_that_is_behind_or_ahead_is_found(database: Database, version: str, words: str) -> None:
    with db.transaction(database.owner) as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    assert [words in finding for finding in schema.check(database.app)] == [True]


def test_each_missing_guard_is_found(database: Database) -> None:
    dialect = database.owner.dialect.name
    for guard in schema.GUARDS[dialect]:
        with db.transaction(database.owner) as connection:
            connection.exec_driver_sql(drop(guard, dialect))
    findings = schema.check(database.app)
    assert len(findings) == len(schema.GUARDS[dialect])
    assert all(guard in finding for guard, finding in zip(schema.GUARDS[dialect], findings, strict=True))


def drop(guard: str, dialect: str) -> str:
    table = next(name for name in schema.RIGHTS if guard.startswith(name))
    return f"DROP TRIGGER {guard}" + ("" if dialect == "sqlite" else f" ON {table}")


def test_a_disabled_guard_is_found_on_postgresql(postgresql_database: Database) -> None:
    with db.transaction(postgresql_database.owner) as connection:
        connection.exec_driver_sql("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_append_only")
    assert ["ledger_entries_append_only" in finding for finding in schema.check(postgresql_database.app)] == [True]


def test_a_connection_without_our_settings_is_found_on_sqlite(sqlite_file: Path) -> None:
    plain = create_engine(f"sqlite:///{sqlite_file}")
    findings = schema.check(plain)
    assert ["recursive_triggers" in findings[0], "foreign_keys" in findings[1]] == [True, True]
    plain.dispose()


def test_a_table_that_was_rebuilt_without_strict_is_found(sqlite_engine: Engine) -> None:
    with db.transaction(sqlite_engine) as connection:
        connection.exec_driver_sql("DROP TABLE leases")
        connection.exec_driver_sql("CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT, until TEXT)")
    assert ["leases" in finding and "STRICT" in finding for finding in schema.check(sqlite_engine)] == [True]


def test_serving_as_the_owner_of_the_books_is_found_on_postgresql(postgresql_database: Database) -> None:
    assert ["owns the books" in finding for finding in schema.check(postgresql_database.owner)] == [True]


def test_a_right_that_the_application_should_not_have_is_found_and_migrating_takes_it_away(
    postgresql_database: Database,
) -> None:
    with db.transaction(postgresql_database.owner) as connection:
        connection.exec_driver_sql(f"GRANT UPDATE ON ledger_postings TO {APP}")
    assert ["may UPDATE ledger_postings" in finding for finding in schema.check(postgresql_database.app)] == [True]
    schema.migrate(postgresql_database.owner, app_role=APP)
    assert schema.check(postgresql_database.app) == []


def test_a_role_name_that_is_no_plain_name_is_refused(sqlite_engine: Engine) -> None:
    with pytest.raises(ValueError, match="plain name"):
        schema.migrate(sqlite_engine, app_role='x"; DROP TABLE people; --')


ENTRY = (
    "INSERT {verb} INTO ledger_entries VALUES ({seq}, '{key}', 'reversal', '', '', '', '', '', '', 'stripe', '{ref}', "
    "'', '', '{reverses}', 1, '', '')"
)
LINE = "INSERT {verb} INTO ledger_postings VALUES (1, 1, 'Assets:Clearing:Payments', {minor}, 'EUR')"
HEAD = "UPDATE ledger_head SET seq = 1, hash = 'h1' WHERE id = 1"


@pytest.fixture
def booked(database: Database) -> Database:
    """A database with one entry and one posting, put in as the application may."""
    with db.transaction(database.app) as connection:
        connection.exec_driver_sql(ENTRY.format(verb="", seq=1, key="k1", ref="ref1", reverses="r1"))
        connection.exec_driver_sql(LINE.format(verb="", minor=5))
        connection.exec_driver_sql(HEAD)
        connection.exec_driver_sql("INSERT INTO ledger_rollup VALUES ('Assets:Clearing:Payments', '', 'EUR', '', 5, 1)")
    return database


def refused(engine: Engine, statement: str) -> str:
    """Run the statement, which the database must refuse; gives what it says."""
    with pytest.raises(DBAPIError) as caught, db.transaction(engine) as connection:
        connection.exec_driver_sql(statement)
    return str(caught.value.orig)


CHANGES = [
    "UPDATE ledger_entries SET kind = 'refund'",
    "UPDATE ledger_postings SET minor = 6",
    "DELETE FROM ledger_entries",
    "DELETE FROM ledger_postings",
    "DELETE FROM ledger_head",
    "UPDATE ledger_head SET seq = 0",
    "DELETE FROM ledger_rollup",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_application_cannot_change_what_is_booked(booked: Database, statement: str) -> None:
    assert refused(booked.app, statement)
    assert booked.app.dialect.name == "sqlite" or "permission denied" in refused(booked.app, CHANGES[0])


@pytest.mark.parametrize(
    "statement", [*CHANGES[:5], *(f"TRUNCATE {table} CASCADE" for table in list(schema.RIGHTS)[:4])]
)
def test_the_triggers_refuse_even_the_owner_on_postgresql(postgresql_database: Database, statement: str) -> None:
    assert "append-only" in refused(postgresql_database.owner, statement)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"TRUNCATE {table} CASCADE" for table in list(schema.RIGHTS)[:4]),
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "DROP TABLE ledger_postings",
        "SET session_replication_role = replica",
        f"GRANT ALL ON ledger_entries TO {APP}; UPDATE ledger_entries SET kind = ''",
        "INSERT INTO ledger_head VALUES (1, 0, '', '')",
    ],
)
def test_the_application_cannot_get_round_the_guards_on_postgresql(
    postgresql_database: Database, statement: str
) -> None:
    assert refused(postgresql_database.app, statement)


REPLACEMENTS = [
    ENTRY.format(verb="OR REPLACE", seq=1, key="k2", ref="ref2", reverses="r2"),
    ENTRY.format(verb="OR REPLACE", seq=2, key="k1", ref="ref2", reverses="r2"),
    ENTRY.format(verb="OR REPLACE", seq=2, key="k2", ref="ref1", reverses="r2"),
    ENTRY.format(verb="OR REPLACE", seq=2, key="k2", ref="ref2", reverses="r1"),
    LINE.format(verb="OR REPLACE", minor=6),
    "INSERT OR REPLACE INTO ledger_head VALUES (1, 10, 'forged', '')",
]


@pytest.mark.parametrize("statement", REPLACEMENTS)
@pytest.mark.parametrize("open_it", [db.connect, create_engine], ids=["our connection", "any client"])
def test_insert_or_replace_cannot_change_what_is_booked(
    sqlite_file: Path, statement: str, open_it: Callable[[str], Engine]
) -> None:
    engine = open_it(f"sqlite:///{sqlite_file}")
    with engine.begin() as connection:
        connection.exec_driver_sql(ENTRY.format(verb="", seq=1, key="k1", ref="ref1", reverses="r1"))
        connection.exec_driver_sql(LINE.format(verb="", minor=5))
        connection.exec_driver_sql(HEAD)
    assert "ledger_" in refused(engine, statement)
    engine.dispose()


def test_no_line_can_be_added_to_an_entry_that_is_booked(sqlite_file: Path) -> None:
    engine = create_engine(f"sqlite:///{sqlite_file}")
    with engine.begin() as connection:
        connection.exec_driver_sql(ENTRY.format(verb="", seq=1, key="k1", ref="ref1", reverses="r1"))
        connection.exec_driver_sql(HEAD)
    assert "this entry is booked" in refused(engine, LINE.format(verb="", minor=5))
    engine.dispose()


def test_strict_tables_refuse_text_for_an_amount(sqlite_engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="cannot store TEXT"), db.transaction(sqlite_engine) as connection:
        connection.exec_driver_sql(ENTRY.format(verb="", seq=1, key="k1", ref="", reverses=""))
        connection.exec_driver_sql("INSERT INTO ledger_postings VALUES (1, 1, 'x', 'abc', 'EUR')")


def test_every_table_of_the_books_has_its_rights_written_down() -> None:
    books = {name for name in db.METADATA.tables if name.startswith("ledger_")}
    assert books == {name for name in schema.RIGHTS if name.startswith("ledger_")}
