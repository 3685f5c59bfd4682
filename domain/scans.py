"""Scans: what a portal or a carrier feed says happened to a parcel, in one form whoever said it. Pure values.

A scan is a hint with a grade, never a trigger by itself: `domain.evidence` says what it proves.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal

Meaning = Literal[
    "label",
    "accepted",
    "moving",
    "out_for_delivery",
    "attempt",
    "delivered",
    "exception",
    "returning",
    "returned",
    "damaged",
    "lost",
    "cancelled",
    "unknown",
]
"""What a carrier's word means. `label`: made, not handed over. `accepted`: the carrier has it. `returning`: on its
way back to who sent it. `cancelled`: the label was voided. `unknown`: a word we do not know, which proves nothing."""

IN_CARRIER_HANDS = frozenset({"accepted", "moving", "out_for_delivery", "attempt", "delivered"})
"""Meanings that a parcel has only once the carrier holds it; `delivered` says so too."""

RANK = {"label": 0, "accepted": 1, "moving": 2, "exception": 2, "out_for_delivery": 3, "attempt": 3, "delivered": 4}
"""How far a parcel is. A status never moves back; the scan is kept all the same."""

_ALIKE = {"accepted": "moving", "attempt": "exception"}
"""Meanings that two sources use for one checkpoint: what one calls the first scan, another calls an arrival; what one
calls an attempt, another calls a delay. A fingerprint does not tell them apart; everything else does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is, as far as it was said. `country` is ISO 3166-1 alpha-2; empty where not known."""

    country: str = ""
    region: str = ""
    city: str = ""
    postal: str = ""

    @property
    def known(self) -> bool:
        """Whether anything is said."""
        return bool(self.country or self.region or self.city or self.postal)


NOWHERE: Final = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One checkpoint of one parcel, as one source told it."""

    tracking: str
    """Normalised by `tracking_number`."""
    carrier: str
    """The carrier's short name in lower case, e.g. `usps`; empty where the source does not say."""
    meaning: Meaning
    at: datetime | None
    """When it happened, aware; None where the source does not say."""
    source: str
    """Who told us: the vendor's folder name."""
    physical: bool = False
    """True where the source tells of a single checkpoint of the carrier's; False for a bare status."""
    place: Place = NOWHERE
    destination: Place = NOWHERE
    """Where the parcel goes, where the carrier says so."""
    words: str = ""
    """The vendor's own status word, shortened, for the reason that a person reads."""
    event: str = ""
    """The inbox row it came with; empty where it was read from the API."""

    @property
    def fingerprint(self) -> str:
        """The same scan from two sources, or twice from one, has the same fingerprint."""
        # The same instant in another zone is the same instant.
        at = self.at.astimezone(UTC).isoformat() if self.at else f"{self.source}:{self.words}"
        meaning = _ALIKE.get(self.meaning, self.meaning)
        told = (self.tracking, meaning, at, "checkpoint" if self.physical else "status")
        return sha256("\0".join(told).encode()).hexdigest()[:32]


_NOT_IN_A_NUMBER = re.compile(r"[^0-9A-Z]")


def tracking_number(text: object) -> str:
    """A carrier's number in one form: letters and digits, upper case. Empty for `N/A`, `pending` and the like."""
    number = _NOT_IN_A_NUMBER.sub("", str(text if text is not None else "").upper())
    return number if any(letter.isdigit() for letter in number) else ""
