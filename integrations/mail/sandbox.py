"""The pretended mail server: a real SMTP server that keeps every mail in memory and delivers none.

Local parts refuse by rule (`bounces`, `full`, `blocked`, `later`), and the fault switches strike as in SMTP:

    down             at MAIL   421, closed           slow            at DATA   kept, answered `seconds` late
    429              at RCPT   451, try later        timeout_after   at DATA   kept, then silence
    500              at DATA   451, not kept         drop_after, 500_after, garbage: kept, then closed or nonsense

A switch's `call` is a regular expression on `MAIL sender`, `RCPT recipient` or `DATA recipient`.

    GET /_sandbox/mail/messages    what was taken       DELETE the same    forget it
    GET /_sandbox/mail/effects     by X-Recoup-Key, with counts
    POST /_sandbox/mail/reset
"""

import asyncio
import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.faults import App, Fault, Faults, wrap
from integrations.mail.mapping import KEY_HEADER
from integrations.sandbox_clock import Clock

AT_RCPT = {
    "bounces": "550 5.1.1 No such mailbox here",
    "full": "552 5.2.2 Mailbox full",
    "later": "451 4.2.1 Try again later",
}
AT_DATA = {"blocked": "554 5.7.1 Message refused by policy"}
STRIKES = {
    "MAIL": frozenset({"down"}),
    "RCPT": frozenset({"429"}),
    "DATA": frozenset({"500", "slow", "timeout_after", "drop_after", "500_after", "garbage"}),
}
SHOWN = {
    "key": KEY_HEADER,
    "message_id": "Message-ID",
    "from": "From",
    "to": "To",
    "reply_to": "Reply-To",
    "subject": "Subject",
    "date": "Date",
    "in_reply_to": "In-Reply-To",
    "language": "Content-Language",
}
WRONG_PASSWORD = b"wrong"


@dataclass
class Sink:
    """The server and its memory. `start` it in a running event loop; `app` is its control over HTTP.

    No slots: aiosmtpd looks at every attribute of its handler, which fails on a slotted dataclass in Python 3.11.2.

    Mails are parsed when somebody asks for them, so that taking many is quick.
    """

    clock: Clock
    faults: Faults = field(default_factory=lambda: Faults("mail"))
    connections: int = 0
    """How many were ever opened."""
    _taken: list[tuple[datetime, str | None, list[str], bytes]] = field(default_factory=list)
    _read: list[dict[str, Any]] = field(default_factory=list)
    server: asyncio.Server | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None, at_once: bool = False
    ) -> int:
        """Listen, and return the port. With `tls` it offers STARTTLS, or with `at_once` speaks TLS from the start."""

        def speak() -> SMTP:
            self.connections += 1
            offered = None if at_once else tls
            return SMTP(self, hostname="sandbox", tls_context=offered, authenticator=_check, auth_require_tls=False)

        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(speak, host, port, ssl=tls if at_once else None)
        bound: int = self.server.sockets[0].getsockname()[1]
        return bound

    def stop(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.close()

    @property
    def mails(self) -> list[dict[str, Any]]:
        """Every mail taken, in order, as GET /_sandbox/mail/messages shows it."""
        self._read.extend(_read(*taken) for taken in self._taken[len(self._read) :])
        return self._read

    def clear(self) -> None:
        """Forget every mail."""
        self._taken.clear()
        self._read.clear()

    @property
    def app(self) -> App:
        """The control paths, with the fault switches at /_sandbox/mail/faults."""
        return wrap(Starlette(routes=_control(self)), self.faults)

    # What follows are aiosmtpd's hooks; their names are not ours.

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender, unless the server is down."""
        if self._struck("MAIL", address):
            assert server.transport is not None
            await server.push("421 4.3.2 Service shutting down")
            server.transport.close()
            return "421 4.3.2 Service shutting down"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the recipient, unless its local part or a switch says no."""
        if self._struck("RCPT", address):
            return "451 4.7.1 Greylisted, try again later"
        local = address.partition("@")[0].partition("+")[0]
        if local in AT_RCPT:
            return AT_RCPT[local]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, unless its recipient's local part or a switch says no."""
        to = envelope.rcpt_tos[0]
        fault = self._struck("DATA", to)
        if fault and fault.fault == "500":
            return "451 4.3.0 Internal trouble"
        local = to.partition("@")[0].partition("+")[0]
        if local in AT_DATA:
            return AT_DATA[local]
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self._taken.append((self.clock.now(), envelope.mail_from, list(envelope.rcpt_tos), content))
        if fault and fault.fault in ("slow", "timeout_after"):
            await asyncio.sleep(fault.seconds)
        if fault and fault.fault == "garbage":
            return "upstream said something"
        if fault and fault.fault != "slow":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 2.0.0 Taken"

    def _struck(self, verb: str, address: str) -> Fault | None:
        for fault in self.faults.switches:
            left = fault.times is None or fault.hits < fault.times
            if fault.fault in STRIKES[verb] and left and re.search(fault.call, f"{verb} {address}"):
                fault.hits += 1
                return fault
        return None


def _read(at: datetime, sender: str | None, recipients: list[str], content: bytes) -> dict[str, Any]:
    parsed = message_from_bytes(content, policy=policy.default)
    body = parsed.get_body(("plain",))
    return {
        "at": at.isoformat(),
        "envelope_from": sender,
        "envelope_to": recipients,
        **{name: str(parsed[header] or "") for name, header in SHOWN.items()},
        "headers": sorted(parsed.keys()),
        "body": body.get_content().replace("\r\n", "\n") if body else "",
    }


def _check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and given.password != WRONG_PASSWORD
    return AuthResult(success=right, handled=right)


def _control(sink: Sink) -> list[Route]:
    async def messages(request: Request) -> Response:
        if request.method == "DELETE":
            sink.clear()
        return JSONResponse({"messages": sink.mails})

    async def effects(request: Request) -> Response:
        counted = Counter(mail["key"] for mail in sink.mails)
        return JSONResponse({"effects": [{"key": key, "count": count} for key, count in counted.items()]})

    async def reset(request: Request) -> Response:
        sink.clear()
        sink.faults.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/mail/messages", messages, methods=["GET", "DELETE"]),
        Route("/_sandbox/mail/effects", effects),
        Route("/_sandbox/mail/reset", reset, methods=["POST"]),
    ]
