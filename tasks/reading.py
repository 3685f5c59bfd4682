"""What one read of a vendor found, and the keeping of what could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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


def keep_unreadable(c: Connections, unreadable: Iterable[Any], found: Read, now: datetime) -> None:
    """Keep items that could not be read, whole, until a person looks at them."""
    for item in unreadable:
        with transaction(c.engine) as connection:
            quarantine.keep(
                connection,
                source=c.vendors.payments,
                line=0,
                field=item.field,
                reason=item.reason,
                raw=item.raw,
                at=now,
            )
        found.quarantined += 1
    if found.quarantined:
        found.problems.append(f"{found.quarantined} items could not be read and are in quarantine")
