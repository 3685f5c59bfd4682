"""What every run needs, kept open between runs: Prefect's client, and what the flow opens for itself otherwise.

Opening it costs 0.1 to 0.3 s, most of it certificates and policy files, which is longer than a run that pays one
refund. It is opened anew every minute, beside the old one, so that a changed policy is read and no run waits for it.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient

from web import deployment_runs

T = TypeVar("T")
Inside = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens what the runs find open, such as `tasks.connect.opened`."""


class Warm:
    """Entered in a task of its own, because context variables are set and reset in one context."""

    def __init__(self, client: PrefectClient, context: contextvars.Context) -> None:
        self.client = client
        self.runs: set[asyncio.Task[Any]] = set()
        self.opened_at = asyncio.get_running_loop().time()
        self._context = context
        self._leave = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something where everything is open."""
        task = asyncio.create_task(coroutine, context=self._context.copy())
        self.runs.add(task)
        task.add_done_callback(self.runs.discard)
        return task

    async def close(self) -> None:
        """Wait for the runs, then close."""
        self._leave.set()
        if self._holder:
            await asyncio.wait([self._holder])

    async def hold(self) -> None:
        """Stay open until `close`, and until the last run has ended."""
        await self._leave.wait()
        while self.runs:
            await asyncio.wait(self.runs)


async def warm(inside: Inside) -> Warm:
    """Open everything. Raises what the opening raises."""
    ready: asyncio.Future[Warm] = asyncio.get_running_loop().create_future()

    async def held() -> None:
        try:
            async with deployment_runs.connected() as client, inside():
                opened = Warm(client, contextvars.copy_context())
                ready.set_result(opened)
                await opened.hold()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    holder = asyncio.create_task(held())
    try:
        found = await ready
    except asyncio.CancelledError:
        holder.cancel()
        raise
    found._holder = holder
    return found
