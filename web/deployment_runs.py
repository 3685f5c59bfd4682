"""Runs of a deployment in this process: created in Pending, executed by Prefect's engine here, seen in its pages.

The one place that calls `prefect.flow_engine.run_flow_async`, which Prefect does not document as public; a test with
a real server covers it. Pending and never Scheduled, or a worker would take the run too. Safe to repeat: what a run
does is keyed in our own tables, and every call makes a run of its own.
"""

import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.context import AsyncClientContext
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import LocalFileSystem
from prefect.flow_engine import run_flow_async
from prefect.flows import Flow
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH
from prefect.states import Pending

TAG = "dispatched"
"""Marks the runs that the dispatcher made, among those of the schedule, in Prefect's pages."""


class Switch(NamedTuple):
    """A deployment as it was last seen: its id, and whether somebody paused it."""

    deployment: UUID
    paused: bool


class Ran(NamedTuple):
    """What became of a run. `completed` is False for every other final state; `message` is what the run said."""

    flow_run: str
    completed: bool
    state: str
    message: str


@asynccontextmanager
async def connected() -> AsyncIterator[PrefectClient]:
    """One client for everything that happens inside, the runs too. Raises where the server does not answer."""
    async with AsyncClientContext.get_or_create() as context:
        yield context.client


async def switch_of(client: PrefectClient, deployment: str) -> Switch | None:
    """The switch of `flow/deployment` now, None where there is no such deployment. Raises where nobody answers."""
    try:
        found = await client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        return None
    return Switch(found.id, bool(found.paused))


async def run(
    client: PrefectClient, deployment: UUID, flow: Flow[..., Any], name: str, parameters: Mapping[str, Any]
) -> Ran:
    """Create a run of the deployment and execute it here, inside of `connected` and not on the main thread.

    A run that fails is an answer. Raises Prefect's or httpx's errors where the server does not answer. Cancelled, the
    run ends as Crashed in Prefect's pages before this does. On the main thread the engine would put its own handler
    for SIGTERM in the place of ours. The deployment's limit does not count a run that begins in Pending.
    """
    made = await client.create_flow_run_from_deployment(
        deployment, parameters=dict(parameters), state=Pending(), name=name, tags=[TAG]
    )
    # With the deployment's id in hand the engine first opens a websocket in a thread of its own, to hear of a
    # suspension, and at the end waits for that thread: 0.15 s a run, the loop standing still. The server knows whose
    # run it is, and the engine reads it again from there before the flow's first line.
    unwatched = made.model_copy(update={"deployment_id": None})
    state: Any = await run_flow_async(_quick(flow), flow_run=unwatched, parameters=made.parameters, return_type="state")
    return Ran(str(made.id), state.is_completed(), state.name or "", state.message or "")


def _quick(flow: Flow[..., Any]) -> Flow[..., Any]:
    """The same flow, without what makes the engine ask the server before its first line: name and result storage."""
    quick = copy.copy(flow)
    quick.flow_run_name = None
    quick.persist_result = False
    quick.result_storage = LocalFileSystem(basepath=str(PREFECT_LOCAL_STORAGE_PATH.value()))
    return quick
