"""Settling: hand settlements to the one writer and wait, without blocking the event loop."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ledger.errors import LedgerError
from ledger.settlements import Settlement
from tasks.connect import Connections


async def settle(c: Connections, settlement: Settlement) -> Any:
    """Write one settlement; raises the writer's LedgerError."""
    return await asyncio.wrap_future(c.writer.submit(settlement))


async def settle_all(c: Connections, settlements: Sequence[Settlement]) -> list[Any]:
    """Write many, grouped into few commits; each result is what was posted or its LedgerError."""
    futures = [asyncio.wrap_future(c.writer.submit(settlement)) for settlement in settlements]
    results = await asyncio.gather(*futures, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, LedgerError):
            raise result
    return list(results)
