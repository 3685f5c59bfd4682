"""The effects as Prefect tasks: thin shells over the plain functions, with names, retries and no caching.

Prefect repeats a whole chunk after minutes, which is safe because every step in it is keyed; tenacity inside the
clients repeats within seconds. The numbers multiply, so both are small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from domain.decisions import Step
from tasks import performing, reconciling, renewals, replies, threads
from tasks.actions import ACTIONS
from tasks.connect import current
from tasks.performing import Outcome, Run
from tasks.reading import Read

CHUNK = 200
"""Steps per Prefect task: a task costs milliseconds, a customer must not cost one."""


async def read_payments(run: Run) -> Read:
    """Read failed renewals, attempts, money back and replies into our tables."""
    c = current()
    found = await renewals.read(c, run.now, run.flow_run)
    await replies.read(c, run.now, found)
    return found


async def read_threads(run: Run) -> tuple[int, list[str]]:
    """Read what happened on the hand-over tickets."""
    return await threads.read(current(), run.now)


async def perform(chunk: Sequence[Step], run: Run) -> list[Outcome]:
    """Perform a chunk of steps and return what became of each."""
    return await performing.perform_all(current(), chunk, run, ACTIONS)


async def reconcile(run: Run) -> list[Outcome]:
    """Ask the vendors about every step without an answer."""
    return await reconciling.reconcile_all(current(), run)


@dataclass(frozen=True, slots=True)
class Effects:
    """The four effects, as plain functions or as tasks."""

    read_payments: Any
    read_threads: Any
    perform: Any
    reconcile: Any


def _shell(function: Any, name: str, *, retries: int, delay: int) -> Any:
    """The function as a Prefect task. Nothing is cached: an effect is repeated by its key or not at all."""
    policy: Any = NO_CACHE
    return task(name=name, retries=retries, retry_delay_seconds=delay, cache_policy=policy)(function)


PLAIN = Effects(read_payments, read_threads, perform, reconcile)
"""For a run outside of Prefect."""

TASKS = Effects(
    _shell(read_payments, "read payments", retries=2, delay=10),
    _shell(read_threads, "read tickets", retries=2, delay=10),
    _shell(perform, "perform steps", retries=1, delay=60),
    _shell(reconcile, "ask the vendors", retries=1, delay=60),
)
"""For a flow run."""
