"""The demo's receiver of webhooks: the real one in this process, on a free port, with senders of its own.

The pretended vendors deliver over HTTP and sign; what fits is in the inbox when the vendor has its 2xx. Nothing wakes
a run here: the demo's clock stands still meanwhile, so it runs the operation itself as soon as all is delivered.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commands.simulation import Simulation
    from web.senders import SenderRow

HOST = "127.0.0.1"
SENDERS = ("loop", "shopify", "easypost")
LOOK_SECONDS = 0.01
DELIVERED_WITHIN_SECONDS, STARTS_WITHIN_SECONDS, STOPS_WITHIN_SECONDS = 20.0, 10.0, 5.0


@dataclass(slots=True)
class Hearing:
    """The receiver while it is open. `stored` is set where something new waits."""

    shop: "Simulation"
    stored: threading.Event

    async def delivered(self) -> bool:
        """Wait until the vendors have nothing left to deliver; True where something new came since the last time."""
        until = time.monotonic() + DELIVERED_WITHIN_SECONDS
        while any(self.shop.control.undelivered(vendor) for vendor in SENDERS) and time.monotonic() < until:
            await asyncio.sleep(LOOK_SECONDS)
        new = self.stored.is_set()
        self.stored.clear()
        return new

    def twice(self, vendor: str, times: int) -> None:
        """Have the vendor's next deliveries come twice, as they do."""
        self.shop.control.post(f"/_sandbox/{vendor}/deliveries", {"copies": 2, "times": times})


@contextmanager
def hearing(shop: "Simulation", home: Path) -> Iterator[Hearing]:
    """Open the receiver, have every vendor deliver to it, and close it again."""
    import uvicorn
    from starlette.applications import Starlette

    from web.hooks import SERVER_OPTIONS, Receiver, routes
    from web.sender_file import write
    from web.senders import FILE_NAME, Configured, Senders

    rows = tuple(_row(vendor) for vendor in SENDERS)
    write(home / FILE_NAME, Configured("", rows))
    stored = threading.Event()
    receiver = Receiver(shop.c.engine, Senders(home / FILE_NAME), shop.clock, lambda operation: stored.set())
    options = {**SERVER_OPTIONS, "timeout_graceful_shutdown": 1, "log_config": None, "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes(receiver)), host=HOST, port=0, **options))
    thread = threading.Thread(target=server.run, name="receiver", daemon=True)
    thread.start()
    try:
        _register(shop, rows, _port(server))
        yield Hearing(shop, stored)
    finally:
        server.should_exit = True
        thread.join(STOPS_WITHIN_SECONDS)
        receiver.close()


def _row(vendor: str) -> "SenderRow":
    from integrations.signing import Secret
    from web.sender_file import new_tenant
    from web.senders import SenderRow

    return SenderRow(vendor, vendor, new_tenant(), secrets=(Secret("demo", secrets.token_urlsafe()),))


def _register(shop: "Simulation", rows: "tuple[SenderRow, ...]", port: int) -> None:
    for row in rows:
        hook = {"url": f"http://{HOST}:{port}/hooks/{row.vendor}/{row.tenant}", "secret": row.secrets[0].value}
        shop.control.post(f"/_sandbox/{row.vendor}/hooks", hook)


def _port(server: object) -> int:
    """The port that the system gave; RuntimeError where the server does not start."""
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until:
        if getattr(server, "started", False):
            return int(server.servers[0].sockets[0].getsockname()[1])  # type: ignore[attr-defined]
        time.sleep(LOOK_SECONDS)
    raise RuntimeError("the demo's receiver of webhooks did not start")
