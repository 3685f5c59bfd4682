"""What `recoup up` and `recoup doctor` ask of Prefect's API: the pool, the deployments, dead runs.

Applying prefect.yaml is safe to repeat and done only when something changed: applying resets a paused deployment
and may race the scheduler. What a person paused in the UI is read before and put back after, before any worker runs.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.processes import PROJECT

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

POOL = "local"
PREFECT_FILE = PROJECT / "prefect.yaml"
DEPLOY_WITHIN_SECONDS = 180.0
MOST_DEPLOYMENTS = 200
MOST_LEFTOVERS = 200
ZONE_VARIABLE = "RECOUP_SHOP__TIME_ZONE"


class DeployError(Exception):
    """prefect.yaml could not be applied; the message ends with what Prefect said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment as the server has it. `schedules` are (slug, active); `next_run` where one is scheduled."""

    name: str
    paused: bool
    schedules: tuple[tuple[str, bool], ...]
    next_run: datetime | None = None


@asynccontextmanager
async def client(api_url: str, auth_string: str = "") -> AsyncIterator["PrefectClient"]:
    """A client for exactly this server, whatever Prefect's profile says."""
    from prefect.client.orchestration import PrefectClient

    async with PrefectClient(api=api_url, auth_string=auth_string or None) as opened:
        yield opened


async def ensure_pool(prefect: "PrefectClient", name: str = POOL) -> None:
    """Create the process work pool where it is missing; one that exists is left as people set it."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        await prefect.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, type="process", base_job_template=template)
        try:
            await prefect.create_work_pool(pool)
        except ObjectAlreadyExists:
            return


async def deployments(prefect: "PrefectClient") -> dict[str, Deployment]:
    """Every deployment by `flow/deployment`, with its next scheduled run."""
    flows = {flow.id: flow.name for flow in await prefect.read_flows(limit=MOST_DEPLOYMENTS)}
    found = await prefect.read_deployments(limit=MOST_DEPLOYMENTS)
    result = {}
    for each in found:
        schedules = tuple((schedule.slug or "", bool(schedule.active)) for schedule in each.schedules)
        result[f"{flows.get(each.flow_id, '?')}/{each.name}"] = Deployment(
            name=each.name, paused=bool(each.paused), schedules=schedules, next_run=await _next_run(prefect, each.id)
        )
    return result


async def pause(prefect: "PrefectClient", full_name: str) -> None:
    """Pause `flow/deployment`; its scheduled runs are taken back by the server."""
    found = await prefect.read_deployment_by_name(full_name)
    await prefect.pause_deployment(found.id)


async def apply(api_url: str, auth_string: str, env: Mapping[str, str], record: Path) -> bool:
    """Make the server match prefect.yaml; False where it did already. `record` keeps the digest last applied.

    What was paused before is paused after. DeployError says what Prefect said.
    """
    wanted = digest(env.get(ZONE_VARIABLE, ""))
    async with client(api_url, auth_string) as prefect:
        before = await deployments(prefect)
        names = {deployment.name for deployment in before.values()}
        if _applied(record) == wanted and declared() <= names:
            return False
        await ensure_pool(prefect)
        _deploy(env)
        for full_name, deployment in before.items():
            if deployment.paused:
                await pause(prefect, full_name)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"digest": wanted}) + "\n", "utf-8")
    return True


async def mend(prefect: "PrefectClient") -> list[str]:
    """Close the runs that died with the last worker: Prefect leaves them running for ever. Returns their names.

    Only for a server that was just started by us, with no worker yet: whatever it says is running is not.
    The steps of such a run are safe: what was intended and not answered is asked of the vendor by `reconcile`.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    dead = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    which = FlowRunFilter(state=FlowRunFilterState(type=dead))
    mended: list[str] = []
    while runs := await prefect.read_flow_runs(flow_run_filter=which, limit=MOST_LEFTOVERS):
        for run in runs:
            state: Any = Crashed(message="The machine or the worker stopped while this ran; recoup up closed it.")
            await prefect.set_flow_run_state(run.id, state, force=True)
            mended.append(run.name)
    return mended


def digest(zone: str) -> str:
    """What decides whether to apply again: prefect.yaml, every flow's text (its parameter form), the zone."""
    found = hashlib.sha256(zone.encode())
    for file in (PREFECT_FILE, *sorted((PROJECT / "flows").glob("*.py"))):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def is_current(record: Path, zone: str) -> bool:
    """True where prefect.yaml, the flows and the zone are as they were last applied from here."""
    return _applied(record) == digest(zone)


def declared() -> set[str]:
    """The names of the deployments in prefect.yaml."""
    import yaml

    content = yaml.safe_load(PREFECT_FILE.read_text("utf-8"))
    return {deployment["name"] for deployment in content["deployments"]}


def _applied(record: Path) -> str:
    try:
        return str(json.loads(record.read_text("utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _deploy(env: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    try:
        ended = subprocess.run(
            command,
            env=dict(env),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEPLOY_WITHIN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployError(f"prefect.yaml was not applied within {DEPLOY_WITHIN_SECONDS:.0f} s") from error
    if ended.returncode:
        raise DeployError(f"prefect.yaml could not be applied:\n{(ended.stdout + ended.stderr).strip()[-2000:]}")


async def _next_run(prefect: "PrefectClient", deployment_id: Any) -> datetime | None:
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    runs = await prefect.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    return runs[0].expected_start_time if runs else None
