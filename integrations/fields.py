"""Reading a vendor's JSON field by field: each read says what it expects, and a mismatch says where and of what shape.

A message never shows the value itself, because it may be personal; it names the path and the value's shape.
"""

from datetime import UTC, datetime
from typing import Any


class Damaged(ValueError):
    """A field is missing or of another shape than the vendor documents."""


def at(item: Any, path: str) -> Any:
    """The value at `a.b.c`, None where a part is absent or null; Damaged where a part is no object."""
    node = item
    for part in path.split("."):
        if node is None:
            return None
        if not isinstance(node, dict):
            raise Damaged(f"{path}: an object was expected around {part!r}, not {shape(node)}")
        node = node.get(part)
    return node


def text(item: Any, path: str) -> str:
    """Text at the path, empty where absent or null."""
    value = at(item, path)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Damaged(f"{path}: text was expected, not {shape(value)}")
    return value


def need_text(item: Any, path: str) -> str:
    """Text at the path that is not empty."""
    value = text(item, path)
    if not value:
        raise Damaged(f"{path}: text is missing")
    return value


def whole(item: Any, path: str) -> int | None:
    """A whole number at the path, None where absent or null; a float or a boolean is Damaged."""
    value = at(item, path)
    if value is None or type(value) is int:
        return value
    raise Damaged(f"{path}: a whole number was expected, not {shape(value)}")


def need_whole(item: Any, path: str) -> int:
    """A whole number that must be there."""
    value = whole(item, path)
    if value is None:
        raise Damaged(f"{path}: a whole number is missing")
    return value


def instant(item: Any, path: str) -> datetime | None:
    """Unix seconds as an aware datetime, None where absent or null."""
    value = whole(item, path)
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise Damaged(f"{path}: not Unix seconds, a number of {len(str(value))} digits") from error


def need_instant(item: Any, path: str) -> datetime:
    """Unix seconds that must be there."""
    value = instant(item, path)
    if value is None:
        raise Damaged(f"{path}: Unix seconds are missing")
    return value


def reference(item: Any, path: str) -> str:
    """The id at the path, whether the vendor sent the id alone or the whole object; empty where absent."""
    value = at(item, path)
    return need_text(value, "id") if isinstance(value, dict) else text(item, path)


def many(item: Any, path: str) -> list[Any]:
    """A JSON list at the path, empty where absent or null."""
    value = at(item, path)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Damaged(f"{path}: a list was expected, not {shape(value)}")
    return value


def shape(value: Any) -> str:
    """A value's shape without the value: `text of 12 characters`, `an object with 3 fields`."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, dict):
        return f"an object with {len(value)} fields"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"a {type(value).__name__}"
