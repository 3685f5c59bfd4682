"""A shop with returns for the flow tests: orders at the pretended shop, their returns at the pretended portal.

Built on `tests.flows.shop`: the plain flow, one database file, the pretended vendors over real HTTP, our own clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flows.refunds import send_refunds
from flows.work import work
from store import decisions, inbox, returns, steps
from store.db import reading, transaction
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
        async with work("refunds", DAY.isoformat(), alone=False) as w:
            await send_refunds(w, source)
            return w.report

    def paid(self) -> list[tuple[str, int]]:
        """Every refund that the shop really made: (key, minor units that went or are on their way)."""
        return [
            (row["key"], sum(part["minor"] for part in row["transactions"] if part["status"] in ("SUCCESS", "PENDING")))
            for row in self.shop.control.effects("shopify")["effects"]
        ]

    def verdicts(self, name: str = "501") -> list[tuple[str, str]]:
        """What was decided for a return's first label: (outcome, rule), oldest first."""
        with reading(self.c.engine) as connection:
            return [(row.outcome, row.rule) for row in decisions.of_cases(connection, [case_of(name)])[case_of(name)]]

    def step(self, key: str) -> Any:
        """One step by its key."""
        with reading(self.c.engine) as connection:
            return steps.by_keys(connection, [key]).get(key)

    def stage(self, name: str = "501") -> str:
        """How far the return's first label is."""
        with reading(self.c.engine) as connection:
            return str(returns.labels_by_case(connection, [case_of(name)])[case_of(name)].stage)
