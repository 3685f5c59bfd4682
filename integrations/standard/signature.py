"""Standard Webhooks 1.0.0, for any sender that keeps to it: `v1,<base64>` of HMAC-SHA256 over `<id>.<time>.<body>`.

The headers are `webhook-id`, `webhook-timestamp` and `webhook-signature`, a list parted by spaces; Svix sends the same
under `svix-…`. The secret is base64 behind `whsec_`. The published library raises other errors than "not signed" for
malformed headers, takes one secret and no clock; hence this.
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
    from_base64,
    header,
    hmac_sha256,
    readable,
)

BRANDS = ("webhook", "svix")
SECRET_PREFIX = "whsec_"
SCHEME = "v1,"
LONGEST_ID = 255


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    brand = brand_of(delivery)
    event, time = header(delivery, f"{brand}-id"), header(delivery, f"{brand}-timestamp")
    # A dot in the id would let one signature be read in two ways: a longer id before a shorter body.
    if not event.isascii() or "." in event or len(event) > LONGEST_ID:
        raise NotSigned("the event's id is too long, or holds a dot or a letter that is not ASCII")
    check_time(time, now)
    listed = header(delivery, f"{brand}-signature").split(" ")
    given = readable((text.removeprefix(SCHEME) for text in listed if text.startswith(SCHEME)), from_base64)
    message = f"{event}.{time}.".encode("ascii") + delivery.body
    return fitting(counting, given, lambda key: hmac_sha256(key, message), key=key_of)


def brand_of(delivery: Delivery) -> str:
    """What the headers begin with: the standard's own names, else Svix' ones."""
    return next((brand for brand in BRANDS if f"{brand}-signature" in delivery.headers), BRANDS[0])


def key_of(secret: str) -> bytes:
    """The key in a secret like `whsec_MfKQ…`, with or without padding; `NotSigned` where it is no base64."""
    text = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    key = from_base64(text + "=" * (-len(text) % 4))
    if not key:
        raise NotSigned("the configured secret is empty")
    return key
