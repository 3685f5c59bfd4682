"""Money: an integer of minor units with an ISO 4217 currency. Never a float, never rounded silently.

`EXPONENTS` lists the currencies whose minor unit is not a hundredth (ISO 4217 list one, 2026-01-01);
`tests/domain/test_money.py` compares it with a published copy of the standard.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EXPONENTS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip
LARGEST_MINOR = 2**63 - 1
"""The largest amount both databases can hold (a signed 64-bit integer)."""

_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_AMOUNT = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d+)(?:\.(?P<part>\d+))?\Z")


class MoneyError(ValueError):
    """An amount or a currency that cannot be money; the message names the value's shape."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """`minor` units of `currency`: `Money(4990, "EUR")` is 49.90 euros."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MoneyError(f"amount must be a whole number of minor units, not {type(self.minor).__name__}")
        if abs(self.minor) > LARGEST_MINOR:
            raise MoneyError(f"amount has {len(str(abs(self.minor)))} digits; at most {LARGEST_MINOR} fits")
        if not _CURRENCY.match(self.currency):
            raise MoneyError(f"currency must be three capital letters, like EUR, not {self.currency!r}")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{plain(self)} {self.currency}"

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} cannot be added; convert one first")
        return other.minor


def exponent(currency: str) -> int:
    """How many decimal places the currency has: EUR 2, JPY 0, KWD 3."""
    return EXPONENTS.get(currency, 2)


def plain(money: Money) -> str:
    """The amount as text for data: `-1234.50`, no grouping, as many places as the currency has."""
    places = exponent(money.currency)
    sign, digits = ("-" if money.minor < 0 else ""), str(abs(money.minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def parse(text: str, currency: str) -> Money:
    """Read `1234.50` exactly; raise MoneyError on anything else, above all on too many places."""
    match = _AMOUNT.match(text.strip())
    if not match:
        raise MoneyError(f"{text!r} is not an amount like 1234.50")
    places, part = exponent(currency), match["part"] or ""
    if len(part) > places:
        raise MoneyError(f"{text!r} has {len(part)} decimal places; {currency} has {places}")
    minor = int(match["whole"] + part.ljust(places, "0"))
    return Money(-minor if match["sign"] == "-" else minor, currency)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum, zero of `currency` where there is none."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result


def allocate(amount: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Split by largest remainder: the parts always add up, and ties go to the earlier part.

    Weights are non-negative integers with a positive sum. A negative amount splits as its mirror.
    """
    if not weights or min(weights) < 0 or not sum(weights):
        raise MoneyError(f"weights must be non-negative and not all zero, not {list(weights)}")
    size, whole = abs(amount.minor), sum(weights)
    parts = [size * weight // whole for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for index in remainders[: size - sum(parts)]:
        parts[index] += 1
    sign = -1 if amount.minor < 0 else 1
    return tuple(Money(sign * part, amount.currency) for part in parts)
