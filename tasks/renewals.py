"""Gather: read failed renewals, attempts and money that went back from the payments vendor into our tables.

Read-only at the vendor, and safe to repeat: cases are inserted once, facts are overwritten with what the vendor
says now, and what is booked here is keyed by the vendor's own references.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain.instants import from_text
from domain.payments import Renewal
from integrations.errors import Refused, Unreadable
from store import attempts, cases, people, runs
from store.db import reading, transaction
from tasks import money_back, opening, outcomes
from tasks.connect import Connections
from tasks.reading import Read, keep_unreadable

WINDOW_DAYS = 75
"""How far back the first read looks for renewals and attempts: two billing months and a half."""
OVERLAP_DAYS = 2
"""Later reads of attempts go back so much further than the last whole read, for late and reordered items."""
LOOKUPS_AT_ONCE = 16
IDS_AT_ONCE = 1_000
"""Ids in one question to the database: a busy shop's first read is about more than a statement may name."""


async def read(c: Connections, now: datetime, run: str) -> Read:
    """Bring our tables up to what the payments vendor knows; one unreadable item never stops the rest."""
    found = Read()
    with reading(c.engine) as connection:
        last = runs.last_whole_read(connection)
    oldest = now - timedelta(days=WINDOW_DAYS)
    touched = await _read_attempts(c, _resume(last, oldest), found, now)
    seen = await _read_open(c, oldest, found, now, run)
    await _read_missing(c, touched - seen, found, now, run)
    await _read_vanished(c, seen, found, now, run)
    await money_back.read(c, oldest, found, now, run)
    return found


def _resume(last: str, oldest: datetime) -> datetime:
    """Where to go on: the vendor lists the newest first, so a read that broke off has a gap behind its newest item."""
    return max(oldest, from_text(last) - timedelta(days=OVERLAP_DAYS)) if last else oldest


async def _read_attempts(c: Connections, since: datetime, found: Read, now: datetime) -> set[str]:
    """Store all attempts since then; return the renewals they are about."""
    touched: set[str] = set()
    async for page in c.payments.attempts(since):
        with transaction(c.engine) as connection:
            attempts.remember(connection, page.items)
        keep_unreadable(c, page.unreadable, found, now)
        found.attempts += len(page.items)
        touched |= {item.renewal for item in page.items if item.renewal}
    return touched


async def _read_open(c: Connections, since: datetime, found: Read, now: datetime, run: str) -> set[str]:
    """Take in every renewal that is open at the vendor; return their ids."""
    seen: set[str] = set()
    async for page in c.payments.renewals(since, status="open"):
        keep_unreadable(c, page.unreadable, found, now)
        await take_in(c, page.items, found, now, run)
        found.renewals += len(page.items)
        seen |= {item.id for item in page.items}
    return seen


async def _read_missing(c: Connections, ids: set[str], found: Read, now: datetime, run: str) -> None:
    """Renewals that failed and were paid before we saw them count like all others, and so does a late payment."""
    every = sorted(ids)
    for start in range(0, len(every), IDS_AT_ONCE):
        some = every[start : start + IDS_AT_ONCE]
        with reading(c.engine) as connection:
            known = cases.by_id(connection, some)
            failed = attempts.failed_of_cases(connection, some)
            paid = attempts.succeeded(connection, some)
        unseen = {renewal_id for renewal_id in failed if renewal_id not in known}
        late = {row.id for row in known.values() if row.state == "closed" and row.outcome != "recovered"} & paid
        await take_in(c, await fetch(c, unseen, found, now), found, now, run)
        for renewal in await fetch(c, late, found, now):
            found.paid_meanwhile += await outcomes.observe(c, renewal, now, run)


async def _read_vanished(c: Connections, seen: set[str], found: Read, now: datetime, run: str) -> None:
    """Our open cases that are no longer open at the vendor: paid, voided or written off there."""
    for page in cases.stream(c.engine, "dunning"):
        gone = {row.id for row in page if row.id not in seen}
        for renewal in await fetch(c, gone, found, now):
            await take_in(c, [renewal], found, now, run)


async def fetch(c: Connections, ids: Iterable[str], found: Read, now: datetime) -> list[Renewal]:
    """Single renewals by id, several at once; one that the vendor does not know is reported and left out."""
    gate = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def one(renewal_id: str) -> Renewal | None:
        async with gate:
            try:
                return await c.payments.renewal(renewal_id)
            except (Refused, Unreadable) as error:
                found.problems.append(f"{renewal_id}: {error.message}")
                return None

    return [renewal for renewal in await asyncio.gather(*map(one, sorted(ids))) if renewal is not None]


async def take_in(c: Connections, items: Iterable[Renewal], found: Read, now: datetime, run: str) -> None:
    """Open new cases, refresh the facts of known ones, and settle those that ended at the vendor."""
    wanted = {item.id: item for item in items if item.status != "draft" and item.attempt_count > 0}
    if not wanted:
        return
    with transaction(c.engine) as connection:
        people.remember(connection, [item.customer for item in wanted.values()], now)
        known = cases.by_id(connection, wanted)
        failures = attempts.failed_of_cases(connection, wanted)
    new = [item for item in wanted.values() if item.id not in known and (item.status == "open" or item.id in failures)]
    found.opened += await opening.open_cases(c, new, failures, now, run, found.problems)
    known_items = [item for item in wanted.values() if item.id in known and known[item.id].state != "closed"]
    _refresh(c, known_items, known, failures, now)
    await _end(c, [item for item in (*new, *known_items) if item.status != "open"], found, now, run)


def _refresh(
    c: Connections, items: list[Renewal], known: Mapping[str, Any], failures: Mapping[str, list[Any]], now: datetime
) -> None:
    rows = [opening.facts(c, item, failures.get(item.id, []), now, known[item.id].policy_version) for item in items]
    with transaction(c.engine) as connection:
        cases.update_facts(connection, rows)


async def _end(c: Connections, ended: list[Renewal], found: Read, now: datetime, run: str) -> None:
    for renewal in ended:
        if await outcomes.observe(c, renewal, now, run):
            found.paid_meanwhile += renewal.payment is not None
            found.ended += renewal.payment is None
