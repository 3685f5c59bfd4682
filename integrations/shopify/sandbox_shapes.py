"""What the pretended shop answers, field by field as our documents ask: the GraphQL side of its orders."""

import json
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from domain.money import Money, plain
from integrations.shopify import documents
from integrations.shopify.sandbox_orders import KeptCustomer, KeptLine, KeptOrder, KeptRefund, Memory, Transaction
from integrations.shopify.sandbox_refunds import suggest

Json = dict[str, Any]


def money(value: Money) -> Json:
    """A `MoneyV2` as Shopify writes it: no zeros at the end, but always one place (`1000.0` yen)."""
    head, _, places = plain(value).partition(".")
    return {"amount": f"{head}.{places.rstrip('0') or '0'}", "currencyCode": value.currency}


def bag(value: Money) -> Json:
    """The side of a `MoneyBag` that we ask for."""
    return {"presentmentMoney": money(value)}


def moment(value: datetime | None) -> str | None:
    """An instant as Shopify writes it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def gid(kind: str, ident: str) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{ident}"


def order(kept: KeptOrder, memory: Memory) -> Json:
    """The fields of `OrderForRefund`."""
    lines, more = kept.lines[: documents.LINES], len(kept.lines) > documents.LINES
    customer = memory.customers.get(kept.customer)
    return {
        "id": gid("Order", kept.id),
        "legacyResourceId": kept.id,
        "name": kept.name,
        "processedAt": moment(kept.at),
        "currencyCode": kept.currency,
        "presentmentCurrencyCode": kept.presentment,
        "test": kept.test,
        "cancelledAt": moment(kept.cancelled),
        "sourceName": kept.source,
        "customerLocale": kept.locale,
        "totalCapturableSet": bag(kept.capturable),
        "purchasingEntity": {"__typename": "PurchasingCompany" if kept.b2b else "Customer"} if customer else None,
        "customer": _customer(customer) if customer else None,
        "shippingAddress": _address(kept.ship_to),
        "disputes": [
            {"id": gid("OrderDisputeSummary", ident), "status": item["status"]} for ident, item in kept.disputes.items()
        ],
        "lineItems": connection([line(item) for item in lines], str(documents.LINES) if more else ""),
        "transactions": transactions(kept)[: documents.TRANSACTIONS],
        "refunds": [refund(item, 10, 4) for item in kept.refunds[: documents.REFUNDS]],
    }


def connection(nodes: list[Json], after: str) -> Json:
    """A page of a list; `after` is empty at its end."""
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(after), "endCursor": after or None}}


def line(kept: KeptLine) -> Json:
    """The fragment `Line`."""
    return {
        "id": gid("LineItem", kept.id),
        "quantity": kept.quantity,
        "sku": kept.sku or None,
        "isGiftCard": kept.gift_card,
        "sellingPlan": {"name": "Monthly box"} if kept.plan else None,
        "product": {"productType": kept.category, "tags": kept.tags},
        "variant": {"inventoryItem": {"unitCost": money(kept.cost) if kept.cost else None}},
    }


def transactions(kept: KeptOrder) -> list[Json]:
    """All payments of an order and all that went back, oldest first."""
    back = [item for made in kept.refunds for item in made.transactions]
    return [_transaction(item) for item in sorted([*kept.tenders, *back], key=lambda item: item.at)]


def refund(kept: KeptRefund, lines: int, parts: int) -> Json:
    """The fragments `ShortRefund` and `WholeRefund`."""
    nodes = [{"quantity": count, "lineItem": {"id": gid("LineItem", ident)}} for ident, count in kept.lines]
    paid = [_part(item) for item in kept.transactions]
    return {
        "legacyResourceId": kept.id,
        "note": kept.note or None,
        "createdAt": moment(kept.at),
        "refundLineItems": {"nodes": nodes[:lines], "pageInfo": {"hasNextPage": len(nodes) > lines}},
        "transactions": {"nodes": paid[:parts], "pageInfo": {"hasNextPage": len(paid) > parts}},
    }


def suggestion(kept: KeptOrder, lines: list[tuple[str, int]]) -> Json:
    """The fields of `SuggestedRefund`; UserError where there are not so many."""
    total, most, split = suggest(kept, lines)
    return {
        "amountSet": bag(total),
        "maximumRefundableSet": bag(most),
        "suggestedTransactions": [
            {
                "gateway": tender.gateway,
                "amountSet": bag(part),
                "parentTransaction": {"id": gid("OrderTransaction", tender.id)},
            }
            for tender, part in split
        ],
    }


def subscription(hook: str, topic: str, url: str) -> Json:
    """One webhook."""
    return {"legacyResourceId": str(crc32(f"{hook}/{topic}".encode())), "topic": topic, "uri": url}


def shop(memory: Memory) -> Json:
    """The fields of `Shop`."""
    return {
        "name": memory.shop["name"],
        "myshopifyDomain": memory.shop["domain"],
        "currencyCode": memory.shop["currency"],
        "plan": {"partnerDevelopment": memory.shop["test"]},
        "shopAddress": {"countryCodeV2": memory.shop["country"]},
    }


def _customer(kept: KeptCustomer) -> Json:
    return {
        "legacyResourceId": kept.id,
        "tags": kept.tags,
        "numberOfOrders": str(kept.orders),
        "createdAt": moment(kept.since),
        "locale": kept.locale,
        "displayName": kept.name,
        "amountSpent": money(kept.spent),
        "defaultEmailAddress": {"emailAddress": kept.email} if kept.email else None,
    }


def _address(kept: Json) -> Json:
    return {
        "address1": kept.get("address1"),
        "address2": kept.get("address2"),
        "city": kept.get("city"),
        "provinceCode": kept.get("province"),
        "zip": kept.get("zip"),
        "countryCodeV2": kept.get("country"),
    }


def _transaction(kept: Transaction) -> Json:
    shared = _part(kept)
    del shared["errorCode"]
    return {
        **shared,
        "manualPaymentGateway": kept.manual,
        "receiptJson": json.dumps({"id": kept.payment}) if kept.payment else None,
        "paymentDetails": _card(kept.card) if kept.card else None,
    }


def _part(kept: Transaction) -> Json:
    return {
        "id": gid("OrderTransaction", kept.id),
        "kind": kept.kind,
        "status": kept.status,
        "gateway": kept.gateway,
        "processedAt": moment(kept.at),
        "errorCode": kept.code or None,
        "amountSet": bag(kept.amount),
        "parentTransaction": {"id": gid("OrderTransaction", kept.parent)} if kept.parent else None,
    }


def _card(card: Json) -> Json:
    return {
        "__typename": "CardPaymentDetails",
        "company": card["company"],
        "number": f"•••• •••• •••• {card['number'][-4:]}",
        "bin": card["bin"],
        "expirationMonth": card["month"],
        "expirationYear": card["year"],
    }
