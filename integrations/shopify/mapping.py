"""Shopify's orders and shop as our values: pure, field by field, shapes of Admin API 2026-07.

Addresses and cards become keyed hashes here, so that they can be counted and never read. Amounts are those of the
currency that the customer paid in; what they spent and what goods cost are in the shop's.
"""

import hmac
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from domain.money import Money, total
from domain.orders import Order, OrderLine, Shopper, Tender
from domain.scans import NOWHERE, Place
from integrations.fields import Damaged, at, many, need_text, need_whole, text
from integrations.shopify import refunds
from integrations.shopify.reading import (
    count,
    moment,
    money_or_none,
    need_moment,
    nodes,
    number,
    presentment,
    read_money,
    texts,
)
from integrations.subscriptions import Subscription

VENDOR: Final = "shopify"
MONEY_IN: Final = frozenset({"SALE", "CAPTURE"})
"""Only a payment that was taken can be given back; an authorisation cannot."""
GATEWAYS: Final = {"gift_card": "gift_card", "shopify_store_credit": "store_credit", "shopify_payments": "card"}
BY_STAFF: Final = "shopify_draft_order"
BY_SUBSCRIPTION: Final = ("subscription_contract", "subscription_contract_checkout_one")
WON: Final = "WON"
"""The only end of a dispute that leaves the money with the shop: a lost, accepted or prevented one gave it back."""
GIFT_CARD: Final = "gift_card"
_RECEIPT = ("payment_intent", "payment_intent_id", "charge", "id")
"""Where a gateway's receipt names its payment. Receipts are the gateway's own and promise nothing (schema)."""
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopInfo:
    """The shop itself. `returns_country` is that of its own address; `test` says that no real money moves."""

    name: str
    domain: str
    currency: str
    test: bool
    returns_country: str


def keyed_hash(key: str, *parts: str) -> str:
    """What tells one address or card from another without being it; empty without a key or without anything."""
    words = [_NO_WORD.sub("", part.casefold()) for part in parts]
    if not key or not any(words):
        return ""
    return hmac.new(key.encode(), "\0".join(words).encode(), sha256).hexdigest()[:32]


def read_order(raw: Any, *, key: str) -> Order:
    """One whole order: all of its lines, transactions and refunds must be in it. `key` is that of the hashes."""
    currency = need_text(raw, "presentmentCurrencyCode")
    lines = nodes(raw, "lineItems")
    tenders = read_tenders(many(raw, "transactions"), key=key)
    ship = at(raw, "shippingAddress")
    by_plan = any(at(line, "sellingPlan") is not None for line in lines)
    return Order(
        id=number(raw, "legacyResourceId"),
        name=need_text(raw, "name"),
        at=need_moment(raw, "processedAt"),
        currency=need_text(raw, "currencyCode"),
        presentment=currency,
        shopper=read_shopper(at(raw, "customer"), text(raw, "customerLocale")),
        lines=tuple(read_line(line) for line in lines),
        tenders=tenders,
        refunds=tuple(refunds.read_refunded(item, currency) for item in many(raw, "refunds")),
        captured=total((tender.captured for tender in tenders), currency),
        outstanding=presentment(raw, "totalCapturableSet"),
        test=_flag(raw, "test"),
        b2b=text(raw, "purchasingEntity.__typename") == "PurchasingCompany",
        subscription=by_plan or text(raw, "sourceName") in BY_SUBSCRIPTION,
        draft=text(raw, "sourceName") == BY_STAFF,
        cancelled=moment(raw, "cancelledAt") is not None,
        disputes=tuple(number(item, "id") for item in many(raw, "disputes") if need_text(item, "status") != WON),
        ship_to=read_place(ship),
        address=read_address(ship, key=key),
    )


def read_shopper(raw: Any, locale: str) -> Shopper:
    """The customer; an order may have none."""
    if raw is None:
        return Shopper(id="", language=_language(locale))
    return Shopper(
        id=number(raw, "legacyResourceId"),
        tags=texts(raw, "tags"),
        spent=read_money(raw, "amountSpent"),
        orders=count(raw, "numberOfOrders"),
        since=moment(raw, "createdAt"),
        email=text(raw, "defaultEmailAddress.emailAddress"),
        name=text(raw, "displayName"),
        language=_language(locale or text(raw, "locale")),
    )


def read_line(raw: Any) -> OrderLine:
    """One line; a gift card that was bought has that for its category, whatever its product says."""
    return OrderLine(
        id=number(raw, "id"),
        quantity=need_whole(raw, "quantity"),
        sku=text(raw, "sku"),
        category=GIFT_CARD if at(raw, "isGiftCard") is True else text(raw, "product.productType"),
        tags=texts(raw, "product.tags"),
        cost=money_or_none(raw, "variant.inventoryItem.unitCost"),
    )


def read_tenders(transactions: list[Any], *, key: str) -> tuple[Tender, ...]:
    """The payments that were taken, each with what is left of it after all refunds that left or may still leave."""
    taken = [raw for raw in transactions if _succeeded(raw) and need_text(raw, "kind") in MONEY_IN]
    parts = refunds.standing(refunds.read_part(raw) for raw in transactions if need_text(raw, "kind") == "REFUND")
    captured = {number(raw, "id"): (text(raw, "gateway"), presentment(raw, "amountSet")) for raw in taken}
    left = refunds.left_of(captured, parts)
    return tuple(_tender(raw, captured[number(raw, "id")][1], left[number(raw, "id")], key) for raw in taken)


def read_place(raw: Any) -> Place:
    """An address, down to the postal code and no further."""
    if raw is None:
        return NOWHERE
    return Place(text(raw, "countryCodeV2"), text(raw, "provinceCode"), text(raw, "city"), text(raw, "zip"))


def read_address(raw: Any, *, key: str) -> str:
    """The keyed hash of street, postal code and country; it is one whether the flat stands in line one or two."""
    if raw is None:
        return ""
    street = f"{text(raw, 'address1')} {text(raw, 'address2')}"
    return keyed_hash(key, street, text(raw, "zip"), text(raw, "countryCodeV2")) if street.strip() else ""


def read_shop(raw: Any) -> ShopInfo:
    """The shop."""
    return ShopInfo(
        name=need_text(raw, "name"),
        domain=need_text(raw, "myshopifyDomain"),
        currency=need_text(raw, "currencyCode"),
        test=_flag(raw, "plan.partnerDevelopment"),
        returns_country=text(raw, "shopAddress.countryCodeV2"),
    )


def read_subscription(raw: Any) -> Subscription:
    """One webhook. Shopify keeps no state: one that failed too often is simply not listed any more."""
    return Subscription(
        vendor=VENDOR,
        id=number(raw, "legacyResourceId"),
        url=need_text(raw, "uri"),
        topic=need_text(raw, "topic"),
        active=True,
        said="listed",
    )


def _tender(raw: Any, captured: Money, left: Money, key: str) -> Tender:
    gateway, details = text(raw, "gateway"), at(raw, "paymentDetails")
    is_card = text(details, "__typename") == "CardPaymentDetails"
    return Tender(
        id=number(raw, "id"),
        gateway=gateway,
        kind=_kind(gateway, is_card, at(raw, "manualPaymentGateway") is True),
        captured=captured,
        refundable=left,
        payment=_payment(at(raw, "receiptJson")),
        card=_card(details, key) if is_card else "",
        at=moment(raw, "processedAt"),
    )


def _kind(gateway: str, is_card: bool, manual: bool) -> Literal["card", "gift_card", "store_credit", "manual", "other"]:
    match GATEWAYS.get(gateway):
        case "gift_card":
            return "gift_card"
        case "store_credit":
            return "store_credit"
        case "card":
            return "card"
    return "card" if is_card else "manual" if manual else "other"


def _card(details: Any, key: str) -> str:
    """Issuer, last digits and expiry; without the digits nothing tells one card from another."""
    digits = "".join(letter for letter in text(details, "number") if letter.isdigit())[-4:]
    if not digits:
        return ""
    month, year = at(details, "expirationMonth"), at(details, "expirationYear")
    return keyed_hash(key, text(details, "company"), text(details, "bin"), digits, f"{month}-{year}")


def _payment(receipt: Any) -> str:
    """The payments vendor's own reference, where the gateway's receipt names it."""
    try:
        found = json.loads(receipt) if isinstance(receipt, str) else receipt
    except ValueError:
        return ""
    for name in _RECEIPT:
        value = found.get(name) if isinstance(found, dict) else None
        value = value.get("id") if isinstance(value, dict) else value
        if isinstance(value, str) and value:
            return value
    return ""


def _succeeded(raw: Any) -> bool:
    return need_text(raw, "status") == "SUCCESS"


def _flag(raw: Any, path: str) -> bool:
    value = at(raw, path)
    if not isinstance(value, bool):
        raise Damaged(f"{path}: true or false was expected")
    return value


def _language(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()
