"""What a refund run takes up: its share of the inbox, and the labels whose time has come."""

from datetime import timedelta
from typing import Any, Final

from store import inbox, returns
from store.db import reading, transaction
from store.leases import me
from tasks.connect import Connections
from tasks.refund_deciding import OPERATION

BATCH: Final = 500
LEASE: Final = timedelta(minutes=5)
DUE_AT_ONCE: Final = 2_000


def claim(c: Connections) -> list[Any]:
    """Claim the oldest waiting events; those of a run that died are taken over after the lease."""
    with transaction(c.engine) as connection:
        return list(inbox.claim(connection, OPERATION, me(), c.clock(), limit=BATCH, lease=LEASE))


def due(c: Connections) -> list[str]:
    """Cases that are decided again without news."""
    with reading(c.engine) as connection:
        return returns.to_look_at(connection, c.clock(), DUE_AT_ONCE)
