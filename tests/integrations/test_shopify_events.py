"""Shopify's webhooks: which event a delivery is and what it tells, from bodies alone and as the sandbox sends them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.news import DisputeTouched, Nothing, OrderTouched, RefundTouched
from integrations.errors import Unreadable
from integrations.senders import SENDERS
from integrations.shopify import events
from integrations.signing import Delivery, NotSigned, Secret
from tests.integrations.conftest import Sandbox
from tests.integrations.contract import SHARED, needs_shared
from tests.integrations.receiving import Received, receive
from tests.integrations.test_shopify import AT, ORDER, customer, order

SECRET = "not-a-real-secret"
NOW = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)


def delivery(body: bytes = b"{}", **headers: str) -> Delivery:
    named = {f"x-shopify-{name.replace('_', '-')}": value for name, value in headers.items()}
    return Delivery("POST", "https://hooks.example/hooks/shopify/t", named, body)


def test_an_event_is_its_id_and_its_topic_and_belongs_to_a_shop() -> None:
    given_ = delivery(event_id="e-1", webhook_id="w-1", topic="Refunds/Create", shop_domain="A-Shop.myshopify.com")
    found = events.envelope(given_, {})
    assert found == ("refunds/create", "e-1/refunds/create", "a-shop.myshopify.com")


def test_two_subscriptions_to_one_topic_bring_one_event_and_two_topics_bring_two() -> None:
    one = events.envelope(delivery(event_id="e-1", webhook_id="w-1", topic="orders/updated"), {})
    two = events.envelope(delivery(event_id="e-1", webhook_id="w-2", topic="orders/updated"), {})
    three = events.envelope(delivery(event_id="e-1", webhook_id="w-1", topic="orders/cancelled"), {})
    assert one.identity == two.identity != three.identity


def test_without_an_events_id_the_deliverys_counts_and_without_both_the_body() -> None:
    assert events.envelope(delivery(webhook_id="w-1", topic="t"), {}).identity == "w-1/t"
    first = events.envelope(delivery(b'{"id":1}', topic="t"), {})
    assert first == events.envelope(delivery(b'{"id":1}', topic="t"), {})
    assert first != events.envelope(delivery(b'{"id":2}', topic="t"), {})


def test_a_header_of_any_length_makes_a_short_identity() -> None:
    found = events.envelope(delivery(event_id="e" * 5000, topic="t" * 5000), {})
    assert len(found.identity) < 100
    assert len(found.topic) < 100


ORDER_BODY = {"id": 42, "admin_graphql_api_id": "gid://shopify/Order/42"}
BODIES: list[tuple[dict[str, Any], Any]] = [
    (
        {"id": 66, "order_id": 42, "admin_graphql_api_id": "gid://shopify/Refund/66"},
        RefundTouched("shopify", "66", order="42"),
    ),
    ({"id": 66, "order_id": 42, "refund_line_items": []}, RefundTouched("shopify", "66", order="42")),
    ({"id": 7, "order_id": 42, "admin_graphql_api_id": "gid://shopify/OrderTransaction/7"}, OrderTouched("42")),
    (ORDER_BODY, OrderTouched("42")),
    (
        {"id": 5, "order_id": 42, "network_reason_code": "4837", "status": "lost"},
        DisputeTouched("shopify", "5", order="42"),
    ),
    ({"id": 5, "order_id": None, "evidence_due_by": None}, DisputeTouched("shopify", "5")),
    ({"id": 8, "admin_graphql_api_id": "gid://shopify/Return/8", "order": ORDER_BODY}, OrderTouched("42")),
    ({"id": 8, "admin_graphql_api_id": "gid://shopify/Return/8", "order_id": 42}, OrderTouched("42")),
]


@pytest.mark.parametrize(("body", "told"), BODIES)
def test_what_a_body_tells(body: dict[str, Any], told: Any) -> None:
    assert events.news(body, "row") == (told,)


@pytest.mark.parametrize(
    "body",
    [
        {"customerId": "gid://shopify/Customer/7001", "tags": ["VIP"], "occurredAt": "2026-01-01T00:00:00Z"},
        {"id": 1, "admin_graphql_api_id": "gid://shopify/Product/1"},
        {"id": 1, "admin_graphql_api_id": "gid://shopify/Return/1"},
        {"something": "else"},
        {},
    ],
)
def test_what_nobody_follows_is_nothing_and_says_why(body: dict[str, Any]) -> None:
    (found,) = events.news(body, "row")
    assert isinstance(found, Nothing)
    assert found.why


@pytest.mark.parametrize(
    "body",
    [
        {"id": 66, "order_id": None, "admin_graphql_api_id": "gid://shopify/Refund/66"},
        {"id": "x", "admin_graphql_api_id": "gid://shopify/Order/x"},
        [],
        None,
        "text",
    ],
)
def test_what_should_be_followed_and_cannot_be_read_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        events.news(body, "row")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["id", "order_id", "admin_graphql_api_id", "order", "customerId", "evidence_due_by"])


@given(st.dictionaries(names, json_values | st.sampled_from(["gid://shopify/Order/1", "gid://shopify/Return/"])))
def test_no_body_makes_the_reader_fail_otherwise(body: dict[str, Any]) -> None:
    try:
        assert events.news(body, "row")
    except Unreadable as error:
        assert error.vendor == "shopify"


@needs_shared
def test_a_real_delivery_is_a_refund_of_its_order() -> None:
    path = SHARED / "specs" / "shopify" / "webhooks" / "refunds-create.pipedream.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    assert events.news(body, "row") == (RefundTouched("shopify", str(body["id"]), order=str(body["order_id"])),)


@needs_shared
def test_the_vendors_own_dispute_is_a_dispute() -> None:
    path = SHARED / "specs" / "shopify" / "rest-fixtures" / "dispute.json"
    body = json.loads(path.read_text(encoding="utf-8"))["dispute"]
    assert events.news(body, "row") == (DisputeTouched("shopify", str(body["id"])),)


@pytest.fixture
def received() -> Iterator[Received]:
    with receive() as found:
        yield found


def heard(received: Received, place: int = 0) -> Delivery:
    return Delivery("POST", received.url, received.headers[place], received.bodies[place])


@pytest.mark.parametrize(
    ("action", "topic", "told"),
    [
        ({"do": "dispute_opened", "order": ORDER, "id": "5"}, "disputes/create", DisputeTouched("shopify", "5", ORDER)),
        ({"do": "cancel", "order": ORDER}, "orders/cancelled", OrderTouched(ORDER)),
        ({"do": "touch", "order": ORDER}, "orders/updated", OrderTouched(ORDER)),
        ({"do": "return_updated", "order": ORDER}, "returns/update", OrderTouched(ORDER)),
        ({"do": "staff_refund", "order": ORDER, "amount": "5.00"}, "refunds/create", None),
        ({"do": "staff_refund", "order": ORDER, "amount": "5.00"}, "order_transactions/create", OrderTouched(ORDER)),
        ({"do": "tags_added", "customer": "7001", "tags": ["VIP"]}, "customer.tags_added", None),
    ],
)
def test_what_happens_at_the_shop_is_delivered_signed_and_understood(
    sandbox: Sandbox, received: Received, action: dict[str, Any], topic: str, told: Any
) -> None:
    hook = {"url": received.url, "secret": SECRET, "topics": [topic]}
    sandbox.post("shopify/seed", {"customers": [customer()], "orders": [order()], "hooks": [hook]})
    sandbox.post("shopify/act", action)
    received.wait_for(1)
    sender, came = SENDERS["shopify"], heard(received)
    assert sender.verify(came, [Secret("now", SECRET, None)], NOW) == "now"
    found = sender.envelope(came, json.loads(came.body))
    assert (found.topic, found.tenant) == (topic, "a-shop.myshopify.com")
    (news,) = sender.news(json.loads(came.body), "row")
    if told is not None:
        assert news == told
    else:
        assert isinstance(news, RefundTouched | Nothing)


def test_a_copy_is_the_same_event_and_another_secret_does_not_fit(sandbox: Sandbox, received: Received) -> None:
    sandbox.post("shopify/seed", {"orders": [order(customer="")]})
    sandbox.post("shopify/hooks", {"url": received.url, "secret": SECRET, "topics": ["orders/updated"]})
    sandbox.post("shopify/deliveries", {"copies": 2})
    sandbox.post("shopify/act", {"do": "touch", "order": ORDER})
    received.wait_for(2)
    first, second = heard(received, 0), heard(received, 1)
    assert events.envelope(first, {}) == events.envelope(second, {})
    with pytest.raises(NotSigned):
        SENDERS["shopify"].verify(first, [Secret("other", "of-somebody-else", None)], AT)
