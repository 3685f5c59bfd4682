"""Twilio's signature: `X-Twilio-Signature` is base64 of HMAC-SHA1 over the address and the form's sorted parameters.

The address is the public one that Twilio called, with its query (docs.twilio.com, "Validating requests"). A body that
is no form is covered by its SHA-256 in the query parameter `bodySHA256`. Twilio's libraries try the address with
and without its port, because Twilio is not consistent about it; so does this. No time is signed.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha1, sha256
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from integrations.signing import Delivery, NotSigned, Secret, active, fitting, from_base64, header

HEADER = "x-twilio-signature"
BODY_HASH = "bodySHA256"
PORTS = {"https": 443, "http": 80}
MOST_PARAMETERS = 500


def verify(delivery: Delivery, secrets: Sequence[Secret], now: datetime) -> str:
    """The name of the secret that fitted; `NotSigned` says why none did."""
    counting = active(secrets, now)
    given = [from_base64(header(delivery, HEADER))]
    signed = _signed_part(delivery)
    fits = [_fitting(counting, given, (address + signed).encode()) for address in addresses(delivery.url)]
    if not any(fits):
        raise NotSigned("the signature is of another secret, another address or another body")
    return next(name for name in fits if name)


def addresses(url: str) -> tuple[str, ...]:
    """The address without its port and with it; the usual port where it names none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise NotSigned("the address cannot be read") from None
    named = f"[{host}]" if ":" in host else host
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (named, f"{named}:{port}"))


def _signed_part(delivery: Delivery) -> str:
    """What stands behind the address in the signed text: nothing where the query carries the body's hash."""
    try:
        query = parse_qs(urlsplit(delivery.url).query, max_num_fields=MOST_PARAMETERS)
        if hashes := query.get(BODY_HASH):
            _check_hash(hashes[0], delivery.body)
            return ""
        text = delivery.body.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise NotSigned("the body is not a form in UTF-8") from None
    return "".join(name + value for name, value in sorted(set(pairs)))


def _check_hash(given: str, body: bytes) -> None:
    right = sha256(body).hexdigest().encode()
    if not hmac.compare_digest(right, given.lower().encode("utf-8", "replace")):
        raise NotSigned(f"{BODY_HASH} is of another body")


def _fitting(secrets: Sequence[Secret], given: Sequence[bytes], message: bytes) -> str:
    try:
        return fitting(secrets, given, lambda key: hmac.digest(key, message, sha1))
    except NotSigned:
        return ""
