"""What Stripe's JSON means, on bodies that Stripe and others published, and on bodies damaged in every way."""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.payments import DeclineCodes
from integrations.errors import Unreadable
from integrations.fields import Damaged
from integrations.http import open_client
from integrations.pages import read_page
from integrations.stripe import charges, lookups, mapping, sandbox_back, sandbox_money, sandbox_objects
from integrations.stripe.client import StripePayments
from tests.integrations.contract import SHARED

CREATED = 1_768_464_000
Json = dict[str, Any]


def published() -> Iterator[Path]:
    """Event bodies of all ages: real deliveries kept by an open-source double, and ones built from today's fixtures."""
    for folder in (
        SHARED / "specs/stripe/webhooks",
        SHARED / "specs/stripe/webhooks-2026-derived",
        SHARED / "data/stripe_event_fixtures/lib/stripe_mock/webhook_fixtures",
    ):
        yield from sorted(folder.glob("*.json"))


EVENTS = list(published())
needs_bodies = pytest.mark.skipif(not EVENTS, reason="needs Stripe's event bodies in ../shared, which are absent")


def body(folder: str, name: str) -> Json:
    found: Json = json.loads((SHARED / "specs/stripe" / folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def an_invoice() -> Json:
    """A paid invoice, expanded as the client asks for it."""
    invoice = sandbox_objects.invoice("in_1", CREATED, "cus_1", "sub_1", 4990, "usd")
    card = sandbox_objects.payment_method("pm_1", CREATED, "cus_1", {"fingerprint": "fp1"})
    customer = sandbox_objects.customer("cus_1", CREATED, {"name": "Bo Ek", "email": "bo@shop.example"})
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": card}
    link = sandbox_money.invoice_payment("inpay_1", CREATED, "in_1", "pi_1", 4990, "usd")
    moments = {"canceled_at": None, "paid_at": CREATED + 86_400}
    link.update(status="paid", amount_paid=4990, status_transitions=moments)
    details = {"metadata": {}, "subscription": sandbox_objects.subscription("sub_1", CREATED, "cus_1", "usd")}
    parent = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    invoice.update(status="paid", attempt_count=1, customer=customer, parent=parent, amount_paid=4990)
    invoice.update(payments=sandbox_objects.listed("/v1/invoice_payments", [link]))
    return copy.deepcopy(invoice)


def a_charge(outcome: Any = "insufficient_funds") -> Json:
    intent = sandbox_money.payment_intent("pi_1", CREATED, "cus_1", "in_1", 4990, "usd")
    card = sandbox_objects.payment_method("pm_1", CREATED, "cus_1", {"fingerprint": "fp1"})
    return copy.deepcopy(sandbox_money.charge("ch_1", CREATED, intent, card, sandbox_money.outcome(outcome)))


def a_refund() -> Json:
    return copy.deepcopy(sandbox_back.refund("re_1", CREATED, a_charge("ok"), 4990))


def a_dispute() -> Json:
    return copy.deepcopy(sandbox_back.dispute("dp_1", CREATED, a_charge("ok")))


def an_event() -> Json:
    request = {"id": "req_1", "idempotency_key": "dunning/in_1/retry-1"}
    return copy.deepcopy(sandbox_objects.event("evt_1", CREATED, "charge.failed", a_charge(), request))


class TestPublishedBodies:
    @needs_bodies
    @pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_a_body_of_any_age_is_read_or_found_damaged_but_never_breaks_us(self, path: Path) -> None:
        event = json.loads(path.read_text(encoding="utf-8"))
        item = event["data"]["object"]
        for kind, read in READERS.items():
            page = read_page("stripe", kind, [item, event, item], read)
            assert all(found.raw for found in page.unreadable)

    @needs_bodies
    def test_a_real_failed_charge_is_a_generic_decline_of_a_visa_card(self) -> None:
        attempt = charges.read_attempt(body("webhooks", "charge.failed")["data"]["object"], {})
        assert (attempt.outcome, attempt.amount) == ("failed", Money(2000, "USD"))
        assert attempt.codes == DeclineCodes(code="generic_decline", network="visa")

    @needs_bodies
    def test_a_real_paid_charge_names_its_payment_intent(self) -> None:
        event = body("webhooks", "charge.succeeded")
        result = charges.event_result(event)
        assert result is not None
        assert (result.state, result.ref) == ("paid", event["data"]["object"]["payment_intent"])

    @needs_bodies
    def test_an_invoice_of_an_old_version_is_none_of_ours_and_one_of_today_is(self) -> None:
        assert mapping.read_renewal(body("webhooks", "invoice.payment_failed")["data"]["object"]) is None
        today = mapping.read_renewal(body("webhooks-2026-derived", "invoice.payment_failed")["data"]["object"])
        assert today is not None
        assert (today.status, today.attempt_count, today.amount_due) == ("open", 1, Money(1000, "USD"))
        assert today.subscription == "subscription"

    @needs_bodies
    def test_a_dispute_that_withdrew_nothing_moves_no_money(self) -> None:
        dispute = body("webhooks-2026-derived", "charge.dispute.created")["data"]["object"]
        assert dispute["balance_transactions"] == []
        assert charges.read_dispute(dispute, {}) == ()

    @needs_bodies
    def test_a_real_dispute_is_read_from_what_it_withdrew(self) -> None:
        dispute = body("webhooks", "charge.dispute.created")["data"]["object"]
        moved = charges.read_dispute(dispute, {})
        assert [item.kind for item in moved] == ["chargeback"] * len(moved)
        assert all(item.amount == Money(dispute["amount"], dispute["currency"].upper()) for item in moved)


class TestMoney:
    @pytest.mark.parametrize(
        ("minor", "currency", "expected"),
        [
            (4990, "usd", Money(4990, "USD")),
            (500, "jpy", Money(500, "JPY")),
            (500, "isk", Money(5, "ISK")),
            (1200, "ugx", Money(12, "UGX")),
            (500, "mga", Money(50_000, "MGA")),
            (5120, "kwd", Money(5120, "KWD")),
            (0, "isk", Money(0, "ISK")),
        ],
    )
    def test_stripes_minor_units_become_iso_minor_units(self, minor: int, currency: str, expected: Money) -> None:
        assert mapping.money(minor, currency) == expected

    @pytest.mark.parametrize("currency", ["isk", "ugx"])
    def test_a_fraction_that_the_currency_does_not_have_is_damaged(self, currency: str) -> None:
        with pytest.raises(Damaged):
            mapping.money(4010, currency)

    @pytest.mark.parametrize("amount", [49.9, "4990", True, None, 10**30])
    def test_an_amount_that_is_no_whole_number_of_our_size_goes_to_quarantine(self, amount: Any) -> None:
        page = read_page("stripe", "renewal", [{**an_invoice(), "amount_due": amount}], mapping.read_renewal)
        assert (page.items, len(page.unreadable)) == ((), 1)

    def test_several_payments_of_one_invoice_add_up_under_the_last_one(self) -> None:
        invoice = an_invoice()
        first = copy.deepcopy(invoice["payments"]["data"][0])
        first.update(amount_paid=1000, status_transitions={"canceled_at": None, "paid_at": CREATED + 60})
        first["payment"]["payment_intent"] = "pi_first"
        invoice["payments"]["data"][0]["amount_paid"] = 3990
        invoice["payments"]["data"].append(first)
        payment = mapping.read_renewal(invoice)
        assert payment is not None
        assert payment.payment is not None
        assert (payment.payment.ref, payment.payment.amount) == ("pi_1", Money(4990, "USD"))

    def test_an_invoice_paid_outside_has_the_amount_that_stripe_was_told_of_and_is_marked_so(self) -> None:
        told = {"payments": sandbox_objects.listed("/v1", []), "amount_paid": 0, "amount_paid_off_stripe": 4990}
        renewal = mapping.read_renewal({**an_invoice(), **told})
        assert renewal is not None
        assert renewal.payment is not None
        assert (renewal.payment.ref, renewal.payment.amount) == ("in_1", Money(4990, "USD"))
        assert renewal.payment.outside
        assert renewal.payment.by_customer

    def test_an_invoice_that_a_credit_balance_settled_stands_for_its_own_payment(self) -> None:
        renewal = mapping.read_renewal(
            {**an_invoice(), "payments": sandbox_objects.listed("/v1", []), "amount_paid": 0}
        )
        assert renewal is not None
        assert renewal.payment is not None
        assert (renewal.payment.ref, renewal.payment.amount) == ("in_1", Money(0, "USD"))


class TestPeople:
    def test_a_deleted_customer_is_still_a_person_with_an_id(self) -> None:
        person = mapping.read_person({"id": "cus_1", "object": "customer", "deleted": True})
        assert (person.id, person.email, person.language, person.sms_consent) == ("cus_1", "", "en", False)

    @pytest.mark.parametrize(("word", "consent"), [("yes", True), (" Yes ", True), ("no", False), ("true", False)])
    def test_only_a_plain_yes_is_consent(self, word: str, consent: bool) -> None:
        customer = sandbox_objects.customer("cus_1", CREATED, {"metadata": {"sms_consent": word}})
        assert mapping.read_person(customer).sms_consent is consent

    @pytest.mark.parametrize(("locale", "language"), [("de-DE", "de"), ("pt_BR", "pt"), ("EN", "en"), ("", "en")])
    def test_the_first_preferred_locale_is_the_language(self, locale: str, language: str) -> None:
        customer = sandbox_objects.customer("cus_1", CREATED, {"language": locale})
        assert mapping.read_person(customer).language == language


class TestWhoPaid:
    @pytest.mark.parametrize(
        ("key", "ours"),
        [
            ("dunning/in_1/retry-1", True),
            ("refunds/loop-98765/label-4", True),
            ("5e0a4c1e-0000-4000-8000-000000000001", False),
            ("https://shop.example/pay/1", False),
            ("", False),
        ],
    )
    def test_only_a_step_key_is_ours(self, key: str, ours: bool) -> None:
        assert bool(lookups.OUR_KEY.match(key)) is ours

    @pytest.mark.parametrize(
        ("attempt_count", "later_seconds", "by_customer"), [(1, 60, False), (1, 86_400, True), (3, 86_400, False)]
    )
    def test_without_an_event_the_invoice_proves_what_it_can(
        self, attempt_count: int, later_seconds: int, by_customer: bool
    ) -> None:
        moments = {"finalized_at": CREATED, "paid_at": CREATED + later_seconds}
        invoice = {**an_invoice(), "attempt_count": attempt_count, "status_transitions": moments}
        renewal = mapping.read_renewal(invoice)
        assert renewal is not None
        assert renewal.payment is not None
        assert renewal.payment.by_customer is by_customer


READERS: dict[str, Callable[[Any], Any]] = {
    "renewal": mapping.read_renewal,
    "attempt": lambda item: charges.read_attempt(item, {}),
    "refund": lambda item: charges.read_refund(item, {}),
    "dispute": lambda item: charges.read_dispute(item, {}),
    "event": charges.event_result,
}
WHOLE: dict[str, Callable[[], Json]] = {
    "renewal": an_invoice,
    "attempt": a_charge,
    "refund": a_refund,
    "dispute": a_dispute,
    "event": an_event,
}
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def damage(item: Any, choose: Callable[[int], int], wrong: Any) -> Any:
    """The item with one value, at any depth, replaced or removed."""
    if isinstance(item, dict) and item and choose(4):
        name = sorted(item)[choose(len(item) - 1)]
        if not choose(6):
            return {key: value for key, value in item.items() if key != name}
        return {**item, name: damage(item[name], choose, wrong)}
    if isinstance(item, list) and item:
        return [damage(item[0], choose, wrong), *item[1:]]
    return wrong


class TestDamage:
    @pytest.mark.parametrize("kind", READERS)
    def test_a_whole_item_is_read(self, kind: str) -> None:
        assert not read_page("stripe", kind, [WHOLE[kind]()], READERS[kind]).unreadable

    @pytest.mark.parametrize("kind", READERS)
    @given(data=st.data(), wrong=WRONG)
    def test_a_damaged_item_never_loses_its_neighbours(self, kind: str, data: st.DataObject, wrong: Any) -> None:
        broken = damage(WHOLE[kind](), lambda top: data.draw(st.integers(0, top)), wrong)
        good = WHOLE[kind]()
        page = read_page("stripe", kind, [good, broken, good], READERS[kind])
        assert len(page.items) + len(page.unreadable) in (2, 3)  # Sound but none of ours is neither.
        assert [item for item in page.items if item == READERS[kind](good)][:2] == [READERS[kind](good)] * 2

    @pytest.mark.parametrize("kind", READERS)
    @pytest.mark.parametrize("junk", [None, 7, "in_1", [], [1]])
    def test_an_item_that_is_no_object_goes_to_quarantine(self, kind: str, junk: Any) -> None:
        page = read_page("stripe", kind, [junk], READERS[kind])
        assert (page.items, len(page.unreadable)) == ((), 1)

    def test_a_problem_names_the_field_and_shape_but_never_the_value(self) -> None:
        broken = {**an_invoice(), "amount_due": "bo@shop.example"}
        (found,) = read_page("stripe", "renewal", [broken], mapping.read_renewal).unreadable
        assert (found.vendor, found.kind, found.id) == ("stripe", "renewal", "in_1")
        assert found.problem == "amount_due: a whole number was expected, not text of 15 characters"
        assert json.loads(found.raw) == broken

    def test_a_status_that_stripe_did_not_have_is_quarantined_and_not_guessed(self) -> None:
        invoice = an_invoice()
        invoice["parent"]["subscription_details"]["subscription"]["status"] = "dormant"
        (found,) = read_page("stripe", "renewal", [invoice], mapping.read_renewal).unreadable
        assert found.problem.startswith("subscription.status:")


def answering(*pages: list[Any]) -> httpx.MockTransport:
    """A vendor whose list of invoices has these pages, and whose other lists are empty."""
    left = list(pages)

    def answer(request: httpx.Request) -> httpx.Response:
        data = left.pop(0) if request.url.path == "/v1/invoices" and left else []
        return httpx.Response(200, json={"object": "list", "data": data, "has_more": bool(left), "url": "/v1/invoices"})

    return httpx.MockTransport(answer)


@pytest.mark.anyio
class TestPages:
    async def test_an_invoice_that_was_paid_without_a_charge_is_read_again_for_its_payment(self) -> None:
        key = "dunning/in_1/retry-1"
        told = sandbox_objects.invoice("in_1", CREATED, "cus_1", "sub_1", 4990, "usd")
        told.update(status="paid", amount_paid=4990)
        event = sandbox_objects.event("evt_1", CREATED, "invoice.paid", told, {"id": "r", "idempotency_key": key})

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/invoices/in_1":
                return httpx.Response(200, json=an_invoice())
            found = [event] if "invoice.paid" in request.url.params.get_list("types[]") else []
            return httpx.Response(200, json=sandbox_objects.listed("/v1/events", found))

        async with open_client("https://vendor.example", transport=httpx.MockTransport(answer)) as http:
            found = await StripePayments(http, "sk_x").find_charges({key}, datetime(2026, 1, 1, tzinfo=UTC))
        assert (found[key].state, found[key].ref, found[key].amount) == ("paid", "pi_1", Money(4990, "USD"))

    async def test_a_damaged_item_goes_to_quarantine_and_the_list_goes_on(self) -> None:
        second = {**an_invoice(), "id": "in_2"}
        pages = [[an_invoice(), {"id": "in_bad", "object": "invoice"}, 7, {"object": "invoice"}], [second]]
        async with open_client("https://vendor.example", transport=answering(*pages)) as http:
            found = [page async for page in StripePayments(http, "sk_x").renewals(datetime(2026, 1, 1, tzinfo=UTC))]
        assert [item.id for page in found for item in page.items] == ["in_1", "in_2"]
        assert [item.id for item in found[0].unreadable] == ["in_bad", "", ""]

    async def test_a_page_without_any_id_stops_the_list_with_an_error_and_no_endless_loop(self) -> None:
        async with open_client("https://vendor.example", transport=answering([{}, {}], [an_invoice()])) as http:
            with pytest.raises(Unreadable):
                _ = [page async for page in StripePayments(http, "sk_x").renewals(datetime(2026, 1, 1, tzinfo=UTC))]
