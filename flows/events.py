"""What happened, as Prefect events to hang automations on: `recoup.<action>.<state>` about `recoup.step.<key>`.

A copy for whoever listens, never the record: Prefect keeps events in memory until they are sent, and a kill loses them.
Emitting one puts it in a queue, 0.1 ms; outside of a flow run none is emitted. No personal data: keys, states, money.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Literal, NamedTuple

from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from domain.instants import from_text
from store import steps
from store.db import reading
from tasks.connect import Connections
from tasks.performing import Outcome

OLD = timedelta(hours=1)
"""A step whose outcome nobody knows for longer is for a person to look at; reconcile asks every ten minutes."""
MOST_OLD = 50
SENT_WITHIN_SECONDS = 5.0

SwitchState = Literal["stopped", "released"]


class Told(NamedTuple):
    """An event as Prefect takes it: its name, what it is about, and what else is known."""

    event: str
    resource: dict[str, str]
    payload: dict[str, Any]


def of_outcome(operation: str, outcome: Outcome) -> Told | None:
    """The event of one outcome, for example `recoup.refund.done`; None where another run has the step."""
    if outcome.state == "elsewhere":
        return None
    payload = {
        "operation": operation,
        "key": outcome.key,
        "action": outcome.action,
        "state": outcome.state,
        "detail": outcome.detail,
        "amount_minor": outcome.amount_minor,
        "currency": outcome.currency,
    }
    return Told(f"recoup.{outcome.action}.{outcome.state}", _step(operation, outcome.key), payload)


def of_old_step(row: Any, now: datetime) -> Told:
    """The event of a step (a row of `steps`) that was intended long ago and has no answer."""
    minutes = int((now - from_text(row.intended_at)).total_seconds() // 60)
    payload = {"operation": row.operation, "key": row.key, "action": row.action, "state": row.state, "minutes": minutes}
    return Told("recoup.intent.old", _step(row.operation, row.key), payload)


def of_switch(operation: str, state: SwitchState) -> Told:
    """The event of an operation's kill switch. Who and why stand in our own table."""
    resource = {"prefect.resource.id": f"recoup.switch.{operation}", "prefect.resource.name": operation}
    return Told(f"recoup.switch.{state}", resource, {"operation": operation, "state": state})


def tell_outcomes(operation: str, outcomes: Iterable[Outcome]) -> int:
    """Emit what became of these steps, where this is a flow run; returns how many events that were."""
    if not flow_run.id:
        return 0
    return _emit([told for outcome in outcomes if (told := of_outcome(operation, outcome))])


def tell_old(c: Connections) -> int:
    """Emit every step that was intended more than an hour ago and has no answer, the oldest first.

    Again in every run until somebody settles it. What the vendor calls pending has an answer and is left out.
    """
    if not flow_run.id:
        return 0
    now = c.clock()
    with reading(c.engine) as connection:
        rows = [row for row in steps.awaiting(connection, before=now) if not row.vendor_ref]
    old = [row for row in rows if now - from_text(row.intended_at) > OLD]
    return _emit([of_old_step(row, now) for row in old[:MOST_OLD]])


def tell_switch(operation: str, state: SwitchState) -> int:
    """Emit that the kill switch was hit or let go, and wait for seconds until it is sent; for a command, not a flow.

    Nothing happens where PREFECT_API_URL is not set. The caller makes sure that Prefect answers there, or pays the
    seconds; the switch itself holds without it.
    """
    if not PREFECT_API_URL.value():
        return 0
    told = _emit([of_switch(operation, state)])
    sending = Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    sending.start()
    sending.join(SENT_WITHIN_SECONDS)
    return told


def _step(operation: str, key: str) -> dict[str, str]:
    named = {"prefect.resource.id": f"recoup.step.{key}", "prefect.resource.name": key}
    return {**named, "recoup.operation": operation}


def _emit(found: Sequence[Told]) -> int:
    return sum(emit_event(each.event, resource=each.resource, payload=each.payload) is not None for each in found)
