"""Loop's signature: `X-Loop-Signature` is base64 of HMAC-SHA256 over the body. No time and no event id is signed.

Loop's topic pages tell to escape slashes and remove newlines before hashing, as PHP's `json_encode` writes JSON; its
own sample hashes the raw bytes (docs.loopreturns.com/webhook-reference/validation). Raw is the rule here. The option
`php_form = "yes"` tries that form as well, where the raw bytes do not fit. The form has the same meaning as the raw
body wherever the raw body is JSON at all, so what is stored and read is the raw body in both cases.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from integrations.signing import Delivery, NotSigned, Secret, active, fitting, from_base64, header, hmac_sha256

HEADER = "x-loop-signature"
PHP_FORM = "php_form"
_BARE_SLASH = re.compile(rb"(\\.)|/", re.DOTALL)


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    given = [from_base64(header(delivery, HEADER))]
    try:
        return fitting(counting, given, lambda key: hmac_sha256(key, delivery.body))
    except NotSigned:
        if delivery.options.get(PHP_FORM) != "yes":
            raise
    form = php_form(delivery.body)
    return fitting(counting, given, lambda key: hmac_sha256(key, form))


def php_form(body: bytes) -> bytes:
    """The body without newlines and with every slash escaped, as PHP's `json_encode` writes it."""
    flat = body.replace(b"\r", b"").replace(b"\n", b"")
    return _BARE_SLASH.sub(lambda found: found[1] or b"\\/", flat)
