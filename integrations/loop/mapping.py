"""Loop's returns, labels and answers as our own values. Pure; `integrations.loop.values` reads single fields.

All of Loop's words are open sets: a label's status, a return's state. What is not known becomes `unknown`, which
proves nothing and pays nothing. Lines are in `integrations.loop.lines`. Sources: docs.loopreturns.com, webhook and
API reference, 2026-07.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from domain.money import total
from domain.orders import RefundAnswer
from domain.returns import Label, PortalRefund, Return, ReturnState
from domain.scans import NOWHERE, Meaning, Place, tracking_number
from integrations.fields import Damaged, many, shape
from integrations.loop.lines import read_line, with_lines
from integrations.loop.values import amount, currency, first_text, flag, instant, loose_text, need_id

VENDOR = "loop"

STATES: Mapping[str, ReturnState] = {
    "open": "open",
    "review": "review",
    "needs review": "review",
    "in review": "review",
    "closed": "closed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "expired": "expired",
}
MEANINGS: Mapping[str, Meaning] = {
    "": "label",
    "n/a": "label",
    "new": "label",
    "pending": "label",
    "pre_transit": "label",
    "in_transit": "moving",
    "out_for_delivery": "out_for_delivery",
    "available_for_pickup": "moving",
    "delivered": "delivered",
    "return_to_sender": "returning",
    "failure": "exception",
    "error": "exception",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "voided": "cancelled",
    "refunded": "cancelled",
}
"""Loop hands EasyPost's words on. `pre_transit` is a label that was made, whatever place comes with it."""
ISSUED_BY: Mapping[str, Literal["portal", "shopper"]] = {
    "": "portal",
    "prepaid_label": "portal",
    "printed_label": "portal",
    "label": "portal",
    "qr_code": "portal",
    "happy_returns": "portal",
    "self_ship": "shopper",
    "ship_your_own": "shopper",
    "customer_label": "shopper",
    "customer_shipped": "shopper",
    "own_label": "shopper",
}
"""Who made the label, by `return_method`; only `prepaid_label` is shown by the vendor, the others are guesses on the
safe side, and any word that is not here is `unknown`."""
LONGEST = 200
"""Characters of a vendor's message that are kept."""


def read_return(item: Any) -> Return:
    """One return, from the details, from the list or from a webhook: the same fields in all of them.

    Raises Damaged for a field of another shape. Amounts are in the shop's currency, which is what Loop gives.
    """
    portal_id, code = need_id(item, "id", "return_id"), currency(item, "currency")
    cash, credit, exchange = (amount(item, name, code) for name in ("refund", "gift_card", "exchange_total"))
    state = _state(loose_text(item, "state"))
    lines = tuple(read_line(line, item, (cash, credit, exchange)) for line in many(item, "line_items"))
    return Return(
        id=f"{VENDOR}-{portal_id}",
        portal=VENDOR,
        portal_id=portal_id,
        state=state,
        order=first_text(item, "provider_order_id", "provider_order_external_id").rpartition("/")[2],
        order_name=loose_text(item, "order_name"),
        created_at=instant(item, "created_at"),
        edited_at=instant(item, "edited_at"),
        currency=code,
        cash=cash,
        credit=credit,
        exchange=exchange,
        handling_fee=amount(item, "handling_fee", code),
        gift=flag(item, "is_gift_return"),
        flagged=state == "review" or flag(item, "flagged"),
        refunds=tuple(_refund(each, code) for each in many(item, "refunds")),
        lines=lines,
        labels=with_lines(read_labels(item), lines),
        contact=first_text(item, "customer", "customer_detail.email"),
    )


def read_labels(item: Any) -> tuple[Label, ...]:
    """The labels of a return without their lines; one where only the return itself names carrier and number.

    A label's id is Loop's own, else its number, else its place in the list, so it is the same at every read.
    `made_at` is when the return was made where Loop does not say: no label is older than its return.
    """
    common: dict[str, Any] = {"made_at": instant(item, "created_at"), "origin": place(item, "address")}
    common |= {"destination": place(item, "destination"), "issued_by": _issued_by(loose_text(item, "return_method"))}
    raw = many(item, "labels")
    if not raw and (first_text(item, "tracking_number", "carrier", "label_url")):
        names = {"tracking_number": "tracking_number", "carrier": "carrier", "status": "label_status"}
        raw = [{name: item.get(there) for name, there in names.items()} | {"updated_at": item.get("label_updated_at")}]
    found: dict[str, Label] = {}
    for number, each in enumerate(raw, start=1):
        label = _label(each, number, common)
        same = found.get(label.id)
        # One parcel that is listed twice is one label, or it would be paid twice.
        found[label.id] = replace(same, lines=tuple(dict.fromkeys(same.lines + label.lines))) if same else label
    return tuple(found.values())


def meaning(word: str) -> Meaning:
    """What a label's status means; a word that nobody has told us of is `unknown`."""
    return MEANINGS.get(word.strip().lower().partition(" (")[0], "unknown")


def place(item: Any, path: str) -> Place:
    """Where something is, of any address that Loop shows; the street and the name are left out."""
    found = item.get(path) if isinstance(item, dict) else None
    if not isinstance(found, dict):
        return NOWHERE
    code = first_text(found, "country_code").upper()
    region = first_text(found, "state", "region")
    return Place(code, region, loose_text(found, "city"), first_text(found, "zip", "postal_code"))


def read_answer(said: Any) -> RefundAnswer:
    """The answer to `process`: `true` means queued and no more; an error comes with the same 200.

    The reason of a return that is closed begins with the vendor's code, `UNPROCESSABLE_RETURN`: whether it was
    processed, and by whom, only its state can tell. Raises Damaged where it is neither.
    """
    if said is True or (isinstance(said, str) and said.strip().lower() == "true"):
        return RefundAnswer(state="pending", why="queued at the portal")
    if said is False or (isinstance(said, str) and said.strip().lower() == "false"):
        return RefundAnswer(state="refused", why="the portal answered false")
    why = error_of(said)
    if not why:
        raise Damaged(f"the answer to process is neither true nor an error but {shape(said)}")
    return RefundAnswer(state="refused", why=why)


def error_of(said: Any) -> str:
    """The error that a body carries under any of Loop's names for it, with its code; empty where it carries none."""
    if not isinstance(said, dict):
        return ""
    for inner in (said.get("errors"), said.get("error"), said):
        if isinstance(inner, str) and inner.strip():
            return inner.strip()[:LONGEST]
        if isinstance(inner, dict):
            code, message = _plain(inner.get("code")), _plain(inner.get("message")) or _plain(inner.get("content"))
            if code or message:
                return ": ".join(part for part in (code, message) if part)[:LONGEST]
    return ""


def processed(ret: Return) -> RefundAnswer | None:
    """What a return says of its refund: None until it is closed with a refund in it.

    A return that was closed by hand has no refund: nothing was paid. A refund without the shop's reference is on
    its way. Several refunds are one answer with their references, and no amount where their currencies differ.
    """
    if ret.state != "closed" or not ret.refunds:
        return None
    refs = [refund.ref for refund in ret.refunds if refund.ref]
    currencies = {refund.amount.currency for refund in ret.refunds}
    whole = total((refund.amount for refund in ret.refunds), currencies.pop()) if len(currencies) == 1 else None
    complete = len(refs) == len(ret.refunds)
    return RefundAnswer(state="succeeded" if complete else "pending", ref=",".join(refs), amount=whole)


def _plain(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _state(word: str) -> ReturnState:
    return STATES.get(word.lower().replace("_", " "), "unknown")


def _issued_by(method: str) -> Literal["portal", "shopper", "unknown"]:
    return ISSUED_BY.get(method.lower().replace(" ", "_").replace("-", "_"), "unknown")


def _label(item: Any, number: int, common: Mapping[str, Any]) -> Label:
    tracking = tracking_number(loose_text(item, "tracking_number"))
    status = meaning(first_text(item, "status", "label_status"))
    method = loose_text(item, "return_method")
    return Label(
        id=first_text(item, "id", "shipment_id") or tracking or str(number),
        tracking=tracking,
        carrier=loose_text(item, "carrier").lower(),
        status=status,
        updated_at=instant(item, "updated_at"),
        lines=tuple(loose_text({"id": each}, "id") for each in many(item, "line_items")),
        voided=status == "cancelled",
        **{
            **common,
            "made_at": instant(item, "created_at") or common["made_at"],
            **({"issued_by": _issued_by(method)} if method else {}),
        },
    )


def _refund(item: Any, shop_currency: str) -> PortalRefund:
    found = amount(item, "amount", currency(item, "currency") or shop_currency)
    if found is None:
        raise Damaged("refunds.amount: an amount with a currency is missing")
    return PortalRefund(gateway=loose_text(item, "gateway"), amount=found, ref=loose_text(item, "provider_refund_id"))
