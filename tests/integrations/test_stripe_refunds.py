"""Refunds of payments at the pretended Stripe over real HTTP: what is given back, refused, found again and heard of."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.news import DisputeTouched, RefundTouched
from domain.orders import RefundAnswer
from domain.payment_refunds import PaymentLeft
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable
from integrations.http import open_client
from integrations.signing import Delivery, NotSigned, Secret
from integrations.stripe import events
from integrations.stripe.refunds import StripeRefunds
from integrations.stripe.signature import verify
from tests.integrations import contract
from tests.integrations.conftest import BILLING_DAY, IMPATIENT, SECRET, Sandbox, stripe_hooks
from tests.integrations.receiving import Received, receive, wait_until

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "refunds/loop-98765/label-4"
POST = "POST /v1/refunds$"
USD = "USD"


@pytest.fixture
async def refunds(sandbox: Sandbox) -> AsyncIterator[StripeRefunds]:
    """The client; where the vendor's files are, every call and answer is held to them."""
    found: list[str] = []
    hooks = stripe_hooks(found) if contract.SHARED.is_dir() else {}
    url = sandbox.addresses.url("stripe")
    async with open_client(url, timeout=IMPATIENT, event_hooks=hooks, verify=False) as http:
        yield StripeRefunds(http, SECRET)
    assert not found, "\n".join(found)


@pytest.fixture
async def hasty(sandbox: Sandbox) -> AsyncIterator[StripeRefunds]:
    """A client that waits a third of a second, for answers that are not the vendor's."""
    async with open_client(sandbox.addresses.url("stripe"), timeout=httpx.Timeout(0.3), verify=False) as http:
        yield StripeRefunds(http, SECRET)


@pytest.fixture
def received() -> Iterator[Received]:
    with receive() as found:
        yield found


def pay(sandbox: Sandbox, **more: Any) -> None:
    """One payment of an order, a week old: 100 dollars by Visa, unless a test says otherwise."""
    sandbox.at(NOW)
    made = (NOW - timedelta(days=7)).isoformat()
    usual = {"id": "pi_1", "charge": "ch_1", "order": "1029", "amount": 10_000, "currency": "usd", "created": made}
    sandbox.post("stripe/seed", {"payments": [{**usual, "card": {"fingerprint": "fpVip", "network": "visa"}, **more}]})


def act(sandbox: Sandbox, about: str, do: str, **more: Any) -> None:
    sandbox.post("stripe/act", {"payment": about, "do": do, **more})


def made(sandbox: Sandbox, by: str = "us") -> list[dict[str, Any]]:
    """The refunds that really happened."""
    found = sandbox.http.get("/_sandbox/stripe/effects").json()["refunds"]
    return [item for item in found if item["by"] == by]


def left(captured: int, refunded: int = 0, pending: int = 0, **more: Any) -> PaymentLeft:
    amounts = {"captured": Money(captured, USD), "refunded": Money(refunded, USD), "pending": Money(pending, USD)}
    return PaymentLeft(**amounts, **{"disputed": False, "card": "fpVip", **more})


class TestGivingBack:
    async def test_a_part_goes_back_and_the_refund_carries_key_and_order(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        answer = await refunds.refund("pi_1", Money(4990, USD), key=KEY, order="1029")
        assert (answer.state, answer.amount, answer.at, answer.why) == ("succeeded", Money(4990, USD), NOW, "")
        (effect,) = made(sandbox)
        assert (effect["key"], effect["amount"], effect["payment"], effect["refund"]) == (KEY, 4990, "pi_1", answer.ref)
        page = await anext(refunds.refunds(NOW - timedelta(hours=1)))
        (found,) = page.items
        assert (found.key, found.order, found.names) == (KEY, "1029", ("pi_1", "ch_1"))
        raw = sandbox.http.get("/stripe/v1/refunds", headers={"Authorization": "Bearer sk_x"}).json()["data"][0]
        assert raw["reason"] == "requested_by_customer"

    async def test_a_payment_may_be_named_by_its_charge(self, sandbox: Sandbox, refunds: StripeRefunds) -> None:
        pay(sandbox)
        answer = await refunds.refund("ch_1", Money(100, USD), key=KEY)
        assert answer.state == "succeeded"
        assert await refunds.find_refund("pi_1", KEY) == await refunds.find_refund("ch_1", KEY) == answer
        assert await refunds.payment("pi_1") == await refunds.payment("ch_1") == left(10_000, 100)

    async def test_the_same_key_again_gives_the_same_answer_and_no_second_refund(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        first = await refunds.refund("pi_1", Money(4990, USD), key=KEY)
        assert await refunds.refund("pi_1", Money(4990, USD), key=KEY) == first
        assert len(made(sandbox)) == 1

    async def test_several_parts_go_back_until_nothing_is_left(self, sandbox: Sandbox, refunds: StripeRefunds) -> None:
        pay(sandbox)
        states = [
            (await refunds.refund("pi_1", Money(4000, USD), key=f"refunds/loop-1/label-{number}")).state
            for number in range(4)
        ]
        assert states == ["succeeded", "succeeded", "refused", "refused"]
        assert (await refunds.refund("pi_1", Money(2000, USD), key="refunds/loop-1/rest")).state == "succeeded"
        none = await refunds.refund("pi_1", Money(1, USD), key="refunds/loop-1/more")
        assert (none.state, none.why) == ("refused", "the payment has been refunded in full already")
        assert (await refunds.payment("pi_1")).left == Money(0, USD)

    async def test_the_same_key_with_another_amount_tells_what_it_did_the_first_time(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        first = await refunds.refund("pi_1", Money(4990, USD), key=KEY)
        assert await refunds.refund("pi_1", Money(5990, USD), key=KEY) == first
        assert [item["amount"] for item in made(sandbox)] == [4990]

    async def test_the_same_key_for_another_payment_is_a_fault_of_ours(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        pay(sandbox, id="pi_2", charge="ch_2")
        await refunds.refund("pi_1", Money(4990, USD), key=KEY)
        with pytest.raises(Refused, match="used with other parameters") as caught:
            await refunds.refund("pi_2", Money(4990, USD), key=KEY)
        assert caught.value.code == "idempotency_error"
        assert len(made(sandbox)) == 1

    @pytest.mark.parametrize(
        ("currency", "minor", "sent"),
        [("JPY", 4990, 4990), ("KWD", 12_340, 12_340), ("ISK", 499, 49_900), ("MGA", 49_900, 499)],
    )
    async def test_an_amount_is_sent_in_stripes_own_minor_units(
        self, sandbox: Sandbox, refunds: StripeRefunds, currency: str, minor: int, sent: int
    ) -> None:
        pay(sandbox, currency=currency.lower(), amount=100_000)
        answer = await refunds.refund("pi_1", Money(minor, currency), key=KEY)
        assert (answer.state, answer.amount) == ("succeeded", Money(minor, currency))
        assert [item["amount"] for item in made(sandbox)] == [sent]

    @pytest.mark.parametrize(("currency", "minor"), [("KWD", 12_345), ("MGA", 49_950)])
    async def test_an_amount_that_stripe_cannot_express_is_refused_and_never_rounded(
        self, sandbox: Sandbox, refunds: StripeRefunds, currency: str, minor: int
    ) -> None:
        pay(sandbox, currency=currency.lower(), amount=100_000)
        answer = await refunds.refund("pi_1", Money(minor, currency), key=KEY)
        assert (answer.state, made(sandbox)) == ("refused", [])
        assert "larger steps" in answer.why

    async def test_an_amount_in_another_currency_than_paid_is_never_sent(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        answer = await refunds.refund("pi_1", Money(4990, "JPY"), key=KEY)
        assert (answer.state, made(sandbox)) == ("refused", [])
        assert answer.why == "JPY was asked for, and USD was paid"


class TestRefusals:
    @pytest.mark.parametrize("ref", ["", "1029", "gid://shopify/OrderTransaction/1", "pi_nobody", "ch_nobody"])
    async def test_a_payment_that_stripe_does_not_know_is_refused(
        self, sandbox: Sandbox, refunds: StripeRefunds, ref: str
    ) -> None:
        assert (await refunds.refund(ref, Money(1, USD), key=KEY)).state == "refused"
        with pytest.raises(Refused):
            await refunds.payment(ref)

    async def test_an_amount_above_what_was_captured_is_refused(self, sandbox: Sandbox, refunds: StripeRefunds) -> None:
        pay(sandbox)
        answer = await refunds.refund("pi_1", Money(10_001, USD), key=KEY)
        assert (answer.state, answer.why, made(sandbox)) == ("refused", "more than is left of the payment", [])

    @pytest.mark.parametrize("minor", [0, -100])
    async def test_nothing_or_less_is_refused(self, sandbox: Sandbox, refunds: StripeRefunds, minor: int) -> None:
        pay(sandbox)
        assert (await refunds.refund("pi_1", Money(minor, USD), key=KEY)).state == "refused"
        assert made(sandbox) == []

    async def test_a_disputed_payment_is_refused(self, sandbox: Sandbox, refunds: StripeRefunds) -> None:
        pay(sandbox)
        act(sandbox, "pi_1", "disputes")
        answer = await refunds.refund("pi_1", Money(100, USD), key=KEY)
        assert (answer.state, answer.why, made(sandbox)) == ("refused", "the payment is disputed", [])

    async def test_what_was_only_authorised_is_refused_until_it_is_captured(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox, captured=False)
        assert (await refunds.payment("pi_1")).left == Money(0, USD)
        answer = await refunds.refund("pi_1", Money(100, USD), key=KEY)
        assert (answer.state, answer.why) == ("refused", "the payment has not been captured")
        act(sandbox, "pi_1", "captures")
        assert (await refunds.refund("pi_1", Money(100, USD), key=f"{KEY}-2")).state == "succeeded"

    async def test_an_empty_balance_that_makes_no_refund_is_no_promise(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox, refunds=[{"error": "balance_insufficient"}])
        answer = await refunds.refund("pi_1", Money(100, USD), key=KEY)
        assert (answer.state, answer.ref, made(sandbox)) == ("refused", "", [])
        assert await refunds.find_refund("pi_1", KEY) is None

    async def test_a_wrong_secret_key_stops_everything(self, sandbox: Sandbox) -> None:
        async with open_client(sandbox.addresses.url("stripe"), verify=False) as http:
            with pytest.raises(Unauthorised):
                await StripeRefunds(http, "whatever").refund("pi_1", Money(1, USD), key=KEY)


class TestLaterStates:
    async def test_an_empty_balance_keeps_a_refund_pending_and_it_counts_as_spent(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        fate = {"state": "pending", "reason": "insufficient_funds", "then": "succeeded", "after": 3600}
        pay(sandbox, refunds=[fate])
        answer = await refunds.refund("pi_1", Money(6000, USD), key=KEY)
        assert (answer.state, answer.why) == ("pending", "the shop's balance at Stripe does not cover it yet")
        assert await refunds.payment("pi_1") == left(10_000, 0, 6000)
        assert (await refunds.refund("pi_1", Money(6000, USD), key=f"{KEY}-2")).state == "refused"
        sandbox.at(NOW + timedelta(hours=1))
        after = await refunds.refund_state(answer.ref)
        assert after == RefundAnswer(state="succeeded", ref=answer.ref, amount=Money(6000, USD), at=NOW)
        assert await refunds.payment("pi_1") == left(10_000, 6000)

    async def test_a_refund_that_fails_days_later_says_why_and_gives_its_amount_back_to_the_payment(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        later = {"then": "failed", "after": 3 * 86_400, "then_reason": "expired_or_canceled_card"}
        pay(sandbox, refunds=[later])
        answer = await refunds.refund("pi_1", Money(6000, USD), key=KEY)
        assert answer.state == "succeeded"
        sandbox.at(NOW + timedelta(days=3))
        after = await refunds.refund_state(answer.ref)
        assert after is not None
        assert (after.state, after.why) == ("failed", "the card has expired or was cancelled")
        assert (await refunds.payment("pi_1")).left == Money(10_000, USD)
        assert await refunds.find_refund("pi_1", KEY) == after

    async def test_a_refund_that_waits_for_the_customer_is_pending_and_can_be_cancelled(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox, refunds=["requires_action"])
        answer = await refunds.refund("pi_1", Money(6000, USD), key=KEY)
        assert answer.state == "pending"
        path = f"/stripe/v1/refunds/{answer.ref}/cancel"
        assert sandbox.http.post(path, headers={"Authorization": "Bearer sk_x"}).status_code == 200
        after = await refunds.refund_state(answer.ref)
        assert after is not None
        assert (after.state, after.why) == ("failed", "it was cancelled")

    @pytest.mark.parametrize("ref", ["", "re_nobody"])
    async def test_a_refund_that_stripe_does_not_have_is_none(self, refunds: StripeRefunds, ref: str) -> None:
        assert await refunds.refund_state(ref) is None

    async def test_a_refund_by_a_person_is_seen_and_is_not_ours(self, sandbox: Sandbox, refunds: StripeRefunds) -> None:
        pay(sandbox)
        act(sandbox, "pi_1", "refund", amount=2500)
        assert await refunds.payment("pi_1") == left(10_000, 2500)
        assert await refunds.find_refund("pi_1", KEY) is None
        (found,) = (await anext(refunds.refunds(NOW))).items
        assert (found.key, found.amount, found.state) == ("", Money(2500, USD), "succeeded")


class TestDisputes:
    @pytest.mark.parametrize(
        ("how", "end", "disputed", "refundable"),
        [
            ({}, "", True, False),
            ({"inquiry": True}, "", True, True),
            ({}, "dispute_lost", True, False),
            ({}, "dispute_won", False, True),
            ({"inquiry": True}, "dispute_lost", False, True),
        ],
    )
    async def test_a_dispute_stands_in_the_way_until_it_is_decided_for_the_shop(
        self, sandbox: Sandbox, refunds: StripeRefunds, how: Any, end: str, disputed: bool, refundable: bool
    ) -> None:
        pay(sandbox)
        act(sandbox, "pi_1", "disputes", **how)
        if end:
            act(sandbox, "pi_1", end)
        found = await refunds.payment("pi_1")
        assert (found.disputed, found.refundable, len(found.disputes)) == (disputed, refundable, int(disputed))
        (listed,) = (await anext(refunds.disputes(NOW))).items
        assert (listed.open, listed.in_the_way, listed.names) == (not end, disputed, ("pi_1", "ch_1"))


class TestNotKnowing:
    @pytest.mark.parametrize("fault", ["500_after", "timeout_after", "drop_after", "garbage"])
    async def test_a_refund_that_happened_without_an_answer_is_found_by_its_key(
        self, sandbox: Sandbox, hasty: StripeRefunds, fault: str
    ) -> None:
        pay(sandbox)
        sandbox.fault(fault, POST, times=None)
        with pytest.raises(NoAnswer):
            await hasty.refund("pi_1", Money(4990, USD), key=KEY)
        sandbox.http.delete("/_sandbox/stripe/faults")
        found = await hasty.find_refund("pi_1", KEY)
        assert found is not None
        assert (found.state, found.amount, len(made(sandbox))) == ("succeeded", Money(4990, USD), 1)

    async def test_one_lost_answer_is_fetched_again_with_the_same_key(
        self, sandbox: Sandbox, hasty: StripeRefunds
    ) -> None:
        pay(sandbox)
        sandbox.fault("drop_after", POST)
        assert (await hasty.refund("pi_1", Money(4990, USD), key=KEY)).state == "succeeded"
        assert len(made(sandbox)) == 1

    @pytest.mark.parametrize("fault", ["down", "429"])
    async def test_a_vendor_that_says_wait_has_done_nothing(
        self, sandbox: Sandbox, hasty: StripeRefunds, fault: str
    ) -> None:
        pay(sandbox)
        sandbox.fault(fault, POST, times=None)
        with pytest.raises(Unavailable):
            await hasty.refund("pi_1", Money(4990, USD), key=KEY)
        assert made(sandbox) == []

    @pytest.mark.parametrize("fault", ["500", "timeout_after", "garbage"])
    async def test_a_payment_that_cannot_be_read_first_means_that_nothing_was_sent(
        self, sandbox: Sandbox, hasty: StripeRefunds, fault: str
    ) -> None:
        pay(sandbox)
        sandbox.fault(fault, "GET /v1/payment_intents/pi_1", times=None)
        with pytest.raises(Unavailable, match="nothing was sent"):
            await hasty.refund("pi_1", Money(4990, USD), key=KEY)
        assert made(sandbox) == []

    async def test_after_a_day_the_key_is_forgotten_and_only_the_look_up_keeps_money_from_going_twice(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        first = await refunds.refund("pi_1", Money(4990, USD), key=KEY)
        sandbox.at(NOW + timedelta(hours=23, minutes=59))
        assert await refunds.refund("pi_1", Money(4990, USD), key=KEY) == first
        sandbox.at(NOW + timedelta(hours=25))
        assert await refunds.find_refund("pi_1", KEY) == first
        await refunds.refund("pi_1", Money(4990, USD), key=KEY)
        assert len(made(sandbox)) == 2, "the pretended vendor is as forgetful as the real one"
        twice = await refunds.find_refund("pi_1", KEY)
        assert twice is not None
        assert twice.why.startswith("2 refunds carry this key: re_")

    async def test_a_whole_refund_repeated_after_a_day_is_recognised_as_done(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        first = await refunds.refund("pi_1", Money(10_000, USD), key=KEY)
        sandbox.at(NOW + timedelta(hours=25))
        assert await refunds.refund("pi_1", Money(10_000, USD), key=KEY) == first
        assert len(made(sandbox)) == 1

    async def test_of_two_calls_at_once_with_one_key_one_pays_and_the_other_does_not_know(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        sandbox.post("stripe/refunds", {"seconds": 0.3})
        calls = (refunds.refund("pi_1", Money(4990, USD), key=KEY) for _ in range(2))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["NoAnswer", "RefundAnswer"]
        found = await refunds.find_refund("pi_1", KEY)
        assert found in answers
        assert len(made(sandbox)) == 1

    async def test_calls_at_once_with_keys_of_their_own_never_give_back_more_than_was_captured(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        pay(sandbox)
        sandbox.post("stripe/refunds", {"seconds": 0.05})
        calls = [refunds.refund("pi_1", Money(6000, USD), key=f"refunds/loop-1/label-{number}") for number in range(4)]
        assert sorted(answer.state for answer in await asyncio.gather(*calls)) == ["refused"] * 3 + ["succeeded"]
        assert sum(item["amount"] for item in made(sandbox)) == 6000


class TestHearing:
    async def test_webhooks_are_signed_and_tell_of_refund_and_dispute(
        self, sandbox: Sandbox, refunds: StripeRefunds, received: Received
    ) -> None:
        pay(sandbox)
        sandbox.post("stripe/hooks", {"url": received.url, "secret": "whsec_1", "topics": list(events.TOPICS)})
        answer = await refunds.refund("pi_1", Money(4990, USD), key=KEY, order="1029")
        act(sandbox, "pi_1", "disputes")
        received.wait_for(3)
        secrets = [Secret("old", "whsec_0"), Secret("new", "whsec_1")]
        told = []
        for body, headers in zip(received.bodies, received.headers, strict=True):
            delivery = Delivery("POST", received.url, headers, body)
            assert verify(delivery, secrets, NOW) == "new"
            with pytest.raises(NotSigned):
                verify(delivery, secrets, NOW + timedelta(minutes=6))
            document = json.loads(body)
            assert events.envelope(delivery, document) == (document["type"], document["id"], "test")
            told += events.news(document, "")
        assert RefundTouched("stripe", ref=answer.ref, order="1029", payment="pi_1") in told
        assert RefundTouched("stripe", ref="", payment="pi_1") in told
        assert DisputeTouched("stripe", ref="dp_sbx000000000001", payment="pi_1") in told

    async def test_what_no_webhook_told_is_found_in_the_list_of_events(
        self, sandbox: Sandbox, refunds: StripeRefunds
    ) -> None:
        fate = {"then": "failed", "after": 86_400, "then_reason": "declined"}
        pay(sandbox, refunds=[fate])
        answer = await refunds.refund("pi_1", Money(4990, USD), key=KEY, order="1029")
        sandbox.at(NOW + timedelta(days=2))
        found = [item async for page in refunds.events(NOW + timedelta(hours=1)) for item in page.items]
        assert set(found) == {RefundTouched("stripe", ref=answer.ref, order="1029", payment="pi_1")}
        assert len(found) == 3

    async def test_an_endpoint_that_is_off_is_seen_and_can_be_switched_on_again(
        self, sandbox: Sandbox, refunds: StripeRefunds, received: Received
    ) -> None:
        pay(sandbox)
        sandbox.post("stripe/hooks", {"url": received.url, "secret": "whsec_1", "topics": ["refund.created"]})
        (on,) = await refunds.subscriptions()
        assert (on.vendor, on.url, on.topic, on.active, on.said) == (
            *("stripe", received.url, "refund.created", True),
            "enabled",
        )
        sandbox.post("stripe/act", {"webhook": on.id, "on": False})
        (off,) = await refunds.subscriptions()
        assert (off.active, off.said) == (False, "disabled")
        await refunds.refund("pi_1", Money(100, USD), key=KEY)
        await refunds.switch_on(off)
        assert await refunds.subscriptions() == [on]
        answer = await refunds.refund("pi_1", Money(100, USD), key=f"{KEY}-2")
        received.wait_for(1)
        wait_until(lambda: not sandbox.http.get("/_sandbox/stripe/deliveries").json()["waiting"], "an end")
        assert [json.loads(body)["data"]["object"]["id"] for body in received.bodies] == [answer.ref]


async def test_a_renewals_charge_can_be_refunded_like_any_other(sandbox: Sandbox, refunds: StripeRefunds) -> None:
    sandbox.renewals({"outcomes": ["ok"]})
    (charge,) = sandbox.effects(by="vendor")
    answer = await refunds.refund(charge["charge"], Money(4990, USD), key=KEY)
    assert (answer.state, answer.at) == ("succeeded", BILLING_DAY)


class TestPretendedStripe:
    @contract.needs_shared
    def test_an_endpoint_that_is_made_over_the_api_is_in_stripes_shape_and_signs_with_its_secret(
        self, sandbox: Sandbox, received: Received
    ) -> None:
        auth = {"Authorization": "Bearer sk_x"}
        form = {"url": received.url, "enabled_events[]": ["refund.created"]}
        answer = sandbox.http.post("/stripe/v1/webhook_endpoints", data=form, headers=auth)
        checked = contract.stripe_sdk(prefix="/stripe")
        assert checked.request(answer.request) + checked.response(answer) == []
        pay(sandbox)
        act(sandbox, "pi_1", "refund", amount=100)
        received.wait_for(1)
        delivery = Delivery("POST", received.url, received.headers[0], received.bodies[0])
        assert verify(delivery, [Secret("made", answer.json()["secret"])], NOW) == "made"

    @pytest.mark.parametrize(
        ("payment", "said"),
        [({"id": "ch_1"}, "the id must begin with pi_"), ({"id": "pi_1", "amuont": 5}, "unknown field 'amuont'")],
    )
    def test_a_seed_that_means_nothing_says_what_is_wrong(self, sandbox: Sandbox, payment: Any, said: str) -> None:
        answer = sandbox.http.post("/_sandbox/stripe/seed", json={"payments": [payment]})
        assert (answer.status_code, said in answer.text) == (400, True)

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"charge": "ch_1", "payment_intent": "pi_1"}, "not both"),
            ({"payment_intent": "pi_1", "amount": "12.50"}, "Invalid integer"),
            ({"payment_intent": "pi_1", "reason": "kindness"}, "Invalid reason"),
            ({"payment_intent": "pi_1", "surprise": "1"}, "unknown parameter"),
        ],
    )
    def test_a_call_that_stripe_does_not_take_is_refused(self, sandbox: Sandbox, form: Any, said: str) -> None:
        pay(sandbox)
        answer = sandbox.http.post("/stripe/v1/refunds", data=form, headers={"Authorization": "Bearer sk_x"})
        assert (answer.status_code, made(sandbox)) == (400, [])
        assert said in answer.json()["error"]["message"]
