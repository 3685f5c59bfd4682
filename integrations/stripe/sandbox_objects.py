"""The pretended Stripe's resources as JSON: every field that Stripe sends, in the shapes of API 2026-10-28.endive.

Inner objects that never change are shared between resources; whoever changes one replaces it whole.
"""

from typing import Any

Json = dict[str, Any]

NO_ADDRESS: Json = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
AUTOMATIC_TAX: Json = {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None}
NO_CHECKS: Json = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None}
INVOICE_PAYMENT_SETTINGS: Json = {
    "default_mandate": None,
    "payment_method_options": None,
    "payment_method_types": None,
}
NO_OUTCOME_CODES: Json = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}


def listed(url: str, data: list[Json], has_more: bool = False) -> Json:
    """A list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def customer(id: str, created: int, wanted: Json) -> Json:
    """A customer from a seed's fields: name, email, phone, language, country, state, metadata."""
    address = {**NO_ADDRESS, "country": wanted.get("country"), "state": wanted.get("state")}
    return {
        "id": id,
        "object": "customer",
        "address": address,
        "balance": 0,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": wanted.get("email"),
        "invoice_prefix": "SANDBOX",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(wanted.get("metadata", {})),
        "name": wanted.get("name"),
        "next_invoice_sequence": 1,
        "phone": wanted.get("phone"),
        "preferred_locales": [wanted["language"]] if wanted.get("language") else [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def payment_method(id: str, created: int, customer_id: str, card: Json) -> Json:
    """A card from a seed's fields: fingerprint, network, last4, exp_month, exp_year, country, funding."""
    network = card.get("network", "visa")
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
        "card": {
            "brand": network,
            "checks": NO_CHECKS,
            "country": card.get("country", "US"),
            "display_brand": network,
            "exp_month": card.get("exp_month", 12),
            "exp_year": card.get("exp_year", 2030),
            "fingerprint": card["fingerprint"],
            "funding": card.get("funding", "credit"),
            "generated_from": None,
            "last4": card.get("last4", "4242"),
            "networks": {"available": [network], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": created,
        "customer": customer_id,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


SUBSCRIPTION: Json = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": None, "type": "classic"},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "latest_invoice": None,
    "livemode": False,
    "managed_payments": None,
    "metadata": {},
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "status": "active",
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": None,
    "trial_start": None,
}
"""What every subscription starts with."""


def subscription(id: str, created: int, customer_id: str, currency: str) -> Json:
    """An active subscription that Stripe charges automatically."""
    return {
        **SUBSCRIPTION,
        "id": id,
        "billing_cycle_anchor": created,
        "created": created,
        "currency": currency,
        "customer": customer_id,
        "items": listed(f"/v1/subscription_items?subscription={id}", []),
        "start_date": created,
    }


INVOICE: Json = {
    "object": "invoice",
    "account_country": "US",
    "account_name": "Pretended shop",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": AUTOMATIC_TAX,
    "automatically_finalizes_at": None,
    "billing_reason": "subscription_cycle",
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_account": None,
    "customer_address": None,
    "customer_email": None,
    "customer_name": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "ending_balance": 0,
    "footer": None,
    "from_invoice": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "metadata": {},
    "next_payment_attempt": None,
    "on_behalf_of": None,
    "payment_settings": INVOICE_PAYMENT_SETTINGS,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "open",
    "test_clock": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
}
"""What every invoice of a subscription starts with."""


def invoice(id: str, created: int, customer_id: str, subscription_id: str, amount: int, currency: str) -> Json:
    """A finalised, open invoice of a subscription."""
    parent = {
        "quote_details": None,
        "subscription_details": {"metadata": {}, "subscription": subscription_id},
        "type": "subscription_details",
    }
    moments = {"finalized_at": created, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None}
    return {
        **INVOICE,
        "id": id,
        "amount_due": amount,
        "amount_remaining": amount,
        "created": created,
        "currency": currency,
        "customer": customer_id,
        "effective_at": created,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/sandbox/{id}",
        "lines": listed(f"/v1/invoices/{id}/lines", []),
        "number": f"SANDBOX-{id[-8:].upper()}",
        "parent": parent,
        "period_end": created,
        "period_start": created,
        "status_transitions": moments,
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "webhooks_delivered_at": created,
    }


def event(id: str, created: int, kind: str, item: Json, request: Json) -> Json:
    """An event with a copy of the object as it was then."""
    return {
        "id": id,
        "object": "event",
        "account": None,
        "api_version": "2026-10-28.endive",
        "context": None,
        "created": created,
        "data": {"object": dict(item)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": request,
        "type": kind,
    }
