"""`recoup policy try`: decides stored decisions again with the policy files as they are now. No effects, no network."""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from commands.output import DONE, FOUND, WRONG_USE, Failure, fail, next_commands, out, show, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from domain.refund_policy import RefundPolicy
    from domain.refund_trial import Otherwise, Trial

SCHEMA = "recoup.policy-try/1"
SHOWN = 10


def try_policy(
    operation: Literal["refunds"],
    *,
    since: str,
    policies: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show who would have been decided otherwise, and the money; exits 3 where anybody would. Changes nothing.

    Parameters
    ----------
    operation
        Which policy to try.
    since
        The first day whose decisions are decided again, like 2026-11-01.
    policies
        A folder with the changed policy files; else those in force.
    json_
        One JSON document.
    """
    import settings
    from policies.refunds import load_refunds
    from store.db import reading
    from tasks.database import open_database

    found = settings.load()
    start = _start(since, found.shop.time_zone)
    loaded = load_refunds(policies.absolute() if policies else found.policies_dir)
    with reading(open_database(found)) as connection:
        trial, unread = _try(connection, loaded.policy, start)
    different = trial.otherwise()
    if json_:
        sys.stdout.write(json.dumps(_data(trial, different, unread, since), ensure_ascii=False, indent=2) + "\n")
    else:
        _show(trial, different, since)
        for problem in unread:
            show(Failure(problem, not_done="It was left out; nothing was changed."))
    return FOUND if different or unread else DONE


def _start(since: str, zone: str) -> datetime:
    try:
        day = datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        fail(f"--since {since!r} is no date", fix="write it like --since 2026-11-01", code=WRONG_USE,
             not_done="Nothing was done.")  # fmt: skip
    return datetime.combine(day, time(), ZoneInfo(zone))


def _try(connection: "Connection", policy: "RefundPolicy", start: datetime) -> tuple["Trial", list[str]]:
    from domain.instants import from_text
    from domain.money import Money
    from domain.refund_json import NotFacts, facts_from_json
    from domain.refund_trial import Made, Trial
    from store import decisions

    trial, unread = Trial(policy), list[str]()
    for row in decisions.since(connection, start):
        try:
            facts = facts_from_json(row.facts)
        except NotFacts as error:
            unread.append(f"{row.case_id}, decided {row.at}: {error}")
            continue
        amount = Money(row.amount_minor, row.currency) if row.currency else None
        trial.add(Made(row.case_id, from_text(row.at), row.outcome, row.rule, amount, facts))
    return trial, unread


def _show(trial: "Trial", different: Sequence["Otherwise"], since: str) -> None:
    console = out()
    console.print(f"recoup policy try refunds · since {since} · policy {trial.policy.version}")
    console.print(f"Decided {trial.decisions} decisions of {trial.cases} cases again. Nothing was sent or booked.\n")
    if not different:
        console.print("Everybody would have been decided the same." if trial.cases else "There are no decisions yet.")
        return
    rows = [(was, would_be, len(group), *_sums(group)) for was, would_be, group in _grouped(different)]
    columns = ("was", "would be", "cases", "more, in", "less, in")
    title = f"{len(different)} cases would have been decided otherwise"
    console.print(table(title, columns, rows, right=columns[2:]))
    listed = [(one.case, one.was, one.would_be, one.reason) for one in different[:SHOWN]]
    console.print(table("", ("case", "was", "would be", "because"), listed))
    if len(different) > SHOWN:
        console.print(f"{len(different) - SHOWN} more: --json lists them all")
    more, less = _sums(different)
    console.print(f"Early refunds: {more or 'nothing'} more, {less or 'nothing'} less.")
    console.print("Caps and budgets were counted as they were then; what is added would fill them sooner.")
    next_commands((f"recoup explain {different[0].case}", "the whole story of one of them"))


def _grouped(different: Sequence["Otherwise"]) -> list[tuple[str, str, list["Otherwise"]]]:
    """By (was, would be), the most frequent first."""
    groups: dict[tuple[str, str], list[Otherwise]] = defaultdict(list)
    for one in different:
        groups[one.was, one.would_be].append(one)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(was, would_be, group) for (was, would_be), group in ordered]


def _sums(found: Sequence["Otherwise"]) -> tuple[str, str]:
    from domain.money import Money
    from domain.refund_trial import money

    sums = sorted(money(found).items())
    more = ", ".join(str(Money(up, currency)) for currency, (up, _) in sums if up)
    return more, ", ".join(str(Money(down, currency)) for currency, (_, down) in sums if down)


def _data(trial: "Trial", different: Sequence["Otherwise"], unread: Sequence[str], since: str) -> dict[str, Any]:
    from domain.refund_trial import money

    return {
        "schema": SCHEMA,
        "operation": "refunds",
        "since": since,
        "policy": trial.policy.version,
        "decisions": trial.decisions,
        "cases": trial.cases,
        "counts": [
            {"was": was, "would_be": would_be, "cases": len(group)} for was, would_be, group in _grouped(different)
        ],
        "money": [
            {"currency": currency, "more_minor": more, "less_minor": less}
            for currency, (more, less) in sorted(money(different).items())
        ],
        "different": [
            {
                "case": one.case,
                "was": one.was,
                "would_be": one.would_be,
                "because": one.reason,
                "paid": str(one.paid) if one.paid else "",
                "would_pay": str(one.would_pay) if one.would_pay else "",
            }
            for one in different
        ],
        "unread": list(unread),
    }
