"""JSON as strictly as money needs it: one meaning per document, or none. Pure.

Python's own reader takes the last of two equal names, reads NaN, makes floats, and lets text pass that no database
can keep. Two readers that disagree about a document are how a check is walked around.
"""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

DEEPEST: Final = 40
"""Levels of nesting; vendors' own events have fewer than ten."""
LONGEST_NUMBER: Final = 100
"""Characters of one number, and the size of its exponent: 1E999999999 is short to write and fills the memory."""
_SUSPECT_TEXT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
# A text without an end is taken to the end of the document: tried again from every quote in it, time would be square.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)


class UnreadableJson(ValueError):
    """The bytes are not one strict JSON document; the message says why and quotes nothing of them."""


def read(body: bytes) -> Any:
    """The document: objects, lists, texts, whole numbers, `Decimal` for every other number, booleans and null.

    UnreadableJson for anything but UTF-8, for equal names in one object, NaN or Infinity, a number or a nesting
    beyond the limits, and text that is half a character or holds a NUL.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableJson(f"not UTF-8 at byte {error.start}") from None
    _check_depth(text)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableJson(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise UnreadableJson(f"nested deeper than {DEEPEST} levels") from None
    if "\0" in text or _SUSPECT_TEXT.search(text):
        _check_text(document)
    return document


def _check_depth(text: str) -> None:
    """Counted before reading: whoever builds the values first has already spent the memory."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        if depth > DEEPEST:
            raise UnreadableJson(f"nested deeper than {DEEPEST} levels")


def _check_text(document: Any) -> None:
    try:
        kept = json.dumps(document, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise UnreadableJson("a text holds half of a character (a lone surrogate)") from None
    if b"\\u0000" in kept.replace(b"\\\\", b""):
        raise UnreadableJson("a text holds a NUL")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableJson("an object has the same name twice")
    return found


def _decimal(text: str) -> Decimal:
    exponent = text.upper().partition("E")[2]
    if len(text) > LONGEST_NUMBER or (exponent and abs(int(exponent)) > LONGEST_NUMBER):
        raise UnreadableJson("a number is too long")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise UnreadableJson("a number is too long")
    return int(text)


def _constant(_text: str) -> NoReturn:
    raise UnreadableJson("NaN and Infinity are not numbers of JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_whole, parse_constant=_constant, strict=True
)
