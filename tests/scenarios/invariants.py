"""What must hold after any number of days, whatever happened: each function names what breaks it, or nothing.

Everything is held against the vendors' own lists (`living.Vendors`), not against our tables.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from domain.dunning_policy import Budget
from domain.instants import day_in
from ledger.accounts import CLEARING
from tests.scenarios.living import Back, Charge, Told, Vendors

DAY, MONTH = timedelta(days=1), timedelta(days=30)


def effects_more_than_once(vendors: Vendors) -> list[str]:
    """Keys of ours under which a vendor charged, mailed or opened a ticket more than once."""
    charges = [item["key"] for item in vendors.effects("stripe") if item["key"] and item["times"] > 1]
    twice = Counter(item["key"] for item in vendors.effects("stripe") if item["key"])
    mails = [item["key"] for item in vendors.effects("mail") if item["count"] > 1]
    tickets = [item["external_id"] for item in vendors.effects("gorgias") if item["count"] > 1]
    return [*charges, *(key for key, times in twice.items() if times > 1), *mails, *tickets]


def two_messages_on_one_day(messages: Iterable[Told], addresses: Mapping[str, str], zone: str) -> list[str]:
    """Customers who got two messages on one day of the shop. `addresses`: address or number -> customer."""
    counted = Counter((addresses[told.who], day_in(told.at, zone)) for told in messages)
    return [f"{customer} got {count} on {day}" for (customer, day), count in counted.items() if count > 1]


def messages_after_payment(
    messages: Iterable[Told], charges: Sequence[Charge], addresses: Mapping[str, str], owner: Mapping[str, str]
) -> list[str]:
    """Messages to customers of whom nothing was unpaid at that moment. `owner`: renewal -> customer."""
    spans = _unpaid_spans(charges, owner)
    return [
        f"{told.key} at {told.at} to {addresses[told.who]}"
        for told in messages
        if not any(begin <= told.at < end for begin, end in spans.get(addresses[told.who], ()))
    ]


def _unpaid_spans(charges: Sequence[Charge], owner: Mapping[str, str]) -> dict[str, list[tuple[datetime, datetime]]]:
    """By customer, from the first refusal of each renewal to its payment."""
    refused: dict[str, datetime] = {}
    paid: dict[str, datetime] = {}
    for charge in charges:
        (paid if charge.paid else refused).setdefault(charge.renewal, charge.at)
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for renewal, begin in refused.items():
        spans[owner[renewal]].append((begin, paid.get(renewal, begin + 400 * DAY)))
    return spans


def cards_above_budget(charges: Iterable[Charge], budgets: Mapping[str, Budget]) -> list[str]:
    """Cards that somebody tried more often in any 24 hours or 30 days than the network allows."""
    tried: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for charge in charges:
        if charge.reached_network:
            tried[charge.card, charge.network].append(charge.at)
    found = []
    for (card, network), times in tried.items():
        budget = budgets.get(network) or budgets["default"]
        for span, allowed in ((DAY, budget.per_day), (MONTH, budget.per_30_days)):
            most = max(sum(begin <= at < begin + span for at in times) for begin in times)
            if most > allowed:
                found.append(f"{card} ({network}): {most} tries within {span}, allowed are {allowed}")
    return found


def unexplained_money(connection: Connection, charges: Iterable[Charge], back: Iterable[Back]) -> str:
    """How our books differ from the vendor's own list of payments of renewals that had failed; empty where not.

    In minor units: what came in after a refusal, less refunds and chargebacks, plus chargebacks that were won.
    """
    known = list(charges)
    failed = {charge.renewal for charge in known if not charge.paid}
    came_in = {charge.id: charge.minor for charge in known if charge.paid and charge.renewal in failed}
    signs = {"refund": -1, "chargeback": -1, "won": 1}
    went_out = sum(signs[item.kind] * item.minor for item in back if item.charge in came_in)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    query = f"SELECT COALESCE(SUM(amount_minor), 0) FROM ledger_rollup WHERE account = {mark}"
    booked = int(connection.exec_driver_sql(query, (CLEARING,)).scalar_one())
    vendors = sum(came_in.values()) + went_out
    return "" if booked == vendors else f"the books say {booked}, the vendor's own lists {vendors}"
