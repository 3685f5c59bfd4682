"""Mails over SMTP: a few connections kept open for a burst, and errors by phase.

SMTP has no look-up: once the text was handed over and no answer came, nobody can ask whether it was taken. So
such a mail is `NoAnswer`, its step stays unknown and is never repeated; a person decides. Before the text was
handed over nothing has happened, and the same key may be tried again.

    before the text     connection lost or 4xx   Unavailable      5xx on the recipient    Sent(state="refused")
    with the text       no answer                NoAnswer         4xx Unavailable, 5xx    Sent(state="refused")
    login refused       Unauthorised             our sender refused    Refused            no TLS    Unavailable
"""

import asyncio
import ssl
from datetime import datetime
from types import TracebackType
from typing import Literal, NamedTuple, Self

import aiosmtplib
from aiosmtplib import SMTP

from domain.messages import OutgoingMail, Sent
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, VendorError
from integrations.mail import mapping

VENDOR = mapping.VENDOR
TIMEOUT_SECONDS = 30.0
CONNECTIONS = 4
PERMANENT = 500

Security = Literal["starttls", "tls", "none"]
"""`starttls` (port 587) and `tls` (port 465) never fall back to plain text; `none` is for loopback."""

_LOST = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)


class Server(NamedTuple):
    """Where mails are handed over. `ca_file` trusts a private authority; empty means the system's."""

    host: str
    port: int
    security: Security = "starttls"
    user: str = ""
    password: str = ""
    ca_file: str = ""
    timeout: float = TIMEOUT_SECONDS


class Mailer:
    """One SMTP account. Use it as `async with Mailer(server) as mailer`, which closes its connections."""

    def __init__(self, server: Server, *, connections: int = CONNECTIONS) -> None:
        self._server = server
        self._idle: list[SMTP] = []
        self._free = asyncio.Semaphore(connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, mail: OutgoingMail, *, key: str, at: datetime) -> Sent:
        """Hand one mail to the server, dated `at`; `ref` is its Message-ID. Never repeats by itself.

        A recipient whom the server refuses for good is a value. Raises Unavailable (nothing happened), NoAnswer
        (never repeat), Refused (our sender, or a header that holds a line break) or Unauthorised.
        """
        fault = mapping.address_fault(mail.to)
        if fault:
            return Sent(ref="", state="refused", why="bad_address", code="address", reason=fault)
        letter = _Letter(
            call=f"send {key}",
            ref=mapping.message_id(key, mail.sender_email),
            sender=mail.sender_email,
            to=mail.to,
            text=mapping.write_message(mail, key=key, at=at).as_bytes(),
        )
        async with self._free:
            while self._idle:
                line = self._idle.pop()
                try:
                    return await self._through(line, letter)
                except Unavailable:
                    if line.is_connected:
                        raise
                    # The server had closed this idle connection meanwhile, which says nothing about the mail.
            return await self._through(await _connect(self._server, letter.call), letter)

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        while self._idle:
            line = self._idle.pop()
            try:
                await line.quit(timeout=1.0)
            except (*_LOST, aiosmtplib.SMTPException):
                line.close()

    async def _through(self, line: SMTP, letter: "_Letter") -> Sent:
        known = False
        try:
            sent = await _deliver(line, letter)
            known = True
            return sent
        except VendorError:
            known = True
            raise
        finally:
            # After a cancellation the server's next answer would be taken for another mail's.
            if known and line.is_connected:
                self._idle.append(line)
            else:
                line.close()


class _Letter(NamedTuple):
    call: str
    ref: str
    sender: str
    to: str
    text: bytes


async def _connect(server: Server, call: str) -> SMTP:
    line = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password or None,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        cert_bundle=server.ca_file or None,
        timeout=server.timeout,
    )
    try:
        await line.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        line.close()
        if error.code < PERMANENT:
            raise Unavailable(VENDOR, call, f"login is not possible now ({error.code})") from error
        raise Unauthorised(VENDOR, call, f"refused our SMTP user or password ({error.code})") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        line.close()
        where = f"{server.host}:{server.port} with {server.security}"
        raise Unavailable(VENDOR, call, f"no connection to {where} ({_why(error)})") from error
    return line


def _why(error: Exception) -> str:
    """What stopped a connection: the server's code, the certificate's fault, or the library's own words."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return str(error.code)
    cause = error.__cause__ or error.__context__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {cause.verify_message}"
    return str(error) if type(error) is aiosmtplib.SMTPException else type(cause).__name__


async def _deliver(line: SMTP, letter: _Letter) -> Sent:
    refused = await _announce(line, letter)
    if refused is not None:
        await _forget(line)
        return refused
    try:
        await line.data(letter.text)
    except aiosmtplib.SMTPDataError as error:
        if error.code >= PERMANENT:
            return _refused(error)
        raise Unavailable(VENDOR, letter.call, f"did not take the text ({error.code})") from error
    except (*_LOST, aiosmtplib.SMTPException) as error:
        line.close()
        raise NoAnswer(VENDOR, letter.call, f"no answer to the text ({type(error).__name__})") from error
    return Sent(ref=letter.ref, state="accepted")


async def _announce(line: SMTP, letter: _Letter) -> Sent | None:
    """MAIL and RCPT: a refused recipient as a value, None to go on. Nothing has happened yet, whatever it raises."""
    try:
        await line.mail(letter.sender)
        await line.rcpt(letter.to)
    except aiosmtplib.SMTPRecipientRefused as error:
        if error.code >= PERMANENT:
            return _refused(error)
        await _forget(line)
        raise Unavailable(VENDOR, letter.call, f"takes nothing for this recipient now ({error.code})") from error
    except aiosmtplib.SMTPSenderRefused as error:
        await _forget(line)
        if error.code < PERMANENT:
            raise Unavailable(VENDOR, letter.call, f"takes nothing from us now ({error.code})") from error
        refused = Refused(VENDOR, letter.call, f"refused the sender's address ({error.code})")
        refused.code = str(error.code)
        raise refused from error
    except (*_LOST, aiosmtplib.SMTPException) as error:
        line.close()
        reason = type(error).__name__
        raise Unavailable(VENDOR, letter.call, f"lost before the text ({reason})") from error
    return None


async def _forget(line: SMTP) -> None:
    """Drop the begun envelope, so that the connection can take the next mail."""
    try:
        await line.rset()
    except (*_LOST, aiosmtplib.SMTPException):
        line.close()


def _refused(error: aiosmtplib.SMTPResponseException) -> Sent:
    why, code = mapping.read_reply(error.code, error.message)
    return Sent(ref="", state="refused", why=why, code=code, reason=f"the mail server refused it: {code}")
