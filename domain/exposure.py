"""Exposure: what was refunded and has not come back, line by line, from the refund until the goods are in or given up.

`follow` is pure: what is known of a line, what was heard of its parcel and its inspection, the rules and the clock go
in; what changes comes out, with the reason, the next action and its owner. A line that a person has settled is left
as they said. `moves` says what a change means for the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from domain.instants import day_in
from domain.money import Money, allocate
from domain.parcels import Position, position
from domain.returns import Condition
from domain.scans import Scan

State = Literal["open", "reopened", "received", "lost", "withdrawn"]
Place = Literal["open", "received", "lost", "withdrawn"]

RULES: Final = {
    "X-00": "On its way, and not due yet",
    "X-01": "The inspection found every piece in order",
    "X-02": "Fewer pieces came than were refunded",
    "X-03": "The parcel was empty",
    "X-04": "Another item came, or one that was worn",
    "X-05": "The parcel was delivered, and by policy that is enough",
    "X-06": "The parcel was delivered and nobody has inspected it in time",
    "X-07": "The carrier takes the parcel back to the customer",
    "X-08": "The carrier lost or damaged the parcel",
    "X-09": "The label was voided after its first scan",
    "X-10": "The parcel was not delivered by the day it was due",
    "X-11": "Nothing came in all the time there was, so it is written off",
    "X-12": "The refund failed afterwards, so nothing is at risk",
    "X-13": "It came after it had been written off",
    "X-20": "A person settled it",
}

WORDS: Final = {
    "X-02": "short", "X-03": "empty", "X-04": "wrong", "X-06": "uninspected", "X-07": "going-back",
    "X-08": "carrier-lost", "X-09": "voided", "X-10": "overdue", "X-13": "late",
}  # fmt: skip
"""The word of a rule that needs a person, as it stands in the key of the person's task."""

NEXT: Final = {
    "X-02": ("ask the warehouse and the customer for the missing pieces", "warehouse"),
    "X-03": ("file a fraud report at the portal and decide about a claim", "fraud"),
    "X-04": ("look at the item; report it at the portal, accept it, or ask for the right one", "fraud"),
    "X-06": ("inspect the parcel; it has been delivered", "warehouse"),
    "X-07": ("ask the customer to send it again", "support lead"),
    "X-08": ("file the claim with the carrier", "claims"),
    "X-09": ("find out who voided the label and why", "fraud"),
    "X-10": ("ask the carrier where it is, and remind the customer", "support lead"),
    "X-13": ("inspect the parcel; it was written off and has been delivered", "warehouse"),
}
"""What is to be done next and by whom, by rule."""

_RULE_OF: Final = {action: rule for rule, (action, _) in NEXT.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRules:
    """How long we wait, and what counts as received."""

    delivery_is_enough: bool = False
    inspect_days: int = 7
    """Days after the delivery within which somebody is to look into the parcel."""
    write_off_days: int = 60
    """Days after the refund when what has not come is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One refunded line. `refunded` is its part of the refund, `cost` what all its pieces cost the shop."""

    case: str
    line: str
    customer: str
    order: str
    refunded: Money
    cost: Money | None
    quantity: int
    received: int = 0
    """Pieces that came back in order."""
    state: State = "open"
    opened_at: datetime
    due_on: date
    changed_at: datetime
    why: str = ""
    next_action: str = ""
    owner: str = ""
    decided_by: str = ""
    """The person who settled it; then no rule changes it any more."""
    changes: int = 0
    """How often it changed: the next change's key is made of it."""


class Inspection(NamedTuple):
    """What the portal says of one line after somebody looked into the parcel."""

    received: int
    condition: Condition
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known of the line's parcel now."""

    scans: tuple[Scan, ...] = ()
    """Of this label only: see `domain.parcels.own_scans`."""
    inspection: Inspection | None = None
    voided: bool = False
    failed_at: datetime | None = None
    """When the refund turned out to have failed."""


class Change(NamedTuple):
    """What becomes of a line, by which rule, since when, and who has to act."""

    rule: str
    state: State
    received: int
    at: datetime
    why: str
    next_action: str = ""
    owner: str = ""


class Move(NamedTuple):
    """A part of a line goes from one place in the books to another."""

    was: Place
    now: Place
    refunded: Money
    cost: Money | None


def follow(exposure: Exposure, heard: Heard, rules: ExposureRules, now: datetime, zone: str) -> Change | None:
    """What becomes of the line now, or None where it stays as it is."""
    if exposure.decided_by or exposure.state == "withdrawn":
        return None
    change = _change(exposure, heard, position(heard.scans, voided=heard.voided), rules, now, zone)
    if change is None or (change.state, change.received, change.next_action) == (
        exposure.state, exposure.received, exposure.next_action
    ):  # fmt: skip
        return None
    return change._replace(at=max(exposure.opened_at, min(change.at, now)))


def asks_for(exposure: Exposure) -> str:
    """The rule by which a person has to act on the line now; empty where nobody has to."""
    return _RULE_OF.get(exposure.next_action, "") if exposure.state == "reopened" else ""


def settle(exposure: Exposure, received: int, now: datetime, note: str) -> Change:
    """What a person says in the end: so many pieces are accepted as received, the rest is lost.

    Raises ValueError for more pieces than were refunded, or fewer than none.
    """
    if not 0 <= received <= exposure.quantity:
        raise ValueError(
            f"{exposure.case} {exposure.line} has {exposure.quantity} pieces; {received} cannot be received"
        )
    state: State = "received" if received == exposure.quantity else "lost"
    return Change("X-20", state, received, now, f"{note} ({received} of {exposure.quantity} pieces accepted)")


def changed(exposure: Exposure, change: Change, decided_by: str = "") -> Exposure:
    """The line after the change."""
    return replace(
        exposure, state=change.state, received=change.received, changed_at=change.at, why=change.why,
        next_action=change.next_action, owner=change.owner, decided_by=decided_by, changes=exposure.changes + 1,
    )  # fmt: skip


def moves(before: Exposure, change: Change) -> tuple[Move, ...]:
    """What the change moves, exact to the last unit however many changes a line goes through."""
    whole = before.quantity
    had = whole if before.state == "received" else before.received
    has = whole if change.state == "received" else change.received
    old, new = _rest(before.state), _rest(change.state)
    steps: list[tuple[Place, Place, int, int]] = []
    if has > had:
        steps.append((old, "received", had, has))
    elif has < had:
        steps.append(("received", new, has, had))
    if old != new:
        steps.append((old, new, max(had, has), whole))
    found = [Move(was, to, *_between(before, first, last)) for was, to, first, last in steps if was != to]
    return tuple(move for move in found if move.refunded or move.cost)


def split(exposures: Sequence[Exposure], amount: Money) -> tuple[Exposure, ...]:
    """The lines of one refund with their parts of `amount`, which always add up to it.

    The shop quotes lines together, so a line's part is an estimate: by cost where every line has one in the same
    currency, else by pieces.
    """
    if not exposures:
        return ()
    costs = [line.cost for line in exposures if line.cost is not None and line.cost.minor > 0]
    by_cost = len(costs) == len(exposures) and len({cost.currency for cost in costs}) == 1
    weights = [cost.minor for cost in costs] if by_cost else [max(1, line.quantity) for line in exposures]
    return tuple(replace(line, refunded=part) for line, part in zip(exposures, allocate(amount, weights), strict=True))


def _change(
    line: Exposure, heard: Heard, parcel: Position, rules: ExposureRules, now: datetime, zone: str
) -> Change | None:
    if heard.failed_at is not None:
        done = line.state == "received"
        return None if done else Change("X-12", "withdrawn", line.received, heard.failed_at, RULES["X-12"])
    looked = _inspected(line, heard.inspection)
    if looked is not None and looked.state == "received":
        return looked
    if looked is None and line.state == "received":
        return None
    if looked is None and parcel.name == "delivered" and rules.delivery_is_enough:
        return Change("X-05", "received", line.quantity, parcel.at or now, f"delivered, {parcel.said}")
    if line.state == "lost":
        return _found(line, looked, parcel, now)
    over = line.opened_at + timedelta(days=rules.write_off_days)
    if now >= over and (looked is not None or parcel.name != "delivered"):
        received = looked.received if looked else line.received
        why = f"{rules.write_off_days} days after the refund: {looked.why if looked else parcel.said or 'nothing came'}"
        return Change("X-11", "lost", received, over, why)
    return looked or _parcel_trouble(line, parcel, rules, now) or _overdue(line, parcel, now, zone)


def _inspected(line: Exposure, found: Inspection | None) -> Change | None:
    if found is None:
        return None
    at = found.at or line.changed_at
    good = min(max(found.received, 0), line.quantity) if found.condition in ("", "good") else 0
    said = f"the inspection counted {found.received} of {line.quantity}"
    if good == line.quantity:
        return Change("X-01", "received", good, at, f"{said}, in order")
    if found.condition == "empty" or (not found.received and found.condition in ("", "good")):
        return _reopened("X-03", 0, at, f"{said}: the parcel was empty")
    if good:
        return _reopened("X-02", good, at, f"{said}: {line.quantity - good} missing")
    return _reopened("X-04", 0, at, f"{said}, found {found.condition}")


def _found(line: Exposure, looked: Change | None, parcel: Position, now: datetime) -> Change | None:
    """It was written off: what comes all the same is taken in, and what was only delivered is to be looked at."""
    if looked is not None and looked.received > line.received:
        return Change("X-13", "lost", looked.received, looked.at, f"{looked.why}, after it was written off")
    if looked is None and parcel.name == "delivered":
        return _reopened("X-13", line.received, parcel.at or now, f"delivered after it was written off, {parcel.said}")
    return None


def _parcel_trouble(line: Exposure, parcel: Position, rules: ExposureRules, now: datetime) -> Change | None:
    at = parcel.at or line.opened_at
    if parcel.name == "delivered":
        by = at + timedelta(days=rules.inspect_days)
        late = f"delivered, {parcel.said}, and not inspected within {rules.inspect_days} days"
        return _reopened("X-06", line.received, by, late) if now >= by else None
    rule = {"going_back": "X-07", "lost": "X-08", "damaged": "X-08", "voided": "X-09"}.get(parcel.name)
    return _reopened(rule, line.received, at, parcel.said) if rule else None


def _overdue(line: Exposure, parcel: Position, now: datetime, zone: str) -> Change | None:
    if line.state != "open" or parcel.name == "delivered" or day_in(now, zone) <= line.due_on:
        return None
    at = datetime.combine(line.due_on + timedelta(days=1), time(), ZoneInfo(zone))
    return _reopened("X-10", line.received, at, f"due on {line.due_on} and not delivered; {parcel.said or 'no news'}")


def _reopened(rule: str, received: int, at: datetime, why: str) -> Change:
    return Change(rule, "reopened", received, at, why, *NEXT[rule])


def _rest(state: State) -> Place:
    """Where the books have what has not come back, by the line's state."""
    return "open" if state == "reopened" else state


def _between(line: Exposure, first: int, last: int) -> tuple[Money, Money | None]:
    """What the pieces from `first` to `last` are worth: differences of running shares, so that nothing is lost."""

    def part(amount: Money) -> Money:
        minor = amount.minor * last // line.quantity - amount.minor * first // line.quantity
        return Money(minor, amount.currency)

    return part(line.refunded), part(line.cost) if line.cost else None
