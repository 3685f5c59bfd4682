"""What each of Shopify's ways to say no means for the money: nothing happened, not known, or refused."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.orders import Order, Quote, Share, Shopper, Tender
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable
from integrations.faults import Receive, Scope, Send, answer, read_body
from integrations.http import open_client
from integrations.shopify.client import ShopifyStore
from tests.integrations.serving import serve
from tests.integrations.test_shopify_mapping import raw_order

pytestmark = pytest.mark.anyio
KEY = "refunds/loop-1/label-2"
FIFTY = Money(5000, "USD")
TENDER = Tender(id="1", gateway="g1", kind="card", captured=FIFTY, refundable=FIFTY)
ORDER = Order(
    id="9", name="#9", at=datetime(2026, 1, 1, tzinfo=UTC), currency="USD", presentment="USD",
    shopper=Shopper(id="7"), tenders=(TENDER,),
)  # fmt: skip
SHARE = Share(tender="1", gateway="g1", amount=FIFTY)
QUOTE = Quote(order="9", lines=(("5", 1),), amount=FIFTY, shares=(SHARE,), most=FIFTY)
NO_REFUNDS = {"data": {"order": {"refunds": []}}}
EMPTY = {"refund": None, "userErrors": []}


class Shop:
    """A shop that answers from a script: bodies by document, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {"OrderRefunds": [NO_REFUNDS]}
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = json.loads(await read_body(receive))["operationName"]
        self.asked.append(name)
        script = self.answers[name]
        body = script.pop(0) if len(script) > 1 else script[0]
        await answer(send, 200, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def store(shop: Shop) -> AsyncIterator[ShopifyStore]:
    with serve(shop) as url:
        async with open_client(url, timeout=httpx.Timeout(2.0)) as http:
            yield ShopifyStore(http, "t", address_key="k")


def error(message: str = "no", code: str = "", **more: Any) -> dict[str, Any]:
    extensions = {"extensions": {"code": code}} if code else {}
    return {"errors": [{"message": message, **extensions}], **more}


def user_error(message: str, *path: str) -> dict[str, Any]:
    return {"data": {"refundCreate": {"refund": None, "userErrors": [{"field": list(path), "message": message}]}}}


BEGUN = {"data": {"refundCreate": None}}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (error(code="INTERNAL_SERVER_ERROR"), NoAnswer),
        (error(code="INTERNAL_SERVER_ERROR", **BEGUN), NoAnswer),
        (error("Something new", **BEGUN), NoAnswer),
        (error(code="IDEMPOTENCY_CONCURRENT_REQUEST", **BEGUN), NoAnswer),
        (error(code="IDEMPOTENCY_CONCURRENT_REQUEST"), NoAnswer),
        (user_error("This request is currently in progress, please try again."), NoAnswer),
        (error(code="THROTTLED"), Unavailable),
        (error(code="ACCESS_DENIED", **BEGUN), Unauthorised),
        (error("The @idempotent directive is required"), Refused),
        (error(code="MAX_COST_EXCEEDED"), Refused),
        (error(code="IDEMPOTENCY_KEY_PARAMETER_MISMATCH", **BEGUN), Refused),
        (error(code="IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"), Refused),
        (user_error("A previous request with this idempotency key failed. Retry with a new idempotency key."), Refused),
        ({"data": None}, NoAnswer),
        ({}, NoAnswer),
        ({"errors": "strange"}, NoAnswer),
        ([], NoAnswer),
        (b"<html>", NoAnswer),
        ({"data": {"refundCreate": EMPTY}}, NoAnswer),
        ({"data": {"refundCreate": {"refund": {"legacyResourceId": "66"}, "userErrors": []}}}, NoAnswer),
        ({"data": {"refundCreate": {"refund": 5, "userErrors": []}}}, NoAnswer),
        ({"data": {"refundCreate": {"refund": None, "userErrors": "strange"}}}, NoAnswer),
    ],
)
async def test_what_is_not_known_to_have_been_refused_is_not_known(
    shop: Shop, store: ShopifyStore, said: Any, kind: type[Exception]
) -> None:
    shop.answers["RefundCreate"] = [said]
    with pytest.raises(kind) as raised:
        await store.refund(ORDER, QUOTE, key=KEY)
    assert type(raised.value) is kind


async def test_any_other_user_error_is_a_refusal_with_the_shops_words(shop: Shop, store: ShopifyStore) -> None:
    shop.answers["RefundCreate"] = [user_error("Order cannot be refunded", "orderId")]
    found = await store.refund(ORDER, QUOTE, key=KEY)
    assert (found.state, found.why) == ("refused", "orderId: Order cannot be refunded")
    assert shop.asked == ["RefundCreate"]


async def test_a_key_that_is_spent_is_looked_up_before_it_counts_as_refused(shop: Shop, store: ShopifyStore) -> None:
    said = "The same idempotency key cannot be used with different operation parameters."
    shop.answers["RefundCreate"] = [user_error(said)]
    with pytest.raises(Refused) as raised:
        await store.refund(ORDER, QUOTE, key=KEY)
    assert raised.value.code == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    assert shop.asked == ["RefundCreate", "OrderRefunds"]


async def test_a_call_that_may_have_begun_and_is_then_told_to_wait_is_not_known(
    shop: Shop, store: ShopifyStore
) -> None:
    shop.answers["RefundCreate"] = [error(code="INTERNAL_SERVER_ERROR"), error(code="THROTTLED")]
    with pytest.raises(NoAnswer):
        await store.refund(ORDER, QUOTE, key=KEY)


def shown(**more: Any) -> dict[str, Any]:
    """An answer with an order."""
    raw = raw_order(**more)
    raw["lineItems"]["pageInfo"] = {"hasNextPage": False, "endCursor": None}
    return {"data": {"order": raw}}


async def test_a_token_that_may_not_see_costs_still_sees_the_order(shop: Shop, store: ShopifyStore) -> None:
    path = ["order", "lineItems", "nodes", 0, "variant", "inventoryItem", "unitCost"]
    hidden = {"message": "Access denied for unitCost field.", "path": path, "extensions": {"code": "ACCESS_DENIED"}}
    shop.answers["OrderForRefund"] = [{**shown(), "errors": [hidden]}]
    assert (await store.order("9")).lines[0].cost is None


async def test_a_token_that_may_not_see_the_customer_sees_nothing(shop: Shop, store: ShopifyStore) -> None:
    hidden = {"message": "Access denied for customer field.", "path": ["order", "customer"]}
    shop.answers["OrderForRefund"] = [{**shown(), "errors": [{**hidden, "extensions": {"code": "ACCESS_DENIED"}}]}]
    with pytest.raises(Unauthorised, match="customer"):
        await store.order("9")


@pytest.mark.parametrize("said", [b"<html>", {}, {"data": None}, {"data": {"order": {"lineItems": 5}}}, {"data": []}])
async def test_an_order_that_is_not_as_documented_is_unreadable(shop: Shop, store: ShopifyStore, said: Any) -> None:
    shop.answers["OrderForRefund"] = [said]
    with pytest.raises(Unreadable):
        await store.order("9")


async def test_a_list_that_never_ends_is_unreadable(shop: Shop, store: ShopifyStore) -> None:
    again = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
    shop.answers["WebhookSubscriptions"] = [{"data": {"webhookSubscriptions": again}}]
    with pytest.raises(Unreadable, match="never end"):
        await store.subscriptions()


async def test_a_look_up_that_cannot_be_read_is_no_proof_that_there_is_nothing(shop: Shop, store: ShopifyStore) -> None:
    shop.answers["OrderRefunds"] = [{"data": {"order": {"refunds": [{"note": KEY}]}}}]
    with pytest.raises(Unreadable):
        await store.find_refund("9", KEY)
    shop.answers["OrderRefunds"] = [{"data": {"order": None}}]
    with pytest.raises(Refused):
        await store.find_refund("9", KEY)


async def test_the_next_question_waits_until_the_bucket_holds_what_it_costs(shop: Shop, store: ShopifyStore) -> None:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": 0.0, "restoreRate": 100.0}
    said = {"name": "S", "myshopifyDomain": "s", "currencyCode": "USD", "plan": {"partnerDevelopment": False}}
    spent = {"extensions": {"cost": {"requestedQueryCost": 10, "throttleStatus": status}}}
    shop.answers["Shop"] = [{"data": {"shop": {**said, "shopAddress": {"countryCodeV2": "US"}}}, **spent}]
    before = datetime.now(UTC)
    await store.shop()
    await store.shop()
    assert (datetime.now(UTC) - before).total_seconds() >= 0.1
