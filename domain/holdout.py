"""Who is in a control group: a keyed hash of the person and the experiment, so it is sticky and needs no table."""

from hashlib import blake2b

PER_MILLE = 1000


def in_control(person: str, salt: str, per_mille: int) -> bool:
    """True for about `per_mille` of a thousand persons; the same person and salt always give the same answer."""
    digest = blake2b(person.encode(), key=salt.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") % PER_MILLE < per_mille
