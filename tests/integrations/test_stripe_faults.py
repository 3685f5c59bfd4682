"""A Stripe that is down, slow, broken, or succeeds without telling: never a second charge, never a lost answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.payments import ChargeResult
from integrations.errors import NoAnswer, Unavailable, Unreadable, VendorError
from integrations.faults import NAMES
from integrations.http import open_client
from integrations.stripe.client import StripePayments
from tests.integrations.conftest import BILLING_DAY, SECRET, Sandbox

pytestmark = pytest.mark.anyio
MONTH = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "dunning/in_0/retry-1"
PAY = "POST .*/pay$"
TIMEOUT_SECONDS = 0.3
HARMLESS = ("down", "429")
"""Faults where the vendor says that nothing happened."""
AFTER = ("500_after", "timeout_after", "drop_after", "garbage")
"""Faults where it happened and we are not told."""


@pytest.fixture
async def hasty(sandbox: Sandbox) -> AsyncIterator[StripePayments]:
    """A client that waits a third of a second; its answers are not the vendor's, so no contract is checked."""
    url = sandbox.addresses.url("stripe")
    async with open_client(url, timeout=httpx.Timeout(TIMEOUT_SECONDS), verify=False) as http:
        yield StripePayments(http, SECRET)


def executed(sandbox: Sandbox) -> int:
    """How many charges of ours really happened; a repeated key counts again."""
    return sum(effect["times"] for effect in sandbox.effects())


@pytest.mark.parametrize("fault", [name for name in NAMES if name != "garbage"])
async def test_one_failed_call_is_repeated_under_the_same_key_and_charges_once(
    sandbox: Sandbox, hasty: StripePayments, fault: str
) -> None:
    sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
    sandbox.fault(fault, PAY)
    result = await hasty.charge("in_0", key=KEY)
    assert (result.state, executed(sandbox)) == ("paid", 1)
    assert [item["hits"] for item in sandbox.faults()] == [1]


@pytest.mark.parametrize("outcome", ["ok", "insufficient_funds"])
@pytest.mark.parametrize("fault", AFTER)
async def test_a_charge_whose_answer_never_comes_is_found_by_its_key(
    sandbox: Sandbox, hasty: StripePayments, fault: str, outcome: str
) -> None:
    sandbox.renewals({"outcomes": ["do_not_honor", outcome]})
    sandbox.fault(fault, PAY, times=None)
    with pytest.raises(NoAnswer):
        await hasty.charge("in_0", key=KEY)
    found = (await hasty.find_charges({KEY}, BILLING_DAY))[KEY]
    assert found.state == ("paid" if outcome == "ok" else "declined")
    sandbox.http.delete("/_sandbox/stripe/faults")
    repeated = await hasty.charge("in_0", key=KEY)
    assert (repeated.state, repeated.ref, repeated.amount) == (found.state, found.ref, found.amount)
    assert executed(sandbox) == 1


@pytest.mark.parametrize("fault", HARMLESS)
async def test_a_vendor_that_asks_to_wait_did_nothing_and_we_say_so(
    sandbox: Sandbox, hasty: StripePayments, fault: str
) -> None:
    sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
    sandbox.fault(fault, PAY, times=None)
    with pytest.raises(Unavailable) as wait:
        await hasty.charge("in_0", key=KEY)
    assert wait.value.retry_after_seconds == 1
    assert executed(sandbox) == 0
    assert await hasty.find_charges({KEY}, BILLING_DAY) == {}


async def test_an_unanswered_call_stays_unknown_though_the_repeat_is_told_to_wait(
    sandbox: Sandbox, hasty: StripePayments
) -> None:
    sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
    sandbox.fault("drop_after", PAY)
    sandbox.fault("429", PAY, times=None)
    with pytest.raises(NoAnswer):
        await hasty.charge("in_0", key=KEY)
    assert executed(sandbox) == 1


async def test_a_closed_port_is_a_vendor_where_nothing_happened() -> None:
    async with open_client("http://127.0.0.1:9", verify=False) as http:
        with pytest.raises(Unavailable):
            await StripePayments(http, SECRET).charge("in_0", key=KEY)


async def test_a_decline_stands_though_its_charge_cannot_be_read(sandbox: Sandbox, hasty: StripePayments) -> None:
    sandbox.renewals({"outcomes": ["generic_decline"]})
    sandbox.fault("500", "GET /v1/charges/", times=None)
    result = await hasty.charge("in_0", key=KEY)
    assert (result.state, result.codes.code, executed(sandbox)) == ("declined", "generic_decline", 1)


async def all_renewals(stripe: StripePayments) -> object:
    return [item.id async for page in stripe.renewals(MONTH) for item in page.items]


async def all_attempts(stripe: StripePayments) -> object:
    return [item.renewal async for page in stripe.attempts(MONTH) for item in page.items]


async def all_money_back(stripe: StripePayments) -> object:
    return [item.kind async for page in stripe.money_back(MONTH) for item in page.items]


async def one_renewal(stripe: StripePayments) -> object:
    return (await stripe.renewal("in_0")).status


async def one_charge(stripe: StripePayments) -> object:
    return list(await stripe.find_charges({KEY}, MONTH))


READS: dict[str, tuple[Callable[[StripePayments], Awaitable[object]], object]] = {
    "GET /v1/invoices$": (all_renewals, ["in_0"]),
    "GET /v1/events$": (one_charge, [KEY]),
    "GET /v1/charges$": (all_attempts, ["in_0", "in_0"]),
    "GET /v1/invoice_payments$": (all_attempts, ["in_0", "in_0"]),
    "GET /v1/refunds$": (all_money_back, ["refund", "chargeback"]),
    "GET /v1/disputes$": (all_money_back, ["refund", "chargeback"]),
    "GET /v1/invoices/in_0$": (one_renewal, "paid"),
}


@pytest.mark.parametrize("fault", [name for name in NAMES if name != "garbage"])
async def test_every_read_is_repeated_after_one_failure(sandbox: Sandbox, hasty: StripePayments, fault: str) -> None:
    await something_of_everything(sandbox, hasty)
    for call, (read, expected) in READS.items():
        sandbox.fault(fault, call)
        assert await read(hasty) == expected, call
    assert [item["hits"] for item in sandbox.faults()] == [1] * len(READS)
    assert executed(sandbox) == 1


@pytest.mark.parametrize("call", READS)
async def test_a_read_that_gets_nonsense_says_so(sandbox: Sandbox, hasty: StripePayments, call: str) -> None:
    await something_of_everything(sandbox, hasty)
    sandbox.fault("garbage", call)
    with pytest.raises(Unreadable):
        await READS[call][0](hasty)


@pytest.mark.parametrize("fault", [name for name in NAMES if name != "garbage"])
async def test_a_read_that_keeps_failing_is_an_error_without_our_key_in_it(
    sandbox: Sandbox, hasty: StripePayments, fault: str
) -> None:
    sandbox.renewals({})
    sandbox.fault(fault, "GET /v1/invoices$", times=None)
    with pytest.raises(Unavailable if fault in HARMLESS else NoAnswer) as error:
        await all_renewals(hasty)
    assert SECRET not in str(error.value)


async def something_of_everything(sandbox: Sandbox, stripe: StripePayments) -> None:
    """One renewal that failed, was charged by us, partly refunded and then disputed."""
    sandbox.renewals({"outcomes": ["do_not_honor", "ok"]})
    await stripe.charge("in_0", key=KEY)
    sandbox.act("in_0", "refund", amount=100)
    sandbox.act("in_0", "disputes")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    struck=st.lists(st.sampled_from([name for name in NAMES if name not in ("slow", "timeout_after")]), max_size=4),
    outcome=st.sampled_from(["ok", "insufficient_funds", "generic_decline", "processing"]),
)
def test_whatever_fails_in_whatever_order_a_key_charges_at_most_once(
    sandbox: Sandbox, struck: list[str], outcome: str
) -> None:
    """After the storm the same key gives one answer, which the search by key confirms."""
    sandbox.post("reset", {})
    sandbox.at(BILLING_DAY)
    sandbox.renewals({"outcomes": ["do_not_honor", outcome, "ok"]})
    for fault in struck:
        sandbox.fault(fault, PAY)
    last = anyio.run(_until_answered, sandbox.addresses.url("stripe"))
    assert executed(sandbox) == 1
    assert last[0] == last[1] == {"ok": "paid", "processing": "pending"}.get(outcome, "declined")


async def _until_answered(url: str) -> tuple[str, str]:
    async with open_client(url, timeout=httpx.Timeout(2.0), verify=False) as http:
        stripe = StripePayments(http, SECRET)
        result: ChargeResult | None = None
        while result is None:
            try:
                result = await stripe.charge("in_0", key=KEY)
            except VendorError:
                continue
        found = await stripe.find_charges({KEY}, MONTH)
        return result.state, found[KEY].state
