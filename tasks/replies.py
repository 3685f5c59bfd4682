"""Replies by SMS: STOP is honoured at once, CANCEL is both an opt-out and a request that goes to a person.

The vendor's own answer to STOP is the one confirmation the rules allow, so none is sent from here. A reply is
handled once: its reference is kept as a received contact.
"""

from datetime import datetime, timedelta

from domain.instants import from_text
from domain.messages import InboundText
from domain.replies import read_text
from integrations.errors import VendorError
from store import cases, contacts, people, runs
from store.db import reading, transaction
from tasks.connect import Connections
from tasks.reading import Read, keep_unreadable

LOOK_BACK = timedelta(days=4)
"""Longer than any pause of the daily run over a weekend; after a longer one, since the last whole read."""
REACTION = "T-9"
"""The rule of `domain.replies` for a "like" that only quotes our own text."""


async def read(c: Connections, now: datetime, found: Read) -> None:
    """Take in every new reply. Where the vendor does not answer, nothing is lost: the next run looks back."""
    if not c.texts_configured:
        return
    try:
        page = await c.texts.replies(_since(c, now))
    except VendorError as error:
        found.problems.append(f"replies could not be read: {error}")
        return
    keep_unreadable(c, page.unreadable, found, now)
    strangers = sum(not _take_in(c, reply) for reply in page.items)
    if strangers:
        # Said without the numbers; a customer's own may be written otherwise at the payments vendor.
        found.problems.append(f"{strangers} replies ask to stop or cancel from numbers that no customer has; read them")


def _since(c: Connections, now: datetime) -> datetime:
    with reading(c.engine) as connection:
        last = runs.last_whole_read(connection)
    return min(now - LOOK_BACK, from_text(last)) if last else now - LOOK_BACK


def _take_in(c: Connections, reply: InboundText) -> bool:
    """Do what a reply asks for; False where it asks for something and nobody has its number."""
    meant = read_text(reply.body)
    with transaction(c.engine) as connection:
        known = people.by_phone(connection, reply.sender)
        for person in known:
            key = f"inbound/{reply.ref}/{person.id}"
            if not contacts.receive(connection, key, person.id, "sms", reply.at, c.zone):
                continue
            if meant.opt_out:
                people.opt_out(connection, person.id, "sms", "all", f"reply {reply.ref}", reply.at)
            if meant.cancel:
                cases.to_person(connection, person.id, "cancel_request")
            elif not (meant.opt_out or meant.opt_in or meant.rule == REACTION):
                # Whoever writes to us hears from a person next, not from the next rung.
                cases.to_person(connection, person.id, "reply")
    return bool(known) or not (meant.opt_out or meant.cancel)
