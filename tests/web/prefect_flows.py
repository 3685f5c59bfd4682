"""Deployments of small flows on the shared server, and events in an inbox, for the tests of the dispatcher."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from prefect import Flow, State, flow, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed
from sqlalchemy import Engine, func, select

from store import inbox
from store.db import reading, transaction
from store.event_tables import inbox as events
from store.inbox import Heard

OPERATION = "refunds"
LOST_AFTER = timedelta(seconds=2)


@dataclass
class Taker:
    """A flow that closes what waits, if it `takes`: `before` is awaited in every run with the number of runs so far."""

    engine: Engine
    before: Callable[[int], Awaitable[None]]
    takes: bool = True
    runs: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def flow(self) -> Flow[..., Any]:
        """The flow, under a name of its own."""

        @flow(name=f"taker-{uuid4().hex[:8]}", flow_run_name="named by the flow", retries=0)
        async def take(holder: str = "nobody") -> State[str]:
            self.runs.append(holder)
            try:
                await self.before(len(self.runs))
                taken = self._take(holder) if self.takes else 0
            finally:
                self.ended.append(holder)
            return Completed(message=f"took {taken}", data="")

        return take

    def _take(self, holder: str) -> int:
        now = datetime.now(UTC)
        with transaction(self.engine) as connection:
            rows = inbox.claim(connection, OPERATION, holder, now, lease=LOST_AFTER)
            inbox.done(connection, {row.id: f"by {holder}" for row in rows}, now)
        return len(rows)


async def at_once(_number: int) -> None:
    """Nothing before taking."""


async def deploy(found: Flow[..., Any]) -> tuple[UUID, str]:
    """Put the flow on the server as a deployment; its id and `flow/deployment`."""
    async with get_client() as client:
        ident = await client.create_deployment(await client.create_flow(found), found.name)
    return ident, f"{found.name}/{found.name}"


async def runs_of(deployment: UUID) -> list[FlowRun]:
    """Every run of the deployment, oldest first."""
    async with get_client() as client:
        chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        return sorted(await client.read_flow_runs(deployment_filter=chosen), key=lambda run: run.created or 0)


def put(engine: Engine, names: Sequence[str]) -> None:
    """Events in the inbox."""
    heard = [Heard("loop", "loop", OPERATION, "label.updated", name, b"{}", "a", "waiting") for name in names]
    with transaction(engine) as connection:
        assert all(inbox.keep(connection, heard, datetime.now(UTC)))


def done(engine: Engine) -> int:
    """How many events are done."""
    with reading(engine) as connection:
        chosen = select(func.count()).select_from(events).where(events.c.state == "done")
        return connection.execute(chosen).scalar_one()


async def until(true: Callable[[], bool], within: float = 20.0) -> None:
    """Wait for something; the test fails where it does not come."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)
