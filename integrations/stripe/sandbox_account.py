"""The pretended Stripe account: its objects, what an attempt on a renewal does to them, and what was really done.

One attempt goes as the renewal's script says: `outcomes` one by one and the last one again, or success from
`ok_from` on. After the 15th try of an invoice Stripe blocks silently, and so does this.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.stripe import sandbox_money, sandbox_objects
from integrations.stripe.sandbox_money import Outcome
from integrations.stripe.sandbox_objects import Json
from integrations.stripe.sandbox_shelves import ApiError, Shelves, invalid

TRIES_BEFORE_BLOCK = 15
AUTOMATIC: Json = {"id": None, "idempotency_key": None}
OK = Outcome("ok")


@dataclass(slots=True)
class Script:
    """How the attempts on one renewal go, and when Stripe itself will retry."""

    outcomes: list[Outcome]
    ok_from: int | None = None
    retries: list[int] = field(default_factory=list)
    tried: int = 0
    tried_in_all: int = 0

    def next(self, now: int) -> Outcome:
        """The outcome of the next attempt, counted as made."""
        self.tried += 1
        self.tried_in_all += 1
        if self.tried_in_all > TRIES_BEFORE_BLOCK:
            return Outcome("declined", sandbox_money.SILENT_BLOCK, blocked=True)
        if self.ok_from is not None and now >= self.ok_from:
            return OK
        return self.outcomes[min(self.tried, len(self.outcomes)) - 1]


class Account:
    """One account's objects, scripts and what was really done."""

    def __init__(self, emit: Callable[[str, Json], None] = lambda kind, event: None) -> None:
        self.shelves = Shelves()
        self.emit = emit
        self.fates: dict[str, list[Any]] = {}
        self.refunds_made: list[Json] = []
        self.scripts: dict[str, Script] = {}
        self.effects: list[Json] = []
        self.effects_by_key: dict[str, Json] = {}
        self.agenda: list[tuple[int, int, str, Json]] = []
        self._made: Counter[str] = Counter()

    def new_id(self, prefix: str) -> str:
        """The next id of a kind. Kinds count apart: what is scripted has the same ids however our calls overlap."""
        self._made[prefix] += 1
        return f"{prefix}_sbx{self._made[prefix]:012d}"

    def plan(self, at: int, renewal: str, action: Json) -> None:
        """Have an action happen at an instant: see `sandbox_people.act`."""
        self._made["action"] += 1
        heapq.heappush(self.agenda, (at, self._made["action"], renewal, action))

    def pay(self, id: str, form: dict[str, list[str]], key: str, now: int) -> Json:
        """Our call to pay an invoice: the invoice afterwards, or ApiError with the vendor's own body."""
        invoice = self.shelves.get("invoices", id)
        refuse_payment(invoice, self.intent_of(invoice))
        card = form.get("payment_method", [""])[0]
        method = self.shelves.get("payment_methods", card, "payment_method") if card else self.card_of(invoice)
        if method is None:
            raise invalid("There is no default payment method for this invoice.", param="default_payment_method")
        if method["customer"] != invoice["customer"]:
            raise invalid("The payment method does not belong to this customer.", param="payment_method")
        request = {"id": self.new_id("req"), "idempotency_key": key or None}
        self.attempt(invoice, method, self.scripts[id].next(now), request, now, key=key, by="us")
        return invoice

    def attempt(
        self, invoice: Json, method: Json, how: Outcome, request: Json, now: int, *, key: str = "", by: str
    ) -> None:
        """Charge a card for an invoice and let the objects and events follow; ApiError where it is declined."""
        payment, intent = self.shelves.payments_by_invoice[invoice["id"]][0], self.intent_of(invoice)
        if by == "vendor" or not invoice["attempted"]:
            invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
        if how.state == "requires_action":
            self._wait_for_person(invoice, intent, method, request, now)
        charge = sandbox_money.charge(self.new_id("ch"), now, intent, method, how)
        self.shelves.add("charges", charge)
        intent.update(latest_charge=charge["id"], payment_method=method["id"])
        self._note(invoice, charge, how, key, by, now)
        if how.state == "ok":
            self._settle(invoice, payment, intent, charge, request, now)
        elif how.state == "processing":
            intent["status"] = "processing"
            self.tell("charge.pending", charge, request, now)
        else:
            self._decline(invoice, intent, charge, method, how, request, now)

    def card_of(self, invoice: Json) -> Json | None:
        """The payment method that Stripe would charge next, in its own order."""
        subscription = self.subscription_of(invoice)
        customer = self.shelves.get("customers", invoice["customer"])
        id = (
            invoice["default_payment_method"]
            or subscription["default_payment_method"]
            or customer["invoice_settings"]["default_payment_method"]
        )
        return self.shelves.get("payment_methods", id) if id else None

    def subscription_of(self, invoice: Json) -> Json:
        """The subscription that an invoice is for."""
        return self.shelves.get("subscriptions", invoice["parent"]["subscription_details"]["subscription"])

    def intent_of(self, invoice: Json) -> Json:
        """The payment intent that an invoice is paid with."""
        payment = self.shelves.payments_by_invoice[invoice["id"]][0]
        return self.shelves.get("payment_intents", payment["payment"]["payment_intent"])

    def tell(self, kind: str, item: Json, request: Json, now: int) -> None:
        """Record an event, and let it go out to whoever wants to hear of it."""
        self.emit(kind, self.shelves.add("events", sandbox_objects.event(self.new_id("evt"), now, kind, item, request)))

    def next_fate(self, charge: str) -> Any:
        """How the next refund of a charge goes: as its payment's seed or the account says; None where neither does."""
        for name in (charge, ""):
            if self.fates.get(name):
                return self.fates[name].pop(0)
        return None

    def person(self) -> Json:
        """The request of somebody who is not us: a page of Stripe's with a random key."""
        id = self.new_id("req")
        return {"id": id, "idempotency_key": f"5e0a4c1e-0000-4000-8000-{self._made['req']:012d}"}

    def last_charge(self, invoice: Json) -> Json:
        """The charge that paid an invoice, or the last that tried."""
        return self.shelves.get("charges", self.intent_of(invoice)["latest_charge"] or "")

    def settle_pending(self, invoice: Json, now: int) -> None:
        """Let a payment that was processing go through."""
        payment, intent = self.shelves.payments_by_invoice[invoice["id"]][0], self.intent_of(invoice)
        charge = self.last_charge(invoice)
        charge.update(status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
        self._settle(invoice, payment, intent, charge, AUTOMATIC, now)

    def bounce_pending(self, invoice: Json, now: int) -> None:
        """Let a payment that was processing fail."""
        charge = self.last_charge(invoice)
        charge.update(status="failed", failure_code="card_declined", failure_message="Your card was declined.")
        intent = self.shelves.get("payment_intents", charge["payment_intent"])
        intent["status"] = "requires_payment_method"
        self.tell("charge.failed", charge, AUTOMATIC, now)
        self.tell("invoice.payment_failed", invoice, AUTOMATIC, now)

    def _settle(self, invoice: Json, payment: Json, intent: Json, charge: Json, request: Json, now: int) -> None:
        amount = charge["amount"]
        moments = {**invoice["status_transitions"], "paid_at": now}
        invoice.update(status="paid", amount_paid=amount, amount_remaining=0, auto_advance=False)
        invoice.update(next_payment_attempt=None, status_transitions=moments)
        payment.update(status="paid", amount_paid=amount, status_transitions={"canceled_at": None, "paid_at": now})
        intent.update(status="succeeded", amount_received=amount, last_payment_error=None)
        subscription = self.subscription_of(invoice)
        if subscription["status"] == "past_due":
            subscription["status"] = "active"
        self.tell("charge.succeeded", charge, request, now)
        self.tell("invoice.paid", invoice, request, now)

    def _decline(
        self, invoice: Json, intent: Json, charge: Json, method: Json, how: Outcome, request: Json, now: int
    ) -> None:
        request_id = request["id"] or "req_automatic"
        error = sandbox_money.card_error(how, charge["id"], {**intent, "last_payment_error": None}, method, request_id)
        stored = {name: value for name, value in error.items() if name not in ("payment_intent", "request_log_url")}
        intent.update(status="requires_payment_method", last_payment_error=stored)
        retries = [at for at in self.scripts[invoice["id"]].retries if at > now]
        invoice["next_payment_attempt"] = min(retries, default=None)
        subscription = self.subscription_of(invoice)
        if subscription["status"] == "active":
            subscription["status"] = "past_due"
        self.tell("charge.failed", charge, request, now)
        self.tell("invoice.payment_failed", invoice, request, now)
        raise ApiError(402, error)

    def _wait_for_person(self, invoice: Json, intent: Json, method: Json, request: Json, now: int) -> None:
        intent.update(status="requires_action", payment_method=method["id"])
        self.tell("invoice.payment_action_required", invoice, request, now)
        message = "This invoice's payment needs an action of the customer."
        raise invalid(message, code="invoice_payment_intent_requires_action")

    def _note(self, invoice: Json, charge: Json, how: Outcome, key: str, by: str, now: int) -> None:
        """Write down what was really done; the same key a second time counts up, and must not happen."""
        found = self.effects_by_key.get(key) if key else None
        if found:
            found["times"] += 1
            return
        effect = {
            "key": key,
            "renewal": invoice["id"],
            "charge": charge["id"],
            "amount": charge["amount"],
            "currency": charge["currency"],
            "outcome": how.code or how.state,
            "by": by,
            "at": now,
            "times": 1,
        }
        self.effects.append(effect)
        if key:
            self.effects_by_key[key] = effect


def refuse_payment(invoice: Json, intent: Json) -> None:
    """Stripe charges an open invoice only, and not while a bank still thinks about it."""
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] != "open":
        raise invalid(f"This invoice is {invoice['status']} and can't be paid.", code="invoice_not_open")
    if intent["status"] == "processing":
        raise invalid("A payment of this invoice is processing.", code="payment_intent_unexpected_state")
