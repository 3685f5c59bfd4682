"""Strict JSON: what it reads it reads as Python's own reader does, and what has two meanings it refuses."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.strict_json import DEEPEST, UnreadableJson, read

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**90), 10**90) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(documents, st.booleans())
def test_a_document_comes_back_as_it_was_written(document: Any, ascii_only: bool) -> None:
    assert read(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused_and_nothing_else_happens(body: bytes) -> None:
    try:
        read(body)
    except UnreadableJson:
        return
    json.loads(body)


@given(st.text(st.sampled_from('{}[]":,0.1eE\\ud8nullNaN- '), max_size=60))
def test_marks_of_json_in_any_order_are_read_or_refused(text: str) -> None:
    try:
        read(text.encode())
    except UnreadableJson:
        return
    json.loads(text)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1,"a":2}', "same name twice"),
        (b'[{"a":{"b":1,"c":2,"b":1}}]', "same name twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "NaN"),
        (b'{"a":1e999999999}', "too long"),
        (b'{"a":1.5E-101}', "too long"),
        (b"1" * 101, "too long"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a":"\\ud800"}', "half of a character"),
        (b'{"\\uDC00":1}', "half of a character"),
        (b'{"a":"x\\u0000y"}', "NUL"),
        (b'{"a":"\x01"}', "not JSON"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "deeper"),
        (b'{"a":' * 100_000, "deeper"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(UnreadableJson, match=why):
        read(body)


def test_brackets_in_texts_are_not_nesting() -> None:
    text = "[{" * 1000 + '"'
    assert read(json.dumps({"a": text}).encode()) == {"a": text}
    assert read(b"[" * DEEPEST + b"]" * DEEPEST)
    assert len(read(b"[" + b"[]," * 500 + b"[]]")) == 501


def test_a_number_with_a_point_is_a_decimal_as_it_was_written() -> None:
    assert read(b'{"amount":20.10,"count":3,"tiny":1e-3}') == {
        "amount": Decimal("20.10"),
        "count": 3,
        "tiny": Decimal("0.001"),
    }
    assert str(read(b"20.10")) == "20.10"


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert read(b'"\\\\u0000"') == "\\u0000"
    assert read(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("body", [b'[{"' + b'\\"' * 120_000, b'[{"' + b'\\"' * 120_000 + b"\\", b'["a",' * 40_000])
def test_a_quarter_of_a_megabyte_that_never_ends_is_refused_at_once(body: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(UnreadableJson):
        read(b"[{" * 30 + body)
    assert time.perf_counter() - started < 2
