"""The database: SQLite embedded, PostgreSQL in production, the same code with another URL.

SQLite gets WAL, full synchronous commits and `recursive_triggers`, without which INSERT OR REPLACE
walks past the append-only triggers. Every writing transaction starts with BEGIN IMMEDIATE: a deferred
one that turns into a writer fails at once, whatever the busy timeout says.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, create_engine, event

METADATA = MetaData()
"""The tables of `store` and of `ledger`; one schema, so that a settlement is one transaction."""

BUSY_SECONDS = 30


def connect(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://…`; nothing is opened before it is used."""
    # Without `hide_parameters` an error quotes the row, and with it a person's name and address, into every log.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One short writing transaction: committed at the end, rolled back on any exception."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent snapshot for reading; never takes the write lock."""
    options: dict[str, object] = {"recoup_read_only": True}
    if engine.dialect.name == "postgresql":
        # Otherwise every statement has its own snapshot there, and a report's parts need not fit together.
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def _set_up_sqlite(raw: object, _record: object) -> None:
    raw.isolation_level = None  # type: ignore[attr-defined]  # We say BEGIN ourselves.
    cursor = raw.cursor()  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "recursive_triggers=ON",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        # Measured while posting: a quarter less is written and three quarters less read than by the defaults.
        "cache_size=-16000",
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("recoup_read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
