"""Numbers as finance reads them: thousands apart, negative in parentheses, as many places as the currency has.

For people only. Data (JSON, CSV) carries whole minor units or `domain.money.plain`.
"""

from domain.money import Money, exponent, plain

SHOWN_OF_A_HASH = 4


def money(minor: int, currency: str) -> str:
    """`1,234.50`, `(1,234.50)`; the currency stands in the header, not in each cell."""
    text = plain(Money(abs(minor), currency))
    places = exponent(currency)
    whole, part = (text[: -places - 1], text[-places - 1 :]) if places else (text, "")
    return _signed(f"{int(whole):,}{part}", minor)


def number(value: int) -> str:
    """`12,345`, `(12)`."""
    return _signed(f"{abs(value):,}", value)


def percent(part: int, whole: int) -> str:
    """`61.3 %`, rounded half away from zero to one place; a dash where there is nothing to divide by."""
    if not whole:
        return "-"
    tenths = (abs(part) * 2000 + abs(whole)) // (2 * abs(whole))
    return _signed(f"{tenths // 10:,}.{tenths % 10} %", part * whole)


def short_hash(digest: str) -> str:
    """The ends of a hash, for people to compare: `9f2c…41ab`."""
    return f"{digest[:SHOWN_OF_A_HASH]}…{digest[-SHOWN_OF_A_HASH:]}" if digest else "-"


def _signed(text: str, value: int) -> str:
    return f"({text})" if value < 0 else text
