"""Parcels under way, for the pretended carrier feeds: what carriers scan, in the feeds' common terms, on one clock.

Each feed has parcels of its own. Both take the same seed and the same actions, so a test can let one parcel be told
by both. A parcel's action is scripted (`actions`, done when the clock gets there) or done now (`act`).

    seed   {"parcels": [{"tracking", "carrier": "usps", "from": place, "to": place, "offset": "-05:00", "label_at"?,
                         "watched": true, "actions": [{"at" or "days", "do", "place"?}]}]}
           place is {"country", "region", "city", "postal"}; `days` counts from `label_at`; with "offset": "" the
           feed that can writes local times without one
    act    {"tracking", "do", "at"?, "place"?}: label, accept, move, out, attempt, deliver, delay, lose, damage, return,
           returned, void, unknown, regress (the label's status again), silent (nothing is heard from now on), speak,
           recycle {"days": 300} (the number carried another parcel that long ago)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.sandbox_clock import Clock

SHOPPER: Final = {"country": "US", "region": "TX", "city": "HOUSTON", "postal": "77063"}
WAREHOUSE: Final = {"country": "US", "region": "NY", "city": "BROOKLYN", "postal": "11201"}
ELSEWHERE: Final = {"country": "US", "region": "WA", "city": "SEATTLE", "postal": "98101"}
HALFWAY: Final = {"country": "US", "region": "TN", "city": "MEMPHIS", "postal": "38118"}
WHERE: Final = {
    "label": "from", "accept": "from", "move": "halfway", "out": "to", "attempt": "to", "deliver": "to",
    "delay": "halfway", "lose": "halfway", "damage": "halfway", "return": "halfway", "returned": "from",
    "void": "", "unknown": "halfway", "regress": "from",
}  # fmt: skip
"""Every word of a checkpoint, and where it happens unless the action says so."""
EARLIER: Final = (("label", 0), ("accept", 1), ("move", 2), ("out", 4), ("deliver", 4))
"""What the earlier parcel under a recycled number went through, and after how many days."""
RECYCLED_DAYS = 300


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One line of a parcel's history; `old` belongs to an earlier parcel under the same number."""

    do: str
    at: datetime
    place: Mapping[str, str]
    old: bool = False


@dataclass(slots=True)
class Parcel:
    """One parcel. Only a watched one is known to the feed; a silent one is scanned and nobody hears of it."""

    tracking: str
    carrier: str
    ends: Mapping[str, Mapping[str, str]]
    label_at: datetime
    offset: str = "-05:00"
    watched: bool = True
    silent: bool = False
    history: list[Checkpoint] = field(default_factory=list)
    changed: datetime | None = None
    """When the feed last heard of it."""
    made: datetime | None = None
    """When it was first watched."""
    due: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    @property
    def newest(self) -> Checkpoint | None:
        """The checkpoint that the feed shows as the status: the one it heard last, not the one that is latest."""
        return self.history[-1] if self.history else None


class Parcels:
    """All parcels of one feed. `tell(parcel)` is called when a watched parcel changed, to deliver a webhook."""

    def __init__(self, clock: Clock, tell: Callable[[Parcel], None]) -> None:
        self.clock, self.tell = clock, tell
        self.all: dict[str, Parcel] = {}
        self.watches: dict[str, int] = {}
        clock.listen(self.settle)

    def clear(self) -> None:
        """Forget everything."""
        self.all.clear()
        self.watches.clear()

    def seed(self, wanted: Mapping[str, Any]) -> None:
        """Add parcels; ValueError, KeyError and TypeError say what is wrong with the seed."""
        _only(wanted, ("parcels",), "the seed of a carrier feed")
        for item in wanted.get("parcels", ()):
            parcel = self._made(item)
            self.all[parcel.tracking] = parcel
        self.settle(self.clock.now())

    def watch(self, tracking: str, carrier: str) -> tuple[Parcel, bool]:
        """Follow a number from now on, known or not; whether it was followed before."""
        parcel = self.all.get(tracking)
        if parcel is None:
            parcel = self.all[tracking] = self._made({"tracking": tracking, "carrier": carrier, "watched": False})
        before, parcel.watched = parcel.watched, True
        parcel.made = parcel.made or self.clock.now()
        parcel.changed = parcel.changed or parcel.made
        self.watches[tracking] = self.watches.get(tracking, 0) + 1
        return parcel, before

    def watched(self) -> list[Parcel]:
        """What the feed knows, the newest first."""
        known = [parcel for parcel in self.all.values() if parcel.watched]
        return list(reversed(known))

    def settle(self, now: datetime) -> None:
        """Let everything happen whose time has come, in the order of time."""
        ready = [(at, parcel, item) for parcel in self.all.values() for at, item in parcel.due if at <= now]
        for at, parcel, item in sorted(ready, key=lambda found: found[0]):
            parcel.due.remove((at, item))
            self._do(parcel, item, at, heard=at)

    def act(self, item: dict[str, Any]) -> Parcel:
        """Let something happen now, or at the `at` that the action says."""
        parcel = self.all[item["tracking"]]
        now = self.clock.now()
        self._do(parcel, item, _instant(item["at"]) if item.get("at") else now, heard=now)
        return parcel

    def _do(self, parcel: Parcel, item: Mapping[str, Any], at: datetime, *, heard: datetime) -> None:
        _only(item, ("tracking", "do", "at", "days", "place"), "an action")
        do = item["do"]
        if do in ("silent", "speak"):
            parcel.silent = do == "silent"
            return
        if do == "recycle":
            # The feed has always known it, so nobody is told of it by a webhook of its own.
            begin = at - timedelta(days=item.get("days", RECYCLED_DAYS))
            old = [Checkpoint(word, begin + timedelta(days=days), ELSEWHERE, True) for word, days in EARLIER]
            parcel.history[:0] = old
            return
        elif do in WHERE:
            place = item.get("place", parcel.ends.get(WHERE[do], {}))
            if not parcel.silent:
                parcel.history.append(Checkpoint(do, at, place))
        else:
            raise ValueError(f"a parcel's action is {', '.join(WHERE)}, silent, speak or recycle, not {do!r}")
        if parcel.watched and not parcel.silent:
            parcel.changed = heard
            self.tell(parcel)

    def _made(self, item: Mapping[str, Any]) -> Parcel:
        known = ("tracking", "carrier", "from", "to", "offset", "label_at", "watched", "actions")
        _only(item, known, "a parcel")
        label_at = _instant(item["label_at"]) if item.get("label_at") else self.clock.now()
        ends = {"from": item.get("from", SHOPPER), "to": item.get("to", WAREHOUSE), "halfway": HALFWAY}
        parcel = Parcel(
            item["tracking"], item.get("carrier", "usps"), ends, label_at,
            item.get("offset", "-05:00"), item.get("watched", True),
        )  # fmt: skip
        if parcel.watched:
            parcel.made = parcel.changed = label_at
        for action in item.get("actions", ()):
            at = _instant(action["at"]) if "at" in action else label_at + timedelta(days=action["days"])
            parcel.due.append((at, dict(action)))
        return parcel


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, like 2026-01-15T09:00:00Z, not {text!r}")
    return at


def _only(item: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    strange = sorted(set(item) - set(known))
    if strange:
        raise ValueError(f"unknown field {strange[0]!r} in {what}; there are {', '.join(known)}")
