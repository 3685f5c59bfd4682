"""What a refund run takes up: its share of the inbox, and the labels whose time has come.

An event is claimed until everything that it asks for is done. A run that lives renews its claim, one that dies leaves
it to the next, and one that fails over its events says so with them and lets them come again apart.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from store import inbox, returns
from store.db import reading, transaction
from store.leases import me
from tasks.connect import Connections
from tasks.mistakes import told
from tasks.refund_deciding import OPERATION

LOG = logging.getLogger(__name__)
BATCH: Final = 500
LEASE: Final = timedelta(minutes=5)
RENEW_SECONDS: Final = 60.0
AGAIN: Final = timedelta(seconds=30)
"""When events are taken again that a run failed over."""
DUE_AT_ONCE: Final = 2_000


def claim(c: Connections) -> list[Any]:
    """Claim the oldest waiting events; those of a run that died are taken over after the lease."""
    # Every claim has a holder of its own: several runs of one process must not renew what another of them has left.
    holder = f"{me()}:{secrets.token_hex(4)}"
    with transaction(c.engine) as connection:
        return list(inbox.claim(connection, OPERATION, holder, c.clock(), limit=BATCH, lease=LEASE))


@asynccontextmanager
async def held(c: Connections, rows: Sequence[Any], *, every: float = RENEW_SECONDS) -> AsyncIterator[None]:
    """Hold claimed events while they are worked on; what is not closed by the end of it is not lost.

    A run that is told to stop gives them back. One that fails says so with each of them, and they come again.
    """
    renewing = asyncio.create_task(_renew(c, rows[0].claimed_by, every))
    ids = [row.id for row in rows]
    try:
        yield
    except asyncio.CancelledError:
        with transaction(c.engine) as connection:
            inbox.release(connection, ids)
        raise
    except Exception as error:
        why, now = f"the run failed: {told(error)}", c.clock()
        with transaction(c.engine) as connection:
            inbox.broken(connection, ids, why, now, now + AGAIN)
        raise
    finally:
        renewing.cancel()


async def _renew(c: Connections, holder: str, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            with transaction(c.engine) as connection:
                inbox.renew(connection, holder, c.clock(), lease=LEASE)
        except SQLAlchemyError as error:
            # Without it the events are taken over some minutes later, which is harmless.
            LOG.warning("a claim could not be renewed: %s", type(error).__name__)


def due(c: Connections) -> list[str]:
    """Cases that are decided again without news."""
    with reading(c.engine) as connection:
        return returns.to_look_at(connection, c.clock(), DUE_AT_ONCE)
