"""All pretended vendors in one process: /stripe, /twilio and so on over HTTP, and a mail server beside them.

    python -m integrations.sandbox --port 0 --mail-port 0 [--seed FILE]

prints one line `{"port": …, "mail_port": …}` when it is ready and runs until SIGTERM. They share one clock. Control:

    POST /_sandbox/clock    {"now": "2026-01-15T09:00:00Z" or null}    (GET shows it)
    POST /_sandbox/seed     {"clock": instant, "stripe": {…}, "twilio": {…}, "gorgias": {…}}: the shape of --seed too
    POST /_sandbox/reset    forget everything, faults and clock included
    …    /_sandbox/<vendor>/…    that vendor's own: seed, act, effects, faults, reset

Nothing here is for production: no secret is checked and anybody who reaches the port may seed it.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from integrations.aftership import sandbox as aftership
from integrations.easypost import sandbox as easypost
from integrations.faults import App, Message, Receive, Scope, Send, answer, read_body
from integrations.gorgias import sandbox as gorgias
from integrations.loop import sandbox as loop
from integrations.mail.sandbox import Sink
from integrations.sandbox_clock import Clock
from integrations.shopify import sandbox as shopify
from integrations.shopify.sandbox_shop import Shopify
from integrations.stripe import sandbox as stripe
from integrations.twilio import sandbox as twilio

HOST = "127.0.0.1"
READY_WITHIN_SECONDS = 30
STOP_WITHIN_SECONDS = 5
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404


class Addresses(NamedTuple):
    """Pretended vendors that run in a process of their own; `stop` ends it."""

    port: int
    mail_port: int
    process: "subprocess.Popen[str]"

    def url(self, vendor: str = "") -> str:
        """The base address of a vendor, e.g. `http://127.0.0.1:8000/stripe`, or of the control paths."""
        return f"http://{HOST}:{self.port}" + (f"/{vendor}" if vendor else "")

    def stop(self) -> None:
        """End the process, gently first."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def build(clock: Clock, sink: Sink | None = None) -> App:
    """One ASGI app with every vendor under its name; each call makes vendors with their own memory."""
    shop = Shopify(clock)
    vendors = {
        "stripe": stripe.build(clock),
        "twilio": twilio.build(clock),
        "gorgias": gorgias.build(clock),
        "loop": loop.build(clock, pay=shop.people.pay),
        "shopify": shopify.build(clock, shop),
        "aftership": aftership.build(clock),
        "easypost": easypost.build(clock),
    }
    controls = {**vendors, **({"mail": sink.app} if sink else {})}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head, _, rest = scope["path"].lstrip("/").partition("/")
        if head in vendors:
            path = f"/{rest}"
            await vendors[head]({**scope, "path": path, "raw_path": path.encode()}, receive, send)
            return
        vendor, _, name = rest.partition("/")
        if head == "_sandbox" and name not in ("", "clock") and vendor in controls:
            await controls[vendor](scope, receive, send)
        elif head == "_sandbox":
            status, shown = await _control(clock, controls, scope["method"], name or vendor, await read_body(receive))
            await answer(send, status, json.dumps(shown).encode())
        else:
            await answer(send, NOT_FOUND, json.dumps({"error": f"no vendor at /{head}"}).encode())

    return app


def start_in_process(
    *, port: int = 0, mail_port: int = 0, seed: Path | None = None, env: Mapping[str, str] | None = None
) -> Addresses:
    """Start them all in a process of their own and wait until they answer; RuntimeError where they do not.

    A Ctrl-C meant for us does not reach them, and they end when we do, however we end.
    """
    words = [sys.executable, "-m", __name__, "--port", str(port), "--mail-port", str(mail_port), "--tied"]
    root = Path(__file__).resolve().parents[1]
    words += ["--seed", str(seed.resolve())] if seed else []
    process = subprocess.Popen(
        words,
        cwd=root,
        env=dict(env) if env else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        code = process.wait(READY_WITHIN_SECONDS)
        raise RuntimeError(f"the pretended vendors did not start (exit status {code}); they said why on stderr")
    found = json.loads(line)
    return Addresses(found["port"], found["mail_port"], process)


async def serve(port: int, mail_port: int, seed: Any = None) -> None:
    """Serve on loopback until SIGTERM or SIGINT; OSError where a port is taken."""
    clock = Clock()
    sink = Sink(clock)
    app = build(clock, sink)
    if seed is not None:
        status, shown = await _ask(app, "/_sandbox/seed", seed)
        if status != OK:
            raise ValueError(f"the seed was not taken: {shown}")
    listening = socket.create_server((HOST, port), backlog=512)
    # Accepted connections inherit it; without it every answer in two pieces waits 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    mail_port = await sink.start(HOST, mail_port)
    config = uvicorn.Config(
        app, lifespan="off", log_level="warning", access_log=False, timeout_graceful_shutdown=1, http="h11"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    print(json.dumps({"port": listening.getsockname()[1], "mail_port": mail_port}), flush=True)
    await serving
    sink.stop()


def main(words: list[str] | None = None) -> int:
    """The command line; 0 after a stop, 1 where it could not start."""
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description="All pretended vendors.")
    parser.add_argument("--port", type=int, default=0, help="for HTTP; 0 takes a free one")
    parser.add_argument("--mail-port", type=int, default=0, help="for SMTP; 0 takes a free one")
    parser.add_argument("--seed", type=Path, help="a JSON file of what they begin with")
    parser.add_argument("--tied", action="store_true", help="end when standard input closes")
    given = parser.parse_args(words)
    if given.tied:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        seed = json.loads(given.seed.read_text(encoding="utf-8")) if given.seed else None
        asyncio.run(serve(given.port, given.mail_port, seed))
    except (OSError, ValueError) as error:
        print(f"the pretended vendors cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _end_with_stdin() -> None:
    """Stop like on SIGTERM once nobody holds the other end any more."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _control(
    clock: Clock, controls: Mapping[str, App], method: str, name: str, body: bytes
) -> tuple[int, dict[str, Any]]:
    try:
        wanted = json.loads(body or b"{}")
        if name == "clock" and method == "POST":
            _set(clock, wanted["now"])
        elif name == "seed" and method == "POST":
            await _seed(clock, controls, wanted)
        elif name == "reset" and method == "POST":
            for vendor, app in controls.items():
                await _ask(app, f"/_sandbox/{vendor}/reset", {})
            clock.set(None)
        elif method != "GET":
            return NOT_FOUND, {"error": f"no {method} {name} here"}
    except (ValueError, KeyError, TypeError) as error:
        return BAD_REQUEST, {"error": f"{type(error).__name__}: {error}"}
    return OK, {"now": clock.now().isoformat(), "vendors": list(controls)}


async def _seed(clock: Clock, controls: Mapping[str, App], wanted: dict[str, Any]) -> None:
    if "clock" in wanted:
        _set(clock, wanted["clock"])
    for vendor, part in wanted.items():
        if vendor == "clock":
            continue
        if vendor not in controls:
            raise ValueError(f"there is no pretended vendor {vendor!r}; there are {', '.join(controls)}")
        status, shown = await _ask(controls[vendor], f"/_sandbox/{vendor}/seed", part)
        if status != OK:
            raise ValueError(f"{vendor}: {shown}")


def _set(clock: Clock, now: str | None) -> None:
    clock.set(None) if now is None else clock.set_text(now)


async def _ask(app: App, path: str, wanted: Any) -> tuple[int, str]:
    """Post JSON to an app in process: its status and text."""
    body, said, status = json.dumps(wanted).encode(), [b""], [0]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        status[0] = message.get("status", status[0])
        said.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    return status[0], b"".join(said).decode()


if __name__ == "__main__":
    sys.exit(main())
