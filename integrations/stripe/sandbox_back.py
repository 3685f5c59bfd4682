"""The pretended Stripe's refunds and disputes as JSON, in the shapes of 2026-10-28.endive."""

from integrations.stripe.sandbox_objects import Json


def refund(id: str, created: int, charge: Json, amount: int) -> Json:
    """A refund that went through."""
    return {
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": f"txn_{id}",
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": "requested_by_customer",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def dispute(id: str, created: int, charge: Json) -> Json:
    """A dispute of a whole charge, with the withdrawal that goes with it."""
    evidence = ("customer_communication", "product_description", "receipt", "service_date", "uncategorized_text")
    return {
        "id": id,
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [balance_transaction(f"txn_{id}", created, id, charge, "dispute")],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(evidence),
        "evidence_details": {
            "due_by": created + 1_209_600,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": "subscription_canceled",
        "status": "needs_response",
    }


def balance_transaction(id: str, created: int, source: str, charge: Json, category: str) -> Json:
    """What a dispute took from the account (`dispute`) or gave back (`dispute_reversal`)."""
    amount = -charge["amount"] if category == "dispute" else charge["amount"]
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created,
        "balance_type": "payments",
        "created": created,
        "currency": charge["currency"],
        "description": None,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": category,
        "source": source,
        "status": "available",
        "type": "adjustment",
    }
