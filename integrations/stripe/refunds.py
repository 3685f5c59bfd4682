"""Stripe as the one who gives money back: refunds, what is left of a payment, disputes, and missed events.

A refund carries our step key twice: as the Idempotency-Key, which Stripe forgets after 24 hours or more, and in its
metadata, which it keeps for ever. So a refund is repeated within seconds here, and later only after `find_refund`
has looked for the key among the payment's refunds.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from domain.money import Money
from domain.news import News
from domain.orders import RefundAnswer
from domain.payment_refunds import PaymentDispute, PaymentLeft, PaymentRefund
from integrations.errors import NoAnswer, Refused, Unavailable, Unreadable
from integrations.fields import at, text
from integrations.http import call, json_object
from integrations.pages import Page, read_page
from integrations.stripe import events, mapping, refund_mapping
from integrations.stripe.connection import VENDOR, Connection, Params, created, expand
from integrations.subscriptions import Subscription

__all__ = ["VENDOR", "StripeRefunds"]

INTENT, CHARGES = "pi_", ("ch_", "py_")
"""How Stripe's ids of payments begin; `py_` is a charge of a bank debit."""


class StripeRefunds:
    """Refunds of payments. `http` comes from `integrations.http.open_client("https://api.stripe.com")`.

    A payment is named by its payment intent or by its charge, whichever the shop has.
    """

    VENDOR = VENDOR
    TOPICS = events.TOPICS

    def __init__(self, http: httpx.AsyncClient, secret_key: str) -> None:
        self._stripe = Connection(http, secret_key)

    async def payment(self, ref: str) -> PaymentLeft:
        """What is left of a payment now, and whether a dispute stands in the way; Refused where there is none."""
        name = f"read payment {ref}"
        asked = _asked(ref, name)
        charge = await self._charge(ref, name)
        refunds = [item async for page in self._stripe.pages("/v1/refunds", name, asked) for item in page]
        disputes = [item async for page in self._stripe.pages("/v1/disputes", name, asked) for item in page]
        try:
            made = tuple(refund_mapping.read_refund(item) for item in refunds)
            return replace(refund_mapping.read_left(charge, refunds, disputes), refunds=made)
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error

    async def refund(self, payment: str, amount: Money, *, key: str, order: str = "") -> RefundAnswer:
        """Give a part of a payment back, once for its key; Stripe's no is an answer.

        `pending` is a refund that Stripe has and that has not arrived. NoAnswer means that there may be one: ask
        `find_refund`, never repeat under another key. Unavailable means that this call made none. Refused means that
        the key was used for something else and no refund carries it: a fault of ours, to be stopped at.
        """
        name = f"refund {key}"
        try:
            minor, asked = mapping.to_stripe(amount), _asked(payment, name)
        except (ValueError, Refused) as error:
            why = error.message if isinstance(error, Refused) else str(error)
            return RefundAnswer(state="refused", amount=amount, why=why)
        why = await self._unfit(payment, amount, name)
        if why:
            return RefundAnswer(state="refused", amount=amount, why=why)
        form = {
            **{param: str(value) for param, value in asked},
            "amount": str(minor),
            # Never `fraudulent`: it puts the customer's card and address on Stripe's block list.
            "reason": "requested_by_customer",
            f"metadata[{events.KEY}]": key,
            **({f"metadata[{events.ORDER}]": order} if order else {}),
        }
        answer = await self._send("/v1/refunds", name, form, {"Idempotency-Key": key})
        if not answer.is_success:
            return await self._refusal(payment, amount, key, answer)
        try:
            return refund_mapping.read_answer(json_object(VENDOR, name, answer))
        except (Unreadable, ValueError) as error:
            raise NoAnswer(VENDOR, name, f"Stripe answered, but not readably: {error}") from error

    async def find_refund(self, payment: str, key: str) -> RefundAnswer | None:
        """The payment's refund with our key, however old; None where there is none now.

        A call that Stripe still works on is not there yet, so whoever goes on repeats the same key. Refused where
        Stripe does not know the payment, because that says nothing of a refund.
        """
        name = f"find refund {key}"
        asked = _asked(payment, name)
        raw = [item async for page in self._stripe.pages("/v1/refunds", name, asked) for item in page]
        try:
            return refund_mapping.answer_under(key, raw)
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error

    async def refund_state(self, ref: str) -> RefundAnswer | None:
        """How a refund stands now, by Stripe's id; None where Stripe has none of it."""
        if not ref:
            return None
        name = f"read refund {ref}"
        raw = await self._stripe.find(f"/v1/refunds/{quote(ref, safe='')}", name, [])
        try:
            return refund_mapping.read_answer(raw) if raw is not None else None
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error

    async def refunds(self, since: datetime) -> AsyncIterator[Page[PaymentRefund]]:
        """Every refund made since then, by anybody, newest first. What became of older ones: see `events`."""
        async for raw in self._stripe.pages("/v1/refunds", "list refunds", created(since=since)):
            yield read_page(VENDOR, "refund", raw, refund_mapping.read_refund)

    async def disputes(self, since: datetime) -> AsyncIterator[Page[PaymentDispute]]:
        """Every dispute and inquiry opened since then, newest first."""
        async for raw in self._stripe.pages("/v1/disputes", "list disputes", created(since=since)):
            yield read_page(VENDOR, "dispute", raw, refund_mapping.read_dispute)

    async def events(self, since: datetime) -> AsyncIterator[Page[News]]:
        """What the webhooks since then told or should have told, newest first. Stripe keeps events for 30 days."""
        params = [*created(since=since), *(("types[]", topic) for topic in events.TOPICS)]
        async for raw in self._stripe.pages("/v1/events", "list events", params):
            page = read_page(VENDOR, "event", raw, _read_news)
            yield Page(tuple(item for found in page.items for item in found), page.unreadable)

    async def subscriptions(self) -> list[Subscription]:
        """The account's webhook endpoints, disabled ones too; Unreadable where one cannot be read."""
        name = "list webhook endpoints"
        found: list[Subscription] = []
        async for raw in self._stripe.pages("/v1/webhook_endpoints", name, []):
            page = read_page(VENDOR, "webhook endpoint", raw, refund_mapping.read_endpoint)
            if page.unreadable:
                raise Unreadable(VENDOR, name, page.unreadable[0].problem)
            found += page.items
        return found

    async def switch_on(self, subscription: Subscription) -> None:
        """Enable a webhook endpoint again; doing it twice changes nothing."""
        name = f"switch on {subscription.id}"
        answer = await self._send(
            f"/v1/webhook_endpoints/{quote(subscription.id, safe='')}", name, {"disabled": "false"}
        )
        if not answer.is_success:
            raise Refused(VENDOR, name, f"refused with {answer.status_code}")

    async def _unfit(self, payment: str, amount: Money, name: str) -> str:
        """Why the amount cannot be of this payment: Stripe takes a refund's currency from it and would not say.

        Nothing was sent so far, so whatever goes wrong here leaves us knowing that nothing happened.
        """
        try:
            raw = await self._stripe.find(_path(payment), name, [])
            currency = text(raw, "currency").upper() if raw is not None else ""
        except (NoAnswer, Unreadable, ValueError) as error:
            raise Unavailable(VENDOR, name, f"the payment could not be read, nothing was sent: {error}") from error
        if raw is None:
            return refund_mapping.REFUSALS["resource_missing"]
        if currency == amount.currency:
            return ""
        return f"{amount.currency} was asked for, and {currency or 'no currency'} was paid"

    async def _charge(self, ref: str, name: str) -> Any:
        """The charge that took the money; of an intent that took none, the intent in a charge's shape."""
        expanded = expand("latest_charge") if ref.startswith(INTENT) else []
        raw = await self._stripe.get(_path(ref), name, expanded)
        if not ref.startswith(INTENT):
            return raw
        charge = raw.get("latest_charge")
        return charge if isinstance(charge, dict) else {"currency": raw.get("currency"), "amount_captured": 0}

    async def _send(
        self, path: str, name: str, form: dict[str, str], more: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {**self._stripe.headers, **(more or {})}
        return await call(
            VENDOR,
            name,
            lambda: self._stripe.http.post(path, data=form, headers=headers),
            repeatable=True,
            accept=(400, 402, 404, 409),
        )

    async def _refusal(self, payment: str, amount: Money, key: str, answer: httpx.Response) -> RefundAnswer:
        """What a 4xx means: the key is in use, was used otherwise, or truly no.

        In use means that another call with our key is under way, which may yet have its effect. A lock that timed out
        comes as 429 and never gets here; should it, it counts as not known as well.
        """
        name = f"refund {key}"
        try:
            error = at(json_object(VENDOR, name, answer), "error")
            code, kind = text(error, "code"), text(error, "type")
        except (Unreadable, ValueError) as problem:
            raise NoAnswer(VENDOR, name, f"Stripe refused, but not readably: {problem}") from problem
        if answer.status_code == httpx.codes.CONFLICT or code in ("idempotency_key_in_use", "lock_timeout"):
            raise NoAnswer(VENDOR, name, "another call with this key is under way")
        if kind == "idempotency_error" or code in refund_mapping.MAYBE_DONE:
            found = await self._done_before(payment, key, name)
            if found is not None:
                return found
        if kind == "idempotency_error":
            refused = Refused(VENDOR, name, "this key was used with other parameters, and no refund carries it")
            refused.code = kind
            raise refused
        return refund_mapping.refusal(code or kind, amount)

    async def _done_before(self, payment: str, key: str, name: str) -> RefundAnswer | None:
        """The refund that an earlier call under our key made; whatever goes wrong here, it is not known."""
        try:
            return await self.find_refund(payment, key)
        except (Unavailable, Unreadable, Refused) as error:
            raise NoAnswer(VENDOR, name, f"refused, and whether we did it before is not known: {error}") from error


def _asked(ref: str, name: str) -> Params:
    """The parameter that names a payment; Refused where it is no reference of Stripe's."""
    if ref.startswith(INTENT):
        return [("payment_intent", ref)]
    if ref.startswith(CHARGES):
        return [("charge", ref)]
    raise Refused(VENDOR, name, f"a payment is named by a payment intent or a charge, not by {len(ref)} letters")


def _path(ref: str) -> str:
    kind = "payment_intents" if ref.startswith(INTENT) else "charges"
    return f"/v1/{kind}/{quote(ref, safe='')}"


def _read_news(raw: Any) -> tuple[News, ...]:
    """The news of a listed event; the poller keeps one that it cannot read beside the others."""
    try:
        return events.news(raw, "")
    except Unreadable as error:
        raise ValueError(error.message) from error
