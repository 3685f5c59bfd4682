"""What one object of Stripe does not say of itself: who paid, which invoice a payment was for, which card an id is."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.errors import Refused
from integrations.fields import Damaged, at, instant, many, reference, text
from integrations.stripe.connection import Connection, Params, created, item_id
from integrations.stripe.mapping import PaidBy, paid_at_once, paid_by_event

OUR_KEY = re.compile(r"[a-z]+(/[^/\s]+){2,}\Z")
"""What a step key looks like: `dunning/in_123/retry-1`. Stripe's own pages and other software use random keys."""
AT_ONCE = 8
"""Look-ups in flight together; Stripe allows 100 calls a second in live mode and 25 in test mode."""
NEAR = timedelta(minutes=1)


def needs_event(raw: Any) -> bool:
    """Whether only an event can say who paid this invoice: paid, and not by the automatic first charge."""
    try:
        return isinstance(raw, dict) and raw.get("status") == "paid" and not paid_at_once(raw)
    except ValueError:
        return False  # A damaged invoice goes to quarantine whoever paid it.


async def payers(stripe: Connection, since: datetime) -> dict[str, PaidBy]:
    """Who paid each invoice since then, by its id. Stripe keeps events for 30 days."""
    found: dict[str, PaidBy] = {}
    params = [*created(since=since), ("type", "invoice.paid")]
    async for raw in stripe.pages("/v1/events", "list payments", params):
        for event in raw:
            _keep_payer(found, event)
    return found


async def payer(stripe: Connection, raw: dict[str, Any]) -> PaidBy | None:
    """Who paid one invoice, from the events of that very minute; None where no event is left."""
    paid = instant(raw, "status_transitions.paid_at")
    if paid is None:
        return None
    found: dict[str, PaidBy] = {}
    params = [*created(since=paid - NEAR, until=paid + NEAR), ("type", "invoice.paid")]
    async for events in stripe.pages("/v1/events", f"find payment of {item_id(raw)}", params):
        for event in events:
            _keep_payer(found, event)
        if item_id(raw) in found:
            break
    return found.get(item_id(raw))


async def invoices_since(stripe: Connection, since: datetime) -> dict[str, str]:
    """The invoice of each payment intent that Stripe made for one since then."""
    found: dict[str, str] = {}
    async for raw in stripe.pages("/v1/invoice_payments", "list invoice payments", created(since=since)):
        for item in raw:
            _keep_invoice(found, item)
    return found


async def invoices_of(stripe: Connection, raw: list[Any]) -> dict[str, str]:
    """The invoice of each payment intent that refunds or disputes name, however old; one call for each."""
    found: dict[str, str] = {}

    async def ask(intent: str) -> None:
        params: Params = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intent), ("limit", "1")]
        body = await stripe.get("/v1/invoice_payments", f"find invoice of {intent}", params)
        for item in many(body, "data"):
            _keep_invoice(found, item)

    await _together(ask, {intent_of(item) for item in raw} - {""})
    return found


async def complete_cards(stripe: Connection, raw: list[Any]) -> None:
    """Put the payment method itself where an open invoice's subscription names only its id.

    A list cannot expand that deep. A method that is gone stays an id; charging it will say so.
    """
    wanted: dict[str, list[dict[str, Any]]] = {}
    for item in raw:
        subscription = _subscription(item)
        method = subscription.get("default_payment_method")
        if isinstance(method, str) and method and item.get("status") == "open":
            wanted.setdefault(method, []).append(subscription)

    async def ask(method: str) -> None:
        try:
            card = await stripe.get(f"/v1/payment_methods/{quote(method, safe='')}", f"read card {method}", [])
        except Refused:
            return
        for subscription in wanted[method]:
            subscription["default_payment_method"] = card

    await _together(ask, wanted)


def intent_of(raw: Any) -> str:
    """The payment intent that an object names, empty where it names none or is damaged."""
    try:
        return reference(raw, "payment_intent")
    except Damaged:
        return ""


def _subscription(raw: Any) -> dict[str, Any]:
    try:
        found = at(raw, "parent.subscription_details.subscription")
    except Damaged:
        return {}
    return found if isinstance(found, dict) else {}


def _keep_payer(found: dict[str, PaidBy], event: Any) -> None:
    try:
        ours = bool(OUR_KEY.match(text(event, "request.idempotency_key")))
        found[item_id(at(event, "data.object"))] = paid_by_event(event, ours)
    except Damaged:
        return  # The invoice alone then says what it can; the event is no fact of ours.


def _keep_invoice(found: dict[str, str], item: Any) -> None:
    try:
        intent, invoice = reference(item, "payment.payment_intent"), reference(item, "invoice")
    except Damaged:
        return  # Its charges are then attempts of no renewal, which still count for the card.
    if intent and invoice:
        found[intent] = invoice


async def _together(ask: Callable[[str], Awaitable[None]], wanted: Iterable[str]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with gate:
            await ask(name)

    await asyncio.gather(*(one(name) for name in wanted))
