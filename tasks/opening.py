"""Opening a case: the failure is classified, booked in the memo book, and then the row is inserted.

The booking comes first: after a crash between the two the next read books again, which is a no-op, and inserts.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from domain.declines import Classified, classify
from domain.instants import day_in, from_text, to_text
from domain.money import Money
from domain.payments import DeclineCodes, Renewal
from ledger import entries
from ledger.errors import AlreadyBooked, Conflict
from ledger.settlements import NewStep, Settlement
from store import attempts, cases
from store.db import transaction
from tasks.connect import Connections
from tasks.settling import settle_all

RULE = "D-00"


async def open_cases(
    c: Connections,
    items: list[Renewal],
    failures: Mapping[str, list[Any]],
    now: datetime,
    run: str,
    problems: list[str],
) -> int:
    """Book and insert new cases; return how many were new. One that cannot be booked is reported and stops no other."""
    rows = [_new_row(c, item, failures.get(item.id, []), now) for item in items]
    booked = []
    for row, result in zip(
        rows, await settle_all(c, [opened(c.vendors.payments, row, run) for row in rows]), strict=True
    ):
        # A conflict means that it was booked before, at another amount, and only the row was missing after a crash.
        if isinstance(result, Exception) and not isinstance(result, Conflict | AlreadyBooked):
            problems.append(f"{row['id']} is not taken up: {result}")
        else:
            booked.append(row)
    with transaction(c.engine) as connection:
        return len(cases.insert_cases(connection, booked))


def facts(c: Connections, item: Renewal, failed: list[Any], now: datetime, version: str) -> dict[str, Any]:
    """What the vendor says of a case now, as columns of `cases`."""
    last = failed[-1] if failed else None
    codes = attempts.codes(last) if last is not None else DeclineCodes(code="" if item.card else "no_payment_method")
    failed_on = day_in(from_text(last.at), c.zone) if last is not None else day_in(item.created_at, c.zone)
    found = classify(codes, c.rules.of(version).declines, failed_on)
    network = item.card.network if item.card else codes.network
    return {
        "id": item.id,
        "remaining_minor": item.amount_remaining.minor,
        "treatment": found.treatment,
        "decline_rule": found.rule,
        "decline_code": found.code,
        "remedy": found.remedy,
        "not_before": _not_before(found, last, c.zone),
        "card": item.card.fingerprint if item.card else "",
        "card_failed": last.card if last is not None else "",
        "network": network or (last.network if last is not None else ""),
        "auto_charge": int(item.auto_charge),
        "vendor_retry_on": day_in(item.next_vendor_attempt, c.zone).isoformat() if item.next_vendor_attempt else "",
        "subscription_status": item.subscription_status,
        "pay_link": item.pay_link,
        "read_at": to_text(now),
    }


def _not_before(found: Classified, last: Any, zone: str) -> str:
    """The first whole day after the hours that the network named have passed."""
    if last is None or not found.wait_hours:
        return ""
    free_at = from_text(last.at) + timedelta(hours=found.wait_hours)
    return day_in(free_at, zone).isoformat()


def _new_row(c: Connections, item: Renewal, failed: list[Any], now: datetime) -> dict[str, Any]:
    failed_at = from_text(failed[0].at) if failed else item.created_at
    return {
        **facts(c, item, failed, now, c.rules.now.version),
        "operation": "dunning",
        "customer": item.customer.id,
        "subscription": item.subscription,
        "state": "open",
        "outcome": "",
        "opened_on": day_in(failed_at, c.zone).isoformat(),
        "closed_on": "",
        "failed_at": to_text(failed_at),
        "currency": item.amount_due.currency,
        "failed_minor": item.amount_due.minor,
        "trouble": "",
        "policy_version": c.rules.now.version,
        "ticket": "",
        "answered_at": "",
        "source": "vendor",
    }


def opened(vendor: str, row: Mapping[str, Any], run: str) -> Settlement:
    """What is booked for a new case: the failed amount, into the memo book of its month."""
    key, failed_at = f"dunning/{row['id']}/opened", from_text(row["failed_at"])
    amount = Money(row["failed_minor"], row["currency"])
    about = entries.Context(
        key=key,
        occurred_at=failed_at,
        effective_on=date.fromisoformat(row["opened_on"]),
        belongs_to=row["opened_on"][:7],
        operation="dunning",
        case=row["id"],
        vendor=vendor,
        vendor_ref=row["id"],
        flow_run=run,
        policy_version=row["policy_version"],
    )
    reason = f"the renewal failed with {row['decline_code'] or 'no code'}: {row['treatment']} ({row['decline_rule']})"
    new_step = NewStep(
        operation="dunning", case_id=row["id"], action="note", rung="opened", day=row["opened_on"], rule=RULE,
        reason=reason, policy_version=row["policy_version"], flow_run=run,
    )  # fmt: skip
    return Settlement(
        key=key, state="done", at=failed_at, vendor=vendor, vendor_ref=row["id"], amount=amount,
        detail=reason, entries=(entries.renewal_failed(about, amount),) if amount else (), new_step=new_step,
    )  # fmt: skip
