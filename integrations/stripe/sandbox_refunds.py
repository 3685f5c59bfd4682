"""The pretended Stripe's refunds: POST /v1/refunds and its refusals, and what becomes of a refund later.

A refund's fate comes from its payment's seed or from the control path: `"succeeded"`, `"pending"`, `"requires_action"`,
or {"state", "reason"?, "then"?: "succeeded" | "failed" | "canceled", "after"?: seconds, "then_reason"?}, or
{"error": code} for a refusal. Fates are used one by one, and then every refund succeeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.stripe import sandbox_back
from integrations.stripe.sandbox_account import AUTOMATIC, Account
from integrations.stripe.sandbox_objects import Json
from integrations.stripe.sandbox_shelves import ApiError, invalid

Form = Mapping[str, list[str]]
PARAMETERS = frozenset({"amount", "charge", "payment_intent", "reason", "expand[]"})
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
BAD, LOST = ("failed", "canceled"), "charge_disputed"
MOVED = {"needs_response", "under_review", "lost"}
"""Dispute states in which the bank has taken the money."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How one refund goes."""

    state: str = "succeeded"
    reason: str = ""
    then: str = ""
    after: int = 0
    then_reason: str = ""
    error: str = ""


def fate(wanted: Any) -> Fate:
    """A fate from its JSON; TypeError names a field that there is not."""
    return Fate(wanted) if isinstance(wanted, str) else Fate(**wanted)


def create(account: Account, form: Form, key: str, now: int) -> Json:
    """POST /v1/refunds: the refund, or ApiError with the vendor's own body."""
    charge = _charge(account, form)
    refuse(account, charge)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = _amount(form, left, charge["currency"])
    if amount > left:
        raise invalid("Refund amount is greater than the unrefunded amount.", code="amount_too_large", param="amount")
    reason = form.get("reason", [""])[0]
    if reason and reason not in REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(REASONS)}", param="reason")
    how = account.next_fate(charge["id"]) or Fate()
    if how.error:
        raise invalid("The refund cannot be made.", code=how.error)
    metadata = {name[9:-1]: values[0] for name, values in form.items() if name.startswith("metadata[")}
    request = {"id": account.new_id("req"), "idempotency_key": key or None}
    refund = make(account, charge, amount, how, request, now, metadata=metadata, key=key, by="us")
    refund["reason"] = reason or None
    return refund


def make(
    account: Account,
    charge: Json,
    amount: int,
    how: Fate,
    request: Json,
    now: int,
    *,
    metadata: Json | None = None,
    key: str = "",
    by: str,
) -> Json:
    """A refund of a charge, with its events and what is planned for it."""
    refund = sandbox_back.refund(account.new_id("re"), now, charge, amount)
    refund.update(status=how.state, metadata=metadata or {}, **_reasons(how.state, how.reason))
    account.shelves.add("refunds", refund)
    if how.state not in BAD:
        _count(charge, amount)
    effect = {"key": key, "payment": charge["payment_intent"], "charge": charge["id"], "refund": refund["id"]}
    more = {"amount": amount, "currency": charge["currency"], "outcome": how.state, "by": by, "at": now}
    account.refunds_made.append({**effect, **more})
    account.tell("refund.created", refund, request, now)
    account.tell("charge.refunded", charge, request, now)
    if how.then:
        end = {"do": "ends", "state": how.then, "reason": how.then_reason}
        account.plan(now + how.after, refund["id"], end)
    return refund


def end(account: Account, refund: Json, state: str, reason: str, now: int, request: Json = AUTOMATIC) -> None:
    """Let a refund succeed, fail or be cancelled later; what failed gives its amount back to the charge."""
    was, charge = refund["status"], account.shelves.get("charges", refund["charge"])
    if was in BAD or was == state:
        return
    refund.update(status=state, **_reasons(state, reason))
    if state not in ("pending", "requires_action"):
        refund.pop("pending_reason", None)
    if state in BAD:
        _count(charge, -refund["amount"])
        refund["failure_balance_transaction"] = f"txn_failed_{refund['id']}"
    kinds = ("refund.updated", "charge.refund.updated", *(("refund.failed",) if state == "failed" else ()))
    for kind in kinds:
        account.tell(kind, refund, request, now)


def cancel(account: Account, id: str, key: str, now: int) -> Json:
    """POST /v1/refunds/{id}/cancel, which Stripe allows while it waits for the customer."""
    refund = account.shelves.get("refunds", id)
    if refund["status"] != "requires_action":
        raise invalid(f"A refund that is {refund['status']} cannot be canceled.")
    end(account, refund, "canceled", "", now, {"id": account.new_id("req"), "idempotency_key": key or None})
    return refund


def refuse(account: Account, charge: Json) -> None:
    """ApiError where nothing of the charge can be refunded now."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise invalid("This payment has not been captured.", code="payment_intent_unexpected_state")
    for dispute in account.shelves.kinds["disputes"].items.values() if charge["disputed"] else ():
        stands = dispute["charge"] == charge["id"] and dispute["status"] in MOVED
        if stands and not dispute["is_charge_refundable"]:
            raise invalid("The charge has been charged back and cannot be refunded.", code=LOST)
    if charge["amount_refunded"] >= charge["amount_captured"]:
        raise invalid("The charge has already been refunded.", code="charge_already_refunded")


def _charge(account: Account, form: Form) -> Json:
    named = [name for name in ("charge", "payment_intent") if form.get(name)]
    if len(named) != 1:
        raise invalid("Specify either a charge or a payment_intent, and not both.", param="charge")
    id = form[named[0]][0]
    if named == ["charge"]:
        return account.shelves.get("charges", id, "charge")
    intent = account.shelves.get("payment_intents", id, "payment_intent")
    if not intent["latest_charge"]:
        message = f"This PaymentIntent ({id}) does not have a successful charge to refund."
        raise invalid(message, code="payment_intent_unexpected_state")
    return account.shelves.get("charges", intent["latest_charge"])


def _amount(form: Form, left: int, currency: str) -> int:
    given = form.get("amount", [str(left)])[0]
    if not given.isdigit() or not int(given):
        raise invalid(f"Invalid integer: {given}", code="parameter_invalid_integer", param="amount")
    if currency in THREE_DECIMALS and int(given) % 10:
        raise ApiError(400, {"type": "invalid_request_error", "param": "amount", "message": "Must end in 0."})
    return int(given)


def _count(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]


def _reasons(state: str, reason: str) -> Json:
    if state == "failed":
        return {"failure_reason": reason or "unknown"}
    return {"pending_reason": reason or "processing"} if state == "pending" else {}
