"""The server that the flow tests share."""

import pytest

pytestmark = [pytest.mark.prefect, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_flow_called_in_this_process_runs_on_the_shared_server(prefect_server: str) -> None:
    from prefect import flow, get_client, task

    @task
    def double(number: int) -> int:
        return 2 * number

    @flow(name="a-test-of-the-server")
    async def run() -> int:
        return double(21)

    assert await run() == 42
    async with get_client() as client:
        assert str(client.api_url).startswith(prefect_server)
        flows = await client.read_flow_by_name("a-test-of-the-server")
    assert flows.name == "a-test-of-the-server"
