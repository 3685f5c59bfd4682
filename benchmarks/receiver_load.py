"""Load for the receiver's benchmark: signed webhooks over connections that stay open, as cheap to send as can be.

The sender shares two cores with what it measures, so it is no HTTP client but writes the bytes of a request and reads
the head of the answer.
"""

import asyncio
import base64
import hmac
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

KEY: Final = "benchmark-key-of-nobody"
TENANT: Final = "benchmark-tenant-of-nobody"
PATH: Final = f"/hooks/loop/{TENANT}"
CONNECTIONS: Final = 32
KEPT: Final = 200
"""The status of an answer to a delivery that is on disk."""


def request(number: int) -> bytes:
    """One signed label event of Loop's, about a return of its own."""
    body = (
        b'{"topic":"label","trigger":"label.updated","shop_id":"9876","return_id":"%d","order_id":"1234567890",'
        b'"provider_order_id":1029384756,"carrier":"USPS","tracking_number":"28735625627856237856287",'
        b'"label_status":"in_transit","label_updated_at":"2026-11-23T11:00:00+00:00"}' % number
    )
    signature = base64.b64encode(hmac.digest(KEY.encode(), body, "sha256")).decode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-loop-signature: {signature}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def one(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], number: int) -> int:
    """Send one and read its answer, which has no body; gives the status."""
    reader, writer = connection
    writer.write(request(number))
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1])


async def steadily(port: int, per_second: int, seconds: int) -> list[float]:
    """Send at a fixed rate whatever the answers do; the milliseconds from when each was due until it was answered."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    took: list[float] = []
    start = time.perf_counter() + 0.1

    async def send(number: int) -> None:
        due = start + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = await free.get()
        status = await one(connection, number)
        took.append((time.perf_counter() - due) * 1000)
        free.put_nowait(connection)
        assert status == KEPT, f"answered {status}"

    await asyncio.gather(*(send(number) for number in range(per_second * seconds)))
    while not free.empty():
        free.get_nowait()[1].close()
    return took


async def flat_out(port: int, seconds: float, first: int) -> float:
    """Send as fast as answers come, on every connection at once; gives how many a second."""
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_until(port, end, first + number * 1_000_000) for number in range(CONNECTIONS)))
    return sum(counts) / seconds


async def _until(port: int, end: float, first: int) -> int:
    connection = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    while time.perf_counter() < end:
        assert await one(connection, first + sent) == KEPT
        sent += 1
    connection[1].close()
    return sent


async def through_trouble(port: int, end: float, first: int) -> list[int]:
    """Send until `end` whatever happens to the server; the numbers of those that were answered 200."""
    found = await asyncio.gather(*(_stubborn(port, end, first + each * 1_000_000) for each in range(CONNECTIONS)))
    return [number for numbers in found for number in numbers]


async def _stubborn(port: int, end: float, number: int) -> list[int]:
    answered: list[int] = []
    connection = None
    while time.perf_counter() < end:
        number += 1
        try:
            connection = connection or await asyncio.open_connection("127.0.0.1", port)
            if await one(connection, number) == KEPT:
                answered.append(number)
        except (OSError, asyncio.IncompleteReadError):
            await _hang_up(connection)
            connection = None
            await asyncio.sleep(0.02)
    await _hang_up(connection)
    return answered


async def _hang_up(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if connection is not None:
        connection[1].close()
        with suppress(OSError):
            await connection[1].wait_closed()


def share(took: Sequence[float], part: float) -> float:
    """The value that this part of all lies below."""
    return sorted(took)[min(len(took) - 1, int(len(took) * part))]
