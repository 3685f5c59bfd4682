"""The receiver of webhooks: size, signature, strict JSON, inbox, answer, wake. Decides nothing about what it hears.

Whatever is signed is kept, and answered only when it is on disk; what cannot be read is kept for a person. Whatever is
not signed leaves no trace. 5xx is for our own trouble alone: no secret is set, or the database cannot be written; the
sender then tries again. The body, the signature, the secret and the address are never logged.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol

from sqlalchemy import Engine
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from domain import strict_json
from integrations.errors import Unreadable
from integrations.senders import SENDERS, Sender
from integrations.signing import Delivery, NotSigned, active, hmac_sha256
from store.inbox import Heard, read_form
from tasks.routing import operation_of
from web.keeping import Keeper, NotKept
from web.senders import BODY_LIMIT, SenderRow

PATH: Final = "/hooks/{vendor}/{tenant}"
READ_SECONDS: Final = 10.0
HEADERS_LIMIT: Final = 16 * 1024
DRAINED: Final = 1024 * 1024
"""Bytes of a body that is too large that are read on and thrown away, so that its sender can read the answer."""
OUR_TROUBLE: Final = 503
RETRY_SECONDS: Final = 30
SERVER_OPTIONS: Final[Mapping[str, Any]] = {
    "http": "h11",
    "h11_max_incomplete_event_size": 2 * HEADERS_LIMIT,
    "timeout_keep_alive": 30,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
}
"""For uvicorn: the size of all headers is bounded, and no log names an address that nobody should know."""

log = logging.getLogger(__name__)


class Book(Protocol):
    """Where the rows of senders are found: `web.senders.Senders`."""

    @property
    def public_url(self) -> str:
        """How the world reaches us; empty where nobody said."""

    def find(self, vendor: str, tenant: str) -> SenderRow | None:
        """The row of an address."""


class Receiver:
    """What a request needs. `on_stored(operation)` is called after something new waits for that operation."""

    def __init__(
        self, engine: Engine, senders: Book, clock: Callable[[], datetime], on_stored: Callable[[str], None]
    ) -> None:
        self._senders = senders
        self._clock = clock
        self._on_stored = on_stored
        self._keeper = Keeper(engine, clock)

    def close(self) -> None:
        """Write what is queued. To be called when the server has stopped taking requests."""
        self._keeper.close()

    async def receive(self, request: Request) -> Response:
        """One delivery. 200 kept or known, 401 not signed, 404 no such address, 408, 413, 431, 503 our trouble."""
        if sum(len(name) + len(value) for name, value in request.scope["headers"]) > HEADERS_LIMIT:
            return _answer(431, close=True)
        row = self._senders.find(request.path_params["vendor"], request.path_params["tenant"])
        try:
            body = await _read(request, row.body_limit if row else BODY_LIMIT)
        except _TooLarge:
            return _answer(413, close=True)
        except TimeoutError:
            return _answer(408, close=True)
        except ClientDisconnect:
            return _answer(400, close=True)
        if row is None:
            # As much work as for an address that exists, so that the time does not tell.
            hmac_sha256(b"nobody", body)
            return _answer(404)
        return await self._take(row, self._delivery(request, row, body))

    async def _take(self, row: SenderRow, delivery: Delivery) -> Response:
        now, sender = self._clock(), SENDERS[row.vendor]
        try:
            active(row.secrets, now)
        except NotSigned:
            log.error("%s: no active secret is set, its deliveries are sent back: recoup hooks rotate", row.name)
            return _answer(OUR_TROUBLE)
        try:
            secret = sender.verify(delivery, row.secrets, now)
        except NotSigned as error:
            log.warning("%s: a delivery of %d bytes was refused: %s", row.name, len(delivery.body), error)
            return _answer(401)
        heard = read(row, sender, delivery, secret)
        try:
            new = await self._keeper.keep(heard)
        except NotKept as error:
            log.error("%s: a signed delivery was sent back: %s", row.name, error)
            return _answer(OUR_TROUBLE)
        if new and heard.state != "waiting":
            log.warning("%s: kept as %s: %s", row.name, heard.state, heard.outcome)
        if new and heard.state == "waiting":
            self._wake(heard.operation)
        return _answer(200)

    def _wake(self, operation: str) -> None:
        try:
            self._on_stored(operation)
        except Exception as error:
            # The event is on disk and found by the next sweep; the sender has nothing to do with it.
            log.error("%s could not be woken: %s", operation, type(error).__name__)

    def _delivery(self, request: Request, row: SenderRow, body: bytes) -> Delivery:
        headers: dict[str, str] = {}
        for raw_name, raw_value in request.scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        query = request.scope["query_string"].decode("latin-1")
        base = self._senders.public_url or f"{request.url.scheme}://{headers.get('host', '')}"
        path = request.scope.get("raw_path", b"").decode("latin-1").partition("?")[0] or request.scope["path"]
        return Delivery(request.method, f"{base}{path}{'?' if query else ''}{query}", headers, body, row.options)


def routes(receiver: Receiver) -> list[Route]:
    """The receiver's one route."""
    return [Route(PATH, receiver.receive, methods=["POST"], name="hooks")]


def read(row: SenderRow, sender: Sender, delivery: Delivery, secret: str) -> Heard:
    """A signed delivery as the inbox keeps it: waiting, unrouted where nobody listens, or quarantined and why."""
    form = sender.forms and "urlencoded" in delivery.headers.get("content-type", "")
    heard = Heard(row.name, row.vendor, "", "", "", delivery.body, secret, "quarantined", form=form)
    # Where nothing is said the bytes are the identity: the same ones again are the same delivery.
    unread = heard._replace(identity=sha256(delivery.body).hexdigest())
    try:
        document = read_form(delivery.body) if form else strict_json.read(delivery.body)
    except strict_json.UnreadableJson as error:
        return unread._replace(outcome=f"The body cannot be read: {error}.")
    try:
        topic, identity, tenant = map(str, sender.envelope(delivery, document))
    except Unreadable as error:
        return unread._replace(outcome=error.message)
    except Exception as error:
        # A reader that stumbles over what a vendor signed must lose nothing; the message may quote it, so it stays out.
        return unread._replace(outcome=f"The event could not be read ({type(error).__name__}).")
    told = unread._replace(topic=topic, identity=identity or unread.identity)
    if row.shop_id and tenant and tenant != row.shop_id:
        # Never under the identity of one of ours, which would then pass for a copy.
        other = f"{tenant}/{told.identity}"
        return told._replace(identity=other, outcome="The event is for another shop than ours.")
    if operation := operation_of(row.vendor, topic):
        return told._replace(operation=operation, state="waiting")
    return told._replace(state="unrouted", outcome="No operation listens to this topic.")


class _TooLarge(Exception):
    """The body is larger than its sender may send."""


async def _read(request: Request, limit: int) -> bytes:
    """The body, counted while it comes in: a length that was promised binds nobody."""
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and int(promised) > DRAINED + limit:
        raise _TooLarge
    chunks: list[bytes] = []
    size = 0
    async with asyncio.timeout(READ_SECONDS):
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit + DRAINED:
                break
            if size <= limit:
                chunks.append(chunk)
    if size > limit:
        raise _TooLarge
    return b"".join(chunks)


def _answer(status: int, *, close: bool = False) -> Response:
    """An answer without a body: some senders pass our words on to their customer."""
    headers = {"retry-after": str(RETRY_SECONDS)} if status == OUR_TROUBLE else {}
    return Response(status_code=status, headers=headers | ({"connection": "close"} if close else {}))
