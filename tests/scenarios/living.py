"""Living through days with the pretended vendors, and reading afterwards what really happened at them.

What happened is read from the lists of the vendors, never from our tables, so that one can be held against the other.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from sqlalchemy import Engine

import settings
from commands.simulation import pretended, simulated
from integrations.sandbox import Addresses
from tasks.report import Report

NOON_UTC = timedelta(hours=12)
PAGE = 100


class Charge(NamedTuple):
    """One try of anybody to charge a card. `minor` is what came in, zero where it was refused."""

    id: str
    renewal: str
    card: str
    network: str
    at: datetime
    paid: bool
    minor: int
    reached_network: bool


class Back(NamedTuple):
    """A refund (`re`), a chargeback (`dp`) or one that was won (`won`)."""

    id: str
    kind: str
    charge: str
    minor: int


class Told(NamedTuple):
    """One message that reached a customer: by `mail`, `sms` or from the helpdesk's `ticket`. `who` is their address."""

    channel: str
    who: str
    at: datetime
    key: str
    sender: str


@dataclass(slots=True)
class Lived:
    """Days that were lived through."""

    home: Path
    addresses: Addresses
    settings: settings.Settings
    reports: list[tuple[date, Report]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps were performed, whatever came of them."""
        return sum(sum(report.states.values()) for _, report in self.reports)

    @property
    def problems(self) -> list[str]:
        """Everything that the runs reported as a problem."""
        return [problem for _, report in self.reports for problem in report.problems]

    def done(self, action: str, day: date | None = None) -> int:
        """How many steps of an action were done, on one day or on all."""
        chosen = [report for on, report in self.reports if day is None or on == day]
        return sum(report.actions[(action, "done")] for report in chosen)


async def live_through(
    addresses: Addresses,
    home: Path,
    seed: dict[str, Any],
    days: tuple[date, date],
    *,
    shop: tuple[str, str, str],
    engine: Engine | None = None,
) -> Lived:
    """Every day from the first to the last, both included, without Prefect. `shop` is (name, zone, currency)."""
    name, zone, currency = shop
    url = engine.url.render_as_string(hide_password=False) if engine is not None else ""
    found = pretended(addresses, home, name=name, zone=zone, currency=currency, database_url=url)
    lived = Lived(home, addresses, found)
    first, last = days
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) + NOON_UTC
    started = time.perf_counter()
    async with simulated(found, addresses, begin) as simulation:
        simulation.control.reset()
        simulation.control.clock(begin)
        simulation.control.seed(seed)
        for day in _days(first, last):
            lived.reports += [(day, report) for report in await simulation.live(day)]
    lived.seconds = time.perf_counter() - started
    return lived


def _days(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)


class Vendors:
    """The pretended vendors' own lists, read through their own API."""

    def __init__(self, addresses: Addresses) -> None:
        self._http = httpx.Client(base_url=addresses.url(), timeout=60, verify=False)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def charges(self) -> list[Charge]:
        """Every charge there ever was, oldest first."""
        invoices = {item["payment"]["payment_intent"]: item["invoice"] for item in self._stripe("invoice_payments")}
        found = [_charge(item, invoices[item["payment_intent"]]) for item in self._stripe("charges")]
        return sorted(found, key=lambda charge: charge.at)

    def money_back(self) -> list[Back]:
        """Every refund and dispute; a dispute that was won is there twice."""
        found = [Back(item["id"], "refund", item["charge"], item["amount"]) for item in self._stripe("refunds")]
        for item in self._stripe("disputes"):
            found.append(Back(item["id"], "chargeback", item["charge"], item["amount"]))
            if item["status"] == "won":
                found.append(Back(item["id"], "won", item["charge"], item["amount"]))
        return found

    def messages(self) -> list[Told]:
        """Every message that reached a customer, on any channel, oldest first."""
        return sorted([*self._mails(), *self._texts(), *self._from_tickets()], key=lambda told: told.at)

    def tickets(self) -> list[dict[str, Any]]:
        """Every ticket of the helpdesk."""
        return list(self._desk("tickets"))

    def effects(self, vendor: str) -> list[dict[str, Any]]:
        """What a vendor really did, by our keys, with how often."""
        found: list[dict[str, Any]] = self._get(f"/_sandbox/{vendor}/effects")["effects"]
        return found

    def _mails(self) -> Iterator[Told]:
        for mail in self._get("/_sandbox/mail/messages")["messages"]:
            at = datetime.fromisoformat(mail["at"])
            yield Told("mail", mail["envelope_to"][0], at, mail["key"], mail["from"])

    def _texts(self) -> Iterator[Told]:
        page: str | None = f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json?PageSize={PAGE}"
        while page:
            found = self._get(f"/twilio{page}", auth=("AC", "token"))
            for text in found["messages"]:
                if text["direction"] != "inbound":
                    yield Told("sms", text["to"], parsedate_to_datetime(text["date_sent"]), text["sid"], text["from"])
            page = found["next_page_uri"]

    def _from_tickets(self) -> Iterator[Told]:
        for message in self._desk("messages"):
            if message["from_agent"] and message["public"] and message["via"] == "api":
                at = datetime.fromisoformat(message["sent_datetime"])
                sender = message["sender"]["email"]
                yield Told("ticket", message["receiver"]["email"], at, message["external_id"], sender)

    def _stripe(self, kind: str) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = self._get(
                f"/stripe/v1/{kind}", params={"limit": str(PAGE), **after}, headers={"Authorization": "Bearer sk_test"}
            )
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def _desk(self, kind: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = "0"
        while cursor is not None:
            page = self._get(
                f"/gorgias/api/{kind}", params={"limit": str(PAGE), "cursor": cursor}, auth=("somebody", "key")
            )
            yield from page["data"]
            cursor = page["meta"]["next_cursor"]

    def _get(self, path: str, **more: Any) -> Any:
        return self._http.get(path, **more).raise_for_status().json()


def _charge(item: Mapping[str, Any], renewal: str) -> Charge:
    card, paid = item["payment_method_details"]["card"], item["status"] == "succeeded"
    return Charge(
        id=item["id"],
        renewal=renewal,
        card=card["fingerprint"],
        network=card["network"],
        at=datetime.fromtimestamp(item["created"], UTC),
        paid=paid,
        minor=item["amount"] if paid else 0,
        reached_network=item["outcome"]["network_status"] != "not_sent_to_network",
    )
