"""Stories: everything that is known of a case, in order: what failed, what was decided, done, held, paid and booked.

Read from our own tables only. Personal data is not in it; the customer is the vendor's id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from domain.money import Money
from ledger import lookups
from store import attempts, cases, contacts, holds, steps
from store.tables import cases as case_table
from store.tables import steps as step_table
from tasks import refund_story
from tasks.refund_deciding import OPERATION as REFUNDS


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, or did not. `at` is UTC text or an ISO day; `because` says why."""

    at: str
    what: str
    text: str
    because: str = ""
    amount: str = ""
    booked: tuple[tuple[str, str], ...] = ()
    """(account, amount) of the entry, where one was booked."""


@dataclass(frozen=True, slots=True)
class Story:
    """One case with everything about it, oldest first."""

    case: Any
    lines: tuple[Line, ...]


def find(connection: Connection, name: str) -> list[str]:
    """Ids of the cases that `name` means: a case, a customer, a ticket, a step's key or a vendor's reference.

    Of refunds also a return, an order or a tracking number.
    """
    direct = or_(case_table.c.id == name, case_table.c.customer == name, case_table.c.ticket == name)
    found = [case for (case,) in connection.execute(select(case_table.c.id).where(direct).order_by(case_table.c.id))]
    if found:
        return found
    by_step = select(step_table.c.case_id).where(or_(step_table.c.key == name, step_table.c.vendor_ref == name))
    found = sorted({case for (case,) in connection.execute(by_step)})
    return found or refund_story.find(connection, name)


def tell(connection: Connection, case_id: str) -> Story:
    """The whole story of one case."""
    case = cases.by_id(connection, [case_id])[case_id]
    taken = steps.of_cases(connection, [case_id])
    booked = _booked(connection, case, taken)
    received = [row for row in contacts.of_people(connection, [case.customer]) if row.state == "received"]
    lines = [
        # Of one instant, what was heard and decided stands before what was done because of it.
        *(Line(*told) for told in (refund_story.tell(connection, case_id) if case.operation == REFUNDS else ())),
        *map(_attempt, attempts.of_cases(connection, [case_id])),
        *(_step(step, booked.get(step.key, ())) for step in taken),
        *map(_hold, holds.of_cases(connection, [case_id])),
        *(Line(row.at, "heard", f"the customer wrote by {row.channel}") for row in received),
    ]
    if case.answered_at:
        lines.append(Line(case.answered_at, "heard", "the customer answered, or an agent took the ticket"))
    return Story(case, tuple(sorted(lines, key=_order)))


def why_not(connection: Connection, ids: Iterable[str]) -> list[Line]:
    """Only the times when nothing was done, newest first."""
    return [_hold(row) for row in reversed(holds.of_cases(connection, list(ids)))]


def _order(line: Line) -> str:
    """By instant; what has only a day, because nothing was done on it, comes at that day's end."""
    return line.at if len(line.at) > len("2026-01-15") else f"{line.at}U"


def _attempt(row: Any) -> Line:
    whose = f"by {row.step_key}" if row.step_key else "not by us"
    codes = attempts.codes(row)
    said = ", ".join(filter(None, (codes.code, codes.network_code, codes.network_advice, codes.advice)))
    amount = str(Money(row.amount_minor, row.currency))
    return Line(row.at, f"charge {row.outcome}", f"{row.network or 'card'} {whose}", said and f"codes {said}", amount)


def _booked(connection: Connection, case: Any, taken: Sequence[Any]) -> dict[str, list[Any]]:
    """The entries by the step that booked them: goods that move have an entry each below their step's key."""
    keys = [step.key for step in taken]
    wanted = refund_story.entry_keys(connection, case.id) if case.operation == REFUNDS else keys
    found: dict[str, list[Any]] = {}
    for key, booked in sorted(lookups.entries(connection, wanted).items()):
        step = max((one for one in keys if key == one or key.startswith(f"{one}/")), key=len, default="")
        found.setdefault(step, []).append(booked)
    return found


def _step(step: Any, booked: Sequence[Any]) -> Line:
    amount = str(Money(step.amount_minor, step.currency)) if step.amount_minor and step.currency else ""
    lines = tuple(
        (line.account, str(Money(line.minor, line.currency))) for each in booked for line in each.entry.postings
    )
    who = f" signed {step.sender}" if step.sender else ""
    # The raw codes stand with the attempt, and the words of an SMS are kept for a look-up only.
    said = step.detail.partition("; codes ")[0]
    text = f"{step.key}{who}: {said}" if said and said != step.reason and step.action != "sms" else f"{step.key}{who}"
    return Line(step.settled_at or step.intended_at, f"{step.action} {step.state}", text,
                f"{step.rule} {step.reason} · policy {step.policy_version}", amount, lines)  # fmt: skip


def _hold(row: Any) -> Line:
    days = row.first_day if row.first_day == row.last_day else f"{row.first_day} to {row.last_day}, {row.times} times"
    until = f"; until {row.until}" if row.until else ""
    return Line(row.first_day, "nothing done", days, f"{row.rule} {row.reason}{until}")
