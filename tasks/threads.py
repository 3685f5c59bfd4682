"""Gather for the follow-up: what happened on the hand-over tickets since we wrote. Read-only at the helpdesk."""

import asyncio
from datetime import datetime

from integrations.errors import VendorError
from store import cases
from store.db import reading, transaction
from tasks.connect import Connections

AT_ONCE = 16


async def read(c: Connections, now: datetime) -> tuple[int, list[str]]:
    """(answered or taken, problems): note on which tickets a person is talking now."""
    with reading(c.engine) as connection:
        waiting = cases.tickets(connection)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(ticket: str) -> str:
        async with gate:
            try:
                state = await c.helpdesk.state(ticket)
            except VendorError as error:
                return f"ticket {ticket}: {error}"
        if state.answered_at or state.taken_by or state.closed:
            with transaction(c.engine) as connection:
                cases.note_answer(connection, ticket, state.answered_at or now)
            return "talking"
        return ""

    results = await asyncio.gather(*map(one, waiting))
    return results.count("talking"), [result for result in results if result not in ("", "talking")]
