"""Outcomes as Prefect events: their names, what they are about, no personal data, and only where a flow runs."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.decisions import Step
from flows import events
from flows.dunning import dunning
from flows.reconcile import reconcile
from store import steps
from store.db import transaction
from store.steps import Intent
from tasks.performing import Outcome
from tests.flows.shop import DAY, HARD, SOFT, Shop, renewal
from tests.flows.test_prefect_flows import NEAR_A_PERSON

pytestmark = [pytest.mark.anyio]
REFUND = Outcome("refunds/loop-1/label-4", "refund", "done", "re_123", 4990, "EUR")


@pytest.mark.parametrize("state", ["done", "refused", "unknown", "dropped", "failed", "void"])
def test_an_outcome_is_named_by_its_action_and_state_and_is_about_its_step(state: Any) -> None:
    told = events.of_outcome("refunds", Outcome(REFUND.key, "refund", state, "why"))
    assert told is not None
    assert told.event == f"recoup.refund.{state}"
    assert told.resource["prefect.resource.id"] == "recoup.step.refunds/loop-1/label-4"
    assert told.resource["recoup.operation"] == "refunds"


def test_a_step_of_another_run_is_not_told_twice() -> None:
    assert events.of_outcome("refunds", Outcome(REFUND.key, "refund", "elsewhere", "")) is None


def test_money_is_told_in_minor_units_with_its_currency() -> None:
    told = events.of_outcome("refunds", REFUND)
    assert told is not None
    assert (told.payload["amount_minor"], told.payload["currency"]) == (4990, "EUR")


@pytest.mark.parametrize("state", ["stopped", "released"])
def test_the_kill_switch_is_told_by_its_operation_and_nobodys_name(state: Any) -> None:
    told = events.of_switch("refunds", state)
    assert (told.event, told.resource["prefect.resource.id"]) == (f"recoup.switch.{state}", "recoup.switch.refunds")
    assert told.payload == {"operation": "refunds", "state": state}


def test_outside_of_a_flow_run_nothing_is_emitted() -> None:
    assert events.tell_outcomes("refunds", [REFUND]) == 0


async def arrived(name: str, since: datetime) -> Any:
    """The one event of this name since then, when it is on the server."""
    from prefect import get_client
    from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

    def chosen() -> EventFilter:
        # Its end is the instant at which it is made.
        return EventFilter(event=EventNameFilter(name=[name]), occurred=EventOccurredFilter(since=since))

    deadline = time.monotonic() + 20
    async with get_client() as client:
        while not (found := (await client.read_events(filter=chosen(), limit=50)).events):
            assert time.monotonic() < deadline, f"there is no {name}"
            await asyncio.sleep(0.2)
    (event,) = found
    return event


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
async def test_a_flow_run_tells_its_outcomes_and_reconcile_what_nobody_can_answer(impatient: Shop) -> None:
    began = datetime.now(UTC)
    impatient.seed(renewal("0", HARD), renewal("1", SOFT, "ok", age=2))
    impatient.put()
    await dunning(on=DAY.isoformat())
    mail = await arrived("recoup.mail.done", began)
    charge = await arrived("recoup.charge.done", began)
    assert mail.resource.id == "recoup.step.dunning/in_0/mail-1"
    assert charge.resource.id == "recoup.step.dunning/in_1/retry-1"
    assert (charge.payload["amount_minor"], charge.payload["currency"]) == (4990, "USD")
    assert "flow-run" in {each.role for each in charge.related}
    assert NEAR_A_PERSON.search(f"{mail} {charge}") is None

    now = impatient.life.clock.now
    for name, minutes in (("old", 61), ("young", 59)):
        left = Step(f"dunning/in_0/{name}", "in_0", "charge", name, "D-09", "left by a crash")
        intent = Intent(step=left, operation="dunning", customer="cus_0", day=DAY, policy_version="", flow_run="",
                        vendor="stripe")  # fmt: skip
        with transaction(impatient.life.c.engine) as connection:
            steps.intend(connection, [intent], now - timedelta(minutes=minutes))
    impatient.control.fault("stripe", "GET .*", "down", times=None)
    await reconcile(on=DAY.isoformat(), return_state=True)
    old = await arrived("recoup.intent.old", began)
    assert old.resource.id == "recoup.step.dunning/in_0/old"
    assert old.payload == {
        "operation": "dunning", "key": "dunning/in_0/old", "action": "charge", "state": "intended", "minutes": 61,
    }  # fmt: skip
