"""`recoup inbox`: what waits, failed or is quarantined, and `recoup inbox replay ID`, which tries one again."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from commands.output import DONE, FAILED, FOUND, WRONG_USE, fail, next_commands, out, table
from settings import load

if TYPE_CHECKING:
    from sqlalchemy import Engine, Row

SCHEMA = "recoup.inbox/1"
SHOWN_OF_AN_ID = 12
SHORTEST_ID = 4


def inbox(
    do: Literal["list", "replay"] = "list",
    event: str = "",
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    sender: str = "",
    limit: int = 50,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show events that wait, failed or are quarantined, newest first; exits 3 where a person has to look at one.

    Parameters
    ----------
    do
        list, or replay to try one event again. What it would do twice, its keys do once.
    event
        The event's id, or the beginning of it.
    all_
        Those that are done, and those nobody listens to, as well.
    sender
        Only this sender's.
    limit
        How many at most.
    json_
        One JSON document.
    """
    from tasks.database import open_database

    engine = open_database(load())
    try:
        if do == "replay":
            return _replay(engine, event)
        return _list(engine, all_, sender, limit, json_)
    finally:
        engine.dispose()


def _list(engine: "Engine", everything: bool, sender: str, limit: int, as_json: bool) -> int:
    from store import db
    from store.inbox import STATES
    from store.inbox_admin import NEEDS_A_LOOK, counts, listing

    with db.reading(engine) as connection:
        states = STATES if everything else NEEDS_A_LOOK
        rows = listing(connection, states=states, sender=sender, limit=limit)
        found = counts(connection)
    code = FOUND if found.get("quarantined", 0) + found.get("failed", 0) else DONE
    if as_json:
        document = {"schema": SCHEMA, "counts": found, "events": [_data(row) for row in rows]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return code
    if rows:
        columns = ("id", "received", "sender", "topic", "state", "tries", "copies", "outcome")
        out().print(table("", columns, [_line(row) for row in rows], right=("tries", "copies")))
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(found.items())) or "nothing was ever received"
    out().print(f"The inbox: {told}.", markup=False, highlight=False)
    if stuck := next((row for row in rows if row.state in ("quarantined", "failed")), None):
        next_commands((f"recoup inbox replay {stuck.id[:SHOWN_OF_AN_ID]}", "try it again"))
    return code


def _replay(engine: "Engine", start: str) -> int:
    from store import db
    from store.inbox_admin import find, replay
    from web.rereading import read_again

    if len(start) < SHORTEST_ID:
        fail("no event is named", "", "recoup inbox lists them; recoup inbox replay ID", WRONG_USE, "Nothing was done.")
    with db.transaction(engine) as connection:
        rows = find(connection, start)
        if len(rows) != 1:
            what = f"no event begins with {start}" if not rows else f"more than one event begins with {start}"
            fail(what, "", "recoup inbox --all lists them", WRONG_USE, "Nothing was done.")
        read = read_again(rows[0])
        at = datetime.now(UTC)
        state = replay(
            connection, rows[0].id, at, operation=read.operation, topic=read.topic, outcome=read.outcome
        )  # fmt: skip
    if rows[0].purged_at:
        fail("the body of this event is purged", "It was over, and older than web.keep_bodies_days",
             "Have the sender deliver it again, or wait for the poller", FAILED, "Nothing was done.")  # fmt: skip
    if state == "quarantined":
        fail(read.outcome, "", "It stays in quarantine; keep its id for a bug report", FOUND, "Nothing was done.")
    said = {
        "waiting": f"It waits for {read.operation}; the next run, within a minute, takes it.",
        "unrouted": "No operation listens to it; it is kept.",
        "claimed": "It is being worked on right now.",
    }
    out().print(said.get(state, f"It is {state}."), markup=False, highlight=False)
    return DONE


def _line(row: "Row[Any]") -> tuple[object, ...]:
    received = row.received_at[:19].replace("T", " ")
    return (row.id[:SHOWN_OF_AN_ID], received, row.sender, row.topic, row.state, row.tries, row.copies, row.outcome)


def _data(row: "Row[Any]") -> dict[str, Any]:
    names = (
        "id", "sender", "vendor", "operation", "topic", "identity", "state", "received_at", "not_before", "done_at",
        "tries", "deaths", "copies", "outcome", "fingerprint", "size", "secret", "purged_at",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}
