"""Reading an event of the inbox once more, when a person asks for it: with the readers of today. Changes nothing."""

from typing import Any, NamedTuple

from sqlalchemy import Row

from domain.strict_json import UnreadableJson
from integrations.errors import Unreadable
from integrations.senders import SENDERS
from integrations.signing import Delivery
from store import inbox
from tasks.routing import operation_of


class Read(NamedTuple):
    """What an event is as it is read now. `outcome` says why it still cannot be read; empty where it can."""

    operation: str
    topic: str
    outcome: str


def read_again(row: Row[Any]) -> Read:
    """Read the stored body again. The headers are not kept, so a topic that stood in one is the one from then."""
    sender = SENDERS.get(row.vendor)
    if sender is None:
        return Read("", row.topic, f"There is no reader for {row.vendor}.")
    try:
        document = inbox.document(row)
        topic = row.topic or str(sender.envelope(Delivery("POST", "", {}, inbox.body(row)), document).topic)
        sender.news(document, row.id)
    except UnreadableJson as error:
        return Read("", row.topic, f"The body cannot be read: {error}.")
    except Unreadable as error:
        return Read("", row.topic, error.message)
    except Exception as error:
        # Nothing of the message is shown: a reader that stumbles may quote what it stumbled over.
        return Read("", row.topic, f"The event could not be read ({type(error).__name__}).")
    return Read(operation_of(row.vendor, topic), topic, "")
