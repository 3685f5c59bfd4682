"""A small real HTTP server that takes webhooks and remembers them, for tests of the pretended vendors' deliveries."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 10.0


@dataclass
class Received:
    """What came in, in order of arrival. `answers` are the statuses to give next, then 200 for ever."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait_for(self, count: int) -> None:
        """Wait until so many have come in; AssertionError where they do not."""
        wait_until(lambda: len(self.bodies) >= count, f"{count} deliveries, of which {len(self.bodies)} came")


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Wait in small steps; AssertionError says what did not happen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < deadline, f"there never was: {what}"
        time.sleep(0.005)


@contextmanager
def receive() -> Iterator[Received]:
    """Serve on a free port of loopback until the block ends."""
    found = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            found.bodies.append(body)
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hooks/shop"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
