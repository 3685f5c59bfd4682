"""A vendor that says how long to wait is asked again then, and not before."""

import time

import httpx
import pytest

from integrations.errors import Unavailable
from integrations.http import call

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_next_try_comes_when_the_vendor_said_and_then_has_its_answer() -> None:
    free_at = time.monotonic() + 1

    async def send() -> httpx.Response:
        busy = time.monotonic() < free_at
        return httpx.Response(429, headers={"retry-after": "1"}) if busy else httpx.Response(200)

    answer = await call("helpdesk", "open a ticket", send, repeatable=False)
    assert answer.status_code == httpx.codes.OK


async def test_a_vendor_that_stays_busy_is_left_alone_after_three_tries() -> None:
    tries = []

    async def send() -> httpx.Response:
        tries.append(1)
        return httpx.Response(429)

    with pytest.raises(Unavailable):
        await call("helpdesk", "open a ticket", send, repeatable=False)
    assert len(tries) == 3
