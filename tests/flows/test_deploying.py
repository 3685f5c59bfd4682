"""Applying prefect.yaml to a real server: what arrives, what a person switched off, dead runs, and the scheduler."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments import prefect_api
from deployments.processes import prefect_env

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(240)]

ZONE = "America/New_York"
SCHEDULED_WITHIN_SECONDS = 90.0
"""The scheduler looks every minute."""

BY_A_PERSON = {"refunds-approval/refunds-approval"}
"""Run from the form only, so there is no schedule and no next run."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the digest of what was applied is kept."""
    return tmp_path_factory.mktemp("home") / "prefect" / "deployed.json"


@pytest.fixture
async def prefect(prefect_server: str) -> AsyncIterator["PrefectClient"]:
    async with prefect_api.client(f"{prefect_server}/api") as client:
        yield client


async def applied(prefect_server: str, record: Path, zone: str = ZONE) -> bool:
    """Apply prefect.yaml as `recoup up` does."""
    api_url = f"{prefect_server}/api"
    env = prefect_env(record.parent, api_url, {"RECOUP_SHOP__TIME_ZONE": zone})
    return await prefect_api.apply(api_url, "", env, record)


async def test_a_deployed_cron_gets_a_scheduled_run(
    prefect_server: str, prefect: "PrefectClient", record: Path
) -> None:
    """With SQLAlchemy 2.1 it never does, while the health check, the UI and ad-hoc runs look well."""
    assert await applied(prefect_server, record)
    deadline = time.monotonic() + SCHEDULED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        found = await prefect_api.deployments(prefect)
        if all(deployment.next_run for name, deployment in found.items() if name not in BY_A_PERSON):
            break
        await asyncio.sleep(1)
    runs = await prefect.read_flow_runs(limit=200)
    assert {name for name, deployment in found.items() if not deployment.next_run} == BY_A_PERSON
    scheduled = {run.deployment_id for run in runs if run.auto_scheduled}
    assert {each.id for each in await prefect.read_deployments() if each.schedules} <= scheduled


async def test_the_zone_of_the_shop_arrives_in_every_schedule(
    prefect_server: str, prefect: "PrefectClient", record: Path
) -> None:
    await applied(prefect_server, record)
    for deployment in await prefect.read_deployments():
        zones = {schedule.schedule.timezone for schedule in deployment.schedules}  # type: ignore[union-attr]
        assert zones == ({ZONE} if deployment.name != "refunds-approval" else set())


async def test_applying_again_does_nothing_until_something_changed(prefect_server: str, record: Path) -> None:
    await applied(prefect_server, record)
    assert not await applied(prefect_server, record)
    assert prefect_api.is_current(record, ZONE)
    assert not prefect_api.is_current(record, "Europe/Berlin")


async def test_a_deployment_that_is_missing_on_the_server_is_applied_again(
    prefect_server: str, prefect: "PrefectClient", record: Path
) -> None:
    await applied(prefect_server, record)
    found = await prefect.read_deployment_by_name("reconcile/reconcile")
    await prefect.delete_deployment(found.id)
    assert await applied(prefect_server, record)
    assert (await prefect.read_deployment_by_name("reconcile/reconcile")).name == "reconcile"


async def test_what_a_person_switched_off_stays_off(
    prefect_server: str, prefect: "PrefectClient", record: Path
) -> None:
    await applied(prefect_server, record)
    daily = await prefect.read_deployment_by_name("dunning/dunning")
    hourly = next(schedule for schedule in daily.schedules if schedule.slug == "quiet-hours")
    await prefect.update_deployment_schedule(daily.id, hourly.id, active=False)
    await prefect_api.pause(prefect, "reconcile/reconcile")
    record.unlink()
    assert await applied(prefect_server, record)
    after = await prefect_api.deployments(prefect)
    assert after["reconcile/reconcile"].paused
    assert not after["dunning/dunning"].paused
    assert dict(after["dunning/dunning"].schedules) == {"daily": True, "quiet-hours": False}


async def test_runs_that_died_with_the_worker_are_closed(prefect: "PrefectClient") -> None:
    from prefect import flow
    from prefect.states import Cancelling, Completed, Pending, Running, Scheduled

    @flow(name="died")
    async def died() -> None:
        """Never called."""

    states = {"r": Running(), "p": Pending(), "c": Cancelling(), "s": Scheduled(), "d": Completed()}
    runs = {
        name: await prefect.create_flow_run(died, name=f"died-{name}", state=state) for name, state in states.items()
    }
    mended = await prefect_api.mend(prefect)
    after = {name: (await prefect.read_flow_run(run.id)).state_name for name, run in runs.items()}
    assert after == {"r": "Crashed", "p": "Crashed", "c": "Crashed", "s": "Scheduled", "d": "Completed"}
    assert {"died-r", "died-p", "died-c"} <= set(mended)
    assert await prefect_api.mend(prefect) == []


async def test_a_pool_that_people_changed_is_left_as_it_is(prefect: "PrefectClient") -> None:
    from prefect.client.schemas.actions import WorkPoolUpdate

    await prefect_api.ensure_pool(prefect, "changed")
    await prefect.update_work_pool("changed", WorkPoolUpdate(concurrency_limit=7))
    await prefect_api.ensure_pool(prefect, "changed")
    assert (await prefect.read_work_pool("changed")).concurrency_limit == 7


async def test_an_error_of_prefect_is_told(prefect_server: str, record: Path) -> None:
    """Without a zone the placeholder stays, and no schedule can be made of it."""
    with pytest.raises(prefect_api.DeployError, match="could not be applied"):
        await applied(prefect_server, record.with_name("other.json"), zone="Nowhere/Land")
