"""What a story tells of a refund besides its steps: scans, decisions with what did not pass, and what a person said.

Read from our own tables only. A place is shown by its country, for a parcel begins at its sender's door.
"""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, or_, select

from domain.instants import to_text
from domain.money import Money
from domain.refund_rules import RULES
from domain.scans import Scan
from ledger.models import entries
from store import decisions, returns, scans
from store.refund_tables import approvals, labels
from store.refund_tables import returns as return_table
from store.tables import cases
from tasks.refund_deciding import key_of

GOOD = ("pass", "off")
SHORT = 16


class Told(NamedTuple):
    """One line of a story: `at` is UTC text, `because` says why, `amount` as a person reads it."""

    at: str
    what: str
    text: str
    because: str = ""
    amount: str = ""


def find(connection: Connection, name: str) -> list[str]:
    """The refund cases that a return, an order of the shop or a tracking number means."""
    parent, known = return_table.c, labels.join(return_table, return_table.c.id == labels.c.return_id)
    means = or_(parent.id == name, parent.order_ref == name, labels.c.tracking == name)
    decided = known.join(cases, cases.c.id == labels.c.case_id)
    chosen = select(labels.c.case_id).select_from(decided).where(means).order_by(labels.c.case_id)
    return [case for (case,) in connection.execute(chosen)]


def tell(connection: Connection, case: str) -> list[Told]:
    """Everything about a label that is no step, in no order."""
    label = returns.labels_by_case(connection, [case]).get(case)
    heard = scans.of_numbers(connection, [label.tracking]).get(label.tracking, ()) if label and label.tracking else ()
    asked = connection.execute(select(approvals).where(approvals.c.case_id == case)).all()
    return [
        *map(_scan, heard),
        *map(_decision, decisions.of_cases(connection, [case]).get(case, [])),
        *(line for row in asked for line in _approval(row)),
    ]


def entry_keys(connection: Connection, case: str) -> list[str]:
    """The keys of everything booked about a label: all begin with the key of its money."""
    key, column = key_of(case), entries.c.source_key
    chosen = select(column).where(or_(column == key, (column > f"{key}/") & (column < f"{key}0")))
    return [found for (found,) in connection.execute(chosen.order_by(column))]


def _scan(scan: Scan) -> Told:
    kind = "a checkpoint of the carrier's" if scan.physical else "a bare status"
    place = f" in {scan.place.country}" if scan.place.country else ""
    return Told(
        to_text(scan.at) if scan.at else "",
        f"scan {scan.meaning.replace('_', ' ')}",
        f"{kind}{place}, told by {scan.source}",
    )


def _decision(row: Any) -> Told:
    amount = str(Money(row.amount_minor, row.currency)) if row.currency else ""
    next_step = f" · {row.owner}: {row.next_action}" if row.owner else ""
    text = f"{row.rule} {row.reason}{next_step} · policy {row.policy_version[:SHORT]}"
    bad = [one for one in json.loads(row.checks) if one["result"] not in GOOD]
    because = "; ".join(f"{one['rule']} {_name(one['rule'])}: {one['result']}, {one['said']}" for one in bad)
    return Told(row.at, f"decided {row.outcome}", text, because, amount)


def _name(rule: str) -> str:
    return RULES[rule].name if rule in RULES else "a rule of an older version"


def _approval(row: Any) -> list[Told]:
    amount = str(Money(row.minor, row.currency))
    told = [Told(row.asked_at, "asked", f"a person may approve until {row.due_at[:SHORT]}", row.reason, amount)]
    if row.decision:
        who = f"said by {row.decided_by} ({row.channel})" if row.decided_by else "asked no more"
        told.append(Told(row.decided_at, row.decision, who, amount=amount))
    return told
