"""Stripe over HTTP: renewals, attempts, money back, and the one effect, charging an invoice.

A charge carries our step key as the Idempotency-Key. Stripe answers a repeated key with the stored answer, declines
included, and forgets a key after 24 hours or more; so a charge is repeated within seconds here, and later only
after `find_charges` has looked for the key in Stripe's own events, which it keeps for 30 days.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from domain.payments import Attempt, ChargeResult, MoneyBack, Renewal
from integrations.errors import NoAnswer, Refused, Unreadable, VendorError
from integrations.fields import at, text
from integrations.http import call, json_object
from integrations.pages import Page, read_page
from integrations.stripe import charges, lookups, mapping
from integrations.stripe.connection import VENDOR, Connection, created, expand, item_id

__all__ = ["VENDOR", "StripePayments"]

INVOICE_LOOKBACK = timedelta(days=45)
"""How much older than its charge an invoice may be: the window of dunning and a margin."""
REFUND_LOOKBACK = timedelta(days=10)
"""A refund by bank takes this long to go through, and Stripe lists it by the day it was asked for."""
DISPUTE_LOOKBACK = timedelta(days=180)
"""A dispute may be won this long after it was opened."""
CUSTOMER_CARD = "customer.invoice_settings.default_payment_method"
SUBSCRIPTION = "parent.subscription_details.subscription"
CHARGE_EVENTS = ("charge.succeeded", "charge.failed", "charge.pending")
INVOICE_EVENTS = ("invoice.paid", "invoice.payment_failed", "invoice.payment_action_required")


class StripePayments:
    """The payments vendor. `http` comes from `integrations.http.open_client("https://api.stripe.com")`."""

    def __init__(self, http: httpx.AsyncClient, secret_key: str) -> None:
        self._stripe = Connection(http, secret_key)

    async def renewals(self, created_since: datetime, *, status: str = "") -> AsyncIterator[Page[Renewal]]:
        """Subscription invoices created since then that were tried at least once, newest first.

        `status` keeps to one of Stripe's (`open`, `paid`, …); empty means any.

        A card's fingerprint is known where it is the customer's default; a subscription's own card lies a level
        too deep for a list and is read by itself for open invoices.
        """
        params = [
            ("collection_method", "charge_automatically"),
            *((("status", status),) if status else ()),
            *created(since=created_since),
            *expand(f"data.{CUSTOMER_CARD}", f"data.{SUBSCRIPTION}", "data.payments"),
        ]
        payers: dict[str, mapping.PaidBy] | None = None
        async for raw in self._stripe.pages("/v1/invoices", "list renewals", params):
            if payers is None and any(lookups.needs_event(item) for item in raw):
                payers = await lookups.payers(self._stripe, created_since)
            await lookups.complete_cards(self._stripe, raw)
            yield read_page(VENDOR, "renewal", raw, partial(_read_renewal, payers or {}))

    async def renewal(self, renewal_id: str) -> Renewal:
        """One renewal as it stands now, for the last look; Refused where Stripe has none of that id."""
        name = f"read renewal {renewal_id}"
        raw = await self._invoice(renewal_id)
        try:
            payer = await lookups.payer(self._stripe, raw) if lookups.needs_event(raw) else None
            found = mapping.read_renewal(raw, payer)
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error
        if found is None:
            raise Refused(VENDOR, name, "is not a subscription's invoice that Stripe charges and has tried")
        return found

    async def attempts(self, since: datetime) -> AsyncIterator[Page[Attempt]]:
        """Every try to charge a card since then, by anybody, newest first.

        A charge does not name its invoice, so the list of invoice payments is read first, once. An attempt whose
        `renewal` is empty was no invoice's, and still uses its card's budget.
        """
        invoices = await lookups.invoices_since(self._stripe, since - INVOICE_LOOKBACK)
        async for raw in self._stripe.pages("/v1/charges", "list attempts", created(since=since)):
            yield read_page(VENDOR, "attempt", raw, partial(charges.read_attempt, invoices=invoices))

    async def money_back(self, since: datetime) -> AsyncIterator[Page[MoneyBack]]:
        """Refunds that went through, chargebacks, and chargebacks won; `ref` and `kind` are unique together.

        Refunds come from ten days before `since`, because one that was pending then may be through now.
        """
        params = created(since=since - REFUND_LOOKBACK)
        async for raw in self._stripe.pages("/v1/refunds", "list refunds", params):
            invoices = await lookups.invoices_of(self._stripe, raw)
            yield read_page(VENDOR, "refund", raw, partial(charges.read_refund, invoices=invoices))
        params = created(since=since - DISPUTE_LOOKBACK)
        async for raw in self._stripe.pages("/v1/disputes", "list disputes", params):
            invoices = await lookups.invoices_of(self._stripe, raw)
            page = read_page(VENDOR, "dispute", raw, partial(charges.read_dispute, invoices=invoices))
            moved = tuple(part for parts in page.items for part in parts if part.at >= since)
            yield Page(moved, page.unreadable)

    async def charge(self, renewal_id: str, *, key: str, card: str = "") -> ChargeResult:
        """Charge an invoice with the card on file, or with `card`, under our key; a refused card is a value.

        NoAnswer means that the charge may have happened: ask `find_charges`, never repeat under another key.
        Refused means that Stripe will not do it and nothing happened. A decline whose codes hide the reason costs
        one more read, of the charge.
        """
        name = f"charge {key}"
        form = {"off_session": "true", "expand[]": "payments", **({"payment_method": card} if card else {})}
        headers = {**self._stripe.headers, "Idempotency-Key": key}
        path = f"/v1/invoices/{quote(renewal_id, safe='')}/pay"
        answer = await call(
            VENDOR,
            name,
            lambda: self._stripe.http.post(path, data=form, headers=headers),
            repeatable=True,
            accept=(400, 402, 404, 409),
        )
        try:
            body = json_object(VENDOR, name, answer)
            if answer.is_success:
                return charges.result_of_invoice(body)
            result = await self._refusal(renewal_id, name, answer.status_code, at(body, "error"))
        except (Unreadable, ValueError) as error:
            raise NoAnswer(VENDOR, name, f"Stripe answered, but not readably: {error}") from error
        return result

    async def find_charges(self, keys: set[str], since: datetime) -> dict[str, ChargeResult]:
        """What became of calls by their keys, from Stripe's events since then; a key without a trace is absent.

        Absent means that no event was there when we asked. A call that Stripe still works on leaves none yet, so
        a caller who goes on repeats the same key, which Stripe knows for at least 24 hours.
        """
        found: dict[str, ChargeResult] = {}
        again: dict[str, str] = {}
        for types in (CHARGE_EVENTS, INVOICE_EVENTS):
            missing = keys - set(found)
            params = [*created(since=since), *(("types[]", kind) for kind in types)]
            if missing:
                async for raw in self._stripe.pages("/v1/events", "find charges", params):
                    _keep_results(found, again, missing, raw)
                    if missing <= set(found):
                        break
        for key, path in again.items():
            found[key] = await self._as_it_stands(key, path)
        return found

    async def _as_it_stands(self, key: str, path: str) -> ChargeResult:
        """A charge or an invoice that its event did not tell all about, as it is now."""
        name, is_charge = f"find charge {key}", path.startswith("/v1/charges/")
        raw = await self._stripe.get(path, name, [] if is_charge else expand("payments"))
        try:
            return charges.result_of_charge(raw) if is_charge else charges.result_of_invoice(raw)
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error

    async def _refusal(self, renewal_id: str, name: str, status: int, error: Any) -> ChargeResult:
        """What a 4xx means: the card was refused, the invoice needs no charge, our key is in use, or truly no."""
        code, kind = text(error, "code"), text(error, "type")
        if status == httpx.codes.CONFLICT or kind == "idempotency_error":
            raise NoAnswer(VENDOR, name, "the key is in use by another call, or was used with other parameters")
        result = charges.result_of_error(error)
        if result is not None:
            return await self._with_outcome(result)
        if status != httpx.codes.NOT_FOUND:
            standing = charges.result_of_standing(await self._invoice(renewal_id))
            if standing is not None:
                return standing
        # Stripe's sentence is left out: it may quote the request.
        refused = Refused(VENDOR, name, f"refused with {status} {code or kind or 'and no code'}")
        refused.code = code or kind
        raise refused

    async def _with_outcome(self, result: ChargeResult) -> ChargeResult:
        """A decline with the codes of its charge, where the error hides them; without an answer it stands as it is."""
        if not result.ref or result.codes.code not in charges.HIDING:
            return result
        try:
            path = f"/v1/charges/{quote(result.ref, safe='')}"
            return charges.result_of_charge(await self._stripe.get(path, f"read charge {result.ref}", []))
        except (VendorError, ValueError):
            return result

    async def _invoice(self, renewal_id: str) -> dict[str, Any]:
        paths = (CUSTOMER_CARD, f"{SUBSCRIPTION}.default_payment_method", "payments.data.payment.payment_intent")
        path = f"/v1/invoices/{quote(renewal_id, safe='')}"
        return await self._stripe.get(path, f"read renewal {renewal_id}", expand(*paths))


def _read_renewal(payers: dict[str, mapping.PaidBy], raw: Any) -> Renewal | None:
    return mapping.read_renewal(raw, payers.get(item_id(raw)))


def _keep_results(found: dict[str, ChargeResult], again: dict[str, str], keys: set[str], events: list[Any]) -> None:
    """Keep what the events say of our keys; an unreadable event of ours is no answer, so it stops the look-up."""
    for event in events:
        request = event.get("request") if isinstance(event, dict) else None
        key = request.get("idempotency_key") if isinstance(request, dict) else None
        if key not in keys or key in found:
            continue
        try:
            result, path = charges.event_result(event), charges.to_read_again(event)
        except ValueError as error:
            raise Unreadable(VENDOR, f"find charge {key}", str(error)) from error
        if result is not None:
            found[key] = result
            again.update({key: path} if path else {})
