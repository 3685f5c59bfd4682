"""`recoup approvals`, `recoup approve`, `recoup stop` and `recoup go`: what a person says about refunds.

A yes moves nothing by itself: the next run decides again on fresh facts. A stop holds from the moment it is written.
"""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from commands.output import DONE, FOUND, next_commands, out, table
from settings import load

if TYPE_CHECKING:
    from sqlalchemy import Engine

SCHEMA = "recoup.approvals/1"


def approvals(*, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Show the refunds that wait for a person's yes; exits 3 where any does.

    Parameters
    ----------
    json_
        One JSON document.
    """
    from tasks.refund_approving import waiting

    with _database() as engine:
        rows = [_shown(row) for row in waiting(engine)]
    if json_:
        sys.stdout.write(json.dumps({"schema": SCHEMA, "waiting": rows}, ensure_ascii=False, indent=2) + "\n")
        return FOUND if rows else DONE
    if not rows:
        out().print("Nothing waits for an approval.")
        return DONE
    out().print(table("", tuple(rows[0]), [tuple(row.values()) for row in rows], right=("amount",)))
    next_commands(
        (f"recoup approve {rows[0]['case']}", "let the money go"),
        (f"recoup approve {rows[0]['case']} --reject", "keep it until the inspection"),
        (f"recoup explain {rows[0]['case']}", "everything that is known of it"),
    )
    return FOUND


def approve(key: str, *, reject: Annotated[bool, Parameter(negative="")] = False, note: str = "", by: str = "") -> int:
    """Approve or reject a refund above a cap. The next run of refunds sends the money, within a minute.

    Parameters
    ----------
    key
        The case or the step's key: loop-98765/label-4.
    reject
        Keep the money until the inspection.
    note
        Why, for whoever reads it later. No personal data.
    by
        Who decides; your login name where it is left out.
    """
    from domain.money import Money
    from tasks.refund_approving import approve as decide

    who = by or getpass.getuser()
    with _database() as engine:
        row = decide(engine, key, approved=not reject, by=who, channel="cli", note=note, now=datetime.now(UTC))
    out().print(f"{row.decision}: {Money(row.minor, row.currency)} for {row.case_id}, by {who}", markup=False)
    return DONE


def stop(operation: Literal["refunds"], *, why: str, by: str = "") -> int:
    """Stop an operation at once: no new money leaves after this, whatever runs; what is in flight ends known.

    Parameters
    ----------
    operation
        What is stopped.
    why
        The reason, shown with every case that waits for it.
    by
        Who stops it; your login name where it is left out.
    """
    _put(operation, True, by or getpass.getuser(), why)
    out().print(f"{operation} is stopped. Events wait, none is lost.", markup=False)
    next_commands((f"recoup go {operation}", "let it go on"))
    return DONE


def go(operation: Literal["refunds"], *, by: str = "") -> int:
    """Let a stopped operation go on. What waited is decided again within a minute.

    Parameters
    ----------
    operation
        What goes on.
    by
        Who says so; your login name where it is left out.
    """
    _put(operation, False, by or getpass.getuser(), "")
    out().print(f"{operation} goes on.", markup=False)
    return DONE


def _put(operation: str, stopped: bool, by: str, why: str) -> None:
    from store import switches
    from store.db import transaction

    with _database() as engine, transaction(engine) as connection:
        switches.put(connection, operation, stop=stopped, by=by, reason=why, at=datetime.now(UTC))
    _tell(operation, stopped)


def _tell(operation: str, stopped: bool) -> None:
    """Let automations in Prefect know, where it runs. The switch is written already and holds without it."""
    from deployments.processes import healthy

    address = load().prefect_api_url.removesuffix("/api")
    if not healthy(address):
        return
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.events import tell_switch

    with temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        tell_switch(operation, "stopped" if stopped else "released")


@contextmanager
def _database() -> Iterator["Engine"]:
    from tasks.database import open_database

    engine = open_database(load())
    try:
        yield engine
    finally:
        engine.dispose()


def _shown(row: Any) -> dict[str, str]:
    from domain.money import Money

    return {
        "case": row.case_id,
        "amount": str(Money(row.minor, row.currency)),
        "why": f"{row.rule} {row.reason}",
        "asked": row.asked_at[:16],
        "due": row.due_at[:16],
    }
