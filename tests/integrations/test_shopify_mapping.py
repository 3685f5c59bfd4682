"""Shopify's JSON as our values and back, without a network: amounts, what is left, states, hashes, what we send."""

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money, plain
from domain.orders import Order, Quote, Share, Shopper, Tender
from integrations.fields import Damaged
from integrations.shopify import mapping, reading, refunds
from integrations.shopify.refunds import Part
from integrations.shopify.sandbox_shapes import money as written

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "refunds/loop-98765/label-4"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def order(*left: int, **more: Any) -> Order:
    """An order paid in as many parts, each with so much left."""
    tenders = tuple(
        Tender(id=str(n), gateway=f"g{n}", kind="card", captured=usd(10_000), refundable=usd(minor))
        for n, minor in enumerate(left, start=1)
    )
    usual = {"id": "9", "name": "#9", "at": AT, "currency": "USD", "presentment": "USD", "shopper": Shopper(id="7")}
    return Order(**{**usual, "tenders": tenders, **more})


def quote(*parts: tuple[str, int], **more: Any) -> Quote:
    """A quote that goes back to these payments."""
    shares = tuple(Share(tender=tender, gateway=f"g{tender}", amount=usd(minor)) for tender, minor in parts)
    total = usd(sum(minor for _, minor in parts))
    return Quote(**{"order": "9", "lines": (("501", 1),), "amount": total, "shares": shares, "most": total, **more})


def transaction(status: str, amount: str = "10.0", parent: str = "1", **more: Any) -> dict[str, Any]:
    """A refunding transaction as Shopify gives it."""
    return {
        "id": "gid://shopify/OrderTransaction/80",
        "kind": "REFUND",
        "status": status,
        "gateway": "g1",
        "processedAt": "2026-01-02T00:00:00Z",
        "errorCode": None,
        "amountSet": {"presentmentMoney": {"amount": amount, "currencyCode": "USD"}},
        "parentTransaction": {"id": f"gid://shopify/OrderTransaction/{parent}"},
        **more,
    }


def refund(*parts: dict[str, Any], note: str | None = KEY) -> dict[str, Any]:
    """A refund as Shopify gives it."""
    return {
        "legacyResourceId": "66",
        "note": note,
        "createdAt": "2026-01-01T00:00:00Z",
        "refundLineItems": {
            "nodes": [{"quantity": 1, "lineItem": {"id": "gid://shopify/LineItem/501"}}],
            "pageInfo": {"hasNextPage": False},
        },
        "transactions": {"nodes": list(parts), "pageInfo": {"hasNextPage": False}},
    }


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("47.5", "USD", 4750),
        ("47.50", "USD", 4750),
        ("1000.0", "JPY", 1000),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("-3.0", "EUR", -300),
        ("12.3400", "USD", 1234),
    ],
)
def test_an_amount_is_read_exactly_whatever_zeros_follow_it(amount: str, currency: str, minor: int) -> None:
    assert reading.read_money({"m": {"amount": amount, "currencyCode": currency}}, "m") == Money(minor, currency)


@pytest.mark.parametrize(("amount", "currency"), [("0.5", "JPY"), ("1.005", "USD"), ("1,5", "USD"), ("", "USD")])
def test_an_amount_that_does_not_fit_its_currency_is_never_rounded(amount: str, currency: str) -> None:
    with pytest.raises(Damaged):
        reading.read_money({"m": {"amount": amount, "currencyCode": currency}}, "m")


def test_an_amount_as_a_number_is_damaged() -> None:
    with pytest.raises(Damaged, match=r"m\.amount"):
        reading.read_money({"m": {"amount": 47.5, "currencyCode": "USD"}}, "m")


@given(st.integers(0, 10**12), st.sampled_from(["USD", "JPY", "KWD", "EUR", "ISK"]))
def test_what_shopify_writes_of_an_amount_is_read_as_that_amount(minor: int, currency: str) -> None:
    found = written(Money(minor, currency))
    assert "." in found["amount"]
    assert reading.read_money({"m": found}, "m") == Money(minor, currency)


@pytest.mark.parametrize("value", ["gid://shopify/Order/42", "42", 42, "gid://shopify/Order/42?x=1"])
def test_an_id_is_its_number_in_every_form(value: Any) -> None:
    assert reading.number({"id": value}, "id") == "42"


@pytest.mark.parametrize("value", ["", "gid://shopify/Order/", "#1001", None, 4.2, True, "४२"])
def test_what_is_no_id_is_damaged(value: Any) -> None:
    with pytest.raises(Damaged):
        reading.number({"id": value}, "id")


def test_only_a_number_becomes_an_id_of_the_api() -> None:
    assert reading.gid("Order", "42") == "gid://shopify/Order/42"
    with pytest.raises(ValueError, match="text of 5 characters"):
        reading.gid("Order", "#1001")


@pytest.mark.parametrize(
    ("statuses", "state", "minor"),
    [
        (("SUCCESS", "SUCCESS"), "succeeded", 2000),
        (("SUCCESS", "PENDING"), "pending", 2000),
        (("PENDING", "AWAITING_RESPONSE"), "pending", 2000),
        (("SUCCESS", "UNKNOWN"), "pending", 2000),
        (("SUCCESS", "SOMETHING_NEW"), "pending", 2000),
        (("SUCCESS", "FAILURE"), "failed", 1000),
        (("PENDING", "ERROR"), "failed", 1000),
        (("FAILURE", "ERROR"), "failed", 0),
    ],
)
def test_a_refund_is_what_its_payments_are(statuses: tuple[str, ...], state: str, minor: int) -> None:
    parts = [transaction(status, parent=str(n)) for n, status in enumerate(statuses)]
    answer = refunds.read_answer(refund(*parts))
    assert (answer.state, answer.amount, answer.ref) == (state, usd(minor), "66")


def test_a_refund_without_payments_yet_is_pending_and_says_so() -> None:
    answer = refunds.read_answer(refund())
    assert (answer.state, answer.amount) == ("pending", None)
    assert "no payment" in answer.why


def test_a_refund_that_failed_in_part_says_how_much_did() -> None:
    failed = transaction("FAILURE", "30.0", parent="2", errorCode="CARD_DECLINED")
    answer = refunds.read_answer(refund(transaction("SUCCESS", "20.0"), failed))
    assert answer.why == "30.00 USD could not be paid back (CARD_DECLINED), 20.00 USD could"


def test_a_payment_that_failed_and_was_tried_again_does_not_fail_the_refund() -> None:
    answer = refunds.read_answer(refund(transaction("FAILURE"), transaction("SUCCESS")))
    assert (answer.state, answer.amount) == ("succeeded", usd(1000))


def test_a_refund_that_failed_in_part_still_counts_what_left() -> None:
    raw = refund(transaction("SUCCESS", "20.0"), transaction("FAILURE", "30.0", parent="2"))
    found = refunds.read_refunded(raw, "USD")
    assert (found.state, found.amount, found.shop_lines, found.key) == ("succeeded", usd(2000), ("501",), KEY)


def test_a_refund_that_failed_whole_counts_as_failed() -> None:
    found = refunds.read_refunded(refund(transaction("FAILURE", "20.0")), "USD")
    assert (found.state, found.amount) == ("failed", usd(2000))


def test_goods_that_came_back_without_money_are_a_refund_of_nothing() -> None:
    found = refunds.read_refunded(refund(note=None), "USD")
    assert (found.state, found.amount, found.key) == ("succeeded", usd(0), "")


@pytest.mark.parametrize(
    ("note", "key"),
    [
        (KEY, KEY),
        (f" {KEY}\n", KEY),
        ("refunds/loop-1", ""),
        ("sent back to a/b/c road", ""),
        ("Customer called / angry", ""),
        ("", ""),
    ],
)
def test_a_note_is_our_key_only_where_it_is_nothing_else(note: str, key: str) -> None:
    assert refunds.key_of(note) == key


def part(tender: str, minor: int, state: Any = "succeeded", gateway: str = "g1") -> Part:
    return Part(tender, gateway, usd(minor), state)


def test_pending_refunds_leave_less_and_failed_ones_do_not() -> None:
    captured = {"1": ("g1", usd(5000)), "2": ("g2", usd(3000))}
    parts = [part("1", 1000), part("1", 500, "pending"), part("2", 700, "failed", "g2")]
    assert refunds.left_of(captured, parts) == {"1": usd(3500), "2": usd(3000)}


def test_a_refund_that_names_no_payment_is_taken_from_its_gateway_first_and_then_from_others() -> None:
    captured = {"1": ("g1", usd(5000)), "2": ("g2", usd(3000))}
    assert refunds.left_of(captured, [part("", 2000, gateway="g2")]) == {"1": usd(5000), "2": usd(1000)}
    assert refunds.left_of(captured, [part("", 4000, gateway="g2")]) == {"1": usd(4000), "2": usd(0)}
    assert refunds.left_of(captured, [part("77", 6000, gateway="other")]) == {"1": usd(0), "2": usd(2000)}


states = st.sampled_from(["succeeded", "pending", "failed"])
parts_of = st.lists(st.builds(part, st.sampled_from(["", "1", "2", "3"]), st.integers(0, 9000), states), max_size=8)


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=3), parts_of)
def test_what_is_left_of_all_payments_is_never_above_what_was_taken_less_what_went(
    taken: list[int], parts: list[Part]
) -> None:
    captured = {str(n): ("g1" if n == 1 else "g2", usd(minor)) for n, minor in enumerate(taken, start=1)}
    left = refunds.left_of(captured, parts)
    gone = sum(item.amount.minor for item in parts if item.state != "failed")
    assert sum(item.minor for item in left.values()) == max(sum(taken) - gone, 0)
    assert all(0 <= left[tender].minor <= captured[tender][1].minor for tender in captured)


def suggested(amount: str, most: str, currency: str = "USD") -> dict[str, Any]:
    """A suggestion of Shopify's, all of it to payment 1."""

    def bag(text: str) -> dict[str, Any]:
        return {"presentmentMoney": {"amount": text, "currencyCode": currency}}

    share = {"gateway": "g1", "amountSet": bag(amount), "parentTransaction": {"id": "gid://shopify/OrderTransaction/1"}}
    return {"amountSet": bag(amount), "maximumRefundableSet": bag(most), "suggestedTransactions": [share]}


def test_a_quote_never_promises_more_than_is_left_by_our_count() -> None:
    found = refunds.read_quote(suggested("50.0", "100.0"), order(3000), [("501", 1)])
    assert (found.amount, found.most) == (usd(5000), usd(3000))
    assert refunds.read_quote(suggested("50.0", "60.0"), order(9000), [("501", 1)]).most == usd(6000)


def test_a_quote_in_another_currency_than_was_paid_is_damaged() -> None:
    with pytest.raises(Damaged, match="paid in USD, this is in EUR"):
        refunds.read_quote(suggested("50.0", "100.0", "EUR"), order(9000), [("501", 1)])


def test_a_refund_says_currency_key_and_shares_and_nothing_personal() -> None:
    shopper = Shopper(id="7", email="someone@example.com", name="Someone")
    sent = refunds.write_refund(order(2000, 9000, shopper=shopper), quote(("1", 2000), ("2", 3400)), key=KEY)
    assert sent == {
        "orderId": "gid://shopify/Order/9",
        "currency": "USD",
        "note": KEY,
        "notify": False,
        "refundLineItems": [{"lineItemId": "gid://shopify/LineItem/501", "quantity": 1, "restockType": "NO_RESTOCK"}],
        "transactions": [
            {
                "orderId": "gid://shopify/Order/9",
                "parentId": f"gid://shopify/OrderTransaction/{tender}",
                "gateway": f"g{tender}",
                "kind": "REFUND",
                "amount": amount,
            }
            for tender, amount in (("1", "20.00"), ("2", "34.00"))
        ],
    }


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (quote(("1", 2000), order="8"), "is for order 8"),
        (quote(("1", 2000), amount=usd(2001)), "do not add up"),
        (quote(("3", 2000)), "a payment that the order does not have"),
        (quote(("1", 2001)), "above the 20.00 USD that is left"),
        (quote(), "nothing to refund"),
        (quote(("1", 500), ("1", 0)), "nothing to refund"),
        (quote(("1", 2000), amount=Money(2000, "EUR")), "paid in USD"),
        (quote(("1", 2000), lines=(("501", 0),)), "a line of 0"),
    ],
)
def test_a_quote_that_does_not_fit_its_order_is_never_sent(wrong: Quote, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        refunds.write_refund(order(2000), wrong, key=KEY)


def test_two_entries_of_one_line_are_sent_as_one() -> None:
    assert [item["quantity"] for item in refunds.write_lines([("5", 1), ("5", 2), ("6", 1)])] == [3, 1]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=4), st.sampled_from(["USD", "JPY", "KWD"]))
def test_what_is_sent_adds_up_to_the_amount_in_every_currency(minors: list[int], currency: str) -> None:
    tenders = tuple(
        Tender(id=str(n), gateway="g", kind="card", captured=Money(9000, currency), refundable=Money(9000, currency))
        for n in range(len(minors))
    )
    wanted = replace(order(), presentment=currency, tenders=tenders)
    shares = tuple(Share(tender=str(n), gateway="g", amount=Money(minor, currency)) for n, minor in enumerate(minors))
    total = Money(sum(minors), currency)
    sent = refunds.write_refund(
        wanted, Quote(order="9", lines=(("1", 1),), amount=total, shares=shares, most=total), key=KEY
    )
    assert [item["amount"] for item in sent["transactions"]] == [plain(share.amount) for share in shares]


def test_an_address_has_one_hash_however_it_is_typed_and_none_without_a_key() -> None:
    one = {"address1": "12 Main St.", "address2": "Apt 4", "zip": "77063-1234", "countryCodeV2": "US"}
    other = {"address1": "12 MAIN ST APT 4", "address2": None, "zip": "770631234", "countryCodeV2": "US"}
    found = mapping.read_address(one, key="k")
    assert found == mapping.read_address(other, key="k")
    assert len(found) == 32
    assert found != mapping.read_address({**one, "address1": "13 Main St"}, key="k")
    assert found != mapping.read_address(one, key="another")
    assert mapping.read_address(one, key="") == ""
    assert mapping.read_address({**one, "address1": " ", "address2": None}, key="k") == ""
    assert mapping.read_address(None, key="k") == ""


def raw_order(**more: Any) -> dict[str, Any]:
    """An order as Shopify gives it."""
    money = {"presentmentMoney": {"amount": "0.0", "currencyCode": "USD"}}
    sale = {**transaction("SUCCESS", "100.0"), "id": "gid://shopify/OrderTransaction/1", "kind": "SALE"}
    return {
        "legacyResourceId": "9", "name": "#9", "processedAt": "2026-01-01T00:00:00Z", "currencyCode": "USD",
        "presentmentCurrencyCode": "USD", "test": False, "cancelledAt": None, "sourceName": "web",
        "customerLocale": "fr-CA", "totalCapturableSet": money, "purchasingEntity": None, "customer": None,
        "shippingAddress": None, "disputes": [],
        "lineItems": {"nodes": [{
            "id": "gid://shopify/LineItem/501", "quantity": 1, "sku": None, "isGiftCard": False, "sellingPlan": None,
            "product": None, "variant": None,
        }]},
        "transactions": [{
            **sale, "parentTransaction": None, "manualPaymentGateway": False, "receiptJson": None,
            "paymentDetails": None,
        }],
        "refunds": [], **more,
    }  # fmt: skip


def test_an_order_without_customer_address_product_or_card_is_read() -> None:
    found = mapping.read_order(raw_order(), key="k")
    assert (found.shopper.id, found.shopper.spent, found.shopper.language) == ("", None, "fr")
    assert (found.address, found.ship_to.known, found.lines[0].cost) == ("", False, None)
    assert (found.tenders[0].kind, found.tenders[0].card, found.captured) == ("other", "", usd(10_000))


@pytest.mark.parametrize(
    ("more", "flags"),
    [
        ({"purchasingEntity": {"__typename": "PurchasingCompany"}}, (True, False, False)),
        ({"purchasingEntity": {"__typename": "Customer"}}, (False, False, False)),
        ({"sourceName": "subscription_contract"}, (False, True, False)),
        ({"sourceName": "shopify_draft_order"}, (False, False, True)),
    ],
)
def test_what_kind_of_order_it_is(more: dict[str, Any], flags: tuple[bool, bool, bool]) -> None:
    found = mapping.read_order(raw_order(**more), key="k")
    assert (found.b2b, found.subscription, found.draft) == flags


def test_a_line_with_a_selling_plan_makes_a_subscription_order() -> None:
    raw = raw_order()
    raw["lineItems"]["nodes"][0]["sellingPlan"] = {"name": "Monthly"}
    assert mapping.read_order(raw, key="k").subscription


@pytest.mark.parametrize(
    ("status", "counts"),
    [("NEEDS_RESPONSE", True), ("UNDER_REVIEW", True), ("LOST", True), ("ACCEPTED", True), ("PREVENTED", True),
     ("SOMETHING_NEW", True), ("WON", False)],
)  # fmt: skip
def test_only_a_dispute_that_was_won_does_not_stand_in_the_way(status: str, counts: bool) -> None:
    raw = raw_order(disputes=[{"id": "gid://shopify/OrderDisputeSummary/5", "status": status}])
    assert (mapping.read_order(raw, key="k").disputes == ("5",)) is counts


@pytest.mark.parametrize(
    ("receipt", "payment"),
    [
        ('{"id": "pi_1", "amount": 100}', "pi_1"),
        ('{"payment_intent": {"id": "pi_2"}, "id": "ch_1"}', "pi_2"),
        ({"id": "pi_3"}, "pi_3"),
        ("{}", ""),
        ("no json", ""),
        ("[1]", ""),
        (None, ""),
    ],
)
def test_a_payments_reference_is_read_from_the_receipt_where_it_is_there(receipt: Any, payment: str) -> None:
    raw = raw_order()
    raw["transactions"][0]["receiptJson"] = receipt
    assert mapping.read_order(raw, key="k").tenders[0].payment == payment


@pytest.mark.parametrize(
    ("kind", "status", "count"), [("SALE", "SUCCESS", 1), ("CAPTURE", "SUCCESS", 1), ("AUTHORIZATION", "SUCCESS", 0),
                                  ("SALE", "PENDING", 0), ("CAPTURE", "FAILURE", 0), ("VOID", "SUCCESS", 0)],
)  # fmt: skip
def test_only_money_that_was_taken_can_be_given_back(kind: str, status: str, count: int) -> None:
    raw = raw_order()
    raw["transactions"][0] |= {"kind": kind, "status": status}
    assert len(mapping.read_order(raw, key="k").tenders) == count


def paths(item: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in it."""
    pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    return [before, *(path for key, value in pairs for path in paths(value, (*before, key)))] if before or pairs else []


def full_order() -> dict[str, Any]:
    """An order with everything that one can have."""
    card = {"__typename": "CardPaymentDetails", "company": "Visa", "number": "•••• 4242", "bin": "424242",
            "expirationMonth": 12, "expirationYear": 2029}  # fmt: skip
    spent = {"amount": "2500.0", "currencyCode": "USD"}
    customer = {"legacyResourceId": "7", "tags": ["VIP"], "numberOfOrders": "12", "createdAt": "2024-01-01T00:00:00Z",
                "locale": "en", "displayName": "A", "amountSpent": spent, "defaultEmailAddress": None}  # fmt: skip
    raw = raw_order(customer=customer, refunds=[refund(transaction("PENDING"))])
    raw["transactions"][0] |= {"paymentDetails": card}
    raw["transactions"].append({**transaction("PENDING"), "manualPaymentGateway": False, "receiptJson": None,
                                "paymentDetails": None})  # fmt: skip
    return raw


@given(st.data())
def test_an_order_damaged_anywhere_is_either_read_or_refused_with_a_reason(data: st.DataObject) -> None:
    raw = copy.deepcopy(full_order())
    *way, last = data.draw(st.sampled_from([path for path in paths(raw) if path]))
    node: Any = raw
    for key in way:
        node = node[key]
    node[last] = data.draw(st.sampled_from([None, 5, "x", [], {}, 1.5, True, [None], {"a": 1}]))
    try:
        found = mapping.read_order(raw, key="k")
    except ValueError as error:
        assert str(error)
    else:
        assert found.id.isdigit()


def test_a_card_has_one_hash_for_one_card() -> None:
    found = mapping.read_order(full_order(), key="k").tenders[0]
    assert (found.kind, len(found.card), found.refundable) == ("card", 32, usd(9000))
    other = full_order()
    other["transactions"][0]["paymentDetails"]["expirationYear"] = 2030
    assert mapping.read_order(other, key="k").tenders[0].card != found.card
    assert mapping.read_order(full_order(), key="").tenders[0].card == ""
