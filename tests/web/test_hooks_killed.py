"""The receiver killed with SIGKILL under load, and started again: whatever it answered with 2xx is in the inbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from benchmarks import receiver
from benchmarks import receiver_load as load
from benchmarks.receiver_app import DATABASE, HOOKS
from integrations.signing import Secret
from web.sender_file import write
from web.senders import Configured, SenderRow

SECONDS = 3.0
FEWEST = 50
"""Answers without which a round proves nothing."""


@pytest.fixture
def env(engine: Engine, tmp_path: Path) -> Iterator[dict[str, str]]:
    hooks = tmp_path / "hooks.toml"
    write(hooks, Configured("", (SenderRow("loop", "loop", load.TENANT, (Secret("key", load.KEY),)),)))
    yield {DATABASE: engine.url.render_as_string(hide_password=False), HOOKS: str(hooks)}


@pytest.mark.slow
def test_nothing_that_was_answered_is_lost_when_the_receiver_is_killed(env: dict[str, str]) -> None:
    answered = receiver.killed_once(env, receiver.free_port(), SECONDS, 1)
    kept = receiver.identities(env)
    assert len(answered) > FEWEST
    assert {str(number) for number in answered} <= kept
