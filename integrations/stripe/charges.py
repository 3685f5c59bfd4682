"""Stripe's charges, refunds, disputes and errors as our attempts, money back and charge results: pure."""

from typing import Any

from domain.payments import Attempt, AttemptOutcome, Card, ChargeResult, DeclineCodes, MoneyBack
from integrations.fields import (
    Damaged,
    at,
    instant,
    many,
    need_instant,
    need_text,
    need_whole,
    reference,
    text,
    whole,
)
from integrations.stripe.mapping import money, money_at, paid_part, read_network

OUTCOMES: dict[str, AttemptOutcome] = {"succeeded": "succeeded", "pending": "pending", "failed": "failed"}
AUTHENTICATION = frozenset(
    {"authentication_required", "invoice_payment_intent_requires_action", "payment_intent_authentication_failure"}
)
"""Error codes of a bank that wants the cardholder present; all are `authentication_required` to the rest of us."""
HIDING = frozenset({"", "card_declined", "generic_decline", "fraudulent"})
"""Codes behind which the API hides the reason: after the 15th try Stripe blocks silently and still says
`generic_decline`; only the charge's outcome tells (support.stripe.com, payment blocked due to excessive retries)."""
NO_METHOD = frozenset({"payment_method", "source", "default_payment_method", "default_source"})
"""Parameters that an error names where the card to charge is missing or gone."""


def read_attempt(raw: Any, invoices: dict[str, str]) -> Attempt:
    """A charge as an attempt, by whomever. `invoices` finds the invoice of a payment intent.

    `renewal` is empty for a charge that no invoice of ours made, which still uses the card's network budget.
    `step_key` stays empty: a charge does not carry the idempotency key; our own steps know it by the charge's id.
    """
    return Attempt(
        id=need_text(raw, "id"),
        renewal=invoices.get(reference(raw, "payment_intent"), ""),
        customer=reference(raw, "customer"),
        amount=money_at(raw, "amount"),
        at=need_instant(raw, "created"),
        outcome=_outcome(raw),
        card=charged_card(raw),
        codes=charge_codes(raw),
    )


def charged_card(raw: Any) -> Card | None:
    """The card of a charge with its fingerprint, from the charge itself and not from the method it was made with."""
    method = text(raw, "payment_method")
    kind = text(raw, "payment_method_details.type")
    fingerprint = text(raw, f"payment_method_details.{kind}.fingerprint") if kind else ""
    if not method and not fingerprint:
        return None
    return Card(id=method, fingerprint=fingerprint, network=_network(raw))


def charge_codes(raw: Any) -> DeclineCodes:
    """All codes of a charge that failed; only the network where it did not.

    `failure_code` is mostly just `card_declined`; the issuer's reason stands in `outcome.reason`.
    """
    if text(raw, "status") != "failed":
        return DeclineCodes(network=_network(raw))
    failure = text(raw, "failure_code")
    return DeclineCodes(
        code=text(raw, "outcome.reason") or ("generic_decline" if failure == "card_declined" else failure),
        advice=text(raw, "outcome.advice_code"),
        network=_network(raw),
        network_code=text(raw, "outcome.network_decline_code"),
        network_advice=text(raw, "outcome.network_advice_code"),
        blocked=is_blocked(raw),
    )


def is_blocked(raw: Any) -> bool:
    """Whether Stripe itself refused and nothing reached the network, so that no network budget was used."""
    return text(raw, "outcome.type") == "blocked" or text(raw, "outcome.network_status") == "not_sent_to_network"


def result_of_charge(raw: Any) -> ChargeResult:
    """What became of a charge: paid or pending under its payment intent's id, declined under its own."""
    when, status, codes = need_instant(raw, "created"), need_text(raw, "status"), charge_codes(raw)
    if status not in OUTCOMES:
        raise Damaged(f"status: a word of {len(status)} letters that is none of a charge's states")
    if status == "failed":
        return ChargeResult(state="declined", ref=need_text(raw, "id"), at=when, codes=codes)
    ref = reference(raw, "payment_intent") or need_text(raw, "id")
    if status == "pending":
        return ChargeResult(state="pending", ref=ref, at=when, codes=codes)
    taken = whole(raw, "amount_captured")
    amount = money(taken if taken is not None else need_whole(raw, "amount"), need_text(raw, "currency"))
    return ChargeResult(state="paid", ref=ref, amount=amount, at=when, codes=codes)


def result_of_invoice(raw: Any) -> ChargeResult:
    """What a successful call to pay an invoice gave: `paid`, or `pending` while a bank still thinks about it."""
    if need_text(raw, "status") != "paid":
        return ChargeResult(state="pending", ref=_intent(raw))
    ref, amount, when = paid_part(raw)
    return ChargeResult(state="paid", ref=ref, amount=amount, at=when)


def result_of_error(error: Any) -> ChargeResult | None:
    """A refusal of the card as a value; None for any other error, whose meaning only the invoice can tell.

    A method that is missing or gone is a refusal as well: there is nothing to charge until a new one is there.
    """
    code, kind = text(error, "code"), text(error, "type")
    wants_person = code in AUTHENTICATION or text(error, "decline_code") in AUTHENTICATION
    no_method = kind == "invalid_request_error" and text(error, "param") in NO_METHOD
    if not (kind == "card_error" or wants_person or no_method):
        return None
    method = at(error, "payment_method") or at(error, "source")
    codes = DeclineCodes(
        code="authentication_required" if wants_person else text(error, "decline_code") or code,
        advice=text(error, "advice_code"),
        network=read_network(text(method, "card.brand") or text(method, "brand")),
        network_code=text(error, "network_decline_code"),
        network_advice=text(error, "network_advice_code"),
    )
    return ChargeResult(state="declined", ref=text(error, "charge"), codes=codes)


def result_of_standing(raw: Any) -> ChargeResult | None:
    """What an invoice that Stripe would not charge has become: paid by somebody, closed, or pending; else None."""
    status = need_text(raw, "status")
    if status == "paid":
        ref, amount, when = paid_part(raw)
        return ChargeResult(state="already_paid", ref=ref, amount=amount, at=when)
    if status in ("void", "uncollectible", "draft"):
        return ChargeResult(state="closed", ref=need_text(raw, "id"))
    intents = [at(item, "payment.payment_intent") for item in many(raw, "payments.data")]
    waiting = [item for item in intents if isinstance(item, dict) and text(item, "status") == "processing"]
    return ChargeResult(state="pending", ref=need_text(waiting[0], "id")) if waiting else None


def read_refund(raw: Any, invoices: dict[str, str]) -> MoneyBack | None:
    """A refund that went through; None while it is pending or where it failed."""
    if need_text(raw, "status") != "succeeded":
        return None
    return MoneyBack(
        ref=need_text(raw, "id"),
        payment_ref=reference(raw, "payment_intent") or reference(raw, "charge"),
        renewal=invoices.get(reference(raw, "payment_intent"), ""),
        kind="refund",
        amount=money_at(raw, "amount"),
        at=need_instant(raw, "created"),
    )


def read_dispute(raw: Any, invoices: dict[str, str]) -> tuple[MoneyBack, ...]:
    """The money that a dispute moved: out when it was withdrawn, back in when it was won; nothing for an inquiry.

    Stripe's own balance transactions say what moved and when. The amount is the dispute's, because a balance
    transaction is in the currency of our account. A win carries the dispute's id like the loss that it takes back;
    `kind` tells them apart.
    """
    found = []
    for item in many(raw, "balance_transactions"):
        category = need_text(item, "reporting_category")
        if category not in ("dispute", "dispute_reversal"):
            continue
        won = category == "dispute_reversal"
        back = MoneyBack(
            ref=need_text(raw, "id"),
            payment_ref=reference(raw, "payment_intent") or reference(raw, "charge"),
            renewal=invoices.get(reference(raw, "payment_intent"), ""),
            kind="chargeback_won" if won else "chargeback",
            amount=money_at(raw, "amount"),
            at=need_instant(item, "created"),
        )
        found.append(back)
    return tuple(found)


def event_result(event: Any) -> ChargeResult | None:
    """What an event says of the call that caused it: a charge, or an invoice that needed or found no charge.

    Stripe renders an event in the API version of its day, so only what all versions share is read here; what
    may have changed since, or stands elsewhere in newer versions, is read again: see `to_read_again`.
    """
    kind, item = need_text(event, "type"), at(event, "data.object")
    if kind.startswith("charge."):
        return result_of_charge(item)
    if kind == "invoice.paid":
        ref, amount, when = paid_part(item)
        return ChargeResult(state="paid", ref=ref, amount=amount, at=when)
    if kind in ("invoice.payment_failed", "invoice.payment_action_required"):
        code = "authentication_required" if kind.endswith("action_required") else ""
        when_failed = instant(event, "created")
        return ChargeResult(state="declined", ref=_intent(item), at=when_failed, codes=DeclineCodes(code=code))
    return None


def to_read_again(event: Any) -> str:
    """The path of the object that says more than its event: a pending charge, a paid invoice; else empty.

    A pending charge succeeds or fails later with no key in that event, and an invoice in an event does not name
    its payment.
    """
    kind, id = text(event, "type"), reference(event, "data.object")
    return {"charge.pending": f"/v1/charges/{id}", "invoice.paid": f"/v1/invoices/{id}"}.get(kind, "")


def _outcome(raw: Any) -> AttemptOutcome:
    status = need_text(raw, "status")
    if status not in OUTCOMES:
        raise Damaged(f"status: a word of {len(status)} letters that is none of a charge's states")
    return "blocked" if status == "failed" and is_blocked(raw) else OUTCOMES[status]


def _network(raw: Any) -> str:
    card = "payment_method_details.card"
    return read_network(text(raw, f"{card}.network") or text(raw, f"{card}.brand"))


def _intent(raw: Any) -> str:
    payments = many(raw, "payments.data")
    return reference(payments[0], "payment.payment_intent") if payments else ""
