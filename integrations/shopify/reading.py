"""Shopify's scalars as our values: ids, instants and amounts. Pure; a field of another shape is `Damaged`.

Amounts are decimal text with at least one place whatever the currency has (`1000.0` yen), so zeros at the end are
taken off first; any other digit too many is Damaged, never rounded.
"""

import re
from datetime import datetime
from typing import Any

from domain import money
from domain.money import Money, MoneyError
from integrations.fields import Damaged, at, many, need_text, shape, text, whole

_GID = re.compile(r"gid://shopify/[A-Za-z]+/(\d+)(?:\?.*)?\Z")


def gid(kind: str, number: str) -> str:
    """An id as the API wants it: `gid://shopify/Order/450789469`. ValueError where it is no number."""
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"the id of Shopify's {kind} is a number, not {shape(number)}")
    return f"gid://shopify/{kind}/{number}"


def number(item: Any, path: str) -> str:
    """The number of an id at the path, be it `gid://…/123`, `"123"` or 123; Damaged where there is none."""
    value = at(item, path)
    if type(value) is int:
        return str(value)
    found = _GID.match(value) if isinstance(value, str) else None
    if found:
        return found[1]
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return value
    raise Damaged(f"{path}: an id was expected, not {shape(value)}")


def number_or_none(item: Any, path: str) -> str:
    """The same, and empty where there is nothing."""
    return number(item, path) if at(item, path) is not None else ""


def count(item: Any, path: str) -> int:
    """A whole number that Shopify may write as text; 0 where absent."""
    value = at(item, path)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return whole(item, path) or 0


def moment(item: Any, path: str) -> datetime | None:
    """An ISO instant with a zone, None where absent."""
    value = text(item, path)
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise Damaged(f"{path}: an ISO instant was expected, not {shape(value)}") from error
    if found.tzinfo is None:
        raise Damaged(f"{path}: an instant with a zone was expected")
    return found


def need_moment(item: Any, path: str) -> datetime:
    """An instant that must be there."""
    found = moment(item, path)
    if found is None:
        raise Damaged(f"{path}: an instant is missing")
    return found


def read_money(item: Any, path: str) -> Money:
    """A `MoneyV2` at the path: exact, in the currency it names."""
    amount, currency = need_text(item, f"{path}.amount"), need_text(item, f"{path}.currencyCode")
    head, point, places = amount.partition(".")
    kept = places[: money.exponent(currency)]
    if point and places[len(kept) :].strip("0"):
        raise Damaged(f"{path}.amount: {currency} has {money.exponent(currency)} decimal places, this has more")
    try:
        return money.parse(f"{head}.{kept}" if kept else head, currency)
    except MoneyError as error:
        raise Damaged(f"{path}: {error}") from error


def money_or_none(item: Any, path: str) -> Money | None:
    """The same, and None where there is nothing."""
    return read_money(item, path) if at(item, path) is not None else None


def presentment(item: Any, path: str) -> Money:
    """The customer's side of a `MoneyBag`."""
    return read_money(item, f"{path}.presentmentMoney")


def texts(item: Any, path: str) -> tuple[str, ...]:
    """A list of text."""
    found = many(item, path)
    if not all(isinstance(value, str) for value in found):
        raise Damaged(f"{path}: a list of text was expected")
    return tuple(found)


def nodes(item: Any, path: str) -> list[Any]:
    """The items of a connection that is there."""
    if not isinstance(at(item, path), dict):
        raise Damaged(f"{path}: a connection was expected, not {shape(at(item, path))}")
    return many(item, f"{path}.nodes")


def next_page(item: Any, path: str) -> str:
    """The cursor of the next page of a connection, empty at the end."""
    more = at(item, f"{path}.pageInfo.hasNextPage")
    if more is True:
        return need_text(item, f"{path}.pageInfo.endCursor")
    if more is False:
        return ""
    raise Damaged(f"{path}.pageInfo.hasNextPage: true or false was expected, not {shape(more)}")
