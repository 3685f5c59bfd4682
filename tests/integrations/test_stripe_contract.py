"""Our pretended Stripe against Stripe's own files: every field that Stripe sends, none that it does not know."""

import json
from typing import Any

import httpx
import pytest

from integrations.stripe import sandbox_back, sandbox_money, sandbox_objects
from tests.integrations import contract
from tests.integrations.conftest import Sandbox

pytestmark = contract.needs_shared
CREATED = 1_768_464_000
INTENT = sandbox_money.payment_intent("pi_1", CREATED, "cus_1", "in_1", 4990, "usd")
CARD = sandbox_objects.payment_method("pm_1", CREATED, "cus_1", {"fingerprint": "fp1"})
CHARGE = sandbox_money.charge("ch_1", CREATED, INTENT, CARD, sandbox_money.outcome("ok"))
RESOURCES = {
    "customer": sandbox_objects.customer("cus_1", CREATED, {"name": "Bo"}),
    "payment_method": CARD,
    "subscription": sandbox_objects.subscription("sub_1", CREATED, "cus_1", "usd"),
    "invoice": sandbox_objects.invoice("in_1", CREATED, "cus_1", "sub_1", 4990, "usd"),
    "invoice_payment": sandbox_money.invoice_payment("inpay_1", CREATED, "in_1", "pi_1", 4990, "usd"),
    "payment_intent": INTENT,
    "charge": CHARGE,
    "refund": sandbox_back.refund("re_1", CREATED, CHARGE, 4990),
    "dispute": sandbox_back.dispute("dp_1", CREATED, CHARGE),
    "event": sandbox_objects.event("evt_1", CREATED, "charge.succeeded", CHARGE, {"id": None, "idempotency_key": None}),
}
ONLY_EXPANDED = {"charge": {"refunds"}}
"""Fields that the fixtures show expanded and that a plain answer leaves out since 2022-11-15."""


def answered(body: Any, status: int = 200) -> list[str]:
    """What the contract says of an answer."""
    request = httpx.Request("GET", "https://api.stripe.com/v1/invoices")
    return contract.stripe_sdk().response(httpx.Response(status, json=body, request=request))


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_resource_is_as_stripe_describes_it(kind: str) -> None:
    assert answered(RESOURCES[kind]) == []


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_resource_has_every_field_of_the_vendors_own_fixture(kind: str) -> None:
    fixture = json.loads((contract.SHARED / "specs/stripe/fixtures3.json").read_text())["resources"][kind]
    sdk = contract.stripe_sdk()
    known = set(sdk._resolve(sdk.resources[kind])["properties"])
    assert (set(fixture) & known) - set(RESOURCES[kind]) <= ONLY_EXPANDED.get(kind, set())


@pytest.mark.parametrize("outcome", ["insufficient_funds", "expired_card", "authentication_required", "lost_card"])
def test_a_card_error_is_as_stripe_describes_it(outcome: str) -> None:
    error = sandbox_money.card_error(sandbox_money.outcome(outcome), "ch_1", INTENT, CARD, "req_1")
    assert answered({"error": error}, 402) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paid": True}, "Additional properties are not allowed ('paid' was unexpected)"),
        ({"attempt_count": "1"}, "attempt_count: '1' is not of type 'integer'"),
        ({"object": "bill"}, "object 'bill' is not in the vendor's file"),
    ],
)
def test_the_checker_finds_a_field_that_stripe_does_not_send(change: dict[str, Any], said: str) -> None:
    (found,) = answered({**RESOURCES["invoice"], **change})
    assert said in found


@pytest.mark.parametrize(
    ("method", "path", "data", "said"),
    [
        ("GET", "/v1/invoices", {"limt": "1"}, "'limt' was unexpected"),
        ("GET", "/v1/invoices", {"limit": "many"}, "'many' is not of type 'integer'"),
        ("POST", "/v1/invoices/in_1/pay", {"off_session": "perhaps"}, "'perhaps' is not of type 'boolean'"),
        ("GET", "/v1/bills", {}, "the vendor has no such operation"),
    ],
)
def test_the_checker_finds_a_call_that_stripe_does_not_take(
    method: str, path: str, data: dict[str, str], said: str
) -> None:
    address = f"https://api.stripe.com{path}"
    if method == "GET":
        request = httpx.Request(method, address, params=data)
    else:
        request = httpx.Request(method, address, data=data)
    (found,) = contract.stripe_sdk().request(request)
    assert said in found


@pytest.mark.parametrize(
    "path",
    [
        "/v1/invoices?limit=100&expand[]=data.customer&expand[]=data.payments",
        "/v1/charges?limit=2&expand[]=data.payment_intent&expand[]=data.customer",
        "/v1/events?types[]=invoice.paid&types[]=charge.failed",
        "/v1/refunds?expand[]=data.charge",
        "/v1/disputes?expand[]=data.charge",
        "/v1/customers",
        "/v1/subscriptions?expand[]=data.latest_invoice",
        "/v1/invoice_payments?expand[]=data.payment.payment_intent.latest_charge",
        "/v1/invoices/in_0?expand[]=payments.data.payment.payment_intent&expand[]=customer",
        "/v1/invoices?expand[]=data.payments.data.payment.payment_intent",
        "/v1/invoices?surprise=1",
        "/v1/invoices/in_nobody",
    ],
)
def test_whatever_is_asked_of_the_pretended_stripe_is_answered_in_stripes_shape(sandbox: Sandbox, path: str) -> None:
    sandbox.renewals({"outcomes": ["ok"]}, {"outcomes": ["insufficient_funds"]}, {"outcomes": ["processing"]})
    sandbox.act("in_0", "refund", amount=100)
    sandbox.act("in_0", "disputes")
    sandbox.act("in_0", "dispute_won")
    sandbox.act("in_1", "cancels")
    answer = sandbox.http.get(f"/stripe{path}", headers={"Authorization": "Bearer sk_test_x"})
    assert contract.stripe_sdk().response(answer) == []
