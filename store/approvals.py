"""Approvals: what waits for a person's yes, and who said what. Kept for ever, apart from whatever asked for it.

A proposal that changes (another amount, another reason) is another one: the old one is withdrawn, so that a yes can
only be given to what the person saw.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from domain.instants import from_text, to_text
from domain.money import Money
from store.refund_tables import approvals


class NothingWaits(LookupError):
    """An approval was given for a case that does not wait for one."""


def ask(
    connection: Connection, case: str, amount: Money, *, rule: str, reason: str, due: datetime, at: datetime
) -> bool:
    """Ask for a yes; False where the very same question waits already. Another one for the case is withdrawn."""
    digest = sha256("\0".join((case, str(amount), rule)).encode()).hexdigest()[:16]
    mine = (approvals.c.case_id == case) & (approvals.c.decision == "")
    waiting = connection.execute(select(approvals).where(mine)).first()
    if waiting is not None and waiting.digest == digest:
        return False
    withdraw(connection, [case], at)
    last = connection.execute(select(func.max(approvals.c.asked_at)).where(approvals.c.case_id == case)).scalar()
    # Two questions of one instant are still two; the later one gets the next microsecond.
    at = max(at, from_text(last) + timedelta(microseconds=1)) if last else at
    row: dict[str, Any] = {
        "case_id": case,
        "asked_at": to_text(at),
        "rule": rule,
        "reason": reason,
        "currency": amount.currency,
    }
    row |= {"minor": amount.minor, "digest": digest, "due_at": to_text(due), "decision": "", "decided_at": ""}
    connection.execute(insert(approvals).values(row | {"decided_by": "", "channel": "", "note": ""}))
    return True


def withdraw(connection: Connection, cases: Iterable[str], at: datetime) -> None:
    """What was asked about these cases is no question any more."""
    mine = approvals.c.case_id.in_(list(cases)) & (approvals.c.decision == "")
    connection.execute(update(approvals).where(mine).values(decision="withdrawn", decided_at=to_text(at)))


def decide(
    connection: Connection, case: str, *, approved: bool, by: str, channel: str, note: str, at: datetime
) -> Row[Any]:
    """Write a person's decision about what waits now; NothingWaits where nothing does. The first decision stands."""
    mine = (approvals.c.case_id == case) & (approvals.c.decision == "")
    said = {"decision": "approved" if approved else "rejected", "decided_at": to_text(at), "decided_by": by}
    change = update(approvals).where(mine).values(said | {"channel": channel, "note": note}).returning(approvals)
    row = connection.execute(change).first()
    if row is None:
        raise NothingWaits(f"nothing about {case} waits for an approval")
    return row


def latest(connection: Connection, cases: Iterable[str]) -> dict[str, Row[Any]]:
    """The newest decision of a person on each case."""
    said = approvals.c.decision.in_(("approved", "rejected"))
    chosen = select(approvals).where(approvals.c.case_id.in_(list(cases)), said).order_by(approvals.c.decided_at)
    return {row.case_id: row for row in connection.execute(chosen)}


def waiting(connection: Connection) -> list[Row[Any]]:
    """Everything that waits for a person, what is due first."""
    chosen = select(approvals).where(approvals.c.decision == "").order_by(approvals.c.due_at, approvals.c.case_id)
    return list(connection.execute(chosen))
