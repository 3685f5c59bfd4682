"""One Prefect server for all tests that need one: its own process, home and port, started at the first use.

`prefect_server` gives the server's address and points Prefect's client in this process at it, by settings and
by environment, so that child processes find it too. The first start migrates an empty database (about 11 s), so
tests that need it carry the marker `prefect`, which also keeps them on one worker under `--dist loadgroup`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployments import processes

_running: list[str] = []


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`http://127.0.0.1:PORT` of a Prefect server that answers; `PREFECT_API_URL` is set for the session."""
    if _running:  # Two conftests may offer this fixture; the server is the same.
        yield _running[0]
        return
    home = tmp_path_factory.mktemp("prefect")
    port = processes.free_port()
    address = processes.server_address("127.0.0.1", port)
    server = processes.start_server(home, "127.0.0.1", port)
    try:
        processes.wait_until_healthy(server, address)
        _running.append(address)
        with _pointed_at(home, f"{address}/api"):
            yield address
    finally:
        _running.clear()
        server.stop()


@contextmanager
def _pointed_at(home: os.PathLike[str], api_url: str) -> Iterator[None]:
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_HOME,
        PREFECT_LOGGING_LEVEL,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    wanted = {
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with temporary_settings(
            {
                PREFECT_API_URL: api_url,
                PREFECT_HOME: str(home),
                PREFECT_LOGGING_LEVEL: "WARNING",
                PREFECT_LOGGING_TO_API_ENABLED: False,
            }
        ):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
