"""EasyPost's signature: `X-Hmac-Signature: hmac-sha256-hex=<hex>`, HMAC-SHA256 over the raw body.

The key is the secret in Unicode's form NFKD, as UTF-8 (EasyPost's own client does so). No time is signed.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from integrations.signing import Delivery, NotSigned, Secret, active, fitting, from_hex, header, hmac_sha256

HEADER = "x-hmac-signature"
PREFIX = "hmac-sha256-hex="


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    text = header(delivery, HEADER)
    if not text.startswith(PREFIX):
        raise NotSigned(f"the signature does not begin with {PREFIX}")
    given = [from_hex(text.removeprefix(PREFIX))]
    return fitting(counting, given, lambda key: hmac_sha256(key, delivery.body), key=_key)


def _key(secret: str) -> bytes:
    return unicodedata.normalize("NFKD", secret).encode()
