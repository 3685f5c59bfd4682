"""The pretended vendors' webhook sender: real HTTP to whoever registered, in the background of the sandbox's process.

A thread of its own delivers, so a slow or dead receiver never holds up the vendor's API. Control paths, which
`wrap` adds to a vendor's app:

    POST   /_sandbox/<vendor>/hooks             {"url", "secret", "topics"?: […], "id"?}; gives the hook. GET lists them
    POST   /_sandbox/<vendor>/deliveries        how events are delivered from now on, see `Manner`
    GET    /_sandbox/<vendor>/deliveries        {"manner", "waiting", "log": every try with its status code}
    DELETE /_sandbox/<vendor>/deliveries        back to normal, and what is held back goes out
    POST   /_sandbox/<vendor>/deliveries/again  {"event": number of the log}: the same body once more, to every hook

A topic of a hook fits an event's topic that is equal to it or begins with it and a slash; no topics take everything.
`POST /_sandbox/<vendor>/reset` forgets hooks, log and what still waits.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import count
from typing import Any

import httpx

from integrations.faults import App, Receive, Scope, Send, answer, read_body
from integrations.sandbox_clock import Clock

OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404
PATIENCE_SECONDS = 5.0
SILENCE_SECONDS = 0.1
"""With `reorder`, how long nothing new must happen before what was held back goes out, last first."""
CONNECTIONS = 32

Sign = Callable[[bytes, str, Any], Mapping[str, str]]
"""`sign(body, secret, now)` gives the headers that make a delivery the vendor's own; `now` is the sandbox's clock."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How a vendor repeats a delivery that was not answered with 2xx, in its own real seconds."""

    waits: tuple[float, ...] = ()
    """Seconds before the second, third, … try; none means one try only."""
    give_up_after: int | None = None
    """Failed tries in a row after which the hook is switched off; None: never."""


@dataclass(slots=True)
class Hook:
    """One registered receiver. `state` is active, inactive or deactivated."""

    id: str
    url: str
    secret: str = field(repr=False)
    topics: tuple[str, ...] = ()
    state: str = "active"
    failures: int = 0

    def wants(self, topic: str) -> bool:
        """Whether an event of this topic goes there."""
        fits = not self.topics or any(topic == known or topic.startswith(f"{known}/") for known in self.topics)
        return self.state == "active" and fits


@dataclass(slots=True)
class Manner:
    """How events are delivered: what a test asks for with POST …/deliveries, where every field may be left out."""

    copies: int = 1
    delay: float = 0.0
    """Real seconds before the first try."""
    reorder: bool = False
    """Hold events back until there is a silence, then deliver them one by one, the last first."""
    unsigned: bool = False
    wrong_secret: bool = False
    drop: bool = False
    """The vendor never sends it; the log says so."""
    times: int | None = None
    """How many events this holds for; None: until told otherwise."""
    factor: float = 0.001
    """What the vendor's waits between tries are multiplied with: an hour becomes 3.6 seconds."""
    at_once: int = 8
    """Deliveries in flight together; 1 keeps the order."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the vendor, as bytes that never change however often they are sent."""

    number: int
    topic: str
    body: bytes
    headers: Mapping[str, str]


class Deliveries:
    """Delivers one vendor's events. `emit` may be called from any thread and returns at once."""

    def __init__(self, vendor: str, clock: Clock, sign: Sign, retries: Retries = Retries()) -> None:
        self.vendor, self.clock, self.sign, self.retries = vendor, clock, sign, retries
        self.hooks: dict[str, Hook] = {}
        self.manner = Manner()
        self.events: list[Event] = []
        self.log: list[dict[str, Any]] = []
        self._numbers = count(1)
        self._held: list[tuple[Hook, Event]] = []
        self._waiting: set[int] = set()
        self._tickets = count(1)
        self._age = 0
        self._gate = asyncio.Semaphore(self.manner.at_once)
        self._http: httpx.AsyncClient | None = None

    def register(self, url: str, secret: str, topics: tuple[str, ...] = (), ident: str = "") -> Hook:
        """Add a hook, or replace the one of this id."""
        hook = Hook(ident or str(next(self._numbers)), url, secret, topics)
        self.hooks[hook.id] = hook
        return hook

    def emit(self, topic: str, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Let an event go out to every hook that wants it; `body` is bytes, or what becomes compact JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        event = Event(len(self.events) + 1, topic, raw, headers or {})
        self.events.append(event)
        self._send(event)

    def reset(self) -> None:
        """Forget hooks, log, manner and what still waits."""
        self._age += 1
        self.manner, self._gate = Manner(), asyncio.Semaphore(Manner().at_once)
        for memory in (self.hooks, self.events, self.log, self._held, self._waiting):
            memory.clear()

    def behave(self, wanted: Mapping[str, Any]) -> None:
        """Deliver in this manner from now on; TypeError names a field that there is not."""
        self.manner = Manner(**wanted)
        self._gate = asyncio.Semaphore(self.manner.at_once)
        if not self.manner.reorder and self._held:
            self._start(self._release(self._age, 0.0))

    def shown(self) -> dict[str, Any]:
        """The manner, how many deliveries are not finished, and every try so far."""
        return {"manner": asdict(self.manner), "waiting": len(self._waiting) + len(self._held), "log": list(self.log)}

    def _send(self, event: Event) -> None:
        manner = self.manner
        for hook in [hook for hook in self.hooks.values() if hook.wants(event.topic)]:
            if manner.drop:
                self._note(hook, event, 0, None, "dropped")
            elif manner.reorder:
                self._held += [(hook, event)] * manner.copies
                self._start(self._release(self._age, SILENCE_SECONDS))
            else:
                for _ in range(manner.copies):
                    self._start(self._deliver(hook, event, manner, self._age))
        if manner.times is not None:
            manner.times -= 1
            self.manner = manner if manner.times > 0 else Manner(factor=manner.factor, at_once=manner.at_once)

    async def _release(self, age: int, silence: float) -> None:
        """Deliver what is held back, last first, once as many are held as when the silence began."""
        held = len(self._held)
        await asyncio.sleep(silence)
        if age != self._age or len(self._held) != held:
            return
        ready, self._held = list(reversed(self._held)), []
        for hook, event in ready:
            await self._deliver(hook, event, self.manner, age)

    async def _deliver(self, hook: Hook, event: Event, manner: Manner, age: int) -> None:
        await asyncio.sleep(manner.delay)
        for number, wait in enumerate((0.0, *self.retries.waits), start=1):
            await asyncio.sleep(wait * manner.factor)
            async with self._gate:
                if age != self._age or hook.state != "active":
                    return
                if await self._try(hook, event, manner, number, age):
                    return

    async def _try(self, hook: Hook, event: Event, manner: Manner, number: int, age: int) -> bool:
        secret = hook.secret + "-of-somebody-else" if manner.wrong_secret else hook.secret
        signed = {} if manner.unsigned else self.sign(event.body, secret, self.clock.now())
        headers = {"content-type": "application/json", **event.headers, **signed}
        before, status, error = time.monotonic(), None, ""
        try:
            status = (await self._client().post(hook.url, content=event.body, headers=headers)).status_code
        except (httpx.HTTPError, OSError) as problem:
            error = type(problem).__name__
        if age != self._age:
            return True
        self._note(hook, event, number, status, error, round(time.monotonic() - before, 4))
        if status is not None and 200 <= status < 300:  # noqa: PLR2004
            hook.failures = 0
            return True
        hook.failures += 1
        if self.retries.give_up_after is not None and hook.failures >= self.retries.give_up_after:
            hook.state = "deactivated"
        return False

    def _note(
        self, hook: Hook, event: Event, number: int, status: int | None, error: str, seconds: float = 0.0
    ) -> None:
        about = {"event": event.number, "topic": event.topic, "hook": hook.id, "url": hook.url}
        at = self.clock.now().isoformat()
        self.log.append({**about, "try": number, "status": status, "error": error, "at": at, "seconds": seconds})

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
            # No proxy of the environment: it would stand between two processes of one machine.
            self._http = httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits, trust_env=False, verify=False)
        return self._http

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have the thread do it; counted as waiting until it is finished."""
        ticket = next(self._tickets)
        self._waiting.add(ticket)

        async def counted() -> None:
            try:
                await work
                if self._waiting <= {ticket}:
                    await self._hang_up()
            finally:
                self._waiting.discard(ticket)

        asyncio.run_coroutine_threadsafe(counted(), _loop())

    async def _hang_up(self) -> None:
        """Close the connections once nothing waits, so that an idle sandbox holds none."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def control(self, method: str, name: str, wanted: Any) -> Any:
        """Do what a control path asks for; None where there is no such path. Raises ValueError, KeyError, TypeError."""
        if name == "hooks" and method == "POST":
            hook = self.register(wanted["url"], wanted["secret"], tuple(wanted.get("topics", ())), wanted.get("id", ""))
            return {"id": hook.id}
        if name == "hooks" and method == "GET":
            return {"hooks": [{**asdict(hook), "secret": "…"} for hook in self.hooks.values()]}
        if name == "deliveries" and method in ("POST", "DELETE"):
            self.behave(wanted if method == "POST" else {})
            return self.shown()
        if name == "deliveries" and method == "GET":
            return self.shown()
        if name == "deliveries/again" and method == "POST":
            self._send(self.events[int(wanted["event"]) - 1])
            return {}
        return None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop of the one thread that delivers for all vendors of this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="pretended vendors' webhooks", daemon=True).start()
    return loop


def wrap(app: App, deliveries: Deliveries) -> App:
    """The same app with the control paths of its hooks; its own reset also forgets them."""
    below = f"/_sandbox/{deliveries.vendor}/"

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(below) if scope["type"] == "http" else ""
        if name == "reset":
            deliveries.reset()
        if name not in ("hooks", "deliveries", "deliveries/again"):
            await app(scope, receive, send)
            return
        status, shown = _controlled(deliveries, scope["method"], name, await read_body(receive))
        await answer(send, status, json.dumps(shown).encode())

    return wrapped


def _controlled(deliveries: Deliveries, method: str, name: str, body: bytes) -> tuple[int, Any]:
    try:
        shown = deliveries.control(method, name, json.loads(body or b"{}"))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return BAD_REQUEST, {"error": {"message": f"{type(error).__name__}: {error}"}}
    if shown is None:
        return NOT_FOUND, {"error": {"message": f"no {method} {name} here"}}
    return OK, shown
