"""The lines of a return at Loop: what becomes of each, which label it travels under, and what the inspection found.

Loop's words are open sets here too: an outcome that is not known is `unknown`, and so is a condition. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from domain.money import Money
from domain.returns import Condition, Label, Outcome, ReturnLine
from integrations.fields import Damaged
from integrations.loop.values import first_text, loose_text, need_id

OUTCOMES: Mapping[str, Outcome] = {
    "refund": "refund",
    "exchange": "exchange",
    "store_credit": "store_credit",
    "credit": "store_credit",
    "gift": "store_credit",
    "gift_card": "store_credit",
    "keep": "keep",
    "donate": "keep",
}
AS_THE_RETURN = frozenset({"", "default"})
"""What a line says that has no outcome of its own."""
DISPOSITIONS = frozenset({"back_to_stock", "resale_hold", "recycle", "donate"})
"""Where a piece went that was there; `missing` is the fifth word (dispositioning API, `disposition_outcome`)."""
CONDITIONS: Mapping[str, Condition] = {
    "grade_a": "good",
    "grade_b": "good",
    "new": "good",
    "good": "good",
    "worn": "worn",
    "used": "worn",
    "damaged": "worn",
    "wrong": "wrong",
    "wrong_item": "wrong",
    "empty": "empty",
    "empty_box": "empty",
}
"""`condition_category` is named by the shop; a name that is not here is `unknown`, which a person looks at."""


def with_lines(labels: Sequence[Label], lines: Sequence[ReturnLine]) -> tuple[Label, ...]:
    """The labels with our ids of their lines. Loop names a line by its own id, and by the shop's in older bodies.

    The shop's id stands for as many lines as there were pieces, so each goes to one label only, and a voided label
    comes last. A name that fits no line is kept: the label then has no line that could be paid.
    """
    own, taken, found = {line.id for line in lines}, set[str](), {}
    for label in sorted(labels, key=lambda each: each.voided):
        chosen = []
        for name in label.lines:
            free = (line.id for line in lines if line.shop_line == name and line.id not in taken)
            chosen.append(name if name in own else next(free, name))
            taken.add(chosen[-1])
        found[label.id] = replace(label, lines=tuple(chosen))
    return tuple(found[label.id] for label in labels)


def read_line(item: Any, ret: Any, amounts: Sequence[Money | None]) -> ReturnLine:
    """One line of a return. `amounts` are the return's cash, store credit and exchange.

    Loop lists every piece as a line of its own, so the quantity is one unless a body says otherwise.
    """
    quantity = first_text(item, "quantity") or "1"
    if not quantity.isdigit() or not int(quantity):
        raise Damaged("line_items.quantity: a whole number above zero was expected")
    received, condition = _inspected(item, int(quantity))
    return ReturnLine(
        id=need_id(item, "line_item_id", "id"),
        shop_line=loose_text(item, "provider_line_item_id").rpartition("/")[2],
        quantity=int(quantity),
        sku=loose_text(item, "sku"),
        title=loose_text(item, "title"),
        category=loose_text(item, "product_type"),
        outcome=_outcome(item, ret, amounts),
        reason=first_text(item, "return_reason", "parent_return_reason"),
        received=received,
        condition=condition,
    )


def _outcome(item: Any, ret: Any, amounts: Sequence[Money | None]) -> Outcome:
    """What becomes of one line: its own word, else its exchange, else the return's word, else its amounts.

    A line that could be either is `unknown`: an exchange must not be paid out.
    """
    word = loose_text(item, "outcome").lower().replace(" ", "_")
    if word not in AS_THE_RETURN:
        return OUTCOMES.get(word, "unknown")
    if item.get("exchange_variant"):
        return "exchange"
    whole = loose_text(ret, "outcome").lower().replace(" ", "_")
    if whole not in AS_THE_RETURN:
        return OUTCOMES.get(whole, "unknown")
    kinds: tuple[Outcome, ...] = ("refund", "store_credit", "exchange")
    paid = [kind for kind, found in zip(kinds, amounts, strict=True) if found]
    return paid[0] if len(paid) == 1 else "unknown"


def _inspected(item: Any, quantity: int) -> tuple[int | None, Condition]:
    """(pieces counted, what was found), (None, "") before anybody graded the line or said where it went.

    Loop's guide says that grading is part of a return's data where it is switched on; the names are those of its
    dispositioning API, whose `condition_category` is an object from 2026-10 on.
    """
    graded = item.get("condition_category")
    name = first_text(graded, "name", "id") if isinstance(graded, dict) else loose_text(item, "condition_category")
    went, word = loose_text(item, "disposition_outcome").lower(), name.lower().replace(" ", "_")
    if went == "missing":
        return 0, ""
    if not word:
        return (quantity, "") if went in DISPOSITIONS else (None, "")
    return quantity, CONDITIONS.get(word, "unknown")
