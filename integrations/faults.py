"""The switches that make a pretended vendor fail, one ASGI wrapper for all of them.

A fault is `{"call": regex on "METHOD /path", "fault": name, "times": n, "seconds": s}`, set with
POST /_sandbox/<vendor>/faults (one object or a list), read with GET and cleared with DELETE there.

    down           503 and nothing was done                 500_after      done, then 500
    429            asked to wait, nothing was done          timeout_after  done, then no answer for `seconds`
    500            500 and nothing was done                 drop_after     done, then the connection is closed
    slow           done and answered, `seconds` late        garbage        done, then 200 with no JSON

`times` is how many calls it strikes (null: until cleared). Control paths are never struck.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("down", "slow", "429", "500", "500_after", "timeout_after", "drop_after", "garbage")
_REFUSED = {"down": 503, "429": 429, "500": 500}


@dataclass(slots=True)
class Fault:
    """One switch; `hits` counts the calls it has struck."""

    call: str
    fault: str
    times: int | None = 1
    seconds: float = 30.0
    hits: int = 0


class Faults:
    """The switches of one vendor, in the order they were set; the first that fits a call strikes it."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.switches: list[Fault] = []
        self.cleared = 0
        """How often the switches were taken away: a slow call of before that is never done after it."""

    def set(self, item: Any) -> Fault:
        """Add a switch from its JSON object; a ValueError names the field that is wrong."""
        fault = _read(item)
        self.switches.append(fault)
        return fault

    def take(self, call: str) -> Fault | None:
        """The fault that strikes this call, counted as one hit, or None. `call` is `METHOD /path`."""
        for fault in self.switches:
            if (fault.times is None or fault.hits < fault.times) and re.search(fault.call, call):
                fault.hits += 1
                return fault
        return None

    def clear(self) -> None:
        """Take all switches away."""
        self.switches.clear()
        self.cleared += 1


def wrap(app: App, faults: Faults) -> App:
    """The same app, struck by `faults`, which are controlled at /_sandbox/<vendor>/faults."""
    control = f"/_sandbox/{faults.vendor}/faults"

    async def struck(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = scope["path"]
        if path == control:
            await _control(faults, scope, receive, send)
            return
        known = faults.switches and not path.startswith("/_sandbox/")
        fault = faults.take(f"{scope['method']} {path}") if known else None
        await (app(scope, receive, send) if fault is None else _strike(app, faults, fault, scope, receive, send))

    return struck


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    kind: bytes = b"application/json",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Send one complete answer."""
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _strike(app: App, faults: Faults, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.fault in _REFUSED:
        # The body is read first, because a server that answers early may look like a broken connection.
        await read_body(receive)
        again = ((b"retry-after", b"1"),) if fault.fault in ("429", "down") else ()
        await answer(send, _REFUSED[fault.fault], b'{"error":{"message":"pretended fault"}}', headers=again)
        return
    if fault.fault == "slow":
        # A vendor that has read the request does it, though the caller may have gone away meanwhile.
        before, body = faults.cleared, await read_body(receive)
        await asyncio.sleep(fault.seconds)
        await (app(scope, _again(body, receive), send) if faults.cleared == before else _hang_up(send))
        return
    await app(scope, receive, _swallow)
    if fault.fault == "500_after":
        await answer(send, 500, b'{"error":{"message":"pretended fault"}}')
    elif fault.fault == "garbage":
        await answer(send, 200, b"<html><body>upstream said something</body></html>", kind=b"text/html")
    else:
        await _keep_silent(receive, fault.seconds if fault.fault == "timeout_after" else 0.0)
        await _hang_up(send)


def _again(body: bytes, receive: Receive) -> Receive:
    """A request whose body was read already, for an app that reads it again."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def once_more() -> Message:
        return first.pop() if first else await receive()

    return once_more


async def _swallow(message: Message) -> None:
    """Where an answer goes that the caller never sees."""


async def _keep_silent(receive: Receive, seconds: float) -> None:
    """Wait, but not longer than the caller does, so that a stopped test leaves nothing behind."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass


async def _hang_up(send: Send) -> None:
    """Close the connection with no answer. ASGI has no word for it, so the server's own transport is asked.

    The two yields let uvicorn see the closed connection before this call returns, else it would try to
    answer 500. Without a transport (an app called in process) an error does the same for the caller.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("pretended fault: the connection was closed with no answer")
    transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _control(faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
    body = await read_body(receive)
    if scope["method"] == "DELETE":
        faults.clear()
    elif scope["method"] == "POST":
        try:
            items = json.loads(body or b"null")
            for item in items if isinstance(items, list) else [items]:
                faults.set(item)
        except ValueError as error:
            await answer(send, 400, json.dumps({"error": {"message": str(error)}}).encode())
            return
    shown = [asdict(fault) for fault in faults.switches]
    await answer(send, 200, json.dumps({"faults": shown}).encode())


def _read(item: Any) -> Fault:
    if not isinstance(item, dict):
        raise ValueError(f"a fault is an object with call, fault, times, seconds; this is a {type(item).__name__}")
    strange = set(item) - {"vendor", "call", "fault", "times", "seconds"}
    if strange:
        raise ValueError(f"unknown field {sorted(strange)[0]!r} in a fault")
    if item.get("fault") not in NAMES:
        raise ValueError(f"fault must be one of {', '.join(NAMES)}, not {item.get('fault')!r}")
    try:
        re.compile(item.get("call", ""))
    except (re.error, TypeError) as error:
        raise ValueError(f"call must be a regular expression on 'METHOD /path': {error}") from error
    times = item.get("times", 1)
    if times is not None and type(times) is not int:
        raise ValueError(f"times must be a whole number or null, not {times!r}")
    return Fault(item.get("call", ""), item["fault"], times, float(item.get("seconds", 30.0)))
