"""`recoup plan`: what would be done on a day and why, from our own tables only. Touches nothing outside."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from commands.output import FOUND, next_commands, out, table

if TYPE_CHECKING:
    from tasks.plans import Plan

SHOWN_REASONS = 12


def plan(
    operation: Literal["dunning", "dunning-follow-up"] = "dunning",
    *,
    on: str = "today",
    out_file: Annotated[Path | None, Parameter(name="--out")] = None,
    json: bool = False,
    exit_code: bool = False,
) -> int:
    """Show what would be done and for how much money. Changes nothing and calls nobody.

    Parameters
    ----------
    operation
        Which operation to plan.
    on
        The day to decide for: today, or a date like 2026-01-27.
    out_file
        Keep the plan in this file; `recoup run FILE` then does exactly that, or refuses.
    json
        Print the plan as one JSON document.
    exit_code
        End with 3 where there is something to do, else with 0.
    """
    made = make(operation, on)
    data = made.data()
    if json:
        out().print_json(data=data)
    else:
        _show(made)
    if out_file is not None:
        from tasks.plans import write

        kept = write(made, out_file)
        out().print(f"Plan saved: {out_file} ({len(made.actions)} actions, digest {kept[:4]}…{kept[-4:]})")
    if not json:
        _what_next(made, out_file)
    return FOUND if exit_code and made.actions else 0


def make(operation: str, on: str) -> "Plan":
    """Decide from our own tables; shared with `recoup run`."""
    import settings
    from domain.instants import named_day
    from tasks.database import open_database
    from tasks.plans import Offline
    from tasks.plans import make as decide
    from tasks.rules import load_rules

    found, now = settings.load(), datetime.now(UTC)
    engine = open_database(found)
    day, instant = named_day(on, found.shop.time_zone, now)
    source = Offline(engine, load_rules(engine, found.policies_dir), found.shop.time_zone)
    return decide(source, operation, day, instant, made_at=now)


def _show(made: "Plan") -> None:
    console = out()
    console.print(f"recoup plan {made.operation} · {made.day} · policy {made.policy}")
    console.print(f"Read {made.cases} open cases from our own tables. Nothing has been sent or booked.\n")
    if not made.cases:
        console.print(
            "No open cases are known. Read them with: recoup run dunning, or: recoup import failed-payments FILE"
        )
        return
    console.print(_to_do(made) if made.actions else "Nothing to do.\n")
    if made.waiting:
        rows: dict[tuple[str, str], int] = defaultdict(int)
        for item in made.waiting:
            rows[(item["rule"], item["reason"])] += 1
        listed = [(rule, reason, count) for (rule, reason), count in sorted(rows.items(), key=lambda row: -row[1])]
        console.print(
            table(f"~ {len(made.waiting)} wait for a person", ("rule", "because", "cases"), listed, right=("cases",))
        )
    left = [(rule, reason, count) for (rule, reason), count in made.left.most_common(SHOWN_REASONS)]
    title = f"- {sum(made.left.values())} left alone"
    if left:
        console.print(table(title, ("rule", "because", "cases"), left, right=("cases",)))


def _to_do(made: "Plan") -> object:
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    money: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    from domain.money import Money, parse, plain

    for item in made.actions:
        group = (item["action"], item["rung"], item["rule"])
        counts[group] += 1
        if item["amount_max"]:
            money[group][item["currency"]] += parse(item["amount_max"], item["currency"]).minor
    rows = []
    for (action, rung, rule), count in sorted(counts.items()):
        amounts = money[(action, rung, rule)]
        at_most = ", ".join(
            f"{plain(Money(minor, currency))} {currency}" for currency, minor in sorted(amounts.items())
        )
        rows.append((action, rung, rule, count, at_most))
    title = f"+ {len(made.actions)} to do"
    return table(title, ("action", "rung", "rule", "cases", "at most, in"), rows, right=("cases", "at most, in"))


def _what_next(made: "Plan", out_file: Path | None) -> None:
    if not made.actions:
        return
    one = made.actions[0]["case"]
    if out_file is None:
        out().print(
            f"Not saved. `recoup run {made.operation}` reads the vendors first, makes a new plan and may differ."
        )
        next_commands((f"recoup explain {one}", "why one case is where it is"))
        return
    next_commands(
        (f"recoup run {out_file}", "do exactly this"), (f"recoup explain {one}", "why one case is where it is")
    )
