"""The Prefect server and the shop for the flow tests, and the marker that keeps Prefect's together on one worker."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from integrations.sandbox import Addresses, start_in_process
from integrations.sandbox_control import Control
from tests.flows.refund_trials import Lives, Trial
from tests.flows.returns_shop import Returns
from tests.flows.shop import IMPATIENT, Shop, open_shop
from tests.prefect_server import prefect_server

__all__ = ["prefect_server"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the Prefect server runs on the same worker, so that only one server is started."""
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()) or item.get_closest_marker("prefect"):
            item.add_marker(pytest.mark.prefect)
            item.add_marker(pytest.mark.xdist_group("prefect"))


@pytest.fixture(scope="session")
def vendors() -> Iterator[Addresses]:
    """The pretended vendors in a process of their own, for all flow tests of a worker."""
    started = start_in_process()
    yield started
    started.stop()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def shop(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Shop]:
    """A shop that has its vendors for itself, with patience for them."""
    async with open_shop(vendors, sqlite_file) as found:
        yield found


@pytest.fixture
async def impatient(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Shop]:
    """The same, but it waits a third of a second for an answer."""
    async with open_shop(vendors, sqlite_file, patience=IMPATIENT) as found:
        yield found


@pytest.fixture
def returns(shop: Shop) -> Returns:
    """A shop with returns."""
    return Returns(shop)


@pytest.fixture
def hurried(impatient: Shop) -> Returns:
    """The same, but it waits a third of a second for an answer."""
    return Returns(impatient)


@pytest.fixture(scope="session")
def lives() -> Iterator[Lives]:
    """The process that forks refund workers."""
    found = Lives()
    yield found
    found.close()


@pytest.fixture
def begin(lives: Lives, vendors: Addresses, tmp_path: Path) -> Iterator[Callable[[str, Engine, int], Trial]]:
    """`begin(mover, engine, number)` begins a trial of the refund operation; see `tests.flows.refund_trials`."""
    control = Control(vendors)
    yield lambda mover, engine, number: Trial(lives, vendors, control, tmp_path, engine, mover, number)
    control.close()
