"""Policy versions: every policy text that ever decided something, so that running cases keep theirs."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from store.tables import policy_versions


def remember(connection: Connection, stem: str, version: str, body: str, at: datetime) -> None:
    """Keep a version at its first use; later uses change nothing."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(policy_versions)
    row = {"stem": stem, "version": version, "body": body, "first_used_at": to_text(at)}
    connection.execute(add.values(row).on_conflict_do_nothing())


def bodies(connection: Connection, stem: str, versions: Iterable[str]) -> dict[str, str]:
    """The stored texts of some versions, by version."""
    chosen = select(policy_versions.c.version, policy_versions.c.body)
    chosen = chosen.where(policy_versions.c.stem == stem, policy_versions.c.version.in_(list(versions)))
    return {version: body for version, body in connection.execute(chosen)}


def in_use(connection: Connection, stem: str) -> dict[str, str]:
    """Every stored version of a policy with its text."""
    chosen = select(policy_versions.c.version, policy_versions.c.body).where(policy_versions.c.stem == stem)
    return {version: body for version, body in connection.execute(chosen)}
