"""Leases: one run of an operation at a time, between processes and machines. A dead holder's lease is taken over."""

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from domain.instants import from_text, to_text
from store.tables import leases

LONGEST = timedelta(minutes=30)
"""After so long without `renew` a lease is free again, whatever became of its holder."""


def take(connection: Connection, name: str, at: datetime) -> bool:
    """Take the lease for this process; False where another living process has it."""
    row = connection.execute(select(leases).where(leases.c.name == name).with_for_update()).first()
    if row is not None and row.holder != me() and from_text(row.until) > at and _may_live(row.holder):
        return False
    connection.execute(delete(leases).where(leases.c.name == name))
    connection.execute(insert(leases).values(name=name, holder=me(), until=to_text(at + LONGEST)))
    return True


def give_back(connection: Connection, name: str) -> None:
    """Free the lease if it is ours."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == me()))


def me() -> str:
    """This process: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _may_live(holder: str) -> bool:
    """False only where the holder is a process of this host that is gone."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
