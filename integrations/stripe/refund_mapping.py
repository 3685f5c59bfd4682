"""Stripe's refunds, disputes and refusals as ours: pure, field by field."""

from collections.abc import Sequence
from typing import Any, Literal

from domain.money import Money
from domain.orders import RefundAnswer
from domain.payment_refunds import PaymentDispute, PaymentLeft, PaymentRefund
from integrations.fields import Damaged, at, many, need_instant, need_text, need_whole, reference, text, whole
from integrations.stripe.charges import charged_card
from integrations.stripe.events import KEY, ORDER, paid_with
from integrations.stripe.mapping import money, money_at
from integrations.subscriptions import Subscription

State = Literal["succeeded", "pending", "failed"]
STATES: dict[str, State] = {
    "succeeded": "succeeded",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}
"""A cancelled refund has failed for us: the money stays, and nothing is under way."""
BEST_FIRST = ("succeeded", "pending", "failed")
WHY_PENDING = {
    "charge_pending": "the payment itself has not gone through yet",
    "insufficient_funds": "the shop's balance at Stripe does not cover it yet",
    "processing": "Stripe is working on it",
    "requires_action": "the customer has to tell Stripe where the money goes to",
}
WHY_FAILED = {
    "charge_for_pending_refund_disputed": "the payment was disputed before the refund went out",
    "declined": "the customer's bank declined it",
    "expired_or_canceled_card": "the card has expired or was cancelled",
    "insufficient_funds": "the shop's balance at Stripe did not cover it",
    "lost_or_stolen_card": "the card is reported lost or stolen",
    "merchant_request": "the shop asked Stripe to stop it",
    "canceled": "it was cancelled",
}
"""`failure_reason` (docs.stripe.com/api/refunds/object); `unknown` and new words get no sentence of their own."""
REFUSALS = {
    "charge_already_refunded": "the payment has been refunded in full already",
    "charge_disputed": "the payment is disputed",
    "refund_disputed_payment": "the payment is disputed",
    "charge_not_refundable": "this payment can never be refunded",
    "amount_too_large": "more than is left of the payment",
    "amount_too_small": "less than Stripe refunds",
    "balance_insufficient": "the shop's balance at Stripe does not cover it, and no refund was made",
    "payment_intent_unexpected_state": "the payment has not been captured",
    "resource_missing": "Stripe knows no such payment",
}
"""Error codes after which no refund was made."""
MAYBE_DONE = frozenset({"charge_already_refunded", "amount_too_large"})
"""Refusals that a refund of ours may be the cause of, made under a key that Stripe has forgotten since."""
DECIDED_FOR_US = frozenset({"won", "warning_closed"})
DECIDED = DECIDED_FOR_US | {"lost", "prevented"}
"""A dispute's final states; `prevented` is one that a refund of the bank's own forestalled, so the money is gone."""


def read_refund(raw: Any) -> PaymentRefund:
    """A refund by anybody; Damaged where its state is a word that Stripe did not have."""
    intent, charge = reference(raw, "payment_intent"), reference(raw, "charge")
    return PaymentRefund(
        id=need_text(raw, "id"),
        amount=money_at(raw, "amount"),
        state=_state(raw),
        at=need_instant(raw, "created"),
        payment=paid_with(raw),
        names=tuple(name for name in (intent, charge) if name),
        key=text(raw, f"metadata.{KEY}"),
        order=text(raw, f"metadata.{ORDER}"),
        why=_why(raw),
    )


def read_answer(raw: Any) -> RefundAnswer:
    """A refund as the answer to who asked for it. Stripe refunds in one piece, so of a failed one nothing went."""
    found = read_refund(raw)
    amount = None if found.state == "failed" else found.amount
    return RefundAnswer(state=found.state, ref=found.id, amount=amount, at=found.at, why=found.why)


def answer_under(key: str, raw: Sequence[Any]) -> RefundAnswer | None:
    """The refund with our key among a payment's refunds; None where there is none.

    Stripe keeps a refund's metadata for ever, a key for a day or more. Should two carry one key, the one that did
    most counts, and the answer says so.
    """
    ours = [read_answer(item) for item in raw if text(item, f"metadata.{KEY}") == key]
    if not ours:
        return None
    best = min(ours, key=lambda answer: BEST_FIRST.index(answer.state))
    if len(ours) == 1:
        return best
    why = f"{len(ours)} refunds carry this key: {', '.join(answer.ref for answer in ours)}"
    return RefundAnswer(state=best.state, ref=best.ref, amount=best.amount, at=best.at, why=why)


def read_dispute(raw: Any) -> PaymentDispute:
    """A dispute or an inquiry. Old bodies do not say whether the payment can be refunded; then it cannot."""
    status, charge = need_text(raw, "status"), reference(raw, "charge")
    refundable = at(raw, "is_charge_refundable") is True
    return PaymentDispute(
        id=need_text(raw, "id"),
        amount=money_at(raw, "amount"),
        at=need_instant(raw, "created"),
        payment=paid_with(raw),
        names=tuple(name for name in (reference(raw, "payment_intent"), charge) if name),
        open=status not in DECIDED,
        in_the_way=status not in DECIDED_FOR_US,
        refundable=refundable,
    )


def read_left(charge: Any, refunds: Sequence[Any], disputes: Sequence[Any]) -> PaymentLeft:
    """What is left of a payment, from its charge, its refunds and its disputes.

    The charge's own sum counts pending refunds too. Where it says more than the list, because one was made between
    the two reads, the difference counts as pending.
    """
    currency = need_text(charge, "currency")
    captured = need_whole(charge, "amount_captured")
    by_state = {state: 0 for state in BEST_FIRST}
    for item in refunds:
        by_state[_state(item)] += need_whole(item, "amount")
    pending = max(by_state["pending"], (whole(charge, "amount_refunded") or 0) - by_state["succeeded"])
    found = [item for item in map(read_dispute, disputes) if item.in_the_way]
    untold = at(charge, "disputed") is True and not disputes
    card = charged_card(charge)
    return PaymentLeft(
        captured=money(captured, currency),
        refunded=money(by_state["succeeded"], currency),
        pending=money(pending, currency),
        disputed=bool(found) or untold,
        disputes=tuple(item.id for item in found),
        refundable=not untold and all(item.refundable for item in found),
        card=card.fingerprint if card else "",
    )


def refusal(code: str, amount: Money) -> RefundAnswer:
    """Stripe's no, as an answer. Its own sentence is left out: it may quote the request."""
    why = REFUSALS.get(code, f"Stripe refused it ({code or 'and gave no code'})")
    return RefundAnswer(state="refused", amount=amount, why=why)


def read_endpoint(raw: Any) -> Subscription:
    """A webhook endpoint with everything it is told of; `*` is every event."""
    status = need_text(raw, "status")
    topics = [topic for topic in many(raw, "enabled_events") if isinstance(topic, str)]
    return Subscription(
        vendor="stripe",
        id=need_text(raw, "id"),
        url=need_text(raw, "url"),
        topic=", ".join(sorted(topics)),
        active=status == "enabled",
        said=status,
    )


def _state(raw: Any) -> State:
    status = need_text(raw, "status")
    if status not in STATES:
        raise Damaged(f"status: a word of {len(status)} letters that is none of a refund's states")
    return STATES[status]


def _why(raw: Any) -> str:
    status = need_text(raw, "status")
    if status == "succeeded":
        return ""
    if STATES.get(status) == "failed":
        reason = status if status == "canceled" else text(raw, "failure_reason")
        return WHY_FAILED.get(reason, f"Stripe gives no reason ({reason or 'none'})")
    return WHY_PENDING.get(text(raw, "pending_reason") or status, "Stripe is working on it")
