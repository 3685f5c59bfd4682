"""Leases: one run of an operation at a time, between processes and machines. A dead holder's lease is taken over."""

import os
import secrets
import socket
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import from_text, to_text
from store.tables import leases

_START = secrets.token_hex(4)
"""Tells this process from an earlier one with the same id, as in a container that was started again."""
LONGEST = timedelta(minutes=30)
"""After so long without `renew` a lease is free again, whatever became of its holder."""


def take(connection: Connection, name: str, at: datetime) -> bool:
    """Take the lease for one run; False where another one has it, in this process or in another that lives."""
    mine = {"name": name, "holder": me(), "until": to_text(at + LONGEST)}
    # Inserted first: of two that find no row at the same moment, the key lets one through and the other wait for it.
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(leases)
    if connection.execute(add.values(mine).on_conflict_do_nothing().returning(leases.c.name)).first():
        return True
    row = connection.execute(select(leases).where(leases.c.name == name).with_for_update()).first()
    if row is None or (from_text(row.until) > at and _may_live(row.holder)):
        return False
    connection.execute(update(leases).where(leases.c.name == name).values(mine))
    return True


def renew(connection: Connection, name: str, at: datetime) -> None:
    """Keep the lease for longer, if it is ours; a long run does so as it goes."""
    mine = (leases.c.name == name) & (leases.c.holder == me())
    connection.execute(update(leases).where(mine).values(until=to_text(at + LONGEST)))


def give_back(connection: Connection, name: str) -> None:
    """Free the lease if it is ours."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == me()))


def me() -> str:
    """This process: host, process id, and which start of it."""
    return f"{socket.gethostname()}:{os.getpid()}:{_START}"


def _may_live(holder: str) -> bool:
    """False only where the holder is a process of this host that is gone."""
    if holder == me():
        return True
    host, pid, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    if int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
