"""The three flows on a real Prefect server: names, artifacts, how a run ends, and who may run beside whom."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from flows.dunning import dunning, dunning_follow_up
from flows.reconcile import reconcile
from flows.work import work
from store.tables import runs
from tests.flows.shop import DAY, HARD, SOFT, Shop, customer, renewal

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

pytestmark = [pytest.mark.prefect, pytest.mark.anyio, pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]
ON = DAY.isoformat()
NEAR_A_PERSON = re.compile(r"[\w.+-]+@[\w-]+\.\w+|\+\d{8,}|Ana Lopez")


async def latest(flow: str) -> "FlowRun":
    """The newest run of a flow that was called here; other tests deploy it too, and then runs are scheduled."""
    from prefect import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterDeploymentId,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = FlowFilter(name=FlowFilterName(any_=[flow]))
    called = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(is_null_=True))
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_filter=wanted, flow_run_filter=called, sort=FlowRunSort.START_TIME_DESC, limit=1
        )
    return found[0]


async def artifacts(run: "FlowRun") -> dict[str, Any]:
    """The artifacts of a run by key."""
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    async with get_client() as client:
        chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        found = await client.read_artifacts(artifact_filter=chosen)
    return {str(item.key): item for item in found}


async def test_a_run_is_named_by_its_day_and_its_page_shows_what_was_done_and_held_without_a_person(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD), renewal("1", SOFT, "ok", age=2), renewal("2", SOFT, age=0))
    shop.put()
    state = await dunning(on=ON, return_state=True)
    run = await latest("dunning")

    assert (run.name, state.name) == (f"dunning {ON}", "Completed")
    assert str(state.message).startswith("Did 2 of 2")
    found = await artifacts(run)
    assert set(found) == {"run-dunning", "steps-dunning", "progress-dunning"}
    page = str(found["run-dunning"].data)
    assert "| charge | done | 1 |" in page
    assert "| mail | done | 1 |" in page
    assert "| D-21 |" in page
    assert "Recovered by charges in this run: **49.90 USD**" in page
    rows = json.loads(str(found["steps-dunning"].data))
    assert {row["step"] for row in rows} == {"dunning/in_0/mail-1", "dunning/in_1/retry-1"}
    assert found["progress-dunning"].data == 100.0
    everything = " ".join(f"{item.data} {item.description}" for item in found.values())
    assert NEAR_A_PERSON.search(everything) is None
    assert NEAR_A_PERSON.search(customer()["email"]), "the pattern would find one"


async def test_each_flow_run_leaves_its_row_with_its_counts_and_its_id_in_the_ui(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=12))
    shop.put()
    for flow in (dunning, dunning_follow_up, reconcile):
        await flow(on=ON)
    rows = {row.operation: row for row in shop.rows(runs)}
    assert set(rows) == {"dunning", "dunning-follow-up", "reconcile"}
    assert json.loads(rows["dunning-follow-up"].counts)["follow_up.done"] == 1
    for operation, row in rows.items():
        assert row.flow_run == str((await latest(operation)).id)
        assert (await latest(operation)).name == f"{operation} {ON}"


async def test_a_run_in_which_a_step_failed_ends_failed_with_the_count_after_trying_all(impatient: Shop) -> None:
    impatient.seed(renewal("0", HARD), renewal("1", HARD), renewal("2", SOFT, "ok", age=2))
    impatient.control.fault("mail", "ana0@", "drop_after", times=None)
    impatient.put()
    state = await dunning(on=ON, return_state=True)
    run = await latest("dunning")

    assert (run.state_name, state.is_failed()) == ("Failed", True)
    assert "1 of 3 steps are not done" in str(run.state and run.state.message)
    assert "1 unknown" in str(run.state and run.state.message)
    assert [impatient.state(key) for key in ("dunning/in_0/mail-1", "dunning/in_1/mail-1", "dunning/in_2/retry-1")] == [
        "unknown",
        "done",
        "done",
    ]
    assert "| mail | unknown | 1 |" in str((await artifacts(run))["run-dunning"].data)


async def test_a_second_run_beside_the_first_says_that_it_is_busy_and_does_nothing(shop: Shop) -> None:
    shop.seed(renewal("0", HARD))
    shop.put()
    async with work("dunning", ON):
        assert "Another run of this operation is at work" in await dunning(on=ON)
    assert shop.effects() == {}
    assert await dunning(on=ON) == "Did 1 of 1; held 0"


async def test_a_run_that_is_repeated_by_prefect_does_nothing_twice(shop: Shop) -> None:
    shop.seed(renewal("0", HARD), renewal("1", HARD, age=12))
    shop.put()
    for _ in range(2):
        await dunning(on=ON)
        await dunning_follow_up(on=ON)
    assert max(shop.effects().values()) == 1
    assert len(shop.effects()) == 3


async def test_a_day_that_is_none_is_refused_with_what_to_write(shop: Shop) -> None:
    state = await dunning(on="next tuesday", return_state=True)
    assert "'next tuesday' is neither 'today' nor a date like 2026-01-27" in str(state.message)
