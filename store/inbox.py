"""The inbox: every signed delivery once, whose turn it is, and what became of it.

A second delivery of one event meets the first by its id and only counts. A claim is a lease: when its holder dies, the
next to look takes the event over after it ran out. On PostgreSQL several may claim at once without waiting for each
other; on SQLite the write lock lets one through at a time. Whoever acts on an event must bear doing it twice.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from sqlalchemy import Connection, Row, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain import strict_json
from domain.instants import to_text
from store.event_tables import inbox

LEASE: Final = timedelta(minutes=5)
MOST_DEATHS: Final = 5
"""An event over which so many runs died or failed is not taken again by itself: a person looks and replays it."""
FEW: Final = 16
"""So many events are taken at once that a run died over; over which several died, one. One of them may be why."""
NEVER: Final = "9999-12-31T23:59:59.999999Z"
"""`not_before` of a failure that only a person tries again."""
LONGEST_TEXT: Final = 300
"""Characters of a topic, an identity or an outcome that are shown; what tells events apart is the hash of the whole."""
ENDED: Final = ("done", "failed", "quarantined", "unrouted")
STATES: Final = ("waiting", "claimed", *ENDED)


class Heard(NamedTuple):
    """One signed delivery. `state` is `waiting`, `quarantined` or `unrouted`; `outcome` says why it is not waiting.

    `form` is true for a body that is a form and not JSON.
    """

    sender: str
    vendor: str
    operation: str
    topic: str
    identity: str
    body: bytes
    secret: str
    state: str
    outcome: str = ""
    form: bool = False


def event_id(sender: str, topic: str, identity: str) -> str:
    """The id of an event: the same for every delivery of it."""
    told = "\0".join((sender, topic, identity)).encode("utf-8", "surrogatepass")
    return sha256(told).hexdigest()[:32]


def keep(connection: Connection, heard: Sequence[Heard], at: datetime) -> list[bool]:
    """Keep deliveries, each True where it is new; of one that is there already only `copies` is counted up."""
    ids = [event_id(each.sender, each.topic, each.identity) for each in heard]
    firsts: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    for number, ident in enumerate(ids):
        if ident in rows:
            rows[ident]["copies"] += 1
        else:
            firsts[ident], rows[ident] = number, _row(heard[number], ident, to_text(at))
    new = _put(connection, [rows[ident] for ident in sorted(rows)])
    return [ident in new and firsts[ident] == number for number, ident in enumerate(ids)]


def _put(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Write rows that differ in their ids, in few statements; gives the ids that were not there before.

    They come in the order of their ids, so that two receivers with the same events cannot wait for each other.
    """
    if not rows:
        return set()
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(inbox)
    copied = {"copies": inbox.c.copies + add.excluded.copies + 1}
    counted = add.on_conflict_do_update(index_elements=["id"], set_=copied).returning(inbox.c.id, inbox.c.copies)
    written = {row["id"]: row["copies"] for row in rows}
    return {ident for ident, copies in connection.execute(counted, list(rows)) if copies == written[ident]}


def claim(
    connection: Connection, operation: str, holder: str, at: datetime, *, limit: int = 500, lease: timedelta = LEASE
) -> list[Row[Any]]:
    """Take the oldest events that are due, for `lease`: waiting, failed and due again, or left by a dead holder.

    What a run died over comes last and with few others, so that one event cannot take the rest with it for long;
    after `MOST_DEATHS` it is `failed` and stays so.
    """
    _give_up(connection, operation, at)
    died = inbox.c.deaths + case((inbox.c.state == "claimed", 1), else_=0)
    for suspect, most in ((died == 0, limit), (died == 1, min(limit, FEW)), (died > 1, 1)):
        due = select(inbox.c.id).where(_due(operation, at), suspect).order_by(inbox.c.received_at, inbox.c.id)
        due = due.limit(most)
        if _on_postgresql(connection):
            due = due.with_for_update(skip_locked=True)
        mine = {"state": "claimed", "claimed_by": holder, "claimed_until": to_text(at + lease), "deaths": died}
        taken = update(inbox).where(inbox.c.id.in_(due)).values(mine | {"tries": inbox.c.tries + 1}).returning(inbox)
        if found := sorted(connection.execute(taken), key=lambda row: (row.received_at, row.id)):
            return found
    return []


def renew(connection: Connection, holder: str, at: datetime, *, lease: timedelta = LEASE) -> None:
    """Keep everything that `holder` has claimed for longer; a long run does so as it goes."""
    mine = and_(inbox.c.state == "claimed", inbox.c.claimed_by == holder)
    connection.execute(_update(connection, mine).values(claimed_until=to_text(at + lease)))


def done(connection: Connection, outcomes: Mapping[str, str], at: datetime) -> None:
    """Close claimed events, each with the sentence that says what became of it."""
    if not outcomes:
        return
    claimed = and_(inbox.c.id == bindparam("ident"), inbox.c.state == "claimed")
    closed = {"state": "done", "done_at": to_text(at), "claimed_by": "", "claimed_until": ""}
    statement = update(inbox).where(claimed).values(closed | {"outcome": bindparam("said")})
    connection.execute(statement, [{"ident": ident, "said": _shown(said)} for ident, said in sorted(outcomes.items())])


def failed(connection: Connection, ident: str, why: str, at: datetime, again_at: datetime | None) -> None:
    """Note that an event could not be acted on; it is due again at `again_at`, or never by itself where None."""
    gone = {"state": "failed", "done_at": to_text(at), "claimed_by": "", "claimed_until": "", "outcome": _shown(why)}
    later = {"not_before": to_text(again_at) if again_at else NEVER}
    claimed = and_(inbox.c.id == ident, inbox.c.state == "claimed")
    connection.execute(update(inbox).where(claimed).values(gone | later))


def broken(connection: Connection, ids: Sequence[str], why: str, at: datetime, again_at: datetime) -> None:
    """A run failed over these claimed events, whichever it was: each counts a death and is due again at `again_at`.

    After `MOST_DEATHS` it is not due by itself any more.
    """
    claimed = and_(inbox.c.id.in_(ids), inbox.c.state == "claimed")
    gone = {"state": "failed", "done_at": to_text(at), "claimed_by": "", "claimed_until": "", "outcome": _shown(why)}
    later = case((inbox.c.deaths + 1 >= MOST_DEATHS, NEVER), else_=to_text(again_at))
    connection.execute(_update(connection, claimed).values(gone | {"not_before": later, "deaths": inbox.c.deaths + 1}))


def release(connection: Connection, ids: Sequence[str]) -> None:
    """Give claimed events back untouched, to be taken by whoever comes next."""
    claimed = and_(inbox.c.id.in_(ids), inbox.c.state == "claimed")
    back = {"state": "waiting", "claimed_by": "", "claimed_until": "", "tries": inbox.c.tries - 1}
    connection.execute(_update(connection, claimed).values(back))


def waiting(connection: Connection, operation: str, at: datetime) -> int:
    """How many events a `claim` now could take."""
    return connection.execute(select(func.count()).select_from(inbox).where(_due(operation, at))).scalar_one()


def document(row: Row[Any]) -> Any:
    """What the body says: strict JSON, or a form's fields by name, a list where a name came more than once.

    `domain.strict_json.UnreadableJson` where it is neither, or is purged.
    """
    if row.purged_at:
        raise strict_json.UnreadableJson("the body is purged")
    if row.encoding == "form":
        return read_form(row.body.encode())
    return strict_json.read(body(row))


def body(row: Row[Any]) -> bytes:
    """The bytes as they came."""
    return base64.b64decode(row.body) if row.encoding == "base64" else bytes(row.body, "utf-8")


def read_form(content: bytes) -> dict[str, str | list[str]]:
    """A form's fields; UnreadableJson where it is no form in UTF-8."""
    try:
        pairs = parse_qsl(content.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=500)
    except ValueError:
        raise strict_json.UnreadableJson("not a form in UTF-8") from None
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if "\0" in name + value:
            raise strict_json.UnreadableJson("a field holds a NUL")
        before = found.get(name)
        found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return found


def _due(operation: str, at: datetime) -> Any:
    turn = and_(inbox.c.state.in_(("waiting", "failed")), inbox.c.not_before <= to_text(at))
    return and_(inbox.c.operation == operation, or_(turn, _left(at)))


def _left(at: datetime) -> Any:
    return and_(inbox.c.state == "claimed", inbox.c.claimed_until < to_text(at))


def _give_up(connection: Connection, operation: str, at: datetime) -> None:
    why = f"{MOST_DEATHS} runs died over it; `recoup inbox replay` tries it again"
    gone = {"state": "failed", "done_at": to_text(at), "claimed_by": "", "claimed_until": "", "not_before": NEVER}
    hopeless = and_(inbox.c.operation == operation, _left(at), inbox.c.deaths + 1 >= MOST_DEATHS)
    connection.execute(_update(connection, hopeless).values(gone | {"outcome": why, "deaths": inbox.c.deaths + 1}))


def _update(connection: Connection, chosen: Any) -> Any:
    """An update of the chosen events, locked in the order of their ids: as `keep` and `done` write them."""
    ids = select(inbox.c.id).where(chosen).order_by(inbox.c.id)
    return update(inbox).where(inbox.c.id.in_(ids.with_for_update() if _on_postgresql(connection) else ids))


def _on_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _row(heard: Heard, ident: str, at: str) -> dict[str, Any]:
    content, encoding = _content(heard.body, heard.form)
    ended = "" if heard.state == "waiting" else at
    return {
        "id": ident, "sender": heard.sender, "vendor": heard.vendor, "operation": heard.operation,
        "topic": _shown(heard.topic), "identity": _shown(heard.identity), "state": heard.state,
        "received_at": at, "not_before": at, "claimed_by": "", "claimed_until": "", "done_at": ended, "tries": 0,
        "deaths": 0, "copies": 0, "outcome": _shown(heard.outcome), "body": content, "encoding": encoding,
        "fingerprint": sha256(heard.body).hexdigest(), "size": len(heard.body), "secret": heard.secret, "purged_at": "",
    }  # fmt: skip


def _content(content: bytes, form: bool) -> tuple[str, str]:
    """The body as text, and how it is written; base64 where it is no text that both databases keep."""
    try:
        text = content.decode("utf-8")
        if "\0" not in text:
            return text, "form" if form else "utf-8"
    except UnicodeDecodeError:
        pass
    return base64.b64encode(content).decode("ascii"), "base64"


def _shown(text: str) -> str:
    """Text from outside as one line that every database keeps."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_TEXT])
