"""Loop's drifting JSON as our values: ids, amounts, states, labels, lines, outcomes, and what `process` answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money, plain
from domain.returns import Return
from domain.scans import Place
from integrations.fields import Damaged
from integrations.loop import mapping
from integrations.loop.values import amount, parse
from tests.integrations import contract

LINE = {"line_item_id": 987654321, "provider_line_item_id": "111", "sku": "BOX", "title": "Box", "outcome": "default"}
LABEL = {"status": "in_transit", "updated_at": "2024-02-02T21:19:04.000Z", "carrier": "USPS", "rate": 1093}
DRIFTING = b"""{"topic": "return", "id": "1673", "state": "open", "created_at": "2023-05-01T12:00:00Z",
 "edited_at": null,
 "order_name": "#47727779", "provider_order_id": 58997314, "customer": "me@myself.com",
 "address": {"zip": 90210, "country_code": "US", "city": "Beverly Hills", "state": "CA", "name": "Bo Ek"},
 "currency": "USD", "gift_card": "0.00", "handling_fee": "5.00", "refund": "20.10", "exchange_total": "0.00",
 "is_gift_return": false, "refunds": [{"gateway": "Stripe", "amount": 20.1, "currency": "USD",
 "provider_refund_id": 987654321}],
 "labels": [{"status": "new", "updated_at": "2024-02-02T21:19:04.000Z", "rate": 1093, "carrier": "USPS",
 "tracking_number": 123456789101112, "line_items": [987654321]}],
 "line_items": [{"line_item_id": "987654321", "provider_line_item_id": 111, "outcome": "default"}]}"""


def read(**fields: Any) -> Return:
    usual = {"id": 1, "state": "open", "currency": "USD", "refund": "10.00", "provider_order_id": 58997314}
    return mapping.read_return({**usual, **fields})


def test_a_body_whose_types_drift_is_read_without_a_float() -> None:
    ret = mapping.read_return(parse(DRIFTING))
    assert (ret.id, ret.portal_id, ret.order, ret.state) == ("loop-1673", "1673", "58997314", "open")
    assert (ret.cash, ret.credit, ret.handling_fee) == (Money(2010, "USD"), Money(0, "USD"), Money(500, "USD"))
    assert [(refund.amount, refund.ref, refund.gateway) for refund in ret.refunds] == [
        (Money(2010, "USD"), "987654321", "Stripe")
    ]
    (label,) = ret.labels
    assert (label.tracking, label.id, label.carrier, label.status) == (
        "123456789101112", "123456789101112", "usps", "label",
    )  # fmt: skip
    assert (label.lines, label.origin) == (("987654321",), Place("US", "CA", "Beverly Hills", "90210"))
    assert (ret.lines[0].shop_line, ret.lines[0].outcome) == ("111", "refund")
    assert label.made_at == datetime(2023, 5, 1, 12, tzinfo=UTC)
    assert "me@myself.com" not in repr(ret)


@contract.needs_shared
def test_the_vendor_s_own_examples_are_read() -> None:
    folder = contract.SHARED / "specs/loop/webhooks"
    ret = mapping.read_return(parse((folder / "loop-returns-return-example.json").read_bytes()))
    assert (ret.id, ret.order, ret.cash, ret.exchange) == (
        "loop-12345678", "3248923479283", Money(0, "USD"), Money(10128, "USD"),
    )  # fmt: skip
    (label,) = ret.labels
    assert (label.tracking, label.status, label.issued_by) == ("9400136105440512280610", "moving", "portal")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("needs review", "review"),
        ("review", "review"),
        ("Closed", "closed"),
        ("canceled", "cancelled"),
        ("odd", "unknown"),
    ],
)
def test_a_state_is_known_or_unknown_and_a_review_counts_as_flagged(word: str, state: str) -> None:
    ret = read(state=word)
    assert (ret.state, ret.flagged) == (state, state == "review")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("N/A", "label"),
        ("N/A (no shipment status)", "label"),
        ("new", "label"),
        ("pending", "label"),
        ("pre_transit", "label"),
        ("in_transit", "moving"),
        ("out_for_delivery", "out_for_delivery"),
        ("delivered", "delivered"),
        ("return_to_sender", "returning"),
        ("failure", "exception"),
        ("error", "exception"),
        ("voided", "cancelled"),
        ("In_Transit", "moving"),
        ("teleported", "unknown"),
        ("unknown", "unknown"),
        ("in transit now", "unknown"),
    ],
)
def test_a_label_s_status_is_an_open_set(word: str, meant: str) -> None:
    assert mapping.meaning(word) == meant


@pytest.mark.parametrize("number", ["N/A", "pending", "", None])
def test_a_label_without_a_number_has_none_and_keeps_its_place_as_id(number: str | None) -> None:
    (first, second) = read(labels=[{**LABEL, "tracking_number": "94001"}, {**LABEL, "tracking_number": number}]).labels
    assert (first.id, second.id, second.tracking) == ("94001", "2", "")


def test_a_label_s_own_id_wins_over_its_number() -> None:
    (label,) = read(labels=[{**LABEL, "id": 4, "tracking_number": "9400 1361"}]).labels
    assert (label.id, label.tracking) == ("4", "94001361")


def test_the_order_of_labels_changes_no_id() -> None:
    labels = [{**LABEL, "tracking_number": number} for number in ("94001", "94002", "94003")]
    forwards, backwards = read(labels=labels).labels, read(labels=labels[::-1]).labels
    assert {label.id for label in forwards} == {label.id for label in backwards} == {"94001", "94002", "94003"}


def test_a_parcel_listed_twice_is_one_label_with_both_lines() -> None:
    lines = [{**LINE, "line_item_id": 1}, {**LINE, "line_item_id": 2}]
    labels = [{**LABEL, "tracking_number": "94001", "line_items": [number]} for number in (1, 2)]
    (label,) = read(labels=labels, line_items=lines).labels
    assert label.lines == ("1", "2")


def test_the_shop_s_id_of_a_line_stands_for_one_piece_per_label() -> None:
    lines = [{**LINE, "line_item_id": 1}, {**LINE, "line_item_id": 2}]
    labels = [{**LABEL, "tracking_number": number, "line_items": [111]} for number in ("94001", "94002", "94003")]
    assert [label.lines for label in read(labels=labels, line_items=lines).labels] == [("1",), ("2",), ("111",)]


def test_a_voided_label_takes_no_piece_from_the_one_that_replaces_it() -> None:
    labels = [
        {**LABEL, "tracking_number": "94001", "status": "voided", "line_items": [111]},
        {**LABEL, "tracking_number": "94002", "line_items": [111]},
    ]
    old, new = read(labels=labels, line_items=[LINE]).labels
    assert (old.voided, new.voided, new.lines) == (True, False, ("987654321",))
    assert old.lines == ("111",)


@pytest.mark.parametrize(
    ("method", "by"),
    [
        (None, "portal"),
        ("prepaid_label", "portal"),
        ("self_ship", "shopper"),
        ("Ship your own", "shopper"),
        ("drone", "unknown"),
    ],
)
def test_who_issued_a_label_is_the_portal_unless_something_else_is_said(method: str | None, by: str) -> None:
    (label,) = read(return_method=method, labels=[{**LABEL, "tracking_number": "94001"}]).labels
    assert label.issued_by == by


@pytest.mark.parametrize(
    ("line", "ret", "outcome"),
    [
        ({}, {}, "refund"),
        ({"exchange_variant": "123"}, {}, "exchange"),
        ({"outcome": "exchange"}, {}, "exchange"),
        ({"outcome": "donate"}, {}, "keep"),
        ({"outcome": "raffle"}, {}, "unknown"),
        ({}, {"refund": "0.00", "gift_card": "10.00"}, "store_credit"),
        ({}, {"gift_card": "10.00"}, "unknown"),
        ({}, {"outcome": "gift_card"}, "store_credit"),
        ({}, {"outcome": "refund+exchange"}, "unknown"),
        ({}, {"refund": "0.00"}, "unknown"),
        ({"outcome": "refund"}, {"gift_card": "10.00"}, "refund"),
    ],
)
def test_a_line_s_outcome_is_known_only_where_it_cannot_be_another(
    line: dict[str, Any], ret: dict[str, Any], outcome: str
) -> None:
    assert read(line_items=[{**LINE, **line}], **ret).lines[0].outcome == outcome


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({}, (None, "")),
        ({"disposition_outcome": "missing"}, (0, "")),
        ({"disposition_outcome": "back_to_stock"}, (1, "")),
        ({"condition_category": "grade_a"}, (1, "good")),
        ({"condition_category": {"id": 3, "name": "Wrong item"}}, (1, "wrong")),
        ({"condition_category": "smells odd", "disposition_outcome": "recycle"}, (1, "unknown")),
    ],
)
def test_what_the_inspection_found_is_read_where_the_portal_says_it(line: dict[str, Any], found: Any) -> None:
    (read_line,) = read(line_items=[{**LINE, **line}]).lines
    assert (read_line.received, read_line.condition) == found


def test_a_gift_return_is_seen() -> None:
    assert (read(is_gift_return=True).gift, read(is_gift_return="true").gift, read().gift) == (True, True, False)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": None}, "id: an id is missing"),
        ({"id": {"n": 1}}, "id: text or a whole number was expected, not an object"),
        ({"refund": 10.5}, "refund: an amount came as a float"),
        ({"refund": "10.555"}, "refund: the amount has more decimal places than USD"),
        ({"refund": "NaN"}, "refund: an amount like 47.50"),
        ({"refund": "1" * 30}, "refund: an amount like 47.50"),
        ({"currency": "dollars"}, "currency: a currency of three letters"),
        ({"created_at": "2024-02-02 21:19:04"}, "created_at: the instant has no time zone"),
        ({"created_at": "yesterday"}, "created_at: an ISO instant"),
        ({"labels": {"a": 1}}, "labels: a list was expected"),
        ({"labels": ["x"]}, "tracking_number: an object was expected"),
        ({"line_items": [{**LINE, "quantity": 0}]}, "line_items.quantity"),
        ({"refunds": [{"gateway": "x"}]}, "refunds.amount"),
    ],
)
def test_a_damaged_field_is_named_and_its_value_is_not(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(Damaged) as found:
        read(**fields)
    assert str(found.value).startswith(problem)
    assert "555" not in str(found.value)


@pytest.mark.parametrize(
    ("code", "text", "minor"),
    [("JPY", "4750", 4750), ("JPY", "4750.00", 4750), ("KWD", "1.234", 1234), ("USD", "20", 2000)],
)
def test_an_amount_has_the_places_of_its_currency(code: str, text: str, minor: int) -> None:
    assert amount({"refund": text}, "refund", code) == Money(minor, code)


@given(minor=st.integers(-(10**12), 10**12), code=st.sampled_from(["USD", "JPY", "KWD"]), as_number=st.booleans())
def test_every_amount_comes_back_to_the_minor_unit(minor: int, code: str, as_number: bool) -> None:
    text = plain(Money(minor, code))
    body = parse(f'{{"refund": {text if as_number else json.dumps(text)}}}'.encode())
    assert amount(body, "refund", code) == Money(minor, code)


@pytest.mark.parametrize("said", ["true", True, " TRUE "])
def test_true_means_queued_and_not_paid(said: Any) -> None:
    assert mapping.read_answer(said).state == "pending"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"errors": {"message": "Return is closed and cannot be processed.", "code": "UNPROCESSABLE_RETURN"}},
            "UNPROCESSABLE_RETURN: Return is closed and cannot be processed.",
        ),
        ({"message": "Return is cancelled and therefore cannot be processed."}, "Return is cancelled"),
        ({"content": "Return is flagged and cannot be processed."}, "Return is flagged"),
        ({"errors": "no"}, "no"),
        ("false", "the portal answered false"),
    ],
)
def test_an_error_behind_a_200_is_a_refusal_with_its_reason(said: Any, why: str) -> None:
    answer = mapping.read_answer(said)
    assert answer.state == "refused"
    assert answer.why.startswith(why)


@pytest.mark.parametrize("said", [{"queue": 1}, [], None, "maybe", 1])
def test_an_answer_that_is_neither_is_no_answer(said: Any) -> None:
    with pytest.raises(Damaged):
        mapping.read_answer(said)


def refunded(*refunds: dict[str, Any], state: str = "closed") -> Any:
    return mapping.processed(read(state=state, refunds=list(refunds)))


def test_a_return_is_processed_only_when_it_is_closed_with_a_refund_in_it() -> None:
    made = {"gateway": "shopify", "amount": 20, "currency": "USD", "provider_refund_id": 7}
    assert refunded(made, state="open") is None
    assert refunded() is None
    done = refunded(made, {**made, "amount": "1.50", "provider_refund_id": 8})
    assert (done.state, done.ref, done.amount) == ("succeeded", "7,8", Money(2150, "USD"))
    assert refunded({**made, "provider_refund_id": None}).state == "pending"
    assert refunded(made, {**made, "currency": "EUR"}).amount is None


def test_the_order_is_taken_from_any_form_of_its_id() -> None:
    assert read(provider_order_id="gid://shopify/Order/450789469").order == "450789469"
    assert read(provider_order_id=None, provider_order_external_id=12354567890).order == "12354567890"
