"""The pretended vendors in a process of their own, started once; a test that asks for `sandbox` finds them empty."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.http import open_client
from integrations.sandbox import Addresses, start_in_process
from integrations.stripe.client import StripePayments
from tests.integrations import contract

BILLING_DAY = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)
IMPATIENT = httpx.Timeout(1.0)
SECRET = "sk_test_of_nobody"


class Sandbox:
    """The control side of the pretended vendors, for tests that let time pass and look at what was really done."""

    def __init__(self, addresses: Addresses, http: httpx.Client) -> None:
        self.addresses = addresses
        self.http = http

    def post(self, path: str, body: Any) -> Any:
        """Post to a control path below /_sandbox."""
        answer = self.http.post(f"/_sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def at(self, moment: datetime) -> None:
        """Put the clock of all vendors."""
        self.post("clock", {"now": moment.isoformat()})

    def renewals(self, *wanted: dict[str, Any]) -> None:
        """Seed renewals; what a test does not say is a Visa card and 49.90 dollars on the billing day."""
        filled = []
        for number, item in enumerate(wanted):
            card = {"fingerprint": f"fp{number}", "network": "visa"}
            usual = {"id": f"in_{number}", "customer": f"cus_{number}", "amount": 4990, "card": card}
            filled.append({**usual, "currency": "usd", "created": BILLING_DAY.isoformat(), **item})
        self.post("stripe/seed", {"renewals": filled})

    def act(self, renewal: str, do: str, **more: Any) -> None:
        """Have a customer, Stripe or the shop do something now."""
        self.post("stripe/act", {"renewal": renewal, "do": do, **more})

    def fault(self, fault: str, call: str, times: int | None = 1, seconds: float = 5.0) -> None:
        """Set a switch of the pretended Stripe."""
        self.post("stripe/faults", {"fault": fault, "call": call, "times": times, "seconds": seconds})

    def faults(self) -> list[dict[str, Any]]:
        """The switches of the pretended Stripe with how often each has struck."""
        found: list[dict[str, Any]] = self.http.get("/_sandbox/stripe/faults").json()["faults"]
        return found

    def effects(self, by: str = "us") -> list[dict[str, Any]]:
        """The charges that really happened at the pretended Stripe."""
        found = self.http.get("/_sandbox/stripe/effects").json()["effects"]
        return [item for item in found if item["by"] == by]


@pytest.fixture(scope="session")
def addresses() -> Iterator[Addresses]:
    started = start_in_process()
    yield started
    started.stop()


@pytest.fixture
def sandbox(addresses: Addresses) -> Iterator[Sandbox]:
    with httpx.Client(base_url=addresses.url(), verify=False) as http:
        found = Sandbox(addresses, http)
        found.post("reset", {})
        found.at(BILLING_DAY)
        yield found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def stripe(sandbox: Sandbox) -> AsyncIterator[StripePayments]:
    """The client against the pretended Stripe; where the vendor's files are, every call and answer is held to them."""
    found: list[str] = []
    url = sandbox.addresses.url("stripe")
    hooks = stripe_hooks(found) if contract.SHARED.is_dir() else {}
    async with open_client(url, timeout=IMPATIENT, event_hooks=hooks, verify=False) as http:
        yield StripePayments(http, SECRET)
    assert not found, "\n".join(found)


def stripe_hooks(found: list[str]) -> dict[str, Any]:
    """Hold requests to the current SDK's parameters, or to the 2023 file where the SDK schema lacks the call."""
    current = contract.stripe_sdk(prefix="/stripe")
    older = contract.openapi("stripe/spec3.2023-09-12.yaml", prefix="/stripe")

    async def request(sent: httpx.Request) -> None:
        against = current if current.operation(sent) else older
        found.extend(against.request(sent))

    async def response(got: httpx.Response) -> None:
        await got.aread()
        found.extend(current.response(got))

    return {"request": [request], "response": [response]}
