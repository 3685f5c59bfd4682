"""One page of a vendor's list: what could be read, and beside it what could not, so that one never loses the other."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from integrations.fields import Damaged, shape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item that has another shape than its vendor documents, whole, for quarantine."""

    vendor: str
    kind: str
    """What it should have been, e.g. `renewal`."""
    id: str
    """The vendor's id where it could be read, else empty."""
    problem: str
    """Which field is wrong and of what shape; never its value."""
    raw: str
    """The item as JSON. It may hold personal data: it belongs into the database, never into a log."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What one call gave. `unreadable` goes to quarantine."""

    items: tuple[T, ...]
    unreadable: tuple[UnreadableItem, ...] = ()


def read_page(vendor: str, kind: str, raw: Iterable[Any], read: Callable[[Any], T | None]) -> Page[T]:
    """Read every item by itself. `read` gives None for an item that is sound but none of ours."""
    items: list[T] = []
    unreadable: list[UnreadableItem] = []
    for item in raw:
        try:
            if not isinstance(item, dict):
                raise Damaged(f"an object was expected, not {shape(item)}")
            value = read(item)
        except ValueError as error:
            found = item.get("id") if isinstance(item, dict) else None
            name = found if isinstance(found, str) else ""
            unreadable.append(UnreadableItem(vendor, kind, name, str(error), json.dumps(item, sort_keys=True)))
        else:
            if value is not None:
                items.append(value)
    return Page(tuple(items), tuple(unreadable))
