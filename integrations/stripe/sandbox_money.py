"""The pretended Stripe's payment intents, charges and card errors as JSON, in the shapes of 2026-10-28.endive."""

from dataclasses import dataclass
from typing import Any

from integrations.stripe.sandbox_objects import NO_ADDRESS, NO_CHECKS, NO_OUTCOME_CODES, Json

OWN_CODES = frozenset(
    {"expired_card", "incorrect_cvc", "incorrect_number", "processing_error", "authentication_required"}
)
"""Decline codes that Stripe also uses as the error's own code; for the others that is `card_declined`."""
NETWORK_CODES = {
    "insufficient_funds": "51",
    "do_not_honor": "05",
    "generic_decline": "05",
    "expired_card": "54",
    "lost_card": "41",
    "stolen_card": "43",
    "pickup_card": "04",
    "transaction_not_allowed": "57",
    "card_velocity_exceeded": "65",
    "try_again_later": "91",
    "incorrect_number": "14",
    "revocation_of_authorization": "R1",
    "revocation_of_all_authorizations": "R3",
    "stop_payment_order": "R0",
}
ADVICE = {
    "insufficient_funds": "try_again_later",
    "try_again_later": "try_again_later",
    "processing_error": "try_again_later",
    "card_velocity_exceeded": "try_again_later",
    "expired_card": "confirm_card_data",
    "incorrect_number": "confirm_card_data",
    "lost_card": "do_not_try_again",
    "stolen_card": "do_not_try_again",
    "pickup_card": "do_not_try_again",
    "revocation_of_authorization": "do_not_try_again",
    "revocation_of_all_authorizations": "do_not_try_again",
}
SILENT_BLOCK = "previously_declined_do_not_retry"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt goes. `state` is ok, declined, processing or requires_action."""

    state: str
    code: str = ""
    advice: str = ""
    network_code: str = ""
    network_advice: str = ""
    blocked: bool = False


def outcome(wanted: Any) -> Outcome:
    """An outcome from a seed: `"ok"`, a decline code, or an object with the fields of `Outcome`."""
    if isinstance(wanted, str):
        wanted = {"state": wanted} if wanted in ("ok", "processing", "requires_action") else {"code": wanted}
    code = wanted.get("code", "")
    state = wanted.get("state") or "declined"
    blocked = bool(wanted.get("blocked"))
    if state != "declined" or blocked:
        return Outcome(state, code or (SILENT_BLOCK if blocked else ""), blocked=blocked)
    return Outcome(
        state,
        code,
        wanted.get("advice", ADVICE.get(code, "")),
        wanted.get("network_code", NETWORK_CODES.get(code, "")),
        wanted.get("network_advice", ""),
    )


def invoice_payment(id: str, created: int, invoice_id: str, intent_id: str, amount: int, currency: str) -> Json:
    """The link between an invoice and its payment intent, open until it is paid."""
    return {
        "id": id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": created,
        "currency": currency,
        "invoice": invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent_id, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


INTENT: Json = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic",
    "confirmation_method": "automatic",
    "customer_account": None,
    "description": "Subscription update",
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "managed_payments": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": "off_session",
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}
"""What every payment intent starts with."""


def payment_intent(id: str, created: int, customer_id: str, invoice_id: str, amount: int, currency: str) -> Json:
    """An intent that waits for a payment method."""
    return {
        **INTENT,
        "id": id,
        "amount": amount,
        "client_secret": f"{id}_secret_sandbox",
        "created": created,
        "currency": currency,
        "customer": customer_id,
        "payment_details": {"customer_reference": None, "order_reference": invoice_id},
    }


CHARGE: Json = {
    "object": "charge",
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "billing_details": {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
    "calculated_statement_descriptor": "PRETENDED SHOP",
    "disputed": False,
    "failure_balance_transaction": None,
    "fraud_details": {},
    "livemode": False,
    "metadata": {},
    "on_behalf_of": None,
    "receipt_email": None,
    "receipt_number": None,
    "receipt_url": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}
"""What every charge has in common."""


def charge(id: str, created: int, intent: Json, method: Json, how: Outcome) -> Json:
    """A charge of an intent's whole amount with a card, gone as `how` says."""
    paid, failed = how.state == "ok", how.state == "declined"
    amount, card = intent["amount"], method["card"]
    return {
        **CHARGE,
        "id": id,
        "amount": amount,
        "amount_captured": amount if paid else 0,
        "balance_transaction": f"txn_{id}" if paid else None,
        "captured": paid,
        "created": created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "failure_code": _error_code(how) if failed else None,
        "failure_message": "Your card was declined." if failed else None,
        "outcome": _outcome(how),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _charged(card, amount), "type": "card"},
        "status": "succeeded" if paid else "failed" if failed else "pending",
    }


def card_error(how: Outcome, charge_id: str, intent: Json, method: Json, request_id: str) -> Json:
    """The `error` of a declined payment. Of a block it tells nothing: that stands in the charge's outcome only."""
    shown = Outcome("declined", "generic_decline") if how.blocked else how
    code = _error_code(shown)
    return {
        "advice_code": shown.advice or None,
        "charge": charge_id,
        "code": code,
        "decline_code": None if code == shown.code != "authentication_required" else shown.code,
        "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
        "message": "Your card was declined.",
        "network_advice_code": shown.network_advice or None,
        "network_decline_code": shown.network_code or None,
        "payment_intent": intent,
        "payment_method": method,
        "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}",
        "type": "card_error",
    }


def _error_code(how: Outcome) -> str:
    return how.code if how.code in OWN_CODES else "card_declined"


def _outcome(how: Outcome) -> Json:
    if how.blocked:
        codes = {**NO_OUTCOME_CODES, "network_status": "not_sent_to_network", "reason": how.code, "type": "blocked"}
        return {**codes, "seller_message": "Stripe blocked this payment."}
    if how.state == "declined":
        return {
            "advice_code": how.advice or None,
            "network_advice_code": how.network_advice or None,
            "network_decline_code": how.network_code or None,
            "network_status": "declined_by_network",
            "reason": how.code,
            "seller_message": "The bank did not approve this payment.",
            "type": "issuer_declined",
        }
    sent = {**NO_OUTCOME_CODES, "network_status": "approved_by_network", "reason": None, "type": "authorized"}
    return {**sent, "seller_message": "Payment complete."}


def _charged(card: Json, amount: int) -> Json:
    return {
        "amount_authorized": amount,
        "authorization_code": None,
        "brand": card["brand"],
        "checks": NO_CHECKS,
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }
