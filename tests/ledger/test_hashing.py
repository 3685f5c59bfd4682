"""The hash covers everything that is kept, and format 1 stays what it is."""

from hashlib import sha256
from typing import Any

import pytest

from ledger import hashing, models

ROW: tuple[Any, ...] = (
    7, "dunning/in_1/retry-1", "renewal_recovered", "2026-01-15T08:00:00.000000Z", "2026-01-15T08:00:01.000000Z",
    "2026-01-15", "2026-01", "dunning", "in_1", "stripe", "pi_1", "brave-otter", "p1", "", 1, "0" * 64,
)  # fmt: skip
LINES = (("Assets:Clearing:Payments", 4990, "EUR"), ("Income:Recovered:Dunning:Message", -4990, "EUR"))

GOLDEN = {
    "plain": (ROW, LINES, "63b076067088153f962c0ab5b902553b09e7f5be9e5e57751dd071094a2e57d3"),
    "no postings": (ROW, (), "a4b78f96cac8bd6f8818f8b5e5710670d515e557e7996b29acb0b86275d7ad70"),
    "beyond ASCII": (
        (*ROW[:8], "Rechnung-ß-€-日本", *ROW[9:]),
        LINES,
        "09e3cb7b2b0562dc366945c524699ec17c84109f1a9801ad8e1baa5063fda231",
    ),
}
"""Golden vectors of format 1. They never change: entries that were written with it have to verify for ever."""


@pytest.mark.parametrize("name", GOLDEN)
def test_format_1_gives_the_same_hashes_for_ever(name: str) -> None:
    row, lines, expected = GOLDEN[name]
    assert hashing.digest(row, lines) == expected


def test_the_bytes_can_be_made_again_by_hand() -> None:
    fields = [str(value) for value in ROW] + ["2"]
    for account, minor, currency in LINES:
        fields += [account, str(minor), currency]
    lengths = ",".join(str(len(field)) for field in fields)
    by_hand = f"recoup/ledger-entry {lengths}:{''.join(fields)}".encode()
    assert hashing.digest(ROW, LINES) == sha256(by_hand).hexdigest()


def test_no_column_of_the_books_is_left_out_of_the_hash() -> None:
    assert tuple(models.entries.c.keys())[:-1] == hashing.COVERED
    assert models.entries.c.keys()[-1] == "hash"
    # `seq` says whose line it is and `line` its place: the order in which the lines are hashed.
    assert models.postings.c.keys() == ["seq", "line", "account", "minor", "currency"]


def test_a_change_of_any_column_changes_the_hash() -> None:
    seen = {hashing.digest(ROW, LINES)}
    for index, value in enumerate(ROW):
        if hashing.COVERED[index] == "hash_format":
            continue
        changed = (*ROW[:index], value + 1 if isinstance(value, int) else value + "x", *ROW[index + 1 :])
        seen.add(hashing.digest(changed, LINES))
    assert len(seen) == len(ROW)


def test_a_change_of_any_posting_or_of_their_order_changes_the_hash() -> None:
    first, second = LINES
    variants = [
        LINES, (second, first), (first,), (*LINES, first),
        (("Assets:Clearing:Payment", 4990, "EUR"), second), ((first[0], 4991, "EUR"), second),
        ((first[0], 4990, "USD"), second),
    ]  # fmt: skip
    assert len({hashing.digest(ROW, lines) for lines in variants}) == len(variants)


def test_text_cannot_move_from_one_column_to_the_next() -> None:
    moved = (*ROW[:7], "dunningin_", "1", *ROW[9:])
    assert "".join(moved[7:9]) == "".join(ROW[7:9])
    assert hashing.digest(moved, LINES) != hashing.digest(ROW, LINES)


def test_a_format_that_is_not_known_is_an_error_and_not_a_wrong_hash() -> None:
    with pytest.raises(ValueError, match="hash format 2"):
        hashing.digest((*ROW[:14], 2, ROW[15]), LINES)
