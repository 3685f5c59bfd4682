"""The facts of a refund decision as JSON and back, so that it can be decided again later. Pure, without personal data.

What `LEFT_OUT` names is not written and reads as empty. A document says its version; a newer one than ours is
refused, and a field that an older one does not have takes its default.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from domain.instants import from_text, to_text
from domain.refund_case import Check, RefundFacts
from domain.returns import Return

VERSION = 1
LEFT_OUT = frozenset({("Return", "contact"), ("Shopper", "email"), ("Shopper", "name"), ("Approval", "note")})
"""Personal data, and words that a person wrote freely."""

_UNIONS = (UnionType, Union)


class NotFacts(ValueError):
    """A document that does not hold what it should; the message names the field and the value's shape."""


def facts_to_json(facts: RefundFacts) -> str:
    """The facts as one line of canonical JSON."""
    return _dump({"version": VERSION, "facts": to_plain(facts)})


def facts_from_json(text: str) -> RefundFacts:
    """The facts that `facts_to_json` wrote. Raises NotFacts."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NotFacts(f"stored facts of {len(text)} characters are no JSON") from error
    version = document.get("version") if isinstance(document, dict) else None
    if type(version) is not int or not 1 <= version <= VERSION:
        raise NotFacts(f"stored facts say version {version!r}; up to {VERSION} can be read")
    facts: RefundFacts = from_plain(RefundFacts, document.get("facts"), "facts")
    return facts


def return_to_json(ret: Return) -> str:
    """A return as it is kept between two readings."""
    return _dump(to_plain(ret))


def return_from_json(text: str) -> Return:
    """What `return_to_json` wrote. Raises NotFacts."""
    try:
        ret: Return = from_plain(Return, json.loads(text), "return")
    except json.JSONDecodeError as error:
        raise NotFacts(f"a stored return of {len(text)} characters is no JSON") from error
    return ret


def checks_to_json(checks: tuple[Check, ...]) -> str:
    """Every rule with its result, in order."""
    return _dump([{"rule": one.rule, "result": one.result, "said": one.said} for one in checks])


def to_plain(value: Any) -> Any:
    """A value of our own as what JSON knows: objects by field name, tuples as lists, instants as text."""
    if is_dataclass(value):
        kind = type(value).__name__
        kept = (field.name for field in fields(value) if (kind, field.name) not in LEFT_OUT)
        return {name: to_plain(getattr(value, name)) for name in kept}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: to_plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, datetime):
        return to_text(value)
    return value


def from_plain(hint: Any, data: Any, place: str) -> Any:
    """The value of type `hint` that `data` is; `place` is said in the error. Raises NotFacts."""
    origin = get_origin(hint)
    if origin in _UNIONS:
        inner = [one for one in get_args(hint) if one is not NoneType]
        return None if data is None else from_plain(inner[0], data, place)
    if origin is tuple:
        return _tuple(get_args(hint), data, place)
    if origin is Literal:
        if data not in get_args(hint):
            raise NotFacts(f"{place} is none of {', '.join(map(str, get_args(hint)))}")
        return data
    if hint is datetime:
        return _instant(data, place)
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        return _object(hint, data, place)
    if type(data) is not hint:
        raise NotFacts(f"{place} is a {type(data).__name__}, not a {hint.__name__}")
    return data


def _tuple(kinds: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise NotFacts(f"{place} is a {type(data).__name__}, not a list")
    if kinds[-1] is Ellipsis:
        return tuple(from_plain(kinds[0], item, f"{place}[{number}]") for number, item in enumerate(data))
    if len(data) != len(kinds):
        raise NotFacts(f"{place} holds {len(data)} values, not {len(kinds)}")
    return tuple(
        from_plain(kind, item, f"{place}[{number}]")
        for number, (kind, item) in enumerate(zip(kinds, data, strict=True))
    )


def _object(kind: Any, data: Any, place: str) -> Any:
    if not isinstance(data, Mapping):
        raise NotFacts(f"{place} is a {type(data).__name__}, not an object")
    known = {name: hint for name, hint in _hints(kind).items() if name in data}
    try:
        return kind(**{name: from_plain(hint, data[name], f"{place}.{name}") for name, hint in known.items()})
    except TypeError as error:
        missing = [name for name in _required(kind) if name not in data]
        raise NotFacts(f"{place} lacks {', '.join(missing)}") from error
    except NotFacts:
        raise
    except ValueError as error:
        raise NotFacts(f"{place}: {error}") from error


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _required(kind: Any) -> tuple[str, ...]:
    if is_dataclass(kind):
        return tuple(one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING)
    return tuple(name for name in kind._fields if name not in kind._field_defaults)


def _instant(data: Any, place: str) -> datetime:
    try:
        return from_text(data)
    except (TypeError, ValueError) as error:
        raise NotFacts(f"{place} is no instant like 2026-01-15T08:00:00.000000Z") from error


def _dump(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
