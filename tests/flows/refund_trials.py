"""Trials of the refund operation: one shop, two workers, what may go wrong, and what must hold in the end.

A trial has its own database; the vendors live on and are seeded anew. What holds is asked of the vendors and of our
own tables, in sentences about what does not.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, select

from integrations.sandbox import Addresses
from integrations.sandbox_control import Control
from ledger.checks import verify
from ledger.models import entries
from store import db, inbox
from store.event_tables import inbox as events
from store.inbox import Heard
from store.refund_tables import commitments, labels
from store.tables import contacts, leases, steps
from tests.flows.refund_lives import ROOT
from tests.flows.returns_shop import NOON, order, ret, shopper, tracking
from tests.flows.shop import variables_for

SEED = int(os.environ.get("RECOUP_TEST_SEED", str(random.SystemRandom().randrange(10**6))))
TRIALS = int(os.environ.get("RECOUP_TEST_REFUND_TRIALS", "1"))
"""Trials of each mover on each database."""
MOVERS = ("storefront", "payments", "portal")
CALLS = {
    "storefront": ("shopify", "graphql.json/RefundCreate"),
    "payments": ("stripe", "POST /v1/refunds$"),
    "portal": ("loop", "POST .*/process"),
}
READS = (("shopify", "graphql.json/"), ("loop", "GET .*/details"), ("gorgias", "POST "), ("mail", "DATA"))
AFTER = ("timeout_after", "500_after", "drop_after", "garbage")
"""It has paid, and we do not hear of it."""
FAULTS = (*AFTER, "down", "500", "slow")
AN_HOUR = 5
"""Refunds that the trial's policy allows in an hour: fewer than are due, so that the budget is used up."""
LINES = 14_000
"""About so many lines of ours a run over everything takes."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SWEEP, RECONCILE = "sweep", "reconcile"
PATIENT, IMPATIENT = 20.0, 0.4
GOES = ("SUCCESS", "PENDING", "succeeded", "pending")

Act = tuple[str, str]
Names = ("501", "502", "503", "504", "505", "506", "507", "508", "509", "510")


def at(now: datetime, *what: str) -> list[Act]:
    """Acts at an instant."""
    return [(now.isoformat(), each) for each in what]


def two_lines(name: str, first: str, second: str) -> list[dict[str, Any]]:
    """Two lines of an order."""
    usual = {"quantity": 1, "cost": "10.00", "sku": "box"}
    return [{**usual, "id": f"{name}{number}", "price": price} for number, price in ((1, first), (2, second))]


def tenders(name: str, amount: str, *, gift: str = "", **more: Any) -> list[dict[str, Any]]:
    """How an order was paid: by its own card, and with a gift card where one is named."""
    card = {"number": f"4{name}", "company": "Visa", "bin": "42424242", "month": 12, "year": 2029}
    paid = {"gateway": "shopify_payments", "amount": amount, "card": card, "payment": f"pi_{name}", **more}
    return [*([{"gateway": "gift_card", "amount": gift}] if gift else []), paid]


def an_order(name: str, price: str = "50.00", *, paid: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    """An order of its own customer at its own address."""
    usual = {"tenders": paid or tenders(name, price), "ship_to": {"address1": f"{name} Main St"}}
    return order(name, price=price, customer=f"7{name}", **{**usual, **more})


def a_return(name: str, of: str, line: str, amount: str) -> Any:
    """A return of one line of an order with two."""
    lines = [{"id": f"{name}1", "shop_line": line, "refund": amount, "outcome": "refund"}]
    return {**ret(name, of=of, amount=amount), "lines": lines}


def seeds() -> dict[str, Any]:
    """Every kind of refund: see the comments."""
    later = {"refunds": "pending", "settles": {"hours": 48, "status": "success"}}
    never = {"refunds": "pending", "settles": {"hours": 48, "status": "failure"}}
    parcel = {"carrier": "USPS", "status": "new"}
    orders = [
        an_order("1001"),
        an_order("1002", "70.00", lines=two_lines("1002", "40.00", "30.00")),  # One return in two parcels.
        an_order("1003", "70.00", lines=two_lines("1003", "45.00", "25.00")),  # Two returns.
        an_order("1005", "50.00", paid=tenders("1005", "30.00", gift="20.00")),
        an_order("1006", paid=tenders("1006", "50.00", **later)),
        an_order("1007", paid=tenders("1007", "50.00", **never)),
        an_order("1008", paid=tenders("1008", "50.00", refunds="failure")),
        an_order("1009"),  # Not a VIP's.
        an_order("1010", "900.00"),  # Above the cap: a person is asked.
    ]
    parcels = [{"id": f"502{n}", "tracking": tracking(f"502{n}"), **parcel, "lines": [f"502{n}"]} for n in (1, 2)]
    two = [
        {"id": f"502{n}", "shop_line": f"1002{n}", "refund": amount, "outcome": "refund"}
        for n, amount in ((1, "40.00"), (2, "30.00"))
    ]
    plain = [ret(f"50{n}", of=f"100{n}") for n in (1, 5, 6, 7, 8, 9)]
    rets = [
        *plain, {**ret("502", of="1002", amount="70.00"), "lines": two, "labels": parcels},
        a_return("503", "1003", "10031", "45.00"), a_return("504", "1003", "10032", "25.00"),
        ret("510", of="1010", amount="900.00"),
    ]  # fmt: skip
    people = [shopper(f"7{each['id']}", tags=[] if each["id"] == "1009" else ["VIP"]) for each in orders]
    people = [{**each, "spent": "0.00"} if not each["tags"] else each for each in people]
    return {
        "shopify": {"customers": people, "orders": orders},
        "loop": {"returns": rets},
        "stripe": {"payments": [payment(each) for each in orders]},
    }


def payment(order: dict[str, Any]) -> dict[str, Any]:
    """The card's part of an order at the payments vendor."""
    fates: dict[str, Any] = {
        "1006": {"state": "pending", "then": "succeeded", "after": 48 * 3600},
        "1007": {"state": "pending", "then": "failed", "after": 48 * 3600},
        "1008": "failed",
    }
    paid, name = order["tenders"][-1], order["id"]
    minor, fate = round(float(paid["amount"]) * 100), fates.get(name)
    usual = {"id": f"pi_{name}", "amount": minor, "currency": "usd", "created": order["at"], "order": name}
    return {**usual, "refunds": [fate] if fate else []}


def policies(folder: Path) -> Path:
    """Our own policies with a small budget."""
    shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = folder / "refunds.toml"
    told = file.read_text()
    assert "[budget.hour]\ncount = 30" in told
    file.write_text(told.replace("[budget.hour]\ncount = 30", f"[budget.hour]\ncount = {AN_HOUR}"))
    return folder


ENDS: dict[str, list[str]] = {
    "1001": ["done"], "1002": ["done", "done"], "1003": ["done", "done"], "1005": ["done"], "1006": ["done"],
    "1007": ["refused"], "1008": ["refused"], "1009": ["stage never"], "1010": ["stage approval"],
}  # fmt: skip
"""How the orders end through the shop, whatever went wrong in between."""
OTHERWISE: dict[str, dict[str, list[str]]] = {
    "storefront": {},
    "payments": {"1005": ["refused"]},  # Two tenders are for the shop to split.
    # The portal pays a return whole and does not say what failed later.
    "portal": {"1002": ["done", "stage never"], "1007": ["done"], "1008": ["done"]},
}


class Lives:
    """The process that forks the workers; see `tests.flows.refund_lives`."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.flows.refund_lives"]
        self.process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def live(self, order: dict[str, Any]) -> list[list[int]]:
        """Have the lives of an order lived; [exit status, lines] of each."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        found: list[list[int]] = json.loads(self.process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self.process.communicate(timeout=10)


class Trial:
    """One shop with its own database. `chance` decides everything that is random."""

    def __init__(self, lives: Lives, addresses: Addresses, control: Control, folder: Path, engine: Engine,
                 mover: str, number: int) -> None:  # fmt: skip
        self.lives, self.addresses, self.control, self.engine = lives, addresses, control, engine
        self.mover, self.number = mover, number
        self.chance = random.Random(SEED + number)
        url = engine.url.render_as_string(hide_password=False)
        self.variables = variables_for(addresses, folder / "recoup.db") | {
            "RECOUP_DATABASE_URL": url, "RECOUP_REFUNDS__MOVER": mover, "RECOUP_POLICIES_DIR": str(folder / "policies"),
        }  # fmt: skip
        policies(folder / "policies")
        self.heard = 0
        self.ran: list[list[int]] = []
        control.reset()
        control.clock(NOON - timedelta(days=1))
        control.seed(seeds())
        control.clock(NOON)

    def scan(self, names: Iterable[str] = Names) -> None:
        """Carriers scan the parcels of these returns."""
        for name in names:
            found = ("5021", "5022") if name == "502" else ("",)
            for label in found:
                self.control.act("loop", **{"return": name, "do": "scan", **({"label": label} if label else {})})

    def hear(self, names: Iterable[str], now: datetime) -> None:
        """The receiver stores what the portal says of these returns, doubled and in any order."""
        told = [self._told(name) for name in names for _ in range(self.chance.randint(1, 3))]
        self.chance.shuffle(told)
        told += self.chance.choices(told, k=len(told) // 3) if told else []
        with db.transaction(self.engine) as connection:
            inbox.keep(connection, told, now)

    def _told(self, name: str) -> Heard:
        self.heard += 1
        body: dict[str, Any] = {"topic": "return", "trigger": "return.updated", "id": name, "state": "open"}
        if self.chance.random() < 0.5:
            status = self.chance.choice(["in_transit", "pre_transit"])
            body = {"topic": "label", "trigger": "label.updated", "return_id": name, "tracking_number": tracking(name),
                    "label_status": status, "carrier": "USPS", "label_updated_at": NOON.isoformat()}  # fmt: skip
        return Heard(
            sender="loop-main", vendor="loop", operation="refunds", topic=body["trigger"],
            identity=f"{name}/{self.heard}", body=json.dumps(body).encode(), secret="a", state="waiting",
        )  # fmt: skip

    def break_vendors(self) -> None:
        """Some calls fail: the one that pays after it has done its work, reads and messages in any way."""
        vendor, call = CALLS[self.mover]
        # Clients try three times in a row, so one that is to give up is struck more often.
        self.control.fault(vendor, call, self.chance.choice(AFTER), times=self.chance.randint(3, 8), seconds=2.0)
        for _ in range(self.chance.randint(0, 3)):
            self.control.fault(vendor, call, self.chance.choice(FAULTS), times=1, seconds=2.0)
        for vendor, call in self.chance.sample(READS, 2):
            self.control.fault(vendor, call, self.chance.choice(FAULTS), times=1, seconds=2.0)

    def live(self, *lives: dict[str, Any], patience: float = PATIENT) -> list[list[int]]:
        """Have workers live at once; see Lives.live."""
        common = {"port": self.addresses.port, "mail_port": self.addresses.mail_port, "variables": self.variables}
        found = self.lives.live({**common, "patience": patience, "lives": list(lives)})
        self.ran += found
        return found

    def recover(self) -> None:
        """Everybody is well again: two workers that live on for days, the second beside the first."""
        self.control.heal()
        now = NOON
        first = [*at(now + 8 * MINUTE, SWEEP), *at(now + 20 * MINUTE, RECONCILE, SWEEP)]
        self._well(first, at(now + 8 * MINUTE, SWEEP))
        # The money is asked about when calls have ended, when the portal's queue has, and when the banks are through.
        self._well([act for hours in (2, 4, 7, 49, 50) for act in at(now + hours * HOUR, RECONCILE, SWEEP)])

    def _well(self, *acts: list[Act]) -> None:
        for status, _ in self.live(*({"acts": each} for each in acts)):
            assert status == 0, f"a worker that was started again ended with {status}"

    def trouble(self, now: datetime, *, late: Sequence[str] = ()) -> None:
        """Two workers at once, of which most die somewhere or make a mistake; some events come late."""
        if late:
            self.hear(late, now)
        self.live(self._doomed(now, "inbox"), self._doomed(now, self.chance.choice(("inbox", SWEEP))),
                  patience=IMPATIENT)  # fmt: skip

    def _doomed(self, now: datetime, what: str) -> dict[str, Any]:
        fate = self.chance.choices(("gone", "raise", "killed", "spared"), (5, 2, 2, 3))[0]
        life: dict[str, Any] = {"acts": at(now, what)}
        if fate in ("gone", "raise"):
            # A second life has less to do than a first one, so that as many are to die early as late.
            life |= {"at": int(LINES ** self.chance.uniform(0.5, 1)), "how": fate}
        return life | ({"kill_after": self.chance.uniform(0.1, 1.0)} if fate == "killed" else {})

    def lived_through(self) -> list[str]:
        """The whole trial; gives what does not hold in the end."""
        names = self.chance.sample(Names, len(Names))
        first = self.chance.randint(3, 8)
        # Of the others one is never told of by a webhook, so that the poller has to find it.
        late = names[first:-1]
        self.scan()
        self.hear(names[:first], NOON)
        self.break_vendors()
        self.trouble(NOON)
        self.trouble(NOON + 2 * MINUTE, late=late)
        self.recover()
        return self.wrong()

    def wrong(self) -> list[str]:
        """What does not hold, and what ended otherwise than it does where nothing goes wrong."""
        wanted = ENDS | OTHERWISE[self.mover]
        found = self.ends()
        if self.mover == "portal":
            # Its refund of the other return looks like somebody else's, if it is there when this one is decided.
            found["1003"] = ["done"] * found["1003"].count("done")
            wanted |= {"1003": found["1003"] or ["done"]}
        wrong = [f"order {name} ended {found.get(name)}, not {ends}" for name, ends in wanted.items()
                 if found.get(name) != ends]  # fmt: skip
        return self.unsound() + wrong

    def __repr__(self) -> str:
        return f"RECOUP_TEST_SEED={SEED}, number {self.number}, {self.mover}: lives ended {self.ran}"

    def ends(self) -> dict[str, list[str]]:
        """How every order's money stands: the states of its steps, or the stage of a label without one."""
        of = {each["id"]: each["order"] for each in seeds()["loop"]["returns"]}
        with db.reading(self.engine) as connection:
            found = {row.case_id: f"stage {row.stage}" for row in connection.execute(select(labels))}
            money = _money() & steps.c.state.not_in(("void", "dropped"))
            found |= {row.case_id: row.state for row in connection.execute(select(steps).where(money))}
        ended = defaultdict(list)
        for case, state in found.items():
            ended[of[case.partition("/")[0].removeprefix("loop-")]].append(state)
        return {name: sorted(states) for name, states in sorted(ended.items())}

    def unsound(self) -> list[str]:
        """Everything that must hold, as sentences about what does not; empty where all does."""
        with db.reading(self.engine) as connection:
            taken = {row.key: row for row in connection.execute(select(steps)).all()}
            told = connection.execute(select(contacts)).all()
            booked = connection.execute(select(entries)).all()
            kept = connection.execute(select(events)).all()
            held = connection.execute(select(leases)).all()
            set_aside = connection.execute(select(commitments)).all()
            proof = verify(connection)
        moved = self.moved()
        wrong = [] if proof.proven else [f"the ledger does not prove itself: {proof.first}"]
        wrong += [f"{len(each)} refunds for {case}" for case, each in moved.items() if len(each) > 1]
        wrong += self._above_captured(moved) + _not_booked(moved, booked, taken, told_by_portal=self.mover == "portal")
        wrong += [f"step {row.key} is {row.state}" for row in taken.values() if row.state in ("intended", "unknown")]
        # Where the mistake struck while an event was read, a person is to look at it; its return was found by polling.
        wrong += [
            f"event {row.identity} is {row.state}: {row.outcome}"
            for row in kept
            if row.state != "done" and not (row.state == "failed" and "our own mistake, Struck" in row.outcome)
        ]
        wrong += [f"lease {row.name} is kept by {row.holder}" for row in held]
        wrong += [f"contact {row.key} is reserved" for row in told if row.state == "reserved"]
        wrong += self._told_twice(taken) + _above_budget(set_aside, taken)
        return wrong

    def moved(self) -> dict[str, list[tuple[str, int, str]]]:
        """(reference, minor units, state) of every refund at the vendor that was or may be paid, by case."""
        found: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
        if self.mover == "payments":
            states = self._states_at_stripe()
            for row in self.control.effects("stripe")["refunds"]:
                if states[row["refund"]] in GOES:
                    found[row["key"]].append((row["refund"], row["amount"], states[row["refund"]]))
            return found
        for row in self.control.effects("shopify")["effects"]:
            parts = [part for part in row["transactions"] if part["status"] in GOES]
            if parts:
                key = row["key"] if self.mover == "storefront" else f"portal/{row['order']}/{row['lines']}"
                state = "PENDING" if any(part["status"] == "PENDING" for part in parts) else "SUCCESS"
                found[key].append((row["refund"], sum(part["minor"] for part in parts), state))
        return found

    def _states_at_stripe(self) -> dict[str, str]:
        """How the payments vendor's refunds stand now, by id."""
        asked = {"url": f"{self.addresses.url('stripe')}/v1/refunds", "params": {"limit": 100}}
        answer = httpx.get(**asked, headers={"Authorization": "Bearer sk_test_x"})  # type: ignore[arg-type]
        return {item["id"]: item["status"] for item in answer.raise_for_status().json()["data"]}

    def _above_captured(self, moved: dict[str, list[tuple[str, int, str]]]) -> list[str]:
        captured = {each["id"]: sum(round(float(part["amount"]) * 100) for part in each["tenders"])
                    for each in seeds()["shopify"]["orders"]}  # fmt: skip
        of = {each["id"]: each["order"] for each in seeds()["loop"]["returns"]}
        sums: Counter[str] = Counter()
        for key, rows in moved.items():
            order_id = key.split("/")[1] if key.startswith("portal/") else of[key.split("/")[1].removeprefix("loop-")]
            sums[order_id] += sum(minor for _, minor, _ in rows)
        return [f"{minor} went back of order {name}, and {captured[name]} were paid"
                for name, minor in sums.items() if minor > captured[name]]  # fmt: skip

    def _told_twice(self, taken: dict[str, Any]) -> list[str]:
        """At most one mail a truth; `sent` never beside `pending`; and everybody whose money went was told."""
        mails = Counter(item["key"] for item in self.control.effects("mail")["effects"] for _ in range(item["count"]))
        wrong = [f"{count} mails for {key}" for key, count in mails.items() if count > 1]
        said = defaultdict(set)
        for key in mails:
            said[key.rpartition("/")[0]].add(key.rpartition("/")[2])
        wrong += [f"{key} was told {sorted(words)}" for key, words in said.items() if len(words & SENT_OR_PENDING) > 1]
        wrong += [f"{key} is {row.state} and nobody was told" for key, row in taken.items()
                  if row.action == "refund" and row.state == "done"
                  and not any(f"{key}/{word}" in taken for word in SENT_OR_PENDING)]  # fmt: skip
        return wrong


SENT_OR_PENDING = frozenset(("told-sent", "told-pending"))


def _money() -> Any:
    return steps.c.action == "refund"


def _not_booked(
    moved: dict[str, Any], booked: Iterable[Any], taken: dict[str, Any], *, told_by_portal: bool
) -> list[str]:
    """Each refund in the books once, and none that is not there; what failed after a portal's, the night finds."""
    refs = Counter(row.vendor_ref for row in booked if row.vendor_ref)
    wrong = [f"refund {ref} is booked {count} times" for ref, count in refs.items() if count > 1]
    at_vendor = {ref: (key, state) for key, rows in moved.items() for ref, _, state in rows}
    wrong += [f"refund {ref} of {key} ({state}) is not booked" for ref, (key, state) in at_vendor.items()
              if ref not in refs]  # fmt: skip
    done = [row for row in taken.values() if row.action == "refund" and row.state == "done"]
    wrong += [f"{row.key} is done as {row.vendor_ref}, which is not at the vendor" for row in done
              if row.vendor_ref not in at_vendor and not told_by_portal]  # fmt: skip
    minor = {ref: amount for rows in moved.values() for ref, amount, _ in rows}
    wrong += [f"{row.key}: {row.amount_minor} are booked, {minor[row.vendor_ref]} went" for row in done
              if row.vendor_ref in minor and minor[row.vendor_ref] != row.amount_minor]  # fmt: skip
    return wrong


def _above_budget(set_aside: Iterable[Any], taken: dict[str, Any]) -> list[str]:
    live = sorted(row.at for row in set_aside if taken[row.key].state in ("intended", "unknown", "done"))
    instants = [datetime.fromisoformat(each) for each in live]
    hours = [sum(begin <= each < begin + HOUR for each in instants) for begin in instants]
    return [f"{max(hours)} refunds in an hour, allowed are {AN_HOUR}"] if hours and max(hours) > AN_HOUR else []
