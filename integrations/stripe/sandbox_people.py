"""What happens at the pretended Stripe beside our own calls: its automatic charges, and what people do on their day.

An action is `{"at": instant, "do": one of ACTIONS, …}`. It happens at its instant, in order, as the clock passes it.
"""

import heapq
from collections.abc import Callable
from contextlib import suppress

from integrations.stripe import sandbox_money, sandbox_objects, sandbox_payments
from integrations.stripe.sandbox_account import AUTOMATIC, OK, Account
from integrations.stripe.sandbox_objects import Json
from integrations.stripe.sandbox_shelves import ApiError


def run_until(account: Account, now: int) -> None:
    """Let everything happen that is due by now, in order."""
    while account.agenda and account.agenda[0][0] <= now:
        at, _, renewal, action = heapq.heappop(account.agenda)
        act(account, renewal, action, at)


def act(account: Account, renewal: str, action: Json, now: int) -> None:
    """Do one thing with a renewal, a payment or a refund; a ValueError where `do` is no action."""
    if renewal.startswith(sandbox_payments.PREFIXES):
        sandbox_payments.act(account, renewal, action, now)
        return
    if action.get("do") == "begins":
        _begins(account, action["renewal"], now)
        return
    do = ACTIONS.get(action.get("do", ""))
    if do is None:
        raise ValueError(f"do must be one of {', '.join(ACTIONS)}, not {action.get('do')!r}")
    do(account, account.shelves.get("invoices", renewal), action, now)


def _begins(account: Account, wanted: Json, now: int) -> None:
    """A renewal comes into being as its seed says, and Stripe tries the card for the first time."""
    shelves, currency, amount = account.shelves, wanted.get("currency", "usd").lower(), wanted["amount"]
    customer, id = wanted["customer"], wanted["id"]
    if customer not in shelves.kinds["customers"].items:
        shelves.add("customers", sandbox_objects.customer(customer, now, {}))
    subscription = wanted.get("subscription") or f"sub_sbx{customer.removeprefix('cus_')}"
    if subscription not in shelves.kinds["subscriptions"].items:
        shelves.add("subscriptions", sandbox_objects.subscription(subscription, now, customer, currency))
    invoice = shelves.add("invoices", sandbox_objects.invoice(id, now, customer, subscription, amount, currency))
    intent = sandbox_money.payment_intent(account.new_id("pi"), now, customer, id, amount, currency)
    shelves.add("payment_intents", intent)
    payment = sandbox_money.invoice_payment(account.new_id("inpay"), now, id, intent["id"], amount, currency)
    shelves.add("invoice_payments", payment)
    shelves.get("subscriptions", subscription)["latest_invoice"] = id
    if wanted.get("card"):
        put_card(account, invoice, wanted["card"], now)
    if wanted.get("status") == "draft":
        invoice["status"] = "draft"
    _vendor_tries(account, invoice, {}, now)


def _vendor_tries(account: Account, invoice: Json, action: Json, now: int) -> None:
    """Stripe's own first charge or retry, whose refusal nobody waits for."""
    method = account.card_of(invoice)
    if invoice["status"] == "open" and method is not None:
        with suppress(ApiError):
            account.attempt(invoice, method, account.scripts[invoice["id"]].next(now), AUTOMATIC, now, by="vendor")


def _pays(account: Account, invoice: Json, action: Json, now: int) -> None:
    """The customer pays on Stripe's page, with their card or another."""
    if action.get("card"):
        _new_card(account, invoice, action, now)
    method = account.card_of(invoice)
    if invoice["status"] == "open" and method is not None:
        account.attempt(invoice, method, OK, account.person(), now, by="customer")


def _new_card(account: Account, invoice: Json, action: Json, now: int) -> None:
    """The customer stores another card; the next attempts go as its own `outcomes` say (default: ok)."""
    put_card(account, invoice, action["card"], now)
    script = account.scripts[invoice["id"]]
    script.outcomes, script.tried = [sandbox_money.outcome(item) for item in action.get("outcomes", ["ok"])], 0


def put_card(account: Account, invoice: Json, card: Json, now: int) -> None:
    """Make a card the default, of the customer or (with `on_subscription`) of the subscription."""
    customer = account.shelves.get("customers", invoice["customer"])
    id = card.get("id") or f"pm_sbx{invoice['customer'].removeprefix('cus_')}{card['fingerprint']}"
    methods = account.shelves.kinds["payment_methods"]
    if id not in methods.items:
        methods.add(sandbox_objects.payment_method(id, now, invoice["customer"], card))
    if card.get("on_subscription"):
        account.subscription_of(invoice)["default_payment_method"] = id
        return
    account.subscription_of(invoice)["default_payment_method"] = None
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": id}


def _cancels(account: Account, invoice: Json, action: Json, now: int) -> None:
    subscription = account.subscription_of(invoice)
    reason = {"comment": None, "feedback": None, "reason": "cancellation_requested"}
    subscription.update(status="canceled", canceled_at=now, ended_at=now, cancellation_details=reason)
    invoice.update(auto_advance=False, next_payment_attempt=None)
    account.tell("customer.subscription.deleted", subscription, account.person(), now)


def _pauses(account: Account, invoice: Json, action: Json, now: int) -> None:
    account.subscription_of(invoice)["pause_collection"] = {"behavior": "keep_as_draft", "resumes_at": None}


def _resumes(account: Account, invoice: Json, action: Json, now: int) -> None:
    account.subscription_of(invoice)["pause_collection"] = None


def _refund(account: Account, invoice: Json, action: Json, now: int) -> None:
    if invoice["status"] != "paid":
        return
    sandbox_payments.refund(account, account.last_charge(invoice), action, now)


def _disputes(account: Account, invoice: Json, action: Json, now: int) -> None:
    if invoice["status"] != "paid":
        return
    sandbox_payments.dispute(account, account.last_charge(invoice), action, now)


def _dispute_won(account: Account, invoice: Json, action: Json, now: int) -> None:
    sandbox_payments.end_disputes(account, account.last_charge(invoice), "won", now)


def _voids(account: Account, invoice: Json, action: Json, now: int) -> None:
    invoice.update(status="void", status_transitions={**invoice["status_transitions"], "voided_at": now})


def _writes_off(account: Account, invoice: Json, action: Json, now: int) -> None:
    moments = {**invoice["status_transitions"], "marked_uncollectible_at": now}
    invoice.update(status="uncollectible", status_transitions=moments)


def _settles(account: Account, invoice: Json, action: Json, now: int) -> None:
    account.settle_pending(invoice, now)


def _bounces(account: Account, invoice: Json, action: Json, now: int) -> None:
    account.bounce_pending(invoice, now)


ACTIONS: dict[str, Callable[[Account, Json, Json, int], None]] = {
    "first_charge": _vendor_tries,
    "vendor_retry": _vendor_tries,
    "pays": _pays,
    "new_card": _new_card,
    "cancels": _cancels,
    "pauses": _pauses,
    "resumes": _resumes,
    "refund": _refund,
    "disputes": _disputes,
    "dispute_won": _dispute_won,
    "voids": _voids,
    "writes_off": _writes_off,
    "settles": _settles,
    "bounces": _bounces,
}
"""What can happen to a renewal beside our own calls."""
