"""Shopify's signature: `X-Shopify-Hmac-SHA256` is base64 of HMAC-SHA256 over the raw body with the app's secret.

No time is signed, and the event's id stands in a header that is not signed. After the secret was rotated it can
take an hour before Shopify uses the new one, so both have to be active.
"""

from collections.abc import Sequence
from datetime import datetime

from integrations.signing import Delivery, Secret, active, fitting, from_base64, header, hmac_sha256

HEADER = "x-shopify-hmac-sha256"


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    given = [from_base64(header(delivery, HEADER))]
    return fitting(active(secrets, now), given, lambda key: hmac_sha256(key, delivery.body))
