"""Performing charge steps against the pretended vendors in their own process, beside a bare loop of the same calls.

Ours: intent committed, last look, charge, outcome, entry and case in one transaction. Bare: the same two HTTP
calls per step with the same client, the same number at once, and nothing kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rows import Row
from commands.simulation import pretended, simulated
from domain.decisions import Step
from integrations.sandbox import start_in_process
from tasks import renewals
from tasks.actions import ACTIONS
from tasks.performing import Run, perform_all

SIZES = (1_000, 10_000)
START = datetime(2026, 1, 15, 12, tzinfo=UTC)
DAY = datetime(2026, 1, 17, 9, tzinfo=UTC)
AT_ONCE = 32
AIM = 0.5
SEEDED = 1_000
"""Renewals per seed call."""


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """One row per size."""
    return [asyncio.run(_row(size)) for size in sizes]


async def _row(size: int) -> Row:

    addresses = start_in_process()
    try:
        with TemporaryDirectory() as folder:
            found = pretended(addresses, Path(folder), name="Bench", zone="UTC", currency="USD")
            async with simulated(found, addresses, START) as shop:
                _seed(shop.control, "ours", size)
                _seed(shop.control, "bare", size)
                ours = await _ours(shop, size)
                bare = await _bare(shop, size)
    finally:
        addresses.stop()
    ratio = ours / bare
    return Row(
        f"perform {size:,} charge steps", f"{ours:,.0f} steps/s", f"{bare:,.0f} steps/s of the same calls",
        f"{ratio:.2f}", f"at least {AIM}", ratio >= AIM,
    )  # fmt: skip


async def _ours(shop: Any, size: int) -> float:

    shop.clock.now = DAY
    shop.control.clock(DAY)
    c = shop.c
    await renewals.read(c, DAY, "")
    steps = [
        Step(f"dunning/ours_{n}/retry-1", f"ours_{n}", "charge", "retry-1", "D-09", "benchmark") for n in range(size)
    ]
    run = Run("dunning", DAY.date(), DAY, "")
    started = time.perf_counter()
    outcomes = await perform_all(c, steps, run, ACTIONS)
    took = time.perf_counter() - started
    done = sum(outcome.state == "done" for outcome in outcomes)
    assert done == size, f"{size - done} steps were not done: {next(o for o in outcomes if o.state != 'done')}"
    return size / took


async def _bare(shop: Any, size: int) -> float:
    payments = shop.c.payments
    # The bare loop asks for the same answers with the same client and headers, and keeps nothing.
    http, headers = payments._stripe.http, payments._stripe.headers
    look = "/v1/invoices/{0}?expand[]=customer.invoice_settings.default_payment_method"
    look += "&expand[]=parent.subscription_details.subscription&expand[]=payments"

    async def one(n: int) -> None:
        (await http.get(look.format(f"bare_{n}"), headers=headers)).raise_for_status()
        form = {"off_session": "true", "expand[]": "payments"}
        keyed = {**headers, "Idempotency-Key": f"bare/{n}"}
        (await http.post(f"/v1/invoices/bare_{n}/pay", data=form, headers=keyed)).raise_for_status()

    return size / await _timed(one, size)


async def _timed(one: Callable[[int], Awaitable[None]], size: int) -> float:
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(n: int) -> None:
        async with gate:
            await one(n)

    started = time.perf_counter()
    await asyncio.gather(*(gated(n) for n in range(size)))
    return time.perf_counter() - started


def _seed(control: Any, prefix: str, size: int) -> None:
    for start in range(0, size, SEEDED):
        numbers = range(start, min(size, start + SEEDED))
        control.seed({"stripe": {"renewals": [_renewal(prefix, n) for n in numbers]}})


def _renewal(prefix: str, n: int) -> dict[str, Any]:
    return {
        "id": f"{prefix}_{n}", "customer": f"cus_{prefix}_{n}", "amount": 4990, "currency": "usd",
        "created": "2026-01-15T05:00:00Z", "card": {"fingerprint": f"{prefix}{n}", "network": "visa"},
        "outcomes": ["insufficient_funds", "ok"],
    }  # fmt: skip
