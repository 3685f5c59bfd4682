"""Gorgias' signature: `X-Gorgias-Signature`, HMAC-SHA256 over the raw body with the integration's `hmac_secret`.

Gorgias publishes no page on the encoding, and public receivers disagree: hexadecimal, `sha256=` and hexadecimal, or
base64. All are taken. What Gorgias does document is that an HTTP integration sends headers of our own: with the option
`static_header = "X-Recoup-Key"` a delivery also passes when that header holds an active secret word for word.
No time is signed.
"""

from collections.abc import Sequence
from datetime import datetime

from integrations.signing import (
    Delivery,
    NotSigned,
    Secret,
    active,
    fitting,
    from_base64,
    from_hex,
    hmac_sha256,
    readable,
)

HEADER = "x-gorgias-signature"
STATIC_HEADER = "static_header"
PREFIX = "sha256="


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    text = delivery.headers.get(HEADER, "").strip().removeprefix(PREFIX)
    given = readable([text], from_hex) + readable([text], from_base64) if text else []
    named = delivery.options.get(STATIC_HEADER, "").lower()
    static = delivery.headers.get(named, "").strip() if named else ""
    if static:
        try:
            return fitting(counting, [static.encode("latin-1", "replace")], lambda key: key)
        except NotSigned:
            if not given:
                raise
    if not given:
        raise NotSigned(f"the header {HEADER} is missing or is neither hexadecimal nor base64")
    return fitting(counting, given, lambda key: hmac_sha256(key, delivery.body))
