"""AfterShip's signature: base64 of HMAC-SHA256 over the raw body, in one of three headers, by product and age.

Tracking sends `aftership-hmac-sha256`, Returns and Warranty `as-signature-hmac-sha256`, Shipping and organisations
from before 2022-10-25 `am-webhook-signature: hmac-sha256=<base64>`. Each product has a secret of its own, so each is
a sender of its own here. No time of delivery is signed.
"""

from collections.abc import Sequence
from datetime import datetime

from integrations.signing import Delivery, NotSigned, Secret, active, fitting, from_base64, hmac_sha256, readable

HEADERS = ("aftership-hmac-sha256", "as-signature-hmac-sha256", "am-webhook-signature")
PREFIX = "hmac-sha256="


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    texts = [delivery.headers[name].strip().removeprefix(PREFIX) for name in HEADERS if name in delivery.headers]
    given = [signature for signature in readable(texts, from_base64) if signature]
    if not given:
        raise NotSigned(f"none of the headers {', '.join(HEADERS)} carries a signature")
    return fitting(counting, given, lambda key: hmac_sha256(key, delivery.body))
