"""Refunds: one event from the receiver's answer to the money, and a burst drained beside a bare loop of the same calls.

The burst runs in a process of its own, so that its peak memory is its own, and on SQLite and PostgreSQL. Bare: for each
refund the same calls with the same clients, the same number at once, and nothing decided or kept.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import refunds_shop as shop
from benchmarks import refunds_single
from benchmarks.receiver import databases
from benchmarks.rows import Row
from commands.simulation import environment
from flows.refunds import send_refunds
from flows.work import work
from integrations.http import open_client
from integrations.loop.client import BASE
from integrations.sandbox import start_in_process
from integrations.sandbox_control import Control
from integrations.shopify import documents
from settings import load
from store import db, inbox, schema
from store.inbox import Heard
from tasks.connect import Connections, opened

APP = "recoup_app"
BURST, SINGLES = 5_000, 20
RETURNS = f"{BASE}/warehouse/return"
RATE, RATIO = 250, 0.5
"""The aims: refunds a second, or this part of the bare loop."""


def rows(count: int = BURST, singles: int = SINGLES) -> list[Row]:
    """For each database: one event through everything, then a burst."""
    found: list[Row] = []
    for name, database in databases().items():
        with database() as url:
            found.append(refunds_single.row(name, as_application(url), singles))
        with database() as url:
            words = [sys.executable, "-m", "benchmarks.refunds", as_application(url), str(count)]
            answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        found.append(_row(name, count, json.loads(answer.stdout)))
    return found


def _row(name: str, count: int, found: dict[str, float]) -> Row:
    ratio = found["ours"] / found["bare"]
    return Row(
        f"drain {count:,} scans, {name}",
        f"{found['ours']:,.0f} refunds/s, peak {found['peak_mb']:.0f} MB",
        f"{found['bare']:,.0f}/s of the same calls",
        f"{ratio:.2f}",
        f"{RATE}/s or {RATIO}",
        found["ours"] >= RATE or ratio >= RATIO,
    )


def as_application(url: str) -> str:
    """The same database as the application may connect to it: on PostgreSQL never as the owner of the books."""
    if not url.startswith("postgresql"):
        return url
    engine = db.connect(url)
    with db.transaction(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {APP} LOGIN")
    schema.migrate(engine, app_role=APP)
    engine.dispose()
    return url.replace("//postgres@", f"//{APP}@")


async def burst(url: str, count: int) -> dict[str, float]:
    """Refunds a second of the operation and of the bare loop, and the peak memory of both in this process."""
    addresses = start_in_process()
    control = Control(addresses)
    try:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            env = environment(addresses, home, name="Bench", zone="UTC", currency="USD")
            env |= {"RECOUP_DATABASE_URL": url, "RECOUP_POLICIES_DIR": str(shop.policies(home))}
            async with opened(lambda: load(env=env)) as c:
                ours, bare = range(1, count + 1), range(count + 1, 2 * count + 1)
                shop.seed(control, [*ours, *bare])
                shop.scan(control, [*ours])
                drained = await _ours(c, control, ours)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                return {"ours": drained, "bare": await _bare(c, addresses.url(), bare), "peak_mb": peak}
    finally:
        control.close()
        addresses.stop()


async def _ours(c: Connections, control: Control, numbers: Sequence[int]) -> float:
    heard = [
        Heard("loop-main", "loop", "refunds", "label", f"{number}", shop.news(number), "a", "waiting")
        for number in numbers
    ]
    with db.transaction(c.engine) as connection:
        inbox.keep(connection, heard, datetime.now(UTC))
    started = time.perf_counter()
    async with work("refunds", "today", alone=False) as w:
        await send_refunds(w, "inbox")
    took = time.perf_counter() - started
    made, mails = control.effects("shopify")["effects"], control.effects("mail")["effects"]
    assert len(made) == len(mails) == len(numbers), f"{len(made)} refunds, {len(mails)} mails: {w.report.sentence}"
    return len(numbers) / took


async def _bare(c: Connections, url: str, numbers: Sequence[int]) -> float:
    loop, shopify = open_client(f"{url}/loop"), open_client(f"{url}/shopify")
    asked, token = {"X-Authorization": "pretended"}, {"X-Shopify-Access-Token": "pretended"}

    async def ask(document: documents.Document, variables: dict[str, Any]) -> Any:
        body = {"query": document.text, "variables": variables, "operationName": document.name}
        answer = await shopify.post(documents.PATH, json=body, headers=token)
        return answer.raise_for_status().json()["data"]

    async def one(number: int) -> None:
        order, lines = f"gid://shopify/Order/{shop.order_of(number)}", shop.lines(number)
        details = await loop.get(f"{RETURNS}/details", params={"return_id": f"{number}"}, headers=asked)
        assert details.raise_for_status().json()["id"] == f"{number}"
        await ask(documents.ORDER, {"id": order})
        suggested = (await ask(documents.SUGGESTED_REFUND, {"id": order, "lines": lines}))["order"]["suggestedRefund"]
        (paying,) = suggested["suggestedTransactions"]
        back = {
            "orderId": order, "parentId": paying["parentTransaction"]["id"], "gateway": paying["gateway"],
            "kind": "REFUND", "amount": paying["amountSet"]["presentmentMoney"]["amount"],
        }  # fmt: skip
        wanted = {"orderId": order, "note": f"{number}", "refundLineItems": lines, "transactions": [back]}
        made = await ask(documents.REFUND_CREATE, {"input": wanted, "key": f"{number}"})
        assert made["refundCreate"]["refund"], made
        await c.mailer.send(shop.mail(number), key=f"{number}", at=datetime.now(UTC))

    async with loop, shopify:
        return len(numbers) / await _timed(one, numbers, c.concurrency)


async def _timed(one: Callable[[int], Awaitable[None]], numbers: Sequence[int], at_once: int) -> float:
    gate = asyncio.Semaphore(at_once)

    async def gated(number: int) -> None:
        async with gate:
            await one(number)

    started = time.perf_counter()
    await asyncio.gather(*map(gated, numbers))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(asyncio.run(burst(sys.argv[1], int(sys.argv[2])))))
