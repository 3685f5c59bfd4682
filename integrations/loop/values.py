"""Reading Loop's JSON, whose types drift: one id is text here and a number there, money is `"47.50"` or `20`.

Numbers with a fraction are kept as the text they were sent as, so no amount ever passes through a float. Pure.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.money import Money, exponent
from integrations.fields import Damaged, at, shape

_NUMBER = re.compile(r"-?\d{1,16}(\.\d{1,16})?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_NOTHING = frozenset({"", "n/a", "none", "null"})


def parse(body: bytes) -> Any:
    """The JSON of a body; a ValueError where it is none. NaN and Infinity are none."""
    return json.loads(body, parse_float=str, parse_constant=_no_constant)


def loose_text(item: Any, path: str) -> str:
    """Text at the path, a whole number as its digits, empty where absent or null; anything else is Damaged."""
    value = at(item, path)
    if value is None:
        return ""
    if isinstance(value, str):
        # JSON may hold NUL and halves of characters, which no database takes.
        return "".join(letter if letter.isprintable() else " " for letter in value).strip()
    if type(value) is int:
        return str(value)
    raise Damaged(f"{path}: text or a whole number was expected, not {shape(value)}")


def first_text(item: Any, *paths: str) -> str:
    """The first of these that says something, else empty."""
    return next((found for path in paths if (found := loose_text(item, path))), "")


def need_id(item: Any, *paths: str) -> str:
    """The first of these ids that is there; Damaged where none is."""
    found = first_text(item, *paths)
    if not found:
        raise Damaged(f"{paths[0]}: an id is missing")
    return found


def currency(item: Any, path: str) -> str:
    """An ISO code in capitals, empty where absent; Damaged for anything else."""
    found = loose_text(item, path).upper()
    if found and not _CURRENCY.match(found):
        raise Damaged(f"{path}: a currency of three letters was expected, not {shape(found)}")
    return found


def amount(item: Any, path: str, code: str) -> Money | None:
    """Money at the path in major units, None where absent, empty or where no currency is known.

    Damaged where it is no plain number, or has more places than the currency.
    """
    value = at(item, path)
    if isinstance(value, float):
        raise Damaged(f"{path}: an amount came as a float and may have lost its last digits")
    text = str(value) if isinstance(value, Decimal) else loose_text(item, path)
    if not text or not code:
        return None
    if not _NUMBER.match(text):
        raise Damaged(f"{path}: an amount like 47.50 was expected, not {shape(value)}")
    minor = Decimal(text).scaleb(exponent(code))
    if minor != minor.to_integral_value():
        raise Damaged(f"{path}: the amount has more decimal places than {code}")
    return Money(int(minor), code)


def instant(item: Any, path: str) -> datetime | None:
    """An ISO instant with its zone, None where absent, empty or `N/A`; Damaged for anything else."""
    text = loose_text(item, path)
    if text.lower() in _NOTHING:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Damaged(f"{path}: an ISO instant was expected, not {shape(text)}") from error
    if found.tzinfo is None:
        raise Damaged(f"{path}: the instant has no time zone")
    return found.astimezone(UTC)


def flag(item: Any, path: str) -> bool:
    """A boolean at the path, also as the text or number that some senders use; False where absent."""
    value = at(item, path)
    if value is None or isinstance(value, bool):
        return bool(value)
    word = str(value).strip().lower()
    if word in ("", "0", "false", "no"):
        return False
    if word in ("1", "true", "yes"):
        return True
    raise Damaged(f"{path}: yes or no was expected, not {shape(value)}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
