"""The automations that come as files, put on a Prefect server: made where there is none of the name, else updated.

Safe to repeat. What people set in the UI stays: one that was switched off stays off, and actions stay as they are
unless a notification is asked for. None of them acts on money or on a run; they tell.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

FOLDER = Path(__file__).resolve().parent / "automations"
EVENT = "{{ event.event }} · {{ event.resource.name or event.resource.id }}"


class NoSuchBlock(Exception):
    """The notification block that was named is not on the server. Nothing was applied."""


class Applied(NamedTuple):
    """What became of one file: `was` is what was done, `on` whether it is switched on, `does` its actions' types."""

    name: str
    was: Literal["made", "updated", "unchanged"]
    on: bool
    events: tuple[str, ...]
    does: tuple[str, ...]


def read(folder: Path = FOLDER) -> list["AutomationCore"]:
    """The automations of the folder by file name. Raises pydantic's ValidationError where one is none."""
    import yaml
    from prefect.events.schemas.automations import AutomationCore

    files = sorted(folder.glob("*.yaml"))
    return [AutomationCore.model_validate(yaml.safe_load(file.read_text("utf-8"))) for file in files]


async def apply(prefect: "PrefectClient", block: str = "", folder: Path = FOLDER) -> list[Applied]:
    """Put every file on the server; `block` is `TYPE/NAME` of a notification block that is to be told, or empty.

    Raises NoSuchBlock before anything is changed.
    """
    told = await _block_id(prefect, block) if block else None
    return [await _put(prefect, wanted, told) for wanted in read(folder)]


async def _put(prefect: "PrefectClient", wanted: "AutomationCore", block_id: Any) -> Applied:
    found = await prefect.read_automations_by_name(wanted.name)
    there = found[0] if found else None
    if block_id:
        wanted = wanted.model_copy(update={"actions": [_notification(wanted, block_id)]})
    elif there:
        wanted = wanted.model_copy(update={"actions": there.actions})
    if there is None:
        await prefect.create_automation(wanted)
        return _applied(wanted, "made")
    wanted = wanted.model_copy(update={"enabled": there.enabled})
    if _same(wanted, there):
        return _applied(wanted, "unchanged")
    await prefect.update_automation(there.id, wanted)
    return _applied(wanted, "updated")


def _same(wanted: "AutomationCore", there: "Automation") -> bool:
    """Whether the server has it as it is wanted; each trigger has an id of its own, which says nothing."""
    ours, theirs = (
        each.model_dump(include={"name", "description", "enabled", "trigger", "actions"}) for each in (wanted, there)
    )
    for document in (ours, theirs):
        document["trigger"].pop("id", None)
    return ours == theirs


def _applied(wanted: "AutomationCore", was: Literal["made", "updated", "unchanged"]) -> Applied:
    expected = tuple(sorted(getattr(wanted.trigger, "expect", ())))
    return Applied(wanted.name, was, wanted.enabled, expected, tuple(action.type for action in wanted.actions))


def _notification(wanted: "AutomationCore", block_id: Any) -> Any:
    from prefect.events.actions import SendNotification

    return SendNotification(block_document_id=block_id, subject=wanted.name, body=f"{wanted.description}\n{EVENT}")


async def _block_id(prefect: "PrefectClient", block: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    try:
        found = await prefect.read_block_document_by_name(name, kind)
    except ObjectNotFound as error:
        raise NoSuchBlock(f"There is no block {block} on this Prefect server") from error
    return found.id
