"""Dates and money as people read them, in each language a text is written in. Unknown languages read like English.

Plain spaces only: the narrow no-break space of French typography does not exist in a text message.
"""

from datetime import date

from domain.money import Money, plain

MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "de": (
        "Januar", "Februar", "März", "April", "Mai", "Juni",
        "Juli", "August", "September", "Oktober", "November", "Dezember",
    ),
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
}  # fmt: skip
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
SEPARATORS = {"en": (",", "."), "de": (".", ","), "fr": (" ", ",")}
"""(thousands, decimals) by language."""


def format_date(day: date, language: str) -> str:
    """`September 15, 2026` · `15. September 2026` · `15 septembre 2026`: never only digits, which read two ways."""
    tongue = _tongue(language)
    month = MONTHS[tongue][day.month - 1]
    if tongue == "de":
        return f"{day.day}. {month} {day.year}"
    if tongue == "fr":
        return f"{'1er' if day.day == 1 else day.day} {month} {day.year}"
    return f"{month} {day.day}, {day.year}"


def format_money(money: Money, language: str) -> str:
    """`$1,234.50` · `1.234,50 €` · `1 234,50 €`; a currency without a sign of its own is named: `4,990 JPY`."""
    tongue = _tongue(language)
    thousands, decimals = SEPARATORS[tongue]
    whole, _, part = plain(money).lstrip("-").partition(".")
    number = f"{int(whole):,}".replace(",", thousands) + (f"{decimals}{part}" if part else "")
    symbol = SYMBOLS.get(money.currency, "")
    sign = "-" if money.minor < 0 else ""
    if tongue == "en" and symbol:
        return f"{sign}{symbol}{number}"
    return f"{sign}{number} {symbol or money.currency}"


def _tongue(language: str) -> str:
    tongue = language.replace("_", "-").split("-", maxsplit=1)[0].lower()
    return tongue if tongue in MONTHS else "en"
