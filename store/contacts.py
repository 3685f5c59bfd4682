"""Contacts: every message of every operation, reserved with the intent, sent or released with the outcome.

Reserving is part of `store.steps.intend`, settling of the ledger's writer; here is what people sent to us.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import add_days, day_in, to_text
from store.tables import contacts


def receive(connection: Connection, key: str, person: str, channel: str, at: datetime, zone: str) -> bool:
    """Note a message from a person; False where it was noted before, so that it is handled once."""
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(contacts)
    row = {"key": key, "person": person, "channel": channel, "purpose": "reply", "operation": "dunning", "case_id": ""}
    row |= {"state": "received", "day": day_in(at, zone).isoformat(), "at": to_text(at)}
    # The number of rows is not known for an INSERT on PostgreSQL; the key that comes back is.
    return connection.execute(add.values(row).on_conflict_do_nothing().returning(contacts.c.key)).first() is not None


def told_on(connection: Connection, ids: Iterable[str], day: date, zone: str) -> set[str]:
    """Which of these people got a message of ours on `day`, or get one that is just being sent.

    A run that starts late acts for an earlier day, so both count: the day it was for, and the day it really was.
    """
    midnight = [to_text(datetime.combine(one, time(), ZoneInfo(zone))) for one in (day, add_days(day, 1))]
    then = (contacts.c.day == day.isoformat()) | ((contacts.c.at >= midnight[0]) & (contacts.c.at < midnight[1]))
    ours = contacts.c.state.in_(("reserved", "sent")) & then
    chosen = select(contacts.c.person).where(contacts.c.person.in_(list(ids)), ours)
    return {person for (person,) in connection.execute(chosen)}


def of_people(connection: Connection, ids: Iterable[str]) -> list[Row[Any]]:
    """Every message to and from these people, oldest first."""
    chosen = select(contacts).where(contacts.c.person.in_(list(ids))).order_by(contacts.c.at, contacts.c.key)
    return list(connection.execute(chosen).all())
