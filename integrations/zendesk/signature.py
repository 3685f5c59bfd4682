"""Zendesk's signature: `X-Zendesk-Webhook-Signature` is base64 of HMAC-SHA256 over timestamp and body, unseparated.

The timestamp stands in `X-Zendesk-Webhook-Signature-Timestamp`, like 2021-03-25T05:09:27Z, and is signed as it is
written. It is bounded on both sides. The secret is taken as text, although it looks like base64.
"""

from collections.abc import Sequence
from datetime import datetime

from integrations.signing import (
    Delivery,
    NotSigned,
    Secret,
    active,
    check_instant,
    fitting,
    from_base64,
    header,
    hmac_sha256,
)

HEADER = "x-zendesk-webhook-signature"
TIME = "x-zendesk-webhook-signature-timestamp"
LONGEST = len("2021-03-25T05:09:27.123456789+00:00")


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    written = header(delivery, TIME)
    check_instant(_seconds(written), now)
    given = [from_base64(header(delivery, HEADER))]
    message = written.encode("ascii") + delivery.body
    return fitting(counting, given, lambda key: hmac_sha256(key, message))


def _seconds(written: str) -> float:
    if not written.isascii() or len(written) > LONGEST or "T" not in written:
        raise NotSigned("the timestamp is not written like 2021-03-25T05:09:27Z")
    try:
        instant = datetime.fromisoformat(written)
        if instant.tzinfo is None:
            raise NotSigned("the timestamp names no time zone")
        return instant.timestamp()
    except (ValueError, OverflowError):
        raise NotSigned("the timestamp is not written like 2021-03-25T05:09:27Z") from None
