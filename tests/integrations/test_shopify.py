"""Orders, quotes and refunds at the pretended Shopify over real HTTP, every question and answer held to the schema."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.orders import Refunded
from domain.scans import Place
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable
from integrations.http import open_client
from integrations.shopify import documents
from integrations.shopify.client import ShopifyStore
from tests.integrations import graph
from tests.integrations.conftest import IMPATIENT, Sandbox
from tests.integrations.contract import SHARED
from tests.integrations.receiving import receive, wait_until

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ORDER = "450789469"
KEY = "refunds/loop-98765/label-4"
CREATE = "graphql.json/RefundCreate"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def customer(**more: Any) -> dict[str, Any]:
    """A customer of two years with the tag."""
    usual = {"id": "7001", "tags": ["VIP"], "spent": "2500.00", "orders": 12, "since": "2024-01-01T00:00:00Z"}
    return {**usual, "email": "someone@example.com", "name": "Someone", **more}


def order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An order of two things of 50 dollars with 8.01 tax, paid by card, unless a test says otherwise."""
    usual = {"id": "501", "quantity": 2, "price": "50.00", "tax": "8.01", "sku": "SOAP", "cost": "12.34"}
    tenders = [{"gateway": "shopify_payments", "amount": "108.01", "payment": "pi_1"}]
    made = {"id": ORDER, "name": "#1001", "customer": "7001", "at": AT.isoformat(), "tenders": tenders}
    return {**made, "lines": list(lines) or [usual], **more}


def seed(sandbox: Sandbox, *orders: dict[str, Any]) -> None:
    sandbox.post("shopify/seed", {"customers": [customer()], "orders": list(orders) or [order()]})


def act(sandbox: Sandbox, do: str, **more: Any) -> None:
    sandbox.post("shopify/act", {"do": do, **more})


def made(sandbox: Sandbox, by: str = "us") -> list[dict[str, Any]]:
    """The refunds that were really made."""
    found = sandbox.http.get("/_sandbox/shopify/effects").json()["effects"]
    return [item for item in found if item["by"] == by]


def paid_back(sandbox: Sandbox) -> int:
    """All that left or may still leave, whoever did it, in minor units."""
    found = sandbox.http.get("/_sandbox/shopify/effects").json()["effects"]
    parts = [part for item in found for part in item["transactions"]]
    return sum(part["minor"] for part in parts if part["status"] in ("SUCCESS", "PENDING"))


@pytest.fixture
async def store(sandbox: Sandbox) -> AsyncIterator[ShopifyStore]:
    """The client; where the vendor's schema is, every document, variable and answer is held to it."""
    found: list[str] = []

    async def request(sent: httpx.Request) -> None:
        found.extend(graph.request(sent))

    async def response(got: httpx.Response) -> None:
        await got.aread()
        found.extend(graph.response(got))

    hooks: Any = {"request": [request], "response": [response]} if SHARED.is_dir() else {}
    url = sandbox.addresses.url("shopify")
    async with open_client(url, timeout=IMPATIENT, event_hooks=hooks, verify=False) as http:
        yield ShopifyStore(http, "shpat_of_nobody", address_key="k")
    assert not found, "\n".join(found)


async def refunded(store: ShopifyStore, lines: list[tuple[str, int]], key: str = KEY) -> Any:
    """Read, quote and refund, as a step does."""
    found = await store.order(ORDER)
    return await store.refund(found, await store.quote(found, lines), key=key)


async def test_an_order_is_read_with_all_that_a_decision_needs(sandbox: Sandbox, store: ShopifyStore) -> None:
    ship = {"address1": "1 Rue", "city": "Paris", "province": None, "zip": "75001", "country": "FR"}
    line = {"id": "501", "quantity": 2, "price": "50.00", "category": "Soap", "tags": ["final-sale"], "cost": "12.34"}
    seed(sandbox, order(line, ship_to=ship, presentment="EUR", capturable="5.00", disputes=[{"id": "5"}], locale="fr"))
    found = await store.order(ORDER)
    assert (found.id, found.name, found.at, found.currency, found.presentment) == (ORDER, "#1001", AT, "USD", "EUR")
    who = found.shopper
    assert (who.id, who.tags, who.spent, who.orders, who.language) == ("7001", ("VIP",), usd(250_000), 12, "fr")
    assert (who.email, who.name, who.since) == ("someone@example.com", "Someone", datetime(2024, 1, 1, tzinfo=UTC))
    assert "someone" not in repr(found).casefold()
    (found_line,) = found.lines
    assert (found_line.id, found_line.quantity, found_line.category) == ("501", 2, "Soap")
    assert (found_line.tags, found_line.cost) == (("final-sale",), usd(1234))
    (tender,) = found.tenders
    assert (tender.kind, tender.captured, tender.refundable) == ("card", Money(10_801, "EUR"), Money(10_801, "EUR"))
    assert (tender.payment, len(tender.card), tender.gateway) == ("pi_1", 32, "shopify_payments")
    assert (found.captured, found.outstanding) == (Money(10_801, "EUR"), Money(500, "EUR"))
    assert (found.disputes, found.ship_to, len(found.address)) == (("5",), Place("FR", "", "Paris", "75001"), 32)
    assert not (found.test or found.b2b or found.subscription or found.cancelled or found.draft)


async def test_marks_of_orders_that_are_not_for_us_are_read(sandbox: Sandbox, store: ShopifyStore) -> None:
    line = {"id": "1", "price": "5.00", "plan": True, "gift_card": True, "category": "Cards"}
    seed(sandbox, order(line, test=True, b2b=True, source="shopify_draft_order", cancelled=AT.isoformat()))
    found = await store.order(ORDER)
    assert (found.test, found.b2b, found.subscription, found.draft, found.cancelled) == (True,) * 5
    assert found.lines[0].category == "gift_card"


async def test_an_order_without_a_customer_is_read(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox, order(customer=""))
    assert (await store.order(ORDER)).shopper.id == ""


async def test_an_order_that_is_not_there_is_refused(sandbox: Sandbox, store: ShopifyStore) -> None:
    with pytest.raises(Refused, match="read_all_orders"):
        await store.order("1")
    with pytest.raises(Refused, match="not sent: the id of Shopify's Order is a number"):
        await store.order("#1001")


async def test_a_line_is_quoted_with_its_tax_and_refunded_once_under_our_key(
    sandbox: Sandbox, store: ShopifyStore
) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 1)])
    assert (quote.amount, quote.most, quote.lines) == (usd(5400), usd(10_801), (("501", 1),))
    answer = await store.refund(found, quote, key=KEY)
    assert (answer.state, answer.amount, answer.at) == ("succeeded", usd(5400), datetime(2026, 1, 15, 8, tzinfo=UTC))
    (effect,) = made(sandbox)
    assert (effect["key"], effect["note"], effect["refund"]) == (KEY, KEY, answer.ref)
    assert effect["lines"] == [["501", 1]]
    assert (await store.find_refund(ORDER, KEY)) == answer == (await store.refund_state(ORDER, answer.ref))
    again = await store.order(ORDER)
    assert again.refunds == (
        Refunded(id=answer.ref, amount=usd(5400), state="succeeded", at=answer.at, shop_lines=("501",), key=KEY),
    )
    assert (again.tenders[0].refundable, again.shopper.spent) == (usd(5401), usd(244_600))


async def test_a_gift_card_is_filled_first_as_the_shop_suggests(sandbox: Sandbox, store: ShopifyStore) -> None:
    tenders = [{"gateway": "shopify_payments", "amount": "88.01"}, {"gateway": "gift_card", "amount": "20.00"}]
    seed(sandbox, order(tenders=tenders))
    answer = await refunded(store, [("501", 1)])
    assert answer.state == "succeeded"
    parts = [(part["gateway"], part["minor"]) for part in made(sandbox)[0]["transactions"]]
    assert parts == [("gift_card", 2000), ("shopify_payments", 3400)]


@pytest.mark.parametrize(
    ("currency", "price", "minor"), [("JPY", "5400", 5400), ("KWD", "12.345", 12_345), ("EUR", "0.10", 10)]
)
async def test_money_is_exact_in_currencies_of_no_and_of_three_places(
    sandbox: Sandbox, store: ShopifyStore, currency: str, price: str, minor: int
) -> None:
    seed(sandbox, order({"id": "1", "price": price}, presentment=currency, tenders=[{"amount": price}]))
    answer = await refunded(store, [("1", 1)])
    assert (answer.state, answer.amount) == ("succeeded", Money(minor, currency))
    assert made(sandbox)[0]["transactions"][0]["minor"] == minor


async def test_pending_money_counts_with_us_though_not_with_the_shop(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox, order(tenders=[{"amount": "60.00", "refunds": "pending"}]))
    first = await refunded(store, [("501", 1)])
    assert (first.state, first.amount) == ("pending", usd(5400))
    found = await store.order(ORDER)
    assert (found.tenders[0].refundable, found.refunds[0].state) == (usd(600), "pending")
    quote = await store.quote(found, [("501", 1)])
    assert (quote.amount.minor > quote.most.minor, quote.most) == (True, usd(600))
    with pytest.raises(Refused, match=r"not sent: .*above the 6.00 USD that is left"):
        await store.refund(found, quote, key="refunds/loop-98765/label-5")
    assert paid_back(sandbox) == 5400


async def test_a_pending_refund_arrives_or_fails_on_its_own_day(sandbox: Sandbox, store: ShopifyStore) -> None:
    slow = {"amount": "108.01", "refunds": "pending", "settles": {"hours": 48, "status": "failure"}}
    seed(sandbox, order(tenders=[slow]))
    answer = await refunded(store, [("501", 1)])
    assert answer.state == "pending"
    sandbox.at(datetime(2026, 1, 17, 9, tzinfo=UTC))
    now = await store.refund_state(ORDER, answer.ref)
    assert now is not None
    assert (now.state, now.amount, now.why) == ("failed", usd(0), "54.00 USD could not be paid back (PROCESSING_ERROR)")
    assert (await store.order(ORDER)).tenders[0].refundable == usd(10_801)


async def test_a_refund_that_arrived_can_fail_later(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    answer = await refunded(store, [("501", 1)])
    act(sandbox, "refund_settles", key=KEY, status="failure")
    found = await store.find_refund(ORDER, KEY)
    assert found is not None
    assert (answer.state, found.state, found.ref) == ("succeeded", "failed", answer.ref)


async def test_a_refund_that_fails_at_one_of_two_payments_says_what_went(sandbox: Sandbox, store: ShopifyStore) -> None:
    tenders = [{"gateway": "gift_card", "amount": "20.00"}, {"amount": "88.01", "refunds": "failure"}]
    seed(sandbox, order(tenders=tenders))
    answer = await refunded(store, [("501", 1)])
    assert (answer.state, answer.amount) == ("failed", usd(2000))
    assert answer.why == "34.00 USD could not be paid back (PROCESSING_ERROR), 20.00 USD could"


async def test_more_than_is_left_of_a_payment_is_a_refusal_by_the_shop(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 2)])
    act(sandbox, "staff_refund", order=ORDER, amount="100.00")
    answer = await store.refund(found, quote, key=KEY)
    assert (answer.state, answer.ref) == ("refused", "")
    assert answer.why == "transactions.amount: Refund amount exceeds the amount that is available to refund"
    assert (made(sandbox), paid_back(sandbox)) == ([], 10_000)


async def test_lines_that_went_back_already_are_not_quoted_again(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    await refunded(store, [("501", 2)])
    with pytest.raises(Refused, match="INVALID"):
        await store.quote(await store.order(ORDER), [("501", 1)])


async def test_the_cents_of_a_tax_that_does_not_divide_are_never_lost(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    first = await refunded(store, [("501", 1)])
    second = await refunded(store, [("501", 1)], key="refunds/loop-98765/label-5")
    assert (first.amount, second.amount, paid_back(sandbox)) == (usd(5400), usd(5401), 10_801)


@pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "500_after", "garbage"])
async def test_a_refund_whose_answer_is_lost_once_is_made_once(
    sandbox: Sandbox, store: ShopifyStore, fault: str
) -> None:
    seed(sandbox)
    sandbox.post("shopify/faults", {"fault": fault, "call": CREATE, "seconds": 3})
    answer = await refunded(store, [("501", 1)])
    assert (answer.state, len(made(sandbox))) == ("succeeded", 1)


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
async def test_a_refund_whose_answers_are_all_lost_is_unknown_and_then_found(
    sandbox: Sandbox, store: ShopifyStore, fault: str
) -> None:
    seed(sandbox)
    sandbox.post("shopify/faults", {"fault": fault, "call": CREATE, "times": None})
    with pytest.raises(NoAnswer):
        await refunded(store, [("501", 1)])
    found = await store.find_refund(ORDER, KEY)
    assert found is not None
    assert (found.state, len(made(sandbox))) == ("succeeded", 1)


@pytest.mark.parametrize("fault", ["429"])
async def test_a_refund_that_never_began_is_not_there(sandbox: Sandbox, store: ShopifyStore, fault: str) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 1)])
    sandbox.post("shopify/faults", {"fault": fault, "call": CREATE, "times": None})
    with pytest.raises(Unavailable):
        await store.refund(found, quote, key=KEY)
    assert await store.find_refund(ORDER, KEY) is None
    assert made(sandbox) == []


@pytest.mark.parametrize("done", [True, False])
async def test_a_key_that_is_in_use_is_asked_again_with_the_same_key(
    sandbox: Sandbox, store: ShopifyStore, done: bool
) -> None:
    seed(sandbox)
    act(sandbox, "in_progress", times=1, done=done)
    answer = await refunded(store, [("501", 1)])
    assert (answer.state, len(made(sandbox))) == ("succeeded", 1)


async def test_a_key_that_stays_in_use_is_unknown(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    act(sandbox, "in_progress", times=9)
    with pytest.raises(NoAnswer, match="still in progress"):
        await refunded(store, [("501", 1)])


async def test_a_key_used_for_something_else_gives_what_it_was_used_for(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    first = await refunded(store, [("501", 1)])
    found = await store.order(ORDER)
    again = await store.refund(found, await store.quote(found, [("501", 1)]), key=KEY)
    assert again == first
    assert len(made(sandbox)) == 1


async def test_a_key_that_failed_is_our_error_and_nothing_happens(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 2)])
    act(sandbox, "staff_refund", order=ORDER, amount="100.00")
    assert (await store.refund(found, quote, key=KEY)).state == "refused"
    with pytest.raises(Refused) as raised:
        await store.refund(found, quote, key=KEY)
    assert raised.value.code == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    assert made(sandbox) == []


async def test_a_key_is_forgotten_after_a_day_and_its_refund_is_still_found(
    sandbox: Sandbox, store: ShopifyStore
) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 1)])
    first = await store.refund(found, quote, key=KEY)
    assert await store.refund(found, quote, key=KEY) == first
    sandbox.at(datetime(2026, 1, 16, 8, tzinfo=UTC) + timedelta(seconds=1))
    looked_up = await store.find_refund(ORDER, KEY)
    second = await store.refund(found, quote, key=KEY)
    assert looked_up == first
    # This is the trap: the same key a day later pays again, so nobody may send it before looking.
    assert (second.ref != first.ref, len(made(sandbox))) == (True, 2)


@pytest.mark.parametrize("key", ["", "  ", "refunds/loop-1", "a key with spaces/x/y"])
async def test_a_key_that_could_not_be_found_again_is_not_sent(sandbox: Sandbox, store: ShopifyStore, key: str) -> None:
    seed(sandbox)
    with pytest.raises(Refused, match="not sent: a step's key"):
        await refunded(store, [("501", 1)], key=key)
    assert made(sandbox) == []


async def test_used_up_points_are_waited_for(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    act(sandbox, "throttled", times=1, cost=5)
    assert (await store.order(ORDER)).id == ORDER


async def test_points_that_do_not_come_back_mean_that_nothing_happened(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    found = await store.order(ORDER)
    quote = await store.quote(found, [("501", 1)])
    act(sandbox, "throttled", times=9, cost=5)
    with pytest.raises(Unavailable, match="points are used up") as raised:
        await store.refund(found, quote, key=KEY)
    assert 0 < raised.value.retry_after_seconds <= 0.05
    assert made(sandbox) == []


async def test_a_refund_by_staff_is_seen_and_is_not_ours(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    act(sandbox, "staff_refund", order=ORDER, amount="10.00", note="called about refunds/loop-98765/label-4 again")
    found = await store.order(ORDER)
    (theirs,) = found.refunds
    assert (theirs.amount, theirs.key, theirs.shop_lines, found.tenders[0].refundable) == (usd(1000), "", (), usd(9801))
    assert await store.find_refund(ORDER, KEY) is None


async def test_orders_of_many_lines_payments_and_refunds_are_read_to_the_end(
    sandbox: Sandbox, store: ShopifyStore
) -> None:
    lines = [{"id": str(n), "price": "1.00"} for n in range(1, 130)]
    tenders = [{"amount": "3.00", "gateway": f"g{n}"} for n in range(45)]
    seed(sandbox, order(*lines, tenders=tenders))
    for _ in range(14):
        act(sandbox, "staff_refund", order=ORDER, amount="1.00")
    act(sandbox, "staff_refund", order=ORDER, amount="30.00", lines=[[str(n), 1] for n in range(1, 25)])
    found = await store.order(ORDER)
    assert [line.id for line in found.lines] == [str(n) for n in range(1, 130)]
    assert (len(found.tenders), len(found.refunds), found.captured) == (45, 15, usd(13_500))
    assert [item.amount.minor for item in found.refunds] == [100] * 14 + [3000]
    assert len(found.refunds[-1].shop_lines) == 24
    assert sum(tender.refundable.minor for tender in found.tenders) == 13_500 - 4400


async def test_our_refund_is_found_behind_many_others(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    for _ in range(documents.REFUNDS + 1):
        act(sandbox, "staff_refund", order=ORDER, amount="1.00")
    answer = await refunded(store, [("501", 1)])
    assert await store.find_refund(ORDER, KEY) == answer


async def test_orders_that_changed_are_listed_with_one_that_cannot_be_read_beside_them(
    sandbox: Sandbox, store: ShopifyStore
) -> None:
    many = [order(id=str(n), name=f"#{n}") for n in range(1, documents.LISTED + 3)]
    seed(sandbox, *many, order(id="900", name=""))
    act(sandbox, "touch", order="2")
    pages = [page async for page in store.orders_touched(datetime(2026, 1, 15, 7, tzinfo=UTC))]
    assert [[item.id for item in page.items] for page in pages] == [["2"]]
    pages = [page async for page in store.orders_touched(AT)]
    assert [len(page.items) + len(page.unreadable) for page in pages] == [documents.LISTED, 3]
    ids = {item.id for page in pages for item in page.items}
    assert ids == {str(n) for n in range(1, documents.LISTED + 3)}
    (strange,) = [item for page in pages for item in page.unreadable]
    assert (strange.kind, strange.id) == ("order", "900")
    assert strange.problem == "name: text is missing"
    assert '"legacyResourceId": "900"' in strange.raw


async def test_a_webhook_that_failed_too_often_is_not_listed_any_more(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    with receive() as received:
        received.answers = [500] * 20
        sandbox.post("shopify/hooks", {"url": received.url, "secret": "s", "topics": ["refunds/create", "disputes"]})
        listed = await store.subscriptions()
        assert {item.topic for item in listed} == {"REFUNDS_CREATE", "DISPUTES_CREATE", "DISPUTES_UPDATE"}
        assert all((item.vendor, item.url, item.active) == ("shopify", received.url, True) for item in listed)
        sandbox.post("shopify/deliveries", {"factor": 0.000001})
        act(sandbox, "staff_refund", order=ORDER, amount="1.00")
        received.wait_for(8)
        wait_until(lambda: _states(sandbox) == ["deactivated"], "a hook that is switched off")
    assert await store.subscriptions() == []


def _states(sandbox: Sandbox) -> list[str]:
    return [hook["state"] for hook in sandbox.http.get("/_sandbox/shopify/hooks").json()["hooks"]]


async def test_the_shop_says_who_it_is_and_whether_its_money_is_real(sandbox: Sandbox, store: ShopifyStore) -> None:
    sandbox.post("shopify/seed", {"shop": {"name": "Soap", "currency": "CAD", "country": "CA", "test": True}})
    found = await store.shop()
    assert (found.name, found.currency, found.returns_country, found.test) == ("Soap", "CAD", "CA", True)
    assert found.domain == "a-shop.myshopify.com"


async def test_a_refused_token_is_unauthorised(sandbox: Sandbox) -> None:
    async with open_client(sandbox.addresses.url("shopify"), verify=False) as http:
        with pytest.raises(Unauthorised):
            await ShopifyStore(http, "").shop()


async def test_the_portal_pays_through_the_shop(sandbox: Sandbox, store: ShopifyStore) -> None:
    seed(sandbox)
    line = {"id": "l1", "shop_line": "501", "refund": "54.00"}
    label = {"tracking": "9400111899223197428497", "lines": ["l1"]}
    given = {"id": "98765", "order": ORDER, "currency": "USD", "refund": "54.00", "lines": [line], "labels": [label]}
    sandbox.post("loop/seed", {"returns": [given]})
    sandbox.post("loop/act", {"return": "98765", "do": "process"})
    sandbox.at(datetime(2026, 1, 16, 8, tzinfo=UTC))
    found = await store.order(ORDER)
    assert [item.amount for item in found.refunds] == [usd(5400)]
    assert [effect["by"] for effect in made(sandbox, "portal")] == ["portal"]


async def test_documents_that_are_not_ours_and_refunds_without_the_directive_are_not_answered(sandbox: Sandbox) -> None:
    seed(sandbox)
    bare = documents.REFUND_CREATE.text.replace(" @idempotent(key: $key)", "")
    asked = {"query Shop { shop { name } }": "knows", bare: "@idempotent directive"}
    with httpx.Client(base_url=sandbox.addresses.url("shopify"), verify=False) as http:
        for text, why in asked.items():
            answer = http.post(documents.PATH, json={"query": text}, headers={"X-Shopify-Access-Token": "t"})
            assert why in answer.json()["errors"][0]["message"]
            assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("seed", {"orders": [{"id": "1", "lines": [], "tenders": [], "colour": "red"}]}),
        ("seed", {"orders": [{"id": "1", "lines": [{"id": "1", "price": 5}], "tenders": []}]}),
        ("seed", {"strange": 1}),
        ("act", {"do": "dance"}),
        ("act", {"do": "cancel", "order": "none"}),
        ("act", {"do": "refund_settles", "status": "success"}),
    ],
)
def test_a_seed_or_an_action_that_makes_no_sense_is_refused(sandbox: Sandbox, path: str, body: Any) -> None:
    answer = sandbox.http.post(f"/_sandbox/shopify/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
