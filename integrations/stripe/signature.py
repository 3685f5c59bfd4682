"""Stripe's signature: `Stripe-Signature: t=<Unix seconds>,v1=<hex>[,v1=<hex>…]` over `<t>.<raw body>`.

While a secret is rolled there is one `v1` for each. The time is bounded on both sides; Stripe's own library lets any
time in the future pass.
"""

from collections.abc import Sequence
from datetime import datetime

from integrations.signing import (
    Delivery,
    NotSigned,
    Secret,
    active,
    check_time,
    fitting,
    from_hex,
    header,
    hmac_sha256,
    readable,
)

HEADER = "stripe-signature"


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    parts = [part.strip().partition("=") for part in header(delivery, HEADER).split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1:
        raise NotSigned("the signature names no time, or more than one")
    check_time(times[0], now)
    given = readable((value for name, _, value in parts if name == "v1"), from_hex)
    message = times[0].encode("ascii") + b"." + delivery.body
    return fitting(counting, given, lambda key: hmac_sha256(key, message))
