"""`recoup automations apply`: put the automations that come with recoup on the Prefect server."""

import asyncio
from typing import TYPE_CHECKING

from commands.output import DONE, WRONG_USE, err, fail, out, table
from settings import Settings, load

if TYPE_CHECKING:
    from deployments.automation_files import Applied


def apply(*, notify: str = "") -> int:
    """Put three automations on the Prefect server: a run failed, an intent is old, the kill switch was hit.

    Without --notify they do nothing but show in Prefect's event feed that they fired; add actions of your own in the
    UI. To repeat it is safe: what people switched off or changed about actions there stays.

    Parameters
    ----------
    notify
        A notification block on the server that is told instead, as TYPE/NAME, for example slack-webhook/ops.
    """
    if notify and not all(notify.partition("/")):
        fail(f"--notify {notify} is no block", "", "Write TYPE/NAME, for example slack-webhook/ops", WRONG_USE)
    settings = load()
    rows = asyncio.run(_apply(settings, notify))
    show(rows)
    return DONE


def show(rows: "list[Applied]") -> None:
    """A table of what is on the server now."""
    shown = [(row.name, row.was, "on" if row.on else "off", ", ".join(row.events), ", ".join(row.does)) for row in rows]
    out().print(table("", ("automation", "was", "is", "fires at", "does"), shown))
    if any(row.does == ("do-nothing",) for row in rows):
        err().print("do-nothing: it shows in Prefect's event feed. --notify TYPE/NAME tells somebody.", markup=False)


async def _apply(settings: Settings, notify: str) -> "list[Applied]":
    from deployments import automation_files, prefect_api
    from deployments.processes import healthy

    address = settings.prefect_api_url
    if not await asyncio.to_thread(healthy, address, "/health"):
        raise prefect_api.DeployError(f"Prefect does not answer at {address}")
    async with prefect_api.client(address, settings.prefect.auth_string.get_secret_value()) as prefect:
        return await automation_files.apply(prefect, notify)
