"""Plans: the decisions of a day as data, kept in a file that `recoup run` does exactly or refuses.

A plan is made from our own tables only. Its digest covers everything in it; amounts are text, as the currency has it.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from domain.decisions import Hold, Step
from domain.instants import from_text, to_text
from domain.money import Money, plain
from store import cases
from store.db import reading
from store.tables import cases as case_table
from tasks.deciding import Page, Source, decide, decide_follow_ups
from tasks.rules import Rules

SCHEMA = "recoup.plan/1"
OLDEST = timedelta(hours=24)


class PlanRefused(Exception):
    """The plan cannot be run as it is; the message says why and how to make a new one. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Offline:
    """What deciding needs, without any vendor: the database, the rules, the shop's zone."""

    engine: Engine
    rules: Rules
    zone: str


@dataclass(slots=True)
class Plan:
    """One day's decisions. `actions` are what a run would do, `left` the reasons why nothing is done, with counts."""

    operation: str
    day: date
    made_at: datetime
    policy: str
    cases: int = 0
    actions: list[dict[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """The decided steps behind the actions; empty in a plan that was read from a file."""
    waiting: list[dict[str, str]] = field(default_factory=list)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)

    def data(self) -> dict[str, Any]:
        """The plan as one JSON document, with its digest."""
        left = [{"rule": rule, "reason": why, "cases": count} for (rule, why), count in self.left.most_common()]
        content = {
            "schema": SCHEMA,
            "operation": self.operation,
            "day": self.day.isoformat(),
            "made_at": to_text(self.made_at),
            "policy": self.policy,
            "cases": self.cases,
            "actions": self.actions,
            "waiting": self.waiting,
            "left": left,
        }
        return content | {"digest": digest(content)}


def make(source: Source, operation: str, day: date, now: datetime, *, made_at: datetime) -> Plan:
    """Decide everything for `day`; nothing outside of our own tables is read, and nothing is written."""
    plan = Plan(operation, day, made_at, source.rules.now.version)
    pages = decide(source, day, now) if operation == "dunning" else decide_follow_ups(source, day)
    for page in pages:
        _add(source, plan, page)
    return plan


def write(plan: Plan, path: Path) -> str:
    """Keep the plan and return its digest."""
    data = plan.data()
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return str(data["digest"])


def read(path: Path, *, now: datetime, policy: str) -> Plan:
    """The plan in a file. Raises PlanRefused where it is damaged, too old, or made under another policy."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        content = {name: value for name, value in data.items() if name != "digest"}
        made_at, day = from_text(data["made_at"]), date.fromisoformat(data["day"])
        known = data["schema"] == SCHEMA and data["digest"] == digest(content) and data["operation"] != ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanRefused(f"{path} is no plan of recoup: {type(error).__name__}") from error
    again = f"make a new one: recoup plan {data['operation']} --on {data['day']} --out {path}"
    if not known:
        raise PlanRefused(f"{path} was changed after it was made (its digest does not fit); {again}")
    if now - made_at > OLDEST:
        raise PlanRefused(f"{path} is older than 24 hours; {again}")
    if data["policy"] != policy:
        raise PlanRefused(f"{path} was made under policy {data['policy']}, now {policy} is in force; {again}")
    plan = Plan(data["operation"], day, made_at, data["policy"], data["cases"])
    plan.actions, plan.waiting = data["actions"], data["waiting"]
    return plan


def digest(content: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a plan's content."""
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _add(source: Source, plan: Plan, page: Page) -> None:
    plan.cases += page.cases
    with reading(source.engine) as connection:
        rows = cases.by_id(connection, [found.case for found in page.decisions if isinstance(found, Step)])
    for found in page.decisions:
        if isinstance(found, Step):
            plan.actions.append(_action(found, rows[found.case]))
            plan.steps.append(found)
        elif found.person:
            plan.waiting.append({"case": found.case, "rule": found.rule, "reason": found.reason})
        else:
            plan.left[(found.rule, _general(found))] += 1


def _action(step: Step, case: Any) -> dict[str, str]:
    at_most = plain(Money(case.remaining_minor, case.currency)) if step.action == "charge" else ""
    return {
        "key": step.key,
        "case": step.case,
        "action": step.action,
        "rung": step.rung,
        "rule": step.rule,
        "reason": step.reason,
        "amount_max": at_most,
        "currency": case.currency if at_most else "",
        "sender": step.sender,
        "message": step.message,
    }


def _general(hold: Hold) -> str:
    """The reason without a day of its own, so that like cases are counted together."""
    return " ".join(word for word in hold.reason.split() if not word[:4].isdigit() or "-" not in word)


def known_cases(engine: Engine) -> int:
    """How many cases were ever read or imported."""
    with reading(engine) as connection:
        return len(connection.execute(select(case_table.c.id).limit(1)).all())
