"""What a person sees in Prefect's pages, in a real browser: the deployments, a parameter form, a finished run.

RECOUP_TEST_PICTURES names a folder for the screenshots; look at them after a change of a flow's page or form.
"""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments import prefect_api
from deployments.processes import prefect_env
from flows.dunning import dunning
from tests.flows.shop import DAY, HARD, SOFT, Shop, renewal
from tests.needs import chromium

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [
    pytest.mark.prefect, pytest.mark.browser, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(300), chromium,
]  # fmt: skip
WITHIN_MS = 60_000
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ZONE = "America/New_York"


@dataclass
class Browser:
    """Prefect's pages at an address."""

    page: "Page"
    address: str

    async def see(self, path: str, *texts: str) -> None:
        """Open a page and wait until all texts can be seen on it."""
        await self.page.goto(f"{self.address}{path}", wait_until="domcontentloaded")
        await self.wait(*texts)

    async def wait(self, *texts: str) -> None:
        """Wait until all texts can be seen."""
        for text in texts:
            await self.page.get_by_text(text).filter(visible=True).first.wait_for(timeout=WITHIN_MS)

    async def picture(self, name: str) -> None:
        """Keep what the page looks like, where a folder is named."""
        folder = os.environ.get("RECOUP_TEST_PICTURES", "")
        if folder:
            await self.page.wait_for_timeout(1500)  # What fades in is not there at once.
            await self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
async def browser(prefect_server: str) -> AsyncIterator[Browser]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield Browser(await opened.new_page(viewport={"width": 1280, "height": 900}), prefect_server)
        await opened.close()


@pytest.fixture
async def deployed(prefect_server: str, tmp_path: Path) -> dict[str, Any]:
    """prefect.yaml on the server: the ids of the deployments by name."""
    api_url = f"{prefect_server}/api"
    env = prefect_env(tmp_path, api_url, {"RECOUP_SHOP__TIME_ZONE": ZONE})
    await prefect_api.apply(api_url, "", env, tmp_path / "deployed.json")
    async with prefect_api.client(api_url) as prefect:
        return {found.name: found.id for found in await prefect.read_deployments()}


async def test_the_deployments_can_be_found_with_their_tags_and_schedules(
    browser: Browser, deployed: dict[str, Any]
) -> None:
    await browser.see("/deployments", "dunning-follow-up", "reconcile", "books")
    await browser.picture("deployments")
    assert {"dunning", "dunning-follow-up", "reconcile"} <= set(deployed)


async def test_the_form_of_a_run_says_what_each_parameter_is(browser: Browser, deployed: dict[str, Any]) -> None:
    await browser.see(f"/deployments/deployment/{deployed['dunning']}/run", "waiting_only")
    await browser.wait("The day to decide for: today, or a date like 2026-01-27", "Only take up messages that waited")
    await browser.picture("form")


async def test_a_finished_run_shows_its_tasks_and_a_page_of_what_was_done(browser: Browser, shop: Shop) -> None:
    shop.seed(renewal("0", HARD), renewal("1", SOFT, "ok", age=2), renewal("2", SOFT, age=0))
    shop.put()
    state = await dunning(on=DAY.isoformat(), return_state=True)
    run = state.state_details.flow_run_id
    await browser.see(f"/runs/flow-run/{run}", f"dunning {DAY}", "Completed", "Artifacts")
    await browser.picture("run")
    pages = await artifacts(run)
    await browser.see(f"/artifacts/artifact/{pages['run-dunning']}", "Recovered by charges in this run", "held because")
    await browser.picture("run-page")
    await browser.see(f"/artifacts/artifact/{pages['steps-dunning']}", "dunning/in_0/mail-1", "dunning/in_1/retry-1")
    await browser.picture("run-steps")
    await browser.see(f"/artifacts/artifact/{pages['progress-dunning']}", "Progress: 100%")


async def artifacts(run: Any) -> dict[str, Any]:
    """The ids of a run's artifacts by key."""
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    async with get_client() as client:
        chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        return {str(item.key): item.id for item in await client.read_artifacts(artifact_filter=chosen)}
