"""A shop for the flow tests: the plain flows, one database file, the pretended vendors over real HTTP.

Nothing of ours is replaced: the clock, the settings and the patience with vendors are arguments, and what the
vendors really did is asked of them.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from commands.simulation import AFTERNOON, Simulation, environment, plain, simulated
from domain.decisions import Step
from integrations.sandbox import Addresses
from integrations.sandbox_control import Control
from ledger.checks import verify
from ledger.models import entries as entry_table
from ledger.models import postings as posting_table
from settings import Settings, load
from store.db import reading
from store.tables import cases, contacts, holds, leases, steps
from tasks import renewals, replies
from tasks.actions import ACTIONS
from tasks.deciding import decide
from tasks.performing import Outcome, Run, perform_all
from tasks.reading import Read
from tasks.report import Report
from tasks.stories import Story, tell

ZONE = "America/New_York"
DAY = date(2026, 1, 27)
"""The day on which tests act: a Tuesday, twelve days after the billing day."""
PATIENT, IMPATIENT = 10.0, 0.3
"""Seconds that a call may take; the shorter one where a vendor is meant to stay silent."""
PAY = "POST .*/pay$"
SOFT, HARD, REVOKED = "do_not_honor", "expired_card", "revocation_of_authorization"


def variables_for(addresses: Addresses, file: Path) -> dict[str, str]:
    """The variables with which any command finds the shop: the database is `file`, the vendors are pretended."""
    found = environment(addresses, file.parent, name="Northwind", zone=ZONE, currency="USD")
    return found | {"RECOUP_DATABASE_URL": f"sqlite:///{file}"}


def settings_for(addresses: Addresses, file: Path, **changed: str) -> Settings:
    """The same as settings; `changed` are variables with another value."""
    return load(env=variables_for(addresses, file) | changed)


def customer(name: str = "0", **more: Any) -> dict[str, Any]:
    """A customer in New York who consented to SMS."""
    usual = {"id": f"cus_{name}", "name": "Ana Lopez", "email": f"ana{name}@example.com", "language": "en"}
    usual |= {"phone": f"+1212555{1000 + hash_of(name)}", "country": "US", "state": "NY"}
    return {**usual, "metadata": {"sms_consent": "yes"}, **more}


def hash_of(name: str) -> int:
    """A small number that is the same for the same name in every process."""
    return sum((place + 1) * ord(letter) for place, letter in enumerate(name)) % 9000


def renewal(name: str = "0", *outcomes: Any, age: int = 0, on: date = DAY, **more: Any) -> dict[str, Any]:
    """A renewal that failed `age` days before `on`; after its `outcomes` the card answers like the last one."""
    created = datetime.combine(on - timedelta(days=age), time(5), UTC).isoformat()
    usual = {"id": f"in_{name}", "customer": f"cus_{name}", "amount": 4990, "currency": "usd", "created": created}
    return {**usual, "card": {"fingerprint": f"fp{name}", "network": "visa"}, "outcomes": list(outcomes), **more}


@dataclass(slots=True)
class Shop:
    """One shop with everything a test asks it or its vendors."""

    life: Simulation
    reports: list[Report] = field(default_factory=list)

    @property
    def control(self) -> Control:
        """The pretended vendors' switches."""
        return self.life.control

    def seed(self, *renewals: dict[str, Any], customers: list[dict[str, Any]] | None = None) -> None:
        """Give Stripe these renewals; their customers are made where the test names none."""
        people = customers or [customer(name) for name in sorted({item["customer"][4:] for item in renewals})]
        self.control.seed({"stripe": {"customers": people, "renewals": list(renewals)}})

    def put(self, day: date = DAY, at: time = AFTERNOON) -> None:
        """Put the clock of everybody."""
        self.life.put(day, at)

    async def run(self, operation: str, day: date = DAY, at: time | None = AFTERNOON, **more: bool) -> Report:
        """Run one operation at a time of day; `at=None` leaves the clock where it is."""
        if at is not None:
            self.put(day, at)
        report = await plain(operation, day, more.get("waiting_only", False))
        self.reports.append(report)
        return report

    def decided(self, day: date = DAY) -> list[Step]:
        """The steps that are due now, by our own tables."""
        pages = decide(self.life.c, day, self.life.clock.now)
        return [found for page in pages for found in page.decisions if isinstance(found, Step)]

    async def perform(self, *due: Step, day: date = DAY) -> list[Outcome]:
        """Perform steps that were decided before, whatever happened since."""
        run = Run("dunning", day, self.life.clock.now, "")
        return await perform_all(self.life.c, due, run, ACTIONS)

    async def read(self) -> Read:
        """Read the payments vendor and the replies, and do nothing else."""
        found = await renewals.read(self.life.c, self.life.clock.now, "")
        await replies.read(self.life.c, self.life.clock.now, found)
        return found

    def act(self, do: str, name: str = "0", **more: Any) -> None:
        """Have a customer, Stripe or the shop do something with a renewal now."""
        self.control.act("stripe", renewal=f"in_{name}", do=do, **more)

    async def reconcile(self, day: date = DAY) -> Report:
        """Reconcile long enough after the afternoon for every call to have ended."""
        return await self.run("reconcile", day, time(15))

    def step(self, key: str) -> Any:
        """The row of a step; None where there is none."""
        return next((row for row in self.rows(steps) if row.key == key), None)

    def state(self, key: str) -> str:
        """The state of a step; empty where there is none."""
        row = self.step(key)
        return row.state if row else ""

    def case(self, name: str = "0") -> Any:
        """The row of a case."""
        return next(row for row in self.rows(cases) if row.id == f"in_{name}")

    def hold(self, name: str = "0") -> Any:
        """The newest hold of a case; None where there is none."""
        found = [row for row in self.rows(holds) if row.case_id == f"in_{name}"]
        return max(found, key=lambda row: row.first_day, default=None)

    def rows(self, table: Any) -> list[Any]:
        """All rows of a table."""
        with reading(self.life.c.engine) as connection:
            return list(connection.execute(select(table)).all())

    def story(self, name: str = "0") -> Story:
        """The story that `recoup explain` tells."""
        with reading(self.life.c.engine) as connection:
            return tell(connection, f"in_{name}")

    def effects(self) -> Counter[tuple[str, str]]:
        """What the vendors really did for us: (kind, key) and how often; a text's key is its number and words."""
        return effects(self.control)

    def charges(self, name: str = "0") -> int:
        """How often our calls really charged, or tried to charge, this renewal's card."""
        found = self.control.effects("stripe")["effects"]
        return sum(item["times"] for item in found if item["by"] == "us" and item["renewal"] == f"in_{name}")

    def balance(self, account: str) -> int:
        """What stands on an account and those below it, in minor units, debit positive."""
        return balance(self.life.c.engine, account)


def effects(control: Control) -> Counter[tuple[str, str]]:
    """The effects of all vendors; see `Shop.effects`."""
    found: Counter[tuple[str, str]] = Counter()
    for item in control.effects("stripe")["effects"]:
        if item["by"] == "us":
            found["charge", item["key"]] += item["times"]
    for item in control.effects("mail")["effects"]:
        found["mail", item["key"]] += item["count"]
    for item in control.effects("gorgias")["effects"]:
        found[item["kind"], item["external_id"]] += item["count"]
    for item in control.effects("twilio")["effects"]:
        found["sms", f"{item['to']} {item['body']}"] += item["count"]
    return found


def paid_at_vendor(control: Control, known: set[str]) -> int:
    """Minor units that the payments vendor took for these renewals, whoever caused it."""
    found = control.effects("stripe")["effects"]
    return sum(item["amount"] for item in found if item["outcome"] == "ok" and item["renewal"] in known)


def balance(engine: Any, account: str) -> int:
    """See `Shop.balance`."""
    with reading(engine) as connection:
        rows = connection.execute(select(posting_table.c.account, posting_table.c.minor)).all()
    return sum(row.minor for row in rows if row.account == account or row.account.startswith(account + ":"))


def unsound(engine: Any, control: Control, seeded: Mapping[str, Any]) -> list[str]:
    """Everything that must hold after any fault or crash, as sentences about what does not; empty where all does."""
    done = effects(control)
    with reading(engine) as connection:
        proof = verify(connection)
        rows = {row.id: row for row in connection.execute(select(cases)).all()}
        taken = list(connection.execute(select(steps)).all())
        told = list(connection.execute(select(contacts)).all())
        kept = [row.source_key for row in connection.execute(select(entry_table.c.source_key)).all()]
        stories = {case: tell(connection, case).lines for case in rows}
        held = list(connection.execute(select(leases)).all())
    known, states = {step.key: step for step in taken}, Counter(step.state for step in taken)
    wrong = [f"{what} happened {count} times: {key}" for (what, key), count in done.items() if count > 1]
    wrong += [f"no case for {case}" for case in seeded if case not in rows]
    wrong += [f"case {case} has no story" for case, lines in stories.items() if not lines]
    wrong += [f"case {row.id} in state {row.state}" for row in rows.values()
              if row.state not in ("open", "handed_over", "person", "closed")]  # fmt: skip
    wrong += [f"{states[state]} steps are {state}" for state in ("intended", "unknown") if states[state]]
    wrong += [f"an effect that no step knows as done: {what} {key}" for what, key in done
              if what != "sms" and (key not in known or known[key].state not in ("done", "refused"))]  # fmt: skip
    wrong += [f"contact {row.key} is still reserved" for row in told if row.state == "reserved"]
    wrong += [f"contact {row.key} is sent, its step {known[row.key].state}" for row in told
              if row.state == "sent" and known[row.key].state != "done"]  # fmt: skip
    a_day = Counter((row.person, row.day) for row in told if row.state == "sent" and row.purpose == "dunning")
    wrong += [f"{count} messages to {person} on {day}" for (person, day), count in a_day.items() if count > 1]
    wrong += [] if proof.proven else [f"the ledger does not prove itself: {proof.first}"]
    wrong += [f"booked twice: {key}" for key, count in Counter(kept).items() if count > 1]
    wrong += [f"the lease {row.name} is kept by {row.holder}" for row in held]
    cash, paid = balance(engine, "Assets"), paid_at_vendor(control, set(rows))
    wrong += [f"{cash} are booked and {paid} were paid at the vendor"] if cash != paid else []
    return wrong


@asynccontextmanager
async def open_shop(
    addresses: Addresses,
    file: Path,
    *,
    patience: float = PATIENT,
    again: bool = False,
    changed: Mapping[str, str] | None = None,
) -> AsyncIterator[Shop]:
    """A shop whose vendors have forgotten everything; with `again` they have not, and only we start anew."""
    start = datetime.combine(DAY, time(12), UTC)
    found = settings_for(addresses, file, **(changed or {}))
    async with simulated(found, addresses, start, timeout_seconds=patience) as life:
        if not again:
            life.control.reset()
            life.control.clock(start)
        yield Shop(life)
