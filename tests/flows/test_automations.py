"""The automations that come as files: on a real server once each, again harmless, what people set in the UI kept."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commands.automations import apply
from commands.output import Failure
from deployments import automation_files, prefect_api
from flows import events
from tests.commands.test_shell import ROOT

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

pytestmark = [pytest.mark.anyio]
NAMES = [
    "recoup: an intent is older than an hour",
    "recoup: a run failed",
    "recoup: the kill switch was hit",
]


@pytest.fixture
async def prefect(prefect_server: str) -> AsyncIterator["PrefectClient"]:
    async with prefect_api.client(f"{prefect_server}/api") as client:
        yield client
        for name in NAMES:
            for found in await client.read_automations_by_name(name):
                await client.delete_automation(found.id)


def test_there_are_three_and_without_a_block_they_only_tell() -> None:
    found = automation_files.read()
    assert [each.name for each in found] == NAMES
    assert {action.type for each in found for action in each.actions} == {"do-nothing"}
    expected = {name for each in found for name in each.trigger.expect}  # type: ignore[union-attr]
    ours = {name for name in expected if name.startswith("recoup.")}
    assert ours == {"recoup.intent.old", events.of_switch("refunds", "stopped").event}


@pytest.mark.prefect
async def test_applying_again_changes_nothing_and_what_people_set_stays(prefect: "PrefectClient") -> None:
    assert [row.was for row in await automation_files.apply(prefect)] == ["made"] * 3
    assert [row.was for row in await automation_files.apply(prefect)] == ["unchanged"] * 3
    (failed,) = await prefect.read_automations_by_name(NAMES[1])
    await prefect.pause_automation(failed.id)
    rows = await automation_files.apply(prefect)
    assert [(row.was, row.on) for row in rows] == [("unchanged", True), ("unchanged", False), ("unchanged", True)]
    await prefect.update_automation(failed.id, automation_files.read()[1].model_copy(update={"description": "mine"}))
    assert [row.was for row in await automation_files.apply(prefect)] == ["unchanged", "updated", "unchanged"]
    assert len(await prefect.read_automations_by_name(NAMES[1])) == 1


@pytest.mark.prefect
async def test_a_block_that_is_named_is_told_and_one_that_is_not_there_changes_nothing(
    prefect: "PrefectClient",
) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with pytest.raises(automation_files.NoSuchBlock, match="custom-webhook/nobody"):
        await automation_files.apply(prefect, "custom-webhook/nobody")
    assert await prefect.read_automations_by_name(NAMES[0]) == []
    block: Any = CustomWebhookNotificationBlock(name="ops", url="http://127.0.0.1:9/", json_data={"t": "{{body}}"})
    await block.save("ops", overwrite=True)
    rows = await automation_files.apply(prefect, "custom-webhook/ops")
    assert {row.does for row in rows} == {("send-notification",)}
    assert {row.does for row in await automation_files.apply(prefect)} == {("send-notification",)}, "it is kept"


@pytest.mark.prefect
async def test_the_kill_switch_fires_its_automation(prefect: "PrefectClient") -> None:
    from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

    began = datetime.now(UTC)
    await automation_files.apply(prefect)
    # The server takes up a new automation within a second or two; one that came before is not told of.
    deadline = time.monotonic() + 30
    fired: set[str] = set()
    while NAMES[2] not in fired:
        assert time.monotonic() < deadline, fired
        assert await asyncio.to_thread(events.tell_switch, "refunds", "stopped") == 1
        await asyncio.sleep(0.5)
        since = EventOccurredFilter(since=began)  # Its end is the instant at which it is made.
        chosen = EventFilter(event=EventNameFilter(name=["prefect.automation.triggered"]), occurred=since)
        page = await prefect.read_events(filter=chosen, limit=50)
        fired = {str(event.resource.name) for event in page.events}


@pytest.mark.prefect
def test_the_command_shows_what_is_on_the_server(prefect_server: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(tmp_path), "RECOUP_PREFECT__API_URL": f"{prefect_server}/api", "COLUMNS": "200"}
    command = [sys.executable, str(ROOT / "cli.py"), "automations", "apply"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert all(name in ended.stdout for name in NAMES)
    assert "do-nothing: it shows in Prefect's event feed" in ended.stderr


def test_a_block_without_a_type_is_explained() -> None:
    with pytest.raises(Failure) as caught:
        apply(notify="slack")
    assert "Write TYPE/NAME" in caught.value.fix
