"""Shopify's Admin API: an order with all that a refund decision needs, the shop's quote, and the one effect, a refund.

A refund carries our step's key as Shopify's idempotency key, which is kept for 24 hours, and in its note, which is
kept for ever: past the 24 hours, and whenever nobody knows, `find_refund` looks for the note before anything is sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import httpx

from domain.orders import Order, Quote, RefundAnswer
from integrations.errors import NoAnswer, Refused, Unavailable, Unreadable
from integrations.fields import Damaged, at, many, text
from integrations.pages import Page, UnreadableItem
from integrations.shopify import documents, events, mapping, refunds
from integrations.shopify.connection import SPENT_KEY, VENDOR, Connection, sentence
from integrations.shopify.documents import Document
from integrations.shopify.mapping import ShopInfo
from integrations.shopify.reading import gid, next_page, nodes, number
from integrations.subscriptions import Subscription

__all__ = ["VENDOR", "ShopInfo", "ShopifyStore"]

T = TypeVar("T")
AT_ONCE: Final = 4
"""Orders read together by the poller: each takes most of what the bucket of points holds."""
_BEST: Final = ("succeeded", "pending", "failed")


class ShopifyStore:
    """One shop. `http` comes from `integrations.http.open_client("https://<shop>.myshopify.com")`, `token` is the
    Admin API's. `address_key` is the key of the hashes of addresses and cards; without one there are none."""

    VENDOR = VENDOR
    TOPICS = events.TOPICS

    def __init__(self, http: httpx.AsyncClient, token: str, *, address_key: str = "") -> None:
        self._shop = Connection(http, token)
        self._key = address_key

    async def order(self, order_id: str) -> Order:
        """One order as it stands now. Refused where the shop has none of that id, or hides it from our token."""
        name = f"read order {order_id}"
        raw = await self._whole_order(order_id, name)
        if raw is None:
            raise Refused(VENDOR, name, "the shop has no such order, or the token may not see it (read_all_orders)")
        return _read(name, partial(mapping.read_order, key=self._key), raw)

    async def quote(self, order: Order, lines: Sequence[tuple[str, int]]) -> Quote:
        """What the shop would refund for these (line id, quantity), and through which payments.

        Proration of discounts and taxes is Shopify's own. Shipping is not asked for.
        """
        name = f"quote order {order.id}"
        wanted = _ours(name, lambda: {"id": gid("Order", order.id), "lines": refunds.write_lines(lines)})
        raw = at(await self._shop.ask(documents.SUGGESTED_REFUND, name, wanted), "order.suggestedRefund")
        if raw is None:
            raise Refused(VENDOR, name, "the shop suggests no refund for these lines")
        return _read(name, lambda found: refunds.read_quote(found, order, lines), raw)

    async def refund(self, order: Order, quote: Quote, *, key: str) -> RefundAnswer:
        """Refund what the quote says, once, under our key. A refusal of the shop's is an answer.

        NoAnswer means that it may have happened: ask `find_refund`. Refused with a code of `SPENT_KEY` means that
        the key was used for something else and no refund carries it: an error of ours. Other Refused never left us.
        """
        name = f"refund {key}"
        wanted = _ours(name, lambda: refunds.write_refund(order, quote, key=_sound(key)))
        try:
            data = await self._shop.ask(documents.REFUND_CREATE, name, {"input": wanted, "key": key}, effect=True)
        except Refused as error:
            found = await self._done_before(order.id, key, name) if error.code in SPENT_KEY else None
            if found is None:
                raise
            return found
        try:
            return _answer(at(data, "refundCreate"))
        except ValueError as error:
            raise NoAnswer(VENDOR, name, f"the shop answered, but not readably: {error}") from error

    async def _done_before(self, order_id: str, key: str, name: str) -> RefundAnswer | None:
        """The refund that the spent key was used for; whatever goes wrong here, it is not known."""
        try:
            return await self.find_refund(order_id, key)
        except (Unavailable, Unreadable, Refused) as error:
            raise NoAnswer(VENDOR, name, f"the key was used, and what for is not known: {error.message}") from error

    async def find_refund(self, order_id: str, key: str) -> RefundAnswer | None:
        """The order's refund that has our key in its note, or None: there was none when we asked.

        Of several under one key the one that did most counts; there is more than one only where one failed.
        """
        name = f"find refund {key}"
        data = await self._shop.ask(documents.ORDER_REFUNDS, name, _order(name, order_id))
        if at(data, "order") is None:
            raise Refused(VENDOR, name, "the shop has no such order, or the token may not see it (read_all_orders)")
        listed = await self._all_refunds(order_id, name, _read(name, partial(many, path="refunds"), data["order"]))
        ours = [raw for raw in listed if refunds.key_of(_read(name, partial(text, path="note"), raw)) == key]
        answers = [_read(name, refunds.read_answer, raw) for raw in ours]
        return min(answers, key=lambda answer: _BEST.index(answer.state), default=None)

    async def refund_state(self, order_id: str, ref: str) -> RefundAnswer | None:
        """How the refund with Shopify's own id stands now; None where there is none."""
        name = f"read refund {ref} of order {order_id}"
        raw = await self._refund(name, ref)
        return _read(name, refunds.read_answer, raw) if raw is not None else None

    async def orders_touched(
        self, since: datetime, *, only: Callable[[Sequence[str]], Collection[str]] | None = None
    ) -> AsyncIterator[Page[Order]]:
        """Every order that changed since then, oldest change first: what a lost webhook would have told.

        `only` says of listed ids which are worth reading: each costs a call, and most orders have no return.
        """
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = {"query": f"updated_at:>='{moment}'"}
        async for listed in self._pages(documents.ORDERS_TOUCHED, "list orders touched", wanted, "orders"):
            ids = [_read("list orders touched", partial(number, path="legacyResourceId"), item) for item in listed]
            chosen = ids if only is None else only(ids)
            yield await self._orders([order_id for order_id in ids if order_id in chosen])

    async def subscriptions(self) -> list[Subscription]:
        """The webhooks that this app's token made. One that Shopify removed after failures is missing here."""
        found: list[Subscription] = []
        async for listed in self._pages(documents.SUBSCRIPTIONS, "list webhooks", {}, "webhookSubscriptions"):
            found += [_read("list webhooks", mapping.read_subscription, raw) for raw in listed]
        return found

    async def shop(self) -> ShopInfo:
        """The shop itself."""
        data = await self._shop.ask(documents.SHOP, "read shop", {})
        return _read("read shop", mapping.read_shop, at(data, "shop"))

    async def _whole_order(self, order_id: str, name: str) -> dict[str, Any] | None:
        """The order with all of its lists read to their end, None where there is none."""
        wanted = _order(name, order_id)
        raw = at(await self._shop.ask(documents.ORDER, name, wanted), "order")
        if raw is None:
            return None
        whole: dict[str, Any] = dict(raw)
        try:
            whole["lineItems"] = {"nodes": await self._all_lines(name, wanted, raw)}
            whole["transactions"] = await self._all_transactions(name, wanted, many(raw, "transactions"))
            whole["refunds"] = await self._all_refunds(order_id, name, many(raw, "refunds"))
        except ValueError as error:
            raise Unreadable(VENDOR, name, str(error)) from error
        return whole

    async def _all_lines(self, name: str, wanted: dict[str, Any], raw: Any) -> list[Any]:
        found, after = nodes(raw, "lineItems"), next_page(raw, "lineItems")
        if after:
            more = self._pages(documents.ORDER_LINES, name, wanted, "order.lineItems", after=after)
            found = [*found, *[line async for listed in more for line in listed]]
        return found

    async def _all_transactions(self, name: str, wanted: dict[str, Any], first: list[Any]) -> list[Any]:
        if len(first) < documents.TRANSACTIONS:
            return first
        # A plain list has no cursor, so it is asked for again with more room, and a full one is never trusted.
        found = many(await self._shop.ask(documents.ORDER_TRANSACTIONS, name, wanted), "order.transactions")
        if len(found) >= documents.MANY_TRANSACTIONS:
            raise Damaged(f"transactions: {documents.MANY_TRANSACTIONS} or more on one order; a person has to look")
        return found

    async def _all_refunds(self, order_id: str, name: str, first: list[Any]) -> list[Any]:
        """All refunds, each with all of its lines and transactions."""
        known = {_refund_id(name, raw): raw for raw in first}
        if len(first) >= documents.REFUNDS:
            data = await self._shop.ask(documents.REFUND_IDS, name, _order(name, order_id))
            ids = [_refund_id(name, raw) for raw in _read(name, partial(many, path="order.refunds"), data)]
            if len(ids) >= documents.MANY_REFUNDS:
                raise Unreadable(VENDOR, name, f"{documents.MANY_REFUNDS} or more refunds on one order")
            known |= {ref: None for ref in ids if ref not in known}
        whole = []
        for ref, raw in known.items():
            cut = raw is None or _read(name, refunds.needs_whole, raw)
            whole.append(await self._refund(name, ref) if cut else raw)
        return [raw for raw in whole if raw is not None]

    async def _refund(self, name: str, ref: str) -> Any:
        wanted = _ours(name, lambda: {"id": gid("Refund", ref)})
        raw = at(await self._shop.ask(documents.REFUND, name, wanted), "refund")
        if raw is not None and _read(name, refunds.needs_whole, raw):
            raise Unreadable(VENDOR, name, f"refund {ref} has more lines or payments than can be read at once")
        return raw

    async def _orders(self, ids: list[str]) -> Page[Order]:
        """These orders, some at a time; one that cannot be read stands beside the others."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(order_id: str) -> Order | UnreadableItem | None:
            name = f"read order {order_id}"
            async with gate:
                raw: dict[str, Any] | None = {"legacyResourceId": order_id}
                try:
                    raw = await self._whole_order(order_id, name)
                    return _read(name, partial(mapping.read_order, key=self._key), raw) if raw is not None else None
                except Unreadable as error:
                    return UnreadableItem(VENDOR, "order", order_id, error.message, json.dumps(raw, sort_keys=True))

        read = await asyncio.gather(*map(one, ids))
        orders = tuple(item for item in read if isinstance(item, Order))
        return Page(orders, tuple(item for item in read if isinstance(item, UnreadableItem)))

    async def _pages(
        self, document: Document, name: str, wanted: dict[str, Any], path: str, *, after: str = ""
    ) -> AsyncIterator[list[Any]]:
        """The items of a connection, page by page; Unreadable where a cursor comes again."""
        while True:
            data = await self._shop.ask(document, name, {**wanted, "after": after or None})
            try:
                found, following = nodes(data, path), next_page(data, path)
            except Damaged as error:
                raise Unreadable(VENDOR, name, str(error)) from error
            yield found
            if not following:
                return
            if following == after:
                raise Unreadable(VENDOR, name, "answered the same page twice; the list would never end")
            after = following


def _answer(payload: Any) -> RefundAnswer:
    """What `refundCreate` answered: a refund, or why not."""
    errors = many(payload, "userErrors")
    raw = at(payload, "refund")
    if raw is not None:
        return refunds.read_answer(raw)
    if not errors:
        raise Damaged("refundCreate: neither a refund nor a reason was given")
    return RefundAnswer(state="refused", why="; ".join(_said(item) for item in errors))


def _said(item: Any) -> str:
    path = ".".join(part for part in many(item, "field") if isinstance(part, str))
    return f"{path}: {sentence(item)}" if path else sentence(item)


def _read(name: str, read: Callable[[Any], T], raw: Any) -> T:
    try:
        return read(raw)
    except ValueError as error:
        raise Unreadable(VENDOR, name, str(error)) from error


def _ours(name: str, write: Callable[[], T]) -> T:
    """What we are about to send; Refused where it cannot be sent, so that nothing happens."""
    try:
        return write()
    except ValueError as error:
        raise Refused(VENDOR, name, f"not sent: {error}") from error


def _refund_id(name: str, raw: Any) -> str:
    return _read(name, partial(number, path="legacyResourceId"), raw)


def _order(name: str, order_id: str) -> dict[str, Any]:
    return _ours(name, lambda: {"id": gid("Order", order_id)})


def _sound(key: str) -> str:
    """The key, where it is one that can be found again in a note."""
    if not key or refunds.key_of(key) != key:
        raise ValueError(f"a step's key looks like refunds/loop-1/label-2; this has {len(key)} characters")
    return key
