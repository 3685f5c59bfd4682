"""Opening the database: brought up to date where it is embedded, checked everywhere, refused where it is not sound."""

from typing import Any

from sqlalchemy import Engine

from store import schema
from store.db import connect


class NotReady(Exception):
    """The database is not as this version of recoup needs it; the message says what to do."""


def open_database(settings: Any, *, change: bool = True) -> Engine:
    """The engine, checked. SQLite is migrated at once unless `change` is False; PostgreSQL by its owner's role only.

    Raises NotReady with every finding.
    """
    engine = connect(settings.database_url)
    if engine.dialect.name == "sqlite" and change:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        schema.migrate(engine)
    if findings := schema.check(engine):
        engine.dispose()
        raise NotReady("; ".join(str(finding) for finding in findings))
    return engine
