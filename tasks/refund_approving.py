"""Approving: a person's yes or no to a refund above a cap, from the command line or from a form in Prefect.

The decision is stored with who gave it and for which amount, and the case is due at once. Nothing is paid here: the
next run decides again on fresh facts, and a yes does not cover more than what was shown.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from store import approvals, returns, switches
from store.db import reading, transaction
from tasks.refund_deciding import OPERATION, key_of


def waiting(engine: Engine) -> list[Any]:
    """What waits for a person, what is due first."""
    with reading(engine) as connection:
        return approvals.waiting(connection)


def approve(engine: Engine, key: str, *, approved: bool, by: str, channel: str, note: str, now: datetime) -> Any:
    """Write the decision about the case that `key` names (with or without `refunds/`); raises NothingWaits."""
    case = key.strip().removeprefix(key_of(""))
    with transaction(engine) as connection:
        # Not beside a run that decides just now without the answer, and then looks again in hours.
        switches.hold(connection, OPERATION)
        row = approvals.decide(connection, case, approved=approved, by=by, channel=channel, note=note, at=now)
        returns.put_stage(connection, case, "waiting", now, now)
    return row
