"""Signed deliveries: what arrives at a webhook, the secrets that may have signed it, and how they are compared.

Everything here takes bytes and texts that anybody may have sent. Whatever they hold, the only answer but the name
of a secret is `NotSigned`. All secrets are computed for every delivery, so the time taken does not tell which fitted.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

WINDOW = timedelta(minutes=5)
"""How old, and how far in the future, a signed timestamp may be (Stripe and Standard Webhooks both say 5 minutes)."""
MOST_SIGNATURES = 16
"""More signatures in one header are refused; no sender lists more than one or two per active secret."""
LONGEST_TIMESTAMP = 12


class NotSigned(Exception):
    """The delivery carries no signature of an active secret; the message says why, without any of its text."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One signing secret. `until` is the instant from which it no longer counts; None while it has no end."""

    name: str
    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it arrived: `url` is the full public address, `headers` have lower-case names."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    """The sender's own options of its row in the configuration, by name; see the vendor's `signature.py`."""


class Envelope(NamedTuple):
    """What an event is: its topic, what makes it this event and no other, and whose it is ('' where not said)."""

    topic: str
    identity: str
    tenant: str = ""


Verify = Callable[[Delivery, Sequence[Secret], datetime], str]
"""`verify(delivery, secrets, now)` gives the name of the secret that fitted, or raises `NotSigned`."""
ReadEnvelope = Callable[[Delivery, Any], Envelope]


def active(secrets: Sequence[Secret], now: datetime) -> tuple[Secret, ...]:
    """The secrets that count now; `NotSigned` where there is none, so that nothing passes without one."""
    found = tuple(secret for secret in secrets if secret.value and (secret.until is None or now < secret.until))
    if not found:
        raise NotSigned("no active secret is configured")
    return found


def fitting(
    secrets: Sequence[Secret],
    given: Sequence[bytes],
    sign: Callable[[bytes], bytes],
    key: Callable[[str], bytes] = str.encode,
) -> str:
    """The name of the first secret of which one given signature is the right one; every pair is compared.

    `secrets` are active ones, `sign` makes the signature from a secret's key, `key` makes the key from its text.
    """
    found = ""
    if len(given) > MOST_SIGNATURES:
        raise NotSigned(f"more than {MOST_SIGNATURES} signatures")
    for secret in secrets:
        right = sign(key(secret.value))
        fits = [hmac.compare_digest(right, signature) for signature in given]
        if any(fits) and not found:
            found = secret.name
    if not found:
        raise NotSigned("the signature is of another secret or of another body")
    return found


def header(delivery: Delivery, name: str) -> str:
    """The header's text; `NotSigned` where it is absent or empty."""
    value = delivery.headers.get(name, "").strip()
    if not value:
        raise NotSigned(f"the header {name} is missing")
    return value


def readable(texts: Iterable[str], read: Callable[[str], bytes]) -> list[bytes]:
    """The signatures that can be read; a list may hold some of another scheme, which are left out."""
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except NotSigned:
            continue
    return found


def from_base64(text: str) -> bytes:
    """The bytes of a signature in base64; `NotSigned` for anything else, non-ASCII text included."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise NotSigned("the signature is not base64") from None


def from_hex(text: str) -> bytes:
    """The bytes of a signature in hexadecimal; `NotSigned` for anything else, white space included."""
    try:
        return binascii.unhexlify(text.encode("ascii"))
    except (ValueError, binascii.Error):
        raise NotSigned("the signature is not hexadecimal") from None


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC with SHA-256."""
    return hmac.digest(key, message, sha256)


def check_time(text: str, now: datetime) -> None:
    """Refuse a signed timestamp (Unix seconds in plain digits) outside the window, in the past or the future."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_TIMESTAMP):
        raise NotSigned("the timestamp is not a number of seconds")
    check_instant(int(text), now)


def check_instant(seconds: float, now: datetime) -> None:
    """Refuse a signed instant (Unix seconds) outside the window."""
    distance = now.timestamp() - seconds
    if abs(distance) > WINDOW.total_seconds():
        raise NotSigned(f"the signature was made {'too long ago' if distance > 0 else 'in the future'}")
