"""The pretended vendors of the scenarios: a process of their own, whose clock and memory no other test moves."""

from collections.abc import Iterator

import pytest

from integrations.sandbox import Addresses, start_in_process


@pytest.fixture(scope="module")
def addresses() -> Iterator[Addresses]:
    """Running vendors; every scenario begins by making them forget the last one."""
    started = start_in_process()
    yield started
    started.stop()
