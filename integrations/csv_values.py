"""Dates, amounts and addresses in exported files: read exactly or refused with a reason, never guessed.

How a column writes its dates is decided once for the whole column: `3/4/2026` alone says nothing, but a
`3/25/2026` in the same column does. What stays ambiguous is refused until somebody says which it is.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from domain import money
from domain.money import Money, MoneyError

MONTH_FIRST, DAY_FIRST = "m/d/Y", "d/m/Y"
FORMATS = (MONTH_FIRST, DAY_FIRST)

NOON = 12
"""The hour of a date without a time: so it is the same calendar day in nearly every time zone."""

_TIME = (
    r"(?:[ T](?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?)?(?: ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d))?"
)
_ISO = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){_TIME}\Z")
_SLASH = re.compile(rf"(?P<first>\d{{1,2}})/(?P<second_>\d{{1,2}})/(?P<year>\d{{4}}){_TIME}\Z")
_DOTS = re.compile(rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}){_TIME}\Z")
_SHORT_YEAR = re.compile(r"\d{1,2}[/.-](?:\d{1,2}|[A-Za-z]{3})[/.-]\d{2}(?:\D|\Z)")
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?\Z")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_PHONE = re.compile(r"\+[1-9]\d{6,14}\Z")
MONTHS = 12


def date_order(values: Iterable[str]) -> str:
    """How a column writes its slashed dates: `m/d/Y`, `d/m/Y`, or empty where it does not show or shows both."""
    month_first = day_first = False
    for value in values:
        match = _SLASH.match(value.strip())
        if match:
            month_first = month_first or int(match["second_"]) > MONTHS
            day_first = day_first or int(match["first"]) > MONTHS
    if month_first == day_first:
        return ""
    return MONTH_FIRST if month_first else DAY_FIRST


def read_instant(text: str, order: str) -> datetime:
    """A date with or without time as an aware instant; without a zone it is UTC. Raises ValueError with the reason."""
    text = text.strip()
    if match := _ISO.match(text) or _DOTS.match(text):
        return _instant(match, int(match["month"]), int(match["day"]))
    if match := _SLASH.match(text):
        first, second = int(match["first"]), int(match["second_"])
        if (first > MONTHS and order == MONTH_FIRST) or (second > MONTHS and order == DAY_FIRST):
            raise ValueError(f'"{text}" cannot be {order}; correct it or leave --date-format out')
        if first > MONTHS or second > MONTHS:
            month, day = (second, first) if first > MONTHS else (first, second)
        elif first == second:
            month, day = first, second
        elif not order:
            raise ValueError(f'"{text}" may be month first or day first; say --date-format {" or ".join(FORMATS)}')
        else:
            month, day = (first, second) if order == MONTH_FIRST else (second, first)
        return _instant(match, month, day)
    if _SERIAL.match(text):
        raise ValueError(f'"{text}" is a spreadsheet\'s day number; format the column as a date and export it again')
    if _SHORT_YEAR.match(text):
        raise ValueError(f'"{text}" has a year of two digits; export it with four')
    raise ValueError(f"is a text of {len(text)} characters that is no date like 2026-09-15" if text else "is empty")


def read_amount(text: str, currency: str) -> Money:
    """`1,234.50` or `1234.50` in major units, more than nothing. Raises ValueError with the reason."""
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    plain = text.replace(",", "") if _GROUPED.match(text) else text
    try:
        amount = money.parse(plain, currency)
    except MoneyError as error:
        raise ValueError(str(error)) from error
    return _positive(amount)


def read_minor(text: str, currency: str) -> Money:
    """A whole number of minor units, more than nothing. Raises ValueError with the reason."""
    match = re.fullmatch(r"(\d{1,18})(?:\.0+)?", text.strip())
    if not match:
        raise ValueError(f"is a text of {len(text.strip())} characters, must be a whole number of cents")
    return _positive(Money(int(match[1]), currency))


def read_currency(text: str, otherwise: str) -> str:
    """Three letters in any case, else what was said for the whole file. Raises ValueError."""
    code = text.strip().upper() or otherwise.upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise ValueError(
            "is no currency; say --currency USD for the whole file" if not code else f'"{code}" is no currency'
        )
    return code


def read_mail(text: str) -> str:
    """An address, or empty where there is none. Raises ValueError."""
    text = text.strip()
    if text and not _MAIL.match(text):
        raise ValueError(f"is a text of {len(text)} characters that is no e-mail address")
    return text


def read_phone(text: str) -> str:
    """An international number as `+12035550142`, or empty where there is none. Raises ValueError."""
    digits = re.sub(r"[\s().-]", "", text)
    if digits and not _PHONE.match(digits):
        raise ValueError("is no international number; it has to begin with + and the country's code")
    return digits


def _positive(amount: Money) -> Money:
    if amount.minor <= 0:
        raise ValueError(f"is {amount}, nothing to collect")
    return amount


def _instant(match: re.Match[str], month: int, day: int) -> datetime:
    hour = int(match["hour"]) if match["hour"] else NOON
    zone = match["zone"] or "Z"
    offset = "+00:00" if zone in ("Z", "UTC") else zone
    text = f"{match['year']}-{month:02}-{day:02}T{hour:02}:{match['minute'] or '00'}:{match['second'] or '00'}{offset}"
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise ValueError(f'"{match[0]}" is no day of the calendar') from error
