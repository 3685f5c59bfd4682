"""The pretended Loop's returns: what is seeded, what shoppers, carriers and staff do, and what processing really does.

seed   {"returns": [{"id": "98765", "order": "450789469", "order_name"?, "customer"?, "created"?, "state": "open",
                     "currency": "USD", "refund": "47.50", "gift_card"?, "exchange_total"?, "handling_fee"?,
                     "outcome": "refund", "gift": false, "return_method"?, "address"?: {"country_code", "zip", …},
                     "lines": [{"id", "shop_line", "sku"?, "title"?, "refund"?, "outcome"?, "exchange_variant"?}],
                     "labels": [{"id"?, "tracking", "carrier": "USPS", "status": "new", "lines": [line ids]}],
                     "actions"?: [{"at": instant or "days": after created, "do", "label"?, …}]}],
        "hooks"?: [{"url", "secret", "topics"?}], "auto_process": false, "thin_list": false}
       `refund` is the sum of the lines' refunds where it is left out; a return is whole again when seeded again.
act    {"return", "do", "label"?: id, number or tracking; the first is meant where it is left out} or a list of them:
       on a label: scan, label (pre_transit), out, deliver, fail, back (return_to_sender), void, status {"status"},
       retrack {"tracking"}; on the return: cancel, expire, review, edit {"fields"}, close (no money), process (by
       somebody else), processing_failed {"message"?}, add_label {"fields"}, create (tells of it as new),
           inspect {"line"?: id or all, "condition"?: grade_a, worn, wrong, empty …, "disposition"?: missing, …}
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.sandbox_clock import Clock

STATUS = {
    "scan": "in_transit",
    "label": "pre_transit",
    "out": "out_for_delivery",
    "deliver": "delivered",
    "fail": "failure",
    "back": "return_to_sender",
    "void": "cancelled",
}
STATE = {"cancel": "cancelled", "expire": "expired", "review": "review", "close": "closed"}
AMOUNTS = ("refund", "gift_card", "exchange_total", "handling_fee")
SHOPPER = {"country_code": "US", "state": "TX", "city": "Houston", "zip": "77063"}

Pay = Callable[[str, list[tuple[str, int]], str, str], str]
"""`pay(order, [(shop line, quantity)], amount, currency)` makes the shop's refund and gives its reference."""
Emit = Callable[[str, Any], None]


@dataclass(slots=True)
class KeptLabel:
    """One label; `id` is empty where Loop shows none."""

    tracking: str
    updated: datetime
    id: str = ""
    carrier: str = "USPS"
    status: str = "new"
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Kept:
    """One return as it stands at Loop."""

    id: str
    order: str
    created: datetime
    updated: datetime
    amounts: dict[str, str]
    lines: list[dict[str, str]]
    labels: list[KeptLabel]
    state: str = "open"
    order_name: str = ""
    customer: str = "shopper@example.com"
    currency: str = "USD"
    outcome: str = "refund"
    gift: bool = False
    return_method: str = ""
    edited: datetime | None = None
    address: Mapping[str, str] = field(default_factory=lambda: dict(SHOPPER))
    refunds: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Queued:
    """A return that is to be processed at an instant."""

    at: datetime
    ident: str
    key: str
    by: str


def read_seed(item: Mapping[str, Any], now: datetime) -> Kept:
    """A return from its seed; a ValueError, KeyError or TypeError says what is wrong."""
    item = dict(item)
    item.pop("actions", None)
    created = instant(item.pop("created", None)) or now
    lines = [{name: str(value) for name, value in line.items()} for line in item.pop("lines", [])]
    paid = sum((Decimal(line.get("refund") or "0") for line in lines), Decimal("0.00"))
    amounts = {name: str(item.pop(name, "0.00" if name != "refund" else paid)) for name in AMOUNTS}
    labels = [read_label(label, created) for label in item.pop("labels", [])]
    ident, order = str(item.pop("id")), str(item.pop("order"))
    return Kept(ident, order, created, created, amounts, lines, labels, **item)


def read_label(item: Mapping[str, Any], now: datetime) -> KeptLabel:
    """A label from its seed."""
    item = dict(item)
    lines = [str(line) for line in item.pop("lines", [])]
    ident = str(item.pop("id", ""))
    return KeptLabel(updated=instant(item.pop("updated", None)) or now, id=ident, lines=lines, **item)


def instant(text: str | None) -> datetime | None:
    """An aware instant of a seed in UTC; a naive one is a ValueError."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} needs a time zone, like 2026-11-23T09:00:00Z")
    return found.astimezone(UTC)


class Returns:
    """All returns of one pretended shop, with what is scripted and queued. `told(kind, kept, more)` hears changes."""

    def __init__(self, clock: Clock, told: Callable[[str, Kept, Any], None]) -> None:
        self.clock, self.told = clock, told
        self.kept: dict[str, Kept] = {}
        self.effects: list[dict[str, Any]] = []
        self.auto_process = False
        self.thin_list = False
        self.process_plan: dict[str, Any] = {}
        self._scripted: list[tuple[datetime, dict[str, Any]]] = []
        self._queue: list[Queued] = []
        self.pay: Pay | None = None

    def clear(self) -> None:
        """Forget everything but who pays."""
        self.auto_process, self.thin_list, self.process_plan = False, False, {}
        memories: tuple[Any, ...] = (self.kept, self.effects, self._scripted, self._queue)
        for memory in memories:
            memory.clear()

    def seed(self, wanted: Mapping[str, Any]) -> None:
        """Add returns and what will happen to them."""
        strange = set(wanted) - {"returns", "hooks", "auto_process", "thin_list"}
        if strange:
            raise ValueError(f"unknown field {sorted(strange)[0]!r}; there are returns, hooks, auto_process, thin_list")
        self.auto_process = wanted.get("auto_process", self.auto_process)
        self.thin_list = wanted.get("thin_list", self.thin_list)
        for item in wanted.get("returns", []):
            kept = read_seed(item, self.clock.now())
            self.kept[kept.id] = kept
            for action in item.get("actions", []):
                at = instant(action.get("at")) or kept.created + timedelta(days=action["days"])
                self._scripted.append((at, {**action, "return": kept.id}))

    def settle(self) -> None:
        """Let everything happen whose time has come, in order."""
        now = self.clock.now()
        due = sorted((each for each in self._scripted if each[0] <= now), key=lambda each: each[0])
        self._scripted = [each for each in self._scripted if each[0] > now]
        for at, action in due:
            self.act(action, at)
        ready = [each for each in self._queue if each.at <= now]
        self._queue = [each for each in self._queue if each.at > now]
        for queued in ready:
            self._work(queued)

    def act(self, action: Mapping[str, Any], at: datetime | None = None) -> None:
        """Do what a shopper, a carrier or somebody at the shop does."""
        kept, now, do = self.kept[str(action["return"])], at or self.clock.now(), action["do"]
        if do in STATUS or do in ("status", "retrack"):
            self._touch_label(kept, _chosen(kept, action.get("label")), action, now)
        elif do in STATE:
            kept.state = STATE[do]
            self._told("return.closed" if do == "close" else "return.updated", kept, now)
        elif do == "process":
            self._done(Queued(now, kept.id, "", "somebody else"))
        elif do == "processing_failed":
            kept.state, kept.updated = "review", now
            self.told("failed", kept, action.get("message", "Return failed to process"))
        elif do == "create":
            self._told("return.created", kept, now)
        elif do == "inspect":
            self._inspect(kept, action, now)
        elif do in ("edit", "add_label"):
            self._edit(kept, do, action["fields"], now)
        else:
            raise ValueError(f"a return cannot {do!r}")

    def queue(self, kept: Kept, key: str) -> None:
        """Have a return processed, at once or when the plan says."""
        after = timedelta(seconds=self.process_plan.get("after", 0))
        self._queue.append(Queued(self.clock.now() + after, kept.id, key, "us"))
        self.settle()

    def _touch_label(self, kept: Kept, label: KeptLabel, action: Mapping[str, Any], now: datetime) -> None:
        if action["do"] == "retrack":
            label.tracking = str(action["tracking"])
        else:
            label.status = STATUS.get(action["do"]) or str(action["status"])
        label.updated = kept.updated = now
        self.told("label", kept, label)
        self._told("return.updated", kept, now)
        if self.auto_process and label.status == "in_transit" and kept.state == "open":
            self._done(Queued(now, kept.id, "", "loop"))

    def _inspect(self, kept: Kept, action: Mapping[str, Any], now: datetime) -> None:
        said = {"condition_category": "condition", "disposition_outcome": "disposition"}
        for line in kept.lines:
            if str(action.get("line", line["id"])) == line["id"]:
                line.update({field: str(action.get(name, "")) for field, name in said.items()})
        kept.edited = now
        self._told("return.updated", kept, now)

    def _edit(self, kept: Kept, do: str, fields: Mapping[str, Any], now: datetime) -> None:
        if do == "add_label":
            kept.labels.append(read_label(fields, now))
            self.told("label.created", kept, kept.labels[-1])
        else:
            changed = read_seed({"id": kept.id, "order": kept.order, **fields}, now)
            for name in set(fields) & {"lines", "labels", "order_name", "customer", "currency", "outcome", "gift"}:
                setattr(kept, name, getattr(changed, name))
            kept.amounts |= {name: changed.amounts[name] for name in AMOUNTS if name in fields}
        kept.edited = now
        self._told("return.updated", kept, now)

    def _work(self, queued: Queued) -> None:
        kept, plan = self.kept.get(queued.ident), self.process_plan
        if kept is None or kept.state != "open":
            return
        if plan.get("then") == "fails":
            self.act({"return": kept.id, "do": "processing_failed", "message": plan.get("message")})
        elif plan.get("then") != "stuck":
            self._done(queued)

    def _done(self, queued: Queued) -> None:
        """Process a return: its cash goes back through the shop, once, and it is closed."""
        kept = self.kept[queued.ident]
        if kept.state == "closed":
            return
        amount = kept.amounts["refund"]
        if Decimal(amount) > 0:
            pieces = Counter[str]()
            for line in kept.lines:
                pieces[line["shop_line"]] += int(line.get("quantity", 1))
            lines = list(pieces.items())
            made = len(self.effects) + 1
            ref = self.pay(kept.order, lines, amount, kept.currency) if self.pay else f"8800{kept.id}{made}"
            kept.refunds.append(
                {"gateway": "shopify_payments", "amount": amount, "currency": kept.currency, "ref": ref}
            )
        done = {"kind": "processed", "return": kept.id, "key": queued.key, "by": queued.by, "amount": amount}
        self.effects.append({**done, "currency": kept.currency, "at": queued.at.isoformat()})
        kept.state = "closed"
        self._told("return.closed", kept, queued.at)

    def _told(self, trigger: str, kept: Kept, now: datetime) -> None:
        kept.updated = max(now, kept.updated)
        self.told(trigger, kept, None)


def _chosen(kept: Kept, wanted: Any) -> KeptLabel:
    """The label by id, tracking or number; the first where none is named."""
    if not kept.labels:
        raise ValueError(f"return {kept.id} has no label")
    if wanted is None:
        return kept.labels[0]
    for number, label in enumerate(kept.labels, start=1):
        if str(wanted) in (label.id, label.tracking) or (not label.id and str(wanted) == str(number)):
            return label
    raise ValueError(f"return {kept.id} has no label {wanted!r}")
