"""The Prefect server for the flow tests, and the marker that keeps them together on one worker."""

import pytest

from tests.prefect_server import prefect_server

__all__ = ["prefect_server"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the Prefect server runs on the same worker, so that only one server is started."""
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()) or item.get_closest_marker("prefect"):
            item.add_marker(pytest.mark.prefect)
            item.add_marker(pytest.mark.xdist_group("prefect"))
