"""The made-up customers of the demo's store: names, addresses and telephones that belong to nobody. Pure.

E-mail addresses end in example.com; telephone numbers lie in ranges that are kept for films (NANPA's 555-01xx,
the Bundesnetzagentur's 030 23125, Arcep's 01 99 00).
"""

import random
import unicodedata
from typing import Any, NamedTuple

ENGLISH = (
    "Harper Avery Riley Jordan Casey Morgan Quinn Taylor Logan Parker Reese Rowan Emerson Finley Dakota Hayden",
    "Reed Walker Brooks Hayes Foster Bennett Coleman Jenkins Perry Powell Long Patterson Hughes Flores Butler Simmons",
)
GERMAN = (
    "Anna Lukas Lena Jonas Mia Felix Clara Moritz Johanna Paul Greta Emil Frieda Anton",
    "Weber Schröder Neumann Krüger Hofmann Schäfer Koch Bauer Richter Wolf Lange Vogel Busch Engel",
)
FRENCH = (
    "Camille Louis Chloé Hugo Manon Jules Léa Arthur Inès Gabriel Zoé Théo",
    "Martin Bernard Dubois Laurent Lefèvre Moreau Girard Roux Fournier Mercier Blanc Guérin",
)
AREAS = (
    ("212", "NY"), ("617", "MA"), ("312", "IL"), ("415", "CA"), ("206", "WA"), ("303", "CO"), ("512", "TX"),
    ("404", "GA"), ("503", "OR"), ("305", "FL"),
)  # fmt: skip
"""Area codes with their state; three time zones and one state with hours of its own."""
LANGUAGES = (("en", 62), ("de", 22), ("fr", 16))
COUNTRIES = {"en": "US", "de": "DE", "fr": "FR"}
CURRENCIES = {"en": "usd", "de": "eur", "fr": "eur"}
NAMES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH}
WITH_PHONE, WITH_CONSENT = 0.75, 0.7
VIP_EVERY, NO_MAIL_EVERY = 29, 43


class Shopper(NamedTuple):
    """A customer as the pretended payments vendor is to hold them."""

    id: str
    language: str
    currency: str
    email: str
    phone: str
    record: dict[str, Any]


def shopper(draw: random.Random, number: int) -> Shopper:
    """The customer with this number; the same draws give the same person."""
    language = draw.choices([name for name, _ in LANGUAGES], [weight for _, weight in LANGUAGES])[0]
    first, last = (draw.choice(names.split()) for names in NAMES[language])
    phone, region = _phone(draw, language, number)
    email = "" if number % NO_MAIL_EVERY == 0 else f"{_ascii(first)}.{_ascii(last)}.{number}@example.com"
    consent = bool(phone) and draw.random() < WITH_CONSENT
    metadata = {"sms_consent": "yes" if consent else "no", **({"vip": "yes"} if number % VIP_EVERY == 0 else {})}
    id = f"cus_NW{number:04d}"
    record = {
        "id": id,
        "name": f"{first} {last}",
        "email": email or None,
        "phone": phone or None,
        "language": language,
        "country": COUNTRIES[language],
        "state": region,
        "metadata": metadata,
    }
    return Shopper(id, language, CURRENCIES[language], email, phone if consent else "", record)


def _phone(draw: random.Random, language: str, number: int) -> tuple[str, str]:
    """(number or nothing, state). A number belongs to one customer only."""
    area, region = AREAS[number % len(AREAS)]
    state = region if language == "en" else ""
    if draw.random() >= WITH_PHONE:
        return "", state
    numbers = {
        "en": f"+1{area}55501{number // len(AREAS) % 100:02d}",
        "de": f"+493023125{number % 1000:03d}",
        "fr": f"+3319900{number % 10_000:04d}",
    }
    return numbers[language], state


def _ascii(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name)
    return "".join(char for char in bare if not unicodedata.combining(char)).lower()
