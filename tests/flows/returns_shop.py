"""A shop with returns for the flow tests: orders at the pretended shop, their returns at the pretended portal.

Built on `tests.flows.shop`: the plain flow, one database file, the pretended vendors over real HTTP, our own clock.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.instants import day_in
from flows.reconcile import settle_unknown
from flows.refunds import send_refunds
from flows.refunds_watch import follow
from flows.work import work
from store import decisions, inbox, returns, steps
from store.db import reading, transaction
from store.event_tables import inbox as inbox_table
from store.event_tables import scans as scan_table
from store.inbox import Heard
from tasks.report import Report
from tests.flows.shop import DAY, ZONE, Shop

NOON = datetime.combine(DAY, time(12), ZoneInfo(ZONE)).astimezone(UTC)
YESTERDAY = NOON - timedelta(days=1)


def shopper(name: str = "7001", **more: Any) -> dict[str, Any]:
    """A VIP of two years with twelve orders."""
    usual = {"id": name, "tags": ["VIP"], "spent": "2500.00", "orders": 12, "name": "Ana Keller"}
    return {**usual, "email": f"ana{name}@example.com", "since": "2024-01-05T09:00:00Z", **more}


def order(name: str = "1001", *, price: str = "50.00", customer: str = "7001", **more: Any) -> dict[str, Any]:
    """An order of two weeks ago with one line, paid by card."""
    usual = {"id": name, "name": f"#{name}", "customer": customer, "at": (NOON - timedelta(days=14)).isoformat()}
    lines = [{"id": f"{name}1", "quantity": 1, "price": price, "cost": "20.00", "sku": "box"}]
    tenders = [{"gateway": "shopify_payments", "amount": price}]
    return {**usual, "lines": lines, "tenders": tenders, **more}


def ret(name: str = "501", *, of: str = "1001", amount: str = "50.00", **more: Any) -> dict[str, Any]:
    """A return of yesterday with one label and the order's one line."""
    usual = {"id": name, "order": of, "order_name": f"#{of}", "created": YESTERDAY.isoformat(), "refund": amount}
    lines = [{"id": f"{name}1", "shop_line": f"{of}1", "refund": amount, "outcome": "refund"}]
    labels = [{"id": f"{name}9", "tracking": tracking(name), "carrier": "USPS", "status": "new", "lines": [f"{name}1"]}]
    return {**usual, "lines": lines, "labels": labels, **more}


def tracking(name: str = "501") -> str:
    """The tracking number of a return's first label."""
    return f"94001118992{int(name):011d}"


def case_of(name: str = "501", label: str = "") -> str:
    """Our case of a return's label."""
    return f"loop-{name}/label-{label or name + '9'}"


@dataclass(slots=True)
class Returns:
    """The shop with what a test of returns asks."""

    shop: Shop

    @property
    def c(self) -> Any:
        """The open connections."""
        return self.shop.life.c

    def seed(
        self,
        *,
        orders: list[dict[str, Any]] | None = None,
        rets: list[dict[str, Any]] | None = None,
        customers: list[dict[str, Any]] | None = None,
    ) -> None:
        """One VIP with one order and one return where the test says nothing else."""
        self.at(NOON)
        seeded = {"shopify": {"customers": customers or [shopper()], "orders": orders or [order()]}}
        self.shop.control.seed({**seeded, "loop": {"returns": [ret()] if rets is None else rets}})

    def at(self, now: datetime) -> None:
        """Put everybody's clock."""
        self.shop.life.clock.now = now
        self.shop.control.clock(now)

    def act(self, name: str = "501", do: str = "scan", **more: Any) -> None:
        """Something happens at the portal, or to a parcel."""
        self.shop.control.act("loop", **{"return": name, "do": do, **more})

    def later(self, **time: float) -> datetime:
        """Put everybody's clock so much on: `later(minutes=15)`."""
        now: datetime = self.c.clock() + timedelta(**time)
        self.at(now)
        return now

    def hear_from(self, vendor: str, identity: str, body: Any, *, sender: str = "") -> None:
        """Put an event of any vendor's into the inbox; text goes in as it is."""
        content = body if isinstance(body, str) else json.dumps(body)
        heard = Heard(
            sender=sender or f"{vendor}-main", vendor=vendor, operation="refunds", topic="news", identity=identity,
            body=content.encode(), secret="a", state="waiting", outcome="",
        )  # fmt: skip
        with transaction(self.c.engine) as connection:
            inbox.keep(connection, [heard], self.c.clock())

    def hear(self, *names: str, what: str = "label.updated") -> None:
        """Put an event of the portal's into the inbox, as the receiver does after it has verified it."""
        heard = [
            Heard(
                sender="loop-main", vendor="loop", operation="refunds", topic=what, 
                identity=f"{name}/{what}/{self.c.clock()}",
                body=f'{{"topic":"return","trigger":"return.updated","id":"{name}","state":"open"}}'.encode(),
                secret="a", state="waiting", outcome="",
            )
            for name in names
        ]  # fmt: skip
        with transaction(self.c.engine) as connection:
            inbox.keep(connection, heard, self.c.clock())

    async def run(self, source: Any = "sweep") -> Report:
        """One run of the operation now."""
        async with work("refunds", day_in(self.c.clock(), ZONE).isoformat(), alone=False) as w:
            await send_refunds(w, source)
            return w.report

    async def scanned(self, name: str = "501", **more: Any) -> Report:
        """A parcel is scanned, the portal tells, and the run that follows acts on it."""
        self.act(name, **more)
        self.hear(name)
        return await self.run("inbox")

    async def reconcile(self) -> Report:
        """Ask about everything that is not known."""
        async with work("reconcile", day_in(self.c.clock(), ZONE).isoformat()) as w:
            await settle_unknown(w)
            return w.report

    async def follow(self) -> Report:
        """The daily look at the goods that are out."""
        async with work("refunds-exposure", day_in(self.c.clock(), ZONE).isoformat()) as w:
            await follow(w)
            return w.report

    def mails(self) -> list[Any]:
        """Every mail that was taken."""
        return list(self.shop.control.mails()["messages"])

    def tasks(self, name: str = "501", label: str = "") -> dict[str, str]:
        """The tasks for a person about a label and their states, by what they are about: `hold-s-13`."""
        case = case_of(name, label)
        with reading(self.c.engine) as connection:
            found = [row for row in steps.of_cases(connection, [case]) if row.action == "person"]
        return {row.rung.removeprefix("person-"): row.state for row in found}

    def told(self, name: str = "501") -> list[str]:
        """What the customer was told of a return's first label: sent, pending, failed."""
        with reading(self.c.engine) as connection:
            found = [row for row in steps.of_cases(connection, [case_of(name)]) if row.action == "tell"]
        return [row.rung.removeprefix("told-") for row in found if row.state == "done"]

    def paid(self) -> list[tuple[str, int]]:
        """Every refund that the shop really made: (key, minor units that went or are on their way)."""
        return [
            (row["key"], sum(part["minor"] for part in row["transactions"] if part["status"] in ("SUCCESS", "PENDING")))
            for row in self.shop.control.effects("shopify")["effects"]
        ]

    def verdicts(self, name: str = "501", label: str = "") -> list[tuple[str, str]]:
        """What was decided for a return's label, the first where none is named: (outcome, rule), oldest first."""
        case = case_of(name, label)
        with reading(self.c.engine) as connection:
            return [(row.outcome, row.rule) for row in decisions.of_cases(connection, [case]).get(case, [])]

    def step(self, key: str) -> Any:
        """One step by its key."""
        with reading(self.c.engine) as connection:
            return steps.by_keys(connection, [key]).get(key)

    def stage(self, name: str = "501", label: str = "") -> str:
        """How far a return's label is, the first where none is named."""
        case = case_of(name, label)
        with reading(self.c.engine) as connection:
            return str(returns.labels_by_case(connection, [case])[case].stage)

    def decided(self, name: str = "501", label: str = "") -> Any:
        """The newest decision about a label."""
        case = case_of(name, label)
        with reading(self.c.engine) as connection:
            return decisions.of_cases(connection, [case])[case][-1]

    def scans(self) -> list[Any]:
        """Every scan that is kept."""
        return list(self.shop.rows(scan_table))

    def inbox(self) -> list[tuple[str, str]]:
        """Every event with its state and what became of it."""
        return [(row.state, row.outcome) for row in self.shop.rows(inbox_table)]
