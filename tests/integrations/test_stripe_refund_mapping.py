"""What Stripe's refunds, disputes and events mean, on published bodies of all ages and on damaged ones."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import EXPONENTS, Money
from domain.news import DisputeTouched, Nothing, RefundTouched
from domain.payment_refunds import PaymentLeft
from integrations.errors import Unreadable
from integrations.fields import Damaged
from integrations.signing import Delivery
from integrations.stripe import events, mapping, refund_mapping, sandbox_back, sandbox_money, sandbox_objects
from tests.integrations.contract import SHARED

CREATED = 1_768_464_000
DELIVERY = Delivery("POST", "https://shop.example/hooks/stripe/x", {}, b"{}")
Json = dict[str, Any]


def published() -> Iterator[Path]:
    for folder in (
        SHARED / "specs/stripe/webhooks",
        SHARED / "specs/stripe/webhooks-2026-derived",
        SHARED / "data/stripe_event_fixtures",
    ):
        yield from sorted(folder.rglob("*.json"))


def is_whole(path: Path) -> bool:
    """Whether a body is a whole event: one of them is a part that its double puts over another."""
    return "type" in json.loads(path.read_text(encoding="utf-8"))


EVENTS = [path for path in published() if is_whole(path)]
needs_bodies = pytest.mark.skipif(not EVENTS, reason="needs Stripe's event bodies in ../shared, which are absent")
NEWS = (*events.REFUND_TOPICS, events.CHARGE_TOPIC, *events.DISPUTE_TOPICS)


def a_charge(**more: Any) -> Json:
    intent = sandbox_money.payment_intent("pi_1", CREATED, "cus_1", "1029", 4990, "usd")
    card = sandbox_objects.payment_method("pm_1", CREATED, "cus_1", {"fingerprint": "fp1"})
    return {**sandbox_money.charge("ch_1", CREATED, intent, card, sandbox_money.outcome("ok")), **more}


def a_refund(amount: int = 4990, **more: Any) -> Json:
    return {**sandbox_back.refund("re_1", CREATED, a_charge(), amount), **more}


def a_dispute(**more: Any) -> Json:
    return {**sandbox_back.dispute("dp_1", CREATED, a_charge()), **more}


def an_event(kind: str, item: Json) -> Json:
    made = sandbox_objects.event("evt_1", CREATED, kind, item, {"id": None, "idempotency_key": None})
    return copy.deepcopy(made)


class TestEvents:
    @needs_bodies
    @pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_a_published_event_of_any_age_is_enveloped_and_is_news_or_nothing(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        envelope = events.envelope(DELIVERY, document)
        assert envelope.topic == document["type"]
        assert envelope.identity == document["id"]
        (news,) = events.news(document, "7")
        if document["type"] not in NEWS:
            assert isinstance(news, Nothing)
        else:
            assert isinstance(news, RefundTouched | DisputeTouched)
            assert news.payment, "every published refund and dispute names its payment"
            assert news.ref or document["type"] == "charge.refunded"

    @needs_bodies
    def test_the_published_events_hold_every_kind_of_news(self) -> None:
        kinds = {json.loads(path.read_text(encoding="utf-8"))["type"] for path in EVENTS}
        assert set(NEWS) <= kinds

    def test_a_dispute_event_of_a_kind_to_come_is_a_dispute(self) -> None:
        found = events.news(an_event("charge.dispute.escalated", a_dispute()), "")
        assert found == (DisputeTouched("stripe", ref="dp_1", payment="pi_1"),)

    def test_an_event_of_a_charge_without_an_intent_names_the_charge(self) -> None:
        refund = an_event("refund.updated", a_refund(payment_intent=None))
        assert events.news(refund, "") == (RefundTouched("stripe", ref="re_1", payment="ch_1"),)
        charge = an_event("charge.refunded", a_charge(payment_intent=None))
        assert events.news(charge, "") == (RefundTouched("stripe", ref="", payment="ch_1"),)

    @pytest.mark.parametrize(
        ("more", "tenant"),
        [({}, "test"), ({"livemode": True}, "live"), ({"account": "acct_1"}, "acct_1"), ({"livemode": None}, "")],
    )
    def test_an_event_says_whose_it_is(self, more: Json, tenant: str) -> None:
        event = {**an_event("refund.created", a_refund()), **more}
        assert events.envelope(DELIVERY, event) == ("refund.created", "evt_1", tenant)

    @pytest.mark.parametrize(
        "document",
        [
            *(None, [], "evt_1", 7, {}, {"type": "refund.created"}, {"id": "evt_1"}, {"id": 1, "type": "x"}),
            *({"id": "evt_1", "type": ["refund.created"]}, {"id": "evt_1", "type": "x", "account": 5}),
        ],
    )
    def test_what_is_no_event_is_unreadable(self, document: Any) -> None:
        with pytest.raises(Unreadable):
            events.envelope(DELIVERY, document)

    @given(mode=st.one_of(st.none(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.none())))
    def test_a_mode_of_any_shape_never_breaks_us(self, mode: Any) -> None:
        event = {**an_event("refund.created", a_refund()), "livemode": mode}
        assert events.envelope(DELIVERY, event).tenant == ""

    @pytest.mark.parametrize("kind", NEWS)
    @pytest.mark.parametrize("item", [None, {}, [], {"id": 5}, {"id": ""}])
    def test_news_that_does_not_say_of_what_is_unreadable(self, kind: str, item: Any) -> None:
        event = an_event("refund.created", a_refund())
        event.update(type=kind, data={"object": item})
        with pytest.raises(Unreadable):
            events.news(event, "")


class TestStates:
    @pytest.mark.parametrize(
        ("more", "state", "why"),
        [
            ({"status": "succeeded"}, "succeeded", ""),
            ({"status": "pending"}, "pending", "Stripe is working on it"),
            ({"status": "pending", "pending_reason": "charge_pending"}, "pending", "has not gone through"),
            ({"status": "requires_action"}, "pending", "the customer has to"),
            ({"status": "failed", "failure_reason": "lost_or_stolen_card"}, "failed", "lost or stolen"),
            ({"status": "failed", "failure_reason": "a_new_word"}, "failed", "no reason (a_new_word)"),
            ({"status": "failed"}, "failed", "no reason (none)"),
            ({"status": "canceled"}, "failed", "it was cancelled"),
        ],
    )
    def test_a_state_is_one_of_three_and_says_why(self, more: Json, state: str, why: str) -> None:
        found = refund_mapping.read_answer(a_refund(**more))
        # Stripe refunds in one piece: of one that failed nothing went, and nothing may be booked.
        assert found.amount == (None if state == "failed" else Money(4990, "USD"))
        assert (found.state, found.ref) == (state, "re_1")
        assert (why in found.why) and bool(found.why) == bool(why)

    @pytest.mark.parametrize("status", ["returned", "", None, 5])
    def test_a_state_that_stripe_did_not_have_is_damaged_and_never_a_success(self, status: Any) -> None:
        with pytest.raises(Damaged, match="status"):
            refund_mapping.read_answer(a_refund(status=status))

    @pytest.mark.parametrize("read", [refund_mapping.read_refund, refund_mapping.read_dispute])
    @given(data=st.data())
    def test_a_field_of_another_shape_is_damaged_or_does_not_matter(
        self, read: Callable[[Any], object], data: st.DataObject
    ) -> None:
        item = a_refund() if read is refund_mapping.read_refund else a_dispute()
        name = data.draw(st.sampled_from(sorted(item)))
        shapes = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.lists(st.none(), max_size=2))
        try:
            read({**item, name: data.draw(shapes)})
        except ValueError as error:
            assert "4990" not in str(error)

    def test_of_refunds_under_one_key_the_one_that_did_most_counts(self) -> None:
        metadata = {"metadata": {"recoup_key": "refunds/a/label-1"}}
        made = [a_refund(status=status, id=f"re_{status}", **metadata) for status in ("failed", "succeeded", "pending")]
        found = refund_mapping.answer_under("refunds/a/label-1", [*made, a_refund()])
        assert found is not None
        assert (found.ref, found.why) == (
            "re_succeeded",
            "3 refunds carry this key: re_failed, re_succeeded, re_pending",
        )
        assert refund_mapping.answer_under("refunds/a/label-2", [*made, a_refund(metadata=None)]) is None


class TestLeft:
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["succeeded", "pending", "requires_action", "failed", "canceled"]),
                st.integers(1, 3000),
            ),
            max_size=6,
        ),
        st.integers(0, 4990),
    )
    def test_what_is_promised_counts_as_spent_and_nothing_is_counted_twice(
        self, parts: list[tuple[str, int]], told: int
    ) -> None:
        refunds = [a_refund(amount, status=status) for status, amount in parts]
        found = refund_mapping.read_left(a_charge(amount_refunded=told), refunds, [])
        listed = sum(amount for status, amount in parts if status not in ("failed", "canceled"))
        gone = found.refunded.minor + found.pending.minor
        assert gone == max(listed, told)
        assert found.left.minor == max(4990 - gone, 0)

    def test_a_dispute_that_only_the_charge_tells_of_stands_in_the_way(self) -> None:
        found = refund_mapping.read_left(a_charge(disputed=True), [], [])
        assert (found.disputed, found.disputes, found.refundable) == (True, (), False)

    @pytest.mark.parametrize(
        ("status", "in_the_way"),
        [
            *(("needs_response", True), ("warning_needs_response", True), ("under_review", True), ("lost", True)),
            *(("prevented", True), ("a_new_word", True), ("won", False), ("warning_closed", False)),
        ],
    )
    def test_only_a_dispute_decided_for_the_shop_is_out_of_the_way(self, status: str, in_the_way: bool) -> None:
        found = refund_mapping.read_left(a_charge(disputed=True), [], [a_dispute(status=status)])
        assert (found.disputed, found.disputes) == (in_the_way, ("dp_1",) if in_the_way else ())

    def test_a_payment_without_a_charge_has_nothing_left(self) -> None:
        nothing = Money(0, "USD")
        found = refund_mapping.read_left({"currency": "usd", "amount_captured": 0}, [], [])
        assert found == PaymentLeft(captured=nothing, refunded=nothing, pending=nothing, disputed=False)


@given(st.sampled_from([*EXPONENTS, "USD", "EUR", "MGA"]), st.integers(1, 10**9))
def test_an_amount_for_stripe_comes_back_the_same_or_is_not_sent(code: str, minor: int) -> None:
    amount = Money(minor, code)
    try:
        sent = mapping.to_stripe(amount)
    except ValueError:
        assert minor % (100 if code == "MGA" else 10)
        return
    assert mapping.money(sent, code.lower()) == amount
    assert EXPONENTS.get(code) != 3 or sent % 10 == 0
