"""Whatever goes wrong between us and Stripe: never more back than was captured, and never twice for one key."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.money import Money
from domain.orders import RefundAnswer
from integrations.errors import NoAnswer, Unavailable
from integrations.http import open_client
from integrations.stripe.refunds import StripeRefunds
from tests.integrations.conftest import SECRET, Sandbox

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CAPTURED = 10_000
GONE = ("succeeded", "pending", "requires_action")
AUTH = {"Authorization": "Bearer sk_test_x"}

FATES = st.sampled_from(
    [
        *("succeeded", "pending", "requires_action", {"error": "balance_insufficient"}),
        {"then": "failed", "after": 3600, "then_reason": "declined"},
        {"state": "pending", "then": "succeeded", "after": 3600},
    ]
)
PAYS = st.tuples(st.just("pay"), st.integers(0, 3), st.sampled_from(["", "", "500_after", "drop_after", "garbage"]))
HAPPENINGS = st.one_of(
    PAYS,
    PAYS,
    st.tuples(st.just("both"), st.integers(0, 3), st.just("")),
    st.tuples(st.just("person"), st.integers(1, 6000), st.just("")),
    st.tuples(st.just("hours"), st.integers(1, 30), st.just("")),
)


class Shop:
    """Two workers that obey the life of a step, on one payment: what is not known is looked up, never repeated."""

    def __init__(self, sandbox: Sandbox, refunds: StripeRefunds, amounts: list[int]) -> None:
        self.sandbox, self.refunds, self.amounts = sandbox, refunds, amounts
        self.now = NOW
        self.known: dict[str, RefundAnswer] = {}
        self.open: set[str] = set()

    async def do(self, what: str, number: int, fault: str) -> None:
        if what == "hours":
            self.now += timedelta(hours=number)
            self.sandbox.at(self.now)
        elif what == "person":
            self.sandbox.post("stripe/act", {"payment": "pi_1", "do": "refund", "amount": number})
        else:
            if fault:
                self.sandbox.fault(fault, "POST /v1/refunds$", times=None)
            await asyncio.gather(*(self.work(number) for _ in range(2 if what == "both" else 1)))
            self.sandbox.http.delete("/_sandbox/stripe/faults")

    async def work(self, number: int) -> None:
        """Perform one step, from whichever state it is in."""
        key, amount = f"refunds/loop-{number}/label-1", Money(self.amounts[number], "USD")
        if key in self.known:
            return
        try:
            if key in self.open:
                found = await self.refunds.find_refund("pi_1", key)
                if found is not None:
                    self.known[key] = found
                    return
            self.open.add(key)
            self.known[key] = await self.refunds.refund("pi_1", amount, key=key)
        except (NoAnswer, Unavailable):
            pass


def truth(sandbox: Sandbox) -> list[dict[str, Any]]:
    answer = sandbox.http.get("/stripe/v1/refunds", params={"limit": 100}, headers=AUTH)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def live(sandbox: Sandbox, amounts: list[int], fates: list[Any], steps: list[tuple[str, int, str]]) -> None:
    """Let everything happen, and look at the truth after each."""
    sandbox.post("reset", {})
    sandbox.at(NOW)
    payment = {"id": "pi_1", "amount": CAPTURED, "currency": "usd", "created": NOW.isoformat(), "refunds": fates}
    sandbox.post("stripe/seed", {"payments": [payment]})
    async with open_client(sandbox.addresses.url("stripe"), timeout=httpx.Timeout(2.0), verify=False) as http:
        shop = Shop(sandbox, StripeRefunds(http, SECRET), amounts)
        for step in steps:
            await shop.do(*step)
            real = truth(sandbox)
            gone = sum(item["amount"] for item in real if item["status"] in GONE)
            assert gone <= CAPTURED
            ours = Counter(item["metadata"].get("recoup_key") for item in real if item["metadata"])
            assert not ours or max(ours.values()) == 1
            left = await shop.refunds.payment("pi_1")
            assert left.left == Money(CAPTURED - gone, "USD")
        refs = {item["id"]: item["metadata"].get("recoup_key") for item in truth(sandbox)}
        for key, answer in shop.known.items():
            assert (answer.state == "refused") != (refs.get(answer.ref) == key)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    amounts=[4000] * 4, fates=[], steps=[("pay", 0, "drop_after"), ("hours", 25, ""), ("pay", 0, ""), ("pay", 1, "")]
)
@example(
    amounts=[6000] * 4,
    fates=["pending"],
    steps=[("both", 0, ""), ("pay", 1, "garbage"), ("hours", 30, ""), ("both", 1, "")],
)
@given(
    amounts=st.lists(st.integers(1, 6000), min_size=4, max_size=4),
    fates=st.lists(FATES, max_size=5),
    steps=st.lists(HAPPENINGS, min_size=1, max_size=8),
)
def test_whatever_happens_no_more_goes_back_than_was_captured_and_nothing_twice(
    sandbox: Sandbox, amounts: list[int], fates: list[Any], steps: list[tuple[str, int, str]]
) -> None:
    asyncio.run(live(sandbox, amounts, fates, steps))
