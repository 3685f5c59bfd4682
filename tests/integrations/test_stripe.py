"""The Stripe client against the pretended Stripe over real HTTP: what is read, what is charged, who paid."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.money import Money
from domain.payments import Attempt, Card, DeclineCodes, MoneyBack, Renewal
from integrations.errors import NoAnswer, Refused, Unauthorised
from integrations.http import open_client
from integrations.stripe.client import StripePayments
from tests.integrations.conftest import BILLING_DAY, Sandbox

pytestmark = pytest.mark.anyio
PRICE = Money(4990, "USD")
MONTH = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "dunning/in_0/retry-1"


def day(number: int, hour: int = 14) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


async def renewals(stripe: StripePayments) -> dict[str, Renewal]:
    found = {}
    async for page in stripe.renewals(MONTH):
        assert not page.unreadable
        found.update({item.id: item for item in page.items})
    return found


async def attempts(stripe: StripePayments) -> list[Attempt]:
    return [item async for page in stripe.attempts(MONTH) for item in page.items]


async def money_back(stripe: StripePayments, since: datetime = MONTH) -> list[MoneyBack]:
    return [item async for page in stripe.money_back(since) for item in page.items]


class TestReading:
    async def test_a_failed_renewal_is_read_with_its_person_card_and_pay_link(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        metadata = {"sms_consent": "yes", "vip": "yes", "timezone": "America/New_York"}
        bo = {"id": "cus_0", "name": "Bo Ek", "email": "bo@shop.example", "phone": "+12035550142", "language": "sv-SE"}
        sandbox.post("stripe/seed", {"customers": [{**bo, "country": "US", "state": "CT", "metadata": metadata}]})
        sandbox.renewals({"outcomes": ["insufficient_funds"], "vendor_retries": ["2026-01-18T09:00:00Z"]})
        found = await stripe.renewal("in_0")
        assert (found.status, found.amount_due, found.amount_remaining) == ("open", PRICE, PRICE)
        assert (found.attempt_count, found.created_at) == (1, BILLING_DAY)
        assert found.next_vendor_attempt == datetime(2026, 1, 18, 9, tzinfo=UTC)
        assert (found.subscription_status, found.auto_charge, found.payment) == ("past_due", True, None)
        person = found.customer
        assert (person.name, person.language, person.country, person.region) == ("Bo Ek", "sv", "US", "CT")
        assert (person.zone, person.sms_consent, person.vip) == ("America/New_York", True, True)
        assert found.card is not None
        assert (found.card.fingerprint, found.card.network) == ("fp0", "visa")
        assert found.pay_link.startswith("https://invoice.stripe.com/")
        assert (await renewals(stripe))["in_0"] == found

    async def test_lists_of_more_than_a_page_are_read_to_the_end_once_each(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals(*({"outcomes": ["do_not_honor"]} for _ in range(230)))
        pages = [page async for page in stripe.renewals(MONTH)]
        assert [len(page.items) for page in pages] == [100, 100, 30]
        assert len({item.id for page in pages for item in page.items}) == 230
        tried = await attempts(stripe)
        assert len({item.id for item in tried}) == 230
        assert {item.renewal for item in tried} == {f"in_{number}" for number in range(230)}

    async def test_only_what_was_created_since_then_is_read(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.at(day(20))
        sandbox.renewals({}, {"created": "2026-01-19T08:00:00Z"})
        pages = [page async for page in stripe.renewals(day(19, 8))]
        assert [item.id for page in pages for item in page.items] == ["in_1"]

    async def test_only_open_ones_are_read_where_that_is_asked(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["ok"]}, {"outcomes": ["lost_card"]})
        pages = [page async for page in stripe.renewals(MONTH, status="open")]
        assert [item.id for page in pages for item in page.items] == ["in_1"]

    async def test_a_draft_that_nobody_tried_is_no_renewal_yet(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"status": "draft"})
        assert await renewals(stripe) == {}

    async def test_a_subscriptions_own_card_is_read_with_its_fingerprint_on_a_page_too(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        card = {"id": "pm_own", "fingerprint": "fpOwn", "network": "mastercard", "on_subscription": True}
        sandbox.renewals({"card": card, "outcomes": ["expired_card"]})
        assert (await renewals(stripe))["in_0"].card == Card(id="pm_own", fingerprint="fpOwn", network="mastercard")
        assert (await stripe.renewal("in_0")).card == Card(id="pm_own", fingerprint="fpOwn", network="mastercard")

    async def test_a_customer_without_a_card_has_none(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"card": None})
        sandbox.renewals({"id": "in_tried", "customer": "cus_1", "outcomes": ["lost_card"]})
        assert set(await renewals(stripe)) == {"in_tried"}  # Stripe cannot try what has no card.

    async def test_a_cancelled_subscription_says_when(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"], "actions": [{"at": "2026-01-17T10:00:00Z", "do": "cancels"}]})
        assert (await stripe.renewal("in_0")).subscription_status == "past_due"
        sandbox.at(day(18))
        found = await stripe.renewal("in_0")
        assert (found.subscription_status, found.cancelled_at) == ("cancelled", datetime(2026, 1, 17, 10, tzinfo=UTC))

    async def test_a_paused_collection_switches_automatic_charges_off(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        sandbox.act("in_0", "pauses")
        assert (await stripe.renewal("in_0")).auto_charge is False
        sandbox.act("in_0", "resumes")
        assert (await stripe.renewal("in_0")).auto_charge is True

    @pytest.mark.parametrize(("do", "status"), [("voids", "void"), ("writes_off", "uncollectible")])
    async def test_a_closed_invoice_says_how(
        self, sandbox: Sandbox, stripe: StripePayments, do: str, status: str
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        sandbox.act("in_0", do)
        assert (await stripe.renewal("in_0")).status == status
        result = await stripe.charge("in_0", key=KEY)
        assert (result.state, sandbox.effects()) == ("closed", [])

    async def test_an_attempt_carries_all_codes_of_its_refusal(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        codes = {"code": "do_not_honor", "network_code": "05", "network_advice": "03", "advice": "do_not_try_again"}
        sandbox.renewals({"outcomes": [codes], "card": {"fingerprint": "fpMc", "network": "mastercard"}})
        (found,) = await attempts(stripe)
        assert (found.outcome, found.renewal, found.customer, found.amount) == ("failed", "in_0", "cus_0", PRICE)
        assert found.card is not None
        assert found.card.fingerprint == "fpMc"
        assert found.codes == DeclineCodes(
            code="do_not_honor",
            advice="do_not_try_again",
            network="mastercard",
            network_code="05",
            network_advice="03",
        )

    async def test_a_block_by_stripe_is_an_attempt_that_never_reached_the_network(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": [{"code": "highest_risk_level", "blocked": True}]})
        (found,) = await attempts(stripe)
        assert (found.outcome, found.codes.code, found.codes.blocked) == ("blocked", "highest_risk_level", True)

    async def test_an_unknown_renewal_is_refused(self, stripe: StripePayments) -> None:
        with pytest.raises(Refused):
            await stripe.renewal("in_nobody")


class TestWhoPaid:
    async def test_the_first_charge_is_nobodys_act(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["ok"]})
        payment = (await renewals(stripe))["in_0"].payment
        assert payment is not None
        assert (payment.amount, payment.at, payment.by_customer, payment.step_key) == (PRICE, BILLING_DAY, False, "")

    async def test_a_payment_on_stripes_page_is_the_customers_own(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"], "actions": [{"at": "2026-01-19T20:00:00Z", "do": "pays"}]})
        sandbox.at(day(20))
        for found in ((await renewals(stripe))["in_0"], await stripe.renewal("in_0")):
            assert found.payment is not None
            assert (found.payment.by_customer, found.payment.step_key) == (True, "")
            assert found.payment.at == datetime(2026, 1, 19, 20, tzinfo=UTC)

    async def test_stripes_own_retry_is_no_act_of_the_customer(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"], "vendor_retries": ["2026-01-18T09:00:00Z"]})
        sandbox.at(day(20))
        for found in ((await renewals(stripe))["in_0"], await stripe.renewal("in_0")):
            assert found.payment is not None
            assert (found.payment.by_customer, found.payment.step_key, found.attempt_count) == (False, "", 2)

    async def test_our_own_charge_is_named_by_its_key(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
        sandbox.at(day(18))
        await stripe.charge("in_0", key=KEY)
        for found in ((await renewals(stripe))["in_0"], await stripe.renewal("in_0")):
            assert found.payment is not None
            assert (found.payment.by_customer, found.payment.step_key) == (False, KEY)
            assert found.attempt_count == 1  # Stripe counts its own retries only.


class TestCharging:
    async def test_a_good_card_pays_and_the_vendor_says_how_much(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["insufficient_funds", "ok"]})
        sandbox.at(day(18))
        result = await stripe.charge("in_0", key=KEY)
        assert (result.state, result.amount, result.at) == ("paid", PRICE, day(18))
        assert result.ref.startswith("pi_")
        payment = (await stripe.renewal("in_0")).payment
        assert payment is not None
        assert payment.ref == result.ref
        (effect,) = sandbox.effects()
        assert (effect["key"], effect["amount"], effect["times"]) == (KEY, 4990, 1)

    async def test_a_refused_card_is_a_value_with_all_codes(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["insufficient_funds"]})
        result = await stripe.charge("in_0", key=KEY)
        assert (result.state, result.amount) == ("declined", None)
        assert result.ref == sandbox.effects()[0]["charge"]
        codes = DeclineCodes(code="insufficient_funds", advice="try_again_later", network="visa", network_code="51")
        assert result.codes == codes

    @pytest.mark.parametrize("code", ["expired_card", "lost_card", "generic_decline", "revocation_of_authorization"])
    async def test_the_answer_the_list_and_the_event_agree_on_a_refusal(
        self, sandbox: Sandbox, stripe: StripePayments, code: str
    ) -> None:
        sandbox.renewals({"outcomes": [code]})
        sandbox.at(day(16))
        result = await stripe.charge("in_0", key=KEY)
        listed = [item for item in await attempts(stripe) if item.id == result.ref]
        found = await stripe.find_charges({KEY}, day(15))
        assert (result.codes.code, result.codes) == (code, listed[0].codes)
        assert (found[KEY].state, found[KEY].ref, found[KEY].codes) == ("declined", result.ref, result.codes)

    async def test_the_same_key_again_gets_the_stored_answer_and_charges_nothing(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "do_not_honor", "ok"]})
        first = await stripe.charge("in_0", key=KEY)
        assert await stripe.charge("in_0", key=KEY) == first
        assert [effect["times"] for effect in sandbox.effects()] == [1]
        assert (await stripe.charge("in_0", key="dunning/in_0/retry-2")).state == "paid"

    async def test_the_same_key_for_something_else_is_no_answer_of_either(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]}, {"outcomes": ["do_not_honor"]})
        await stripe.charge("in_0", key=KEY)
        with pytest.raises(NoAnswer):
            await stripe.charge("in_1", key=KEY)
        assert len(sandbox.effects()) == 1

    async def test_an_invoice_that_somebody_paid_meanwhile_is_not_charged(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        sandbox.act("in_0", "pays")
        result = await stripe.charge("in_0", key=KEY)
        assert (result.state, result.amount, sandbox.effects()) == ("already_paid", PRICE, [])
        assert (
            result.ref
            == sandbox.http.get("/stripe/v1/charges", headers={"Authorization": "Bearer sk_x"}).json()["data"][0][
                "payment_intent"
            ]
        )

    async def test_a_new_card_is_charged_when_it_is_named(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["lost_card"]})
        sandbox.act("in_0", "new_card", card={"id": "pm_new", "fingerprint": "fpNew", "network": "visa"})
        assert (await stripe.renewal("in_0")).card == Card(id="pm_new", fingerprint="fpNew", network="visa")
        assert (await stripe.charge("in_0", key=KEY, card="pm_new")).state == "paid"

    async def test_a_card_that_is_gone_counts_as_refused(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        result = await stripe.charge("in_0", key=KEY, card="pm_gone")
        assert (result.state, result.codes.code, sandbox.effects()) == ("declined", "resource_missing", [])

    @pytest.mark.parametrize("outcome", ["authentication_required", "requires_action"])
    async def test_a_bank_that_wants_the_cardholder_is_one_code(
        self, sandbox: Sandbox, stripe: StripePayments, outcome: str
    ) -> None:
        sandbox.renewals({"outcomes": [outcome]})
        result = await stripe.charge("in_0", key=KEY)
        assert (result.state, result.codes.code) == ("declined", "authentication_required")

    async def test_a_bank_that_still_thinks_is_pending_until_it_answers(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "processing"]})
        assert (await stripe.charge("in_0", key=KEY)).state == "pending"
        again = await stripe.charge("in_0", key="dunning/in_0/retry-2")
        assert (again.state, len(sandbox.effects())) == ("pending", 1)
        assert (await stripe.find_charges({KEY}, MONTH))[KEY].state == "pending"
        sandbox.act("in_0", "settles")
        assert (await stripe.charge("in_0", key="dunning/in_0/retry-3")).state == "already_paid"
        found = (await stripe.find_charges({KEY}, MONTH))[KEY]
        assert (found.state, found.amount) == ("paid", PRICE)  # Its event only ever said pending.

    async def test_after_the_fifteenth_try_the_silent_block_is_seen_behind_the_generic_decline(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        results = [await stripe.charge("in_0", key=f"dunning/in_0/retry-{number}") for number in range(1, 16)]
        assert [item.codes.blocked for item in results] == [False] * 14 + [True]
        assert results[-1].codes.code == "previously_declined_do_not_retry"

    async def test_an_unknown_invoice_is_refused_and_nothing_happens(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        with pytest.raises(Refused) as refused:
            await stripe.charge("in_nobody", key=KEY)
        assert refused.value.code == "resource_missing"

    async def test_a_wrong_key_is_unauthorised_and_never_shown(self, sandbox: Sandbox) -> None:
        async with open_client(sandbox.addresses.url("stripe")) as http:
            with pytest.raises(Unauthorised) as refused:
                await StripePayments(http, "pk_wrong_12345").charge("in_0", key=KEY)
        assert "pk_wrong_12345" not in str(refused.value)

    async def test_an_amount_without_minor_units_stays_whole(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"], "amount": 500, "currency": "jpy"})
        assert (await stripe.charge("in_0", key=KEY)).amount == Money(500, "JPY")


class TestFinding:
    async def test_calls_are_found_by_their_keys_and_others_are_not(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals(
            *({"outcomes": ["do_not_honor", "ok" if number % 2 else "do_not_honor"]} for number in range(4))
        )
        sandbox.at(day(16))
        made = {
            f"dunning/in_{n}/retry-1": await stripe.charge(f"in_{n}", key=f"dunning/in_{n}/retry-1") for n in range(4)
        }
        found = await stripe.find_charges({*made, "dunning/in_9/retry-1"}, day(16))
        assert set(found) == set(made)
        for key, result in made.items():
            assert (found[key].state, found[key].ref, found[key].amount) == (result.state, result.ref, result.amount)

    async def test_the_search_stops_when_all_keys_are_found(self, sandbox: Sandbox) -> None:
        sandbox.renewals(*({"outcomes": ["do_not_honor"]} for _ in range(150)))
        asked: list[str] = []

        async def note(request: httpx.Request) -> None:
            asked.append(request.url.path)

        async with open_client(sandbox.addresses.url("stripe"), event_hooks={"request": [note]}) as http:
            stripe = StripePayments(http, "sk_test_x")
            await stripe.charge("in_0", key=KEY)
            asked.clear()
            assert set(await stripe.find_charges({KEY}, MONTH)) == {KEY}
        assert asked == ["/stripe/v1/events"]

    async def test_nothing_is_found_before_the_asked_time(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
        await stripe.charge("in_0", key=KEY)
        assert await stripe.find_charges({KEY}, BILLING_DAY + timedelta(seconds=1)) == {}
        assert set(await stripe.find_charges({KEY}, BILLING_DAY)) == {KEY}

    async def test_a_charge_is_found_after_stripe_forgot_the_key(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
        await stripe.charge("in_0", key=KEY)
        sandbox.at(day(17))
        assert (await stripe.find_charges({KEY}, BILLING_DAY))[KEY].state == "paid"
        assert (await stripe.charge("in_0", key=KEY)).state == "already_paid"

    async def test_a_pending_charge_that_bounced_is_found_as_declined(
        self, sandbox: Sandbox, stripe: StripePayments
    ) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "processing"]})
        await stripe.charge("in_0", key=KEY)
        sandbox.act("in_0", "bounces")
        assert (await stripe.find_charges({KEY}, MONTH))[KEY].state == "declined"


class TestMoneyBack:
    async def test_a_refund_names_its_payment_and_renewal(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
        paid = await stripe.charge("in_0", key=KEY)
        sandbox.at(day(20))
        sandbox.act("in_0", "refund", amount=1000)
        sandbox.act("in_0", "refund")
        rest, part = await money_back(stripe)
        assert (part.kind, part.amount, part.payment_ref, part.renewal) == (
            "refund",
            Money(1000, "USD"),
            paid.ref,
            "in_0",
        )
        assert (rest.amount, rest.at) == (Money(3990, "USD"), day(20))
        assert rest.ref != part.ref

    async def test_a_chargeback_and_its_win_are_two_movements(self, sandbox: Sandbox, stripe: StripePayments) -> None:
        sandbox.renewals({"outcomes": ["ok"]})
        sandbox.at(day(20))
        sandbox.act("in_0", "disputes")
        (lost,) = await money_back(stripe)
        assert (lost.kind, lost.amount, lost.at, lost.renewal) == ("chargeback", PRICE, day(20), "in_0")
        sandbox.at(day(28))
        sandbox.act("in_0", "dispute_won")
        (won,) = await money_back(stripe, since=day(25))
        assert (won.kind, won.amount, won.at, won.payment_ref) == ("chargeback_won", PRICE, day(28), lost.payment_ref)
        assert won.ref == lost.ref  # The win takes back that very loss.
