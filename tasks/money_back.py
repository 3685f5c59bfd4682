"""Money that went back: refunds and chargebacks of payments that a case had recovered.

Each is one entry that takes the income off again, keyed by the vendor's reference. A case whose renewal the
vendor reopened is chased again; every other one, and every chargeback, goes to a person.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from domain.instants import day_in
from domain.money import Money
from domain.payments import MoneyBack
from integrations.errors import Refused, Unreadable
from ledger import entries, lookups
from ledger.errors import LedgerError
from ledger.settlements import NewStep, Settlement
from store import cases, steps
from store.db import reading
from tasks import booking, outcomes
from tasks.connect import Connections
from tasks.reading import Read, keep_unreadable
from tasks.settling import settle

RULE = "D-32"


async def read(c: Connections, since: datetime, found: Read, now: datetime, run: str) -> None:
    """Book every refund and chargeback since then; one that cannot be booked is reported and stops no other."""
    async for page in c.payments.money_back(since):
        keep_unreadable(c, page.unreadable, found, now)
        for item in page.items:
            try:
                found.money_back += await _book(c, item, run)
            except LedgerError as error:
                found.problems.append(str(error))


async def _book(c: Connections, item: MoneyBack, run: str) -> bool:
    """Book one; False where it is not about a payment of ours or is booked already."""
    with reading(c.engine) as connection:
        original = _entry(connection, c.vendors.payments, item.payment_ref, "renewal_recovered")
        case = cases.by_id(connection, [original.case]).get(original.case) if original else None
        already = lookups.money_back(connection, original.source_key) if original else None
        ours = _entry(connection, c.vendors.payments, item.ref, "vip_refund")
    if original is None or case is None or ours is not None:
        # A refund that the refunds operation made and booked is not dunning's to book again.
        return False
    settlement = await _settlement(c, case, original, item, already, run)
    return settlement is not None and not (await settle(c, settlement)).replayed


async def _settlement(
    c: Connections, case: Any, original: entries.Entry, item: MoneyBack, already: Money | None, run: str
) -> Settlement | None:
    key = f"dunning/{case.id}/{item.kind.replace('_', '-')}-{item.ref}"
    about = booking.context(case, key, item.at, c.zone, vendor=c.vendors.payments, ref=item.ref, run=run)
    with reading(c.engine) as connection:
        if lookups.entry(connection, key) is not None:
            return None
        lost = _entry(connection, c.vendors.payments, item.ref, "chargeback")
    if item.kind == "chargeback_won":
        if lost is None:
            return None
        entry, changes = entries.reversal(lost, about), booking.closing("recovered", about.effective_on.isoformat())
        changes = (*changes, ("trouble", ""))
    else:
        entry = entries.money_back(original, about, item.amount, item.kind, already)
        back = item.amount if already is None else item.amount + already
        whole = back.minor >= entries.paid_in(original).minor
        changes = await _reopening(c, case, item) if whole or item.kind == "chargeback" else ()
    reason = f"{item.kind.replace('_', ' ')} of {item.amount} at the payments vendor"
    new_step = NewStep(
        operation=case.operation, case_id=case.id, action="note", rung=f"{item.kind}-{item.ref}",
        day=day_in(item.at, c.zone).isoformat(), rule=RULE, reason=reason,
        policy_version=case.policy_version, flow_run=run,
    )  # fmt: skip
    settlement = Settlement(
        key=key, state="done", at=item.at, vendor=c.vendors.payments, vendor_ref=item.ref, amount=item.amount,
        detail=reason, entries=(entry,), case_changes=changes, new_step=new_step,
    )  # fmt: skip
    if item.kind == "chargeback_won" and case.state == "closed":
        with reading(c.engine) as connection:
            history = steps.of_cases(connection, [case.id])
        return outcomes.after_all(c, case, settlement, history)
    return settlement


def _entry(connection: Connection, vendor: str, ref: str, kind: str) -> entries.Entry | None:
    key = lookups.keys_by_ref(connection, [ref]).get((vendor, ref, kind))
    return lookups.entry(connection, key) if key else None


async def _reopening(c: Connections, case: Any, item: MoneyBack) -> tuple[tuple[str, str | int], ...]:
    """Chase it again where the vendor has it open again; a person decides in every other case."""
    back = (("outcome", ""), ("closed_on", ""))
    if item.kind == "chargeback":
        return (("state", "person"), ("trouble", "chargeback"), *back)
    try:
        renewal = await c.payments.renewal(case.id)
    except (Refused, Unreadable):
        # The refund is a fact whatever the renewal has become; one that cannot be read is for a person.
        return (("state", "person"), ("trouble", "refund"), *back)
    if renewal.status == "open" and renewal.amount_remaining:
        return (("state", "open"), ("remaining_minor", renewal.amount_remaining.minor), *back)
    return (("state", "person"), ("trouble", "refund"), *back)
