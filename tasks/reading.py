"""What one read of a vendor found, and the keeping of what could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations.pages import UnreadableItem
from store import quarantine
from store.db import transaction
from tasks.connect import Connections


@dataclass(slots=True)
class Read:
    """What one read found; the numbers are shown on the run's page."""

    renewals: int = 0
    opened: int = 0
    attempts: int = 0
    paid_meanwhile: int = 0
    ended: int = 0
    money_back: int = 0
    quarantined: int = 0
    problems: list[str] = field(default_factory=list)


def keep_unreadable(c: Connections, unreadable: Sequence[UnreadableItem], found: Read, now: datetime) -> None:
    """Keep items that could not be read, whole, until a person looks at them."""
    if not unreadable:
        return
    with transaction(c.engine) as connection:
        for item in unreadable:
            source, name = f"{item.vendor}: {item.kind}", item.id
            quarantine.keep(connection, source=source, line=0, field=name, reason=item.problem, raw=item.raw, at=now)
    found.quarantined += len(unreadable)
    first = unreadable[0]
    found.problems.append(
        f"{len(unreadable)} items could not be read and are in quarantine, "
        f"the first is {first.kind} {first.id or 'without an id'}: {first.problem}"
    )
