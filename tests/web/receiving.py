"""A receiver for tests: one sender of each vendor, a clock that is held, and deliveries that are signed like theirs."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from starlette.applications import Starlette

from integrations.signing import Secret
from web.hooks import Receiver, routes
from web.sender_file import write
from web.senders import Configured, SenderRow, Senders

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLIC = "https://hooks.example.com"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
TENANT = "tenant-of-nobody-at-all-"


def seal(message: bytes, key: bytes = KEY.encode(), kind: str = "sha256") -> bytes:
    return hmac.new(key, message, kind).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def path_of(vendor: str) -> str:
    return f"/hooks/{vendor}/{TENANT}{vendor}"


def _stripe(body: bytes) -> dict[str, str]:
    time = str(int(NOW.timestamp()))
    return {"stripe-signature": f"t={time},v1={seal(f'{time}.'.encode() + body).hex()}"}


def _zendesk(body: bytes) -> dict[str, str]:
    time = "2026-11-23T12:00:00Z"
    made = b64(seal(time.encode() + body))
    return {"x-zendesk-webhook-signature": made, "x-zendesk-webhook-signature-timestamp": time}


def _standard(body: bytes) -> dict[str, str]:
    time = str(int(NOW.timestamp()))
    made = seal(f"msg_1.{time}.".encode() + body, base64.b64decode(KEY))
    return {"webhook-id": "msg_1", "webhook-timestamp": time, "webhook-signature": f"v1,{b64(made)}"}


def _twilio(body: bytes) -> dict[str, str]:
    """Signed as a body that is no form; `query_of` is its query."""
    address = f"{PUBLIC}{path_of('twilio')}?{query_of('twilio', body)}"
    return {"x-twilio-signature": b64(seal(address.encode(), kind="sha1"))}


def query_of(vendor: str, body: bytes) -> str:
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}" if vendor == "twilio" else ""


SIGN: Mapping[str, Callable[[bytes], dict[str, str]]] = {
    "loop": lambda body: {"x-loop-signature": b64(seal(body))},
    "shopify": lambda body: {"x-shopify-hmac-sha256": b64(seal(body)), "x-shopify-topic": "refunds/create"},
    "stripe": _stripe,
    "aftership": lambda body: {"aftership-hmac-sha256": b64(seal(body))},
    "easypost": lambda body: {"x-hmac-signature": f"hmac-sha256-hex={seal(body).hex()}"},
    "gorgias": lambda body: {"x-gorgias-signature": seal(body).hex()},
    "zendesk": _zendesk,
    "twilio": _twilio,
    "standard": _standard,
}


def row(vendor: str, **more: Any) -> SenderRow:
    usual: dict[str, Any] = {"name": vendor, "vendor": vendor, "tenant": TENANT + vendor}
    return SenderRow(**(usual | {"secrets": (Secret("key-1", KEY),)} | more))


def configured(file: Path, *rows: SenderRow) -> Senders:
    """Senders of a real file with these rows."""
    write(file, Configured(PUBLIC, rows))
    return Senders(file)


def app_of(receiver: Receiver) -> Starlette:
    return Starlette(routes=list(routes(receiver)))


def receiver_of(engine: Engine, senders: Senders, woken: list[str] | None = None) -> Receiver:
    return Receiver(engine, senders, lambda: NOW, (woken if woken is not None else []).append)


async def deliver(
    app: Any,
    path: str,
    headers: list[tuple[bytes, bytes]],
    chunks: list[bytes],
    query: bytes = b"",
    method: str = "POST",
) -> int:
    """Call the app as a server would, without a socket in between; gives the status."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "surrogatepass"), "query_string": query, "headers": headers,
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    status = 0

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def signed(app: Any, vendor: str, body: bytes, **headers: str) -> int:
    """Deliver a body as this vendor would sign it."""
    told = encoded(SIGN[vendor](body) | {"host": "hooks.example.com"} | headers)
    return await deliver(app, path_of(vendor), told, [body], query_of(vendor, body).encode())


def run(work: Any) -> Any:
    return asyncio.run(work)
