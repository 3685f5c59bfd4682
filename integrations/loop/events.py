"""Loop's webhooks as news. Pure, and hints only: whoever acts reads the return again at the portal first.

Loop gives an event no id. What makes it this event and no other is what it is about, with a hash of its content where
Loop shows no instant, so a retry is a copy and a change is not. A topic can be combined with another topic's trigger,
and some pairs carry an empty payload, so the topic says what shape to expect and the trigger what happened.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast

from domain.news import News, Nothing, ProcessingFailed, ReturnTouched
from domain.returns import Label
from domain.scans import Meaning, Scan, tracking_number
from integrations.errors import Unreadable
from integrations.fields import Damaged, shape
from integrations.loop.mapping import LONGEST, VENDOR, meaning, read_labels
from integrations.loop.values import first_text, instant, loose_text
from integrations.signing import Delivery, Envelope

FAILED = "return.processing.failed"
HASH_LENGTH = 16


def envelope(delivery: Delivery, document: Any) -> Envelope:
    """Topic, identity and shop of a delivery. Raises Unreadable where it is no object or names its parts strangely."""
    try:
        _object(document)
        topic = loose_text(document, "topic")
        return Envelope(topic, _identity(topic, document), loose_text(document, "shop_id"))
    except Damaged as error:
        raise Unreadable(VENDOR, "webhook", str(error)) from error


def news(document: Any, event: str) -> tuple[News, ...]:
    """What an event tells; `event` is the inbox row's id. A topic that we do not know tells nothing."""
    try:
        _object(document)
        topic = loose_text(document, "topic")
        read = READERS.get(topic)
        if read is None:
            return (Nothing(f"no reader for the topic {topic[:LONGEST]!r}"),)
        return read(document, event)
    except Damaged as error:
        raise Unreadable(VENDOR, "webhook", str(error)) from error


def _of_label(document: Any, event: str) -> tuple[News, ...]:
    touched, portal_id = _touched(document, "return_id", "id")
    if not portal_id:
        return touched
    number = tracking_number(loose_text(document, "tracking_number"))
    word = loose_text(document, "label_status")
    if not number:
        return touched
    scan = Scan(
        tracking=number,
        carrier=loose_text(document, "carrier").lower(),
        meaning=meaning(word),
        at=instant(document, "label_updated_at"),
        source=VENDOR,
        words=word[:LONGEST],
        event=event,
    )
    return (scan, *touched)


def _of_return(document: Any, event: str) -> tuple[News, ...]:
    touched, portal_id = _touched(document, "id", "return_id")
    return (*(_scan(label, event) for label in read_labels(document) if portal_id and label.tracking), *touched)


def _of_processing(document: Any, event: str) -> tuple[News, ...]:
    portal_id = first_text(document, "return_id", "id")
    trigger = loose_text(document, "trigger")
    if trigger != FAILED:
        return _touched(document, "return_id", "id")[0]
    if not portal_id:
        raise Damaged("return_id: an id is missing")
    why = loose_text(document, "message") or "the portal gave no reason"
    source = loose_text(document, "source")
    return (ProcessingFailed(VENDOR, portal_id, (f"{why} (asked for by {source})" if source else why)[:LONGEST]),)


def _of_other(document: Any, event: str) -> tuple[News, ...]:
    return _touched(document, "return_id")[0]


READERS: dict[str, Callable[[Any, str], tuple[News, ...]]] = {
    "label": _of_label,
    "return": _of_return,
    "return.processing": _of_processing,
    "label.request": _of_other,
    "restock": _of_other,
    "giftcard": _of_other,
    "happy.returns.shipment": _of_other,
}


def _touched(document: Any, *names: str) -> tuple[tuple[News, ...], str]:
    """The return to read again and its id; or why there is none."""
    portal_id = first_text(document, *names)
    if portal_id:
        return (ReturnTouched(VENDOR, portal_id),), portal_id
    told = f"{loose_text(document, 'topic')} on {loose_text(document, 'trigger') or 'no trigger'}"[:LONGEST]
    return (Nothing(f"{told} names no return"),), ""


def _scan(label: Label, event: str) -> Scan:
    return Scan(
        tracking=label.tracking,
        carrier=label.carrier,
        meaning=cast(Meaning, label.status),
        at=label.updated_at,
        source=VENDOR,
        words=label.status,
        event=event,
    )


def _identity(topic: str, document: Any) -> str:
    """What an event is about. Empty parts stay empty, so that two events never meet by leaving one out."""
    about = [topic, first_text(document, *(("return_id", "id") if topic != "return" else ("id", "return_id")))]
    if topic == "label":
        names = ("shipment_id", "tracking_number", "label_status", "label_updated_at")
        about += [loose_text(document, name) for name in names]
        complete = bool(about[1] and about[-1])
    else:
        about += [loose_text(document, name) for name in ("state", "edited_at", "updated_at")]
        # A return changes without any of its instants, and most other topics show none at all.
        complete = False
    return "/".join(about if complete else [*about, _content(document)])


def _content(document: Any) -> str:
    """A hash of what an event says, whatever the order of its fields and whatever triggered it."""
    said = {name: value for name, value in document.items() if name != "trigger"}
    if document.get("topic") == "return.processing":
        said = document
    text = json.dumps(said, sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def _object(document: Any) -> None:
    if not isinstance(document, dict):
        raise Damaged(f"an object was expected, not {shape(document)}")
