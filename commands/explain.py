"""`recoup explain`: the whole story of a case, with every time nothing was done, and why."""

from typing import TYPE_CHECKING

from commands.output import fail, next_commands, out

if TYPE_CHECKING:
    from tasks.stories import Line, Story

MANY = 5


def explain(name: str, *, why_not: bool = False, json: bool = False) -> int:
    """Tell the story of a case, customer, ticket, step or vendor reference. Changes nothing.

    Parameters
    ----------
    name
        A case, customer, ticket, step key or vendor reference; what it is, is looked up.
    why_not
        Only the times when nothing was done, newest first.
    json
        Print the story as one JSON document.
    """
    import settings
    from store.db import reading
    from tasks.database import open_database
    from tasks.stories import find, tell
    from tasks.stories import why_not as reasons

    engine = open_database(settings.load())
    with reading(engine) as connection:
        ids = find(connection, name)
        if not ids:
            fail(f"nothing is known of {name}", cause="no case, customer, ticket, step or reference has this name",
                 fix="recoup plan lists open cases; recoup run dunning reads the vendor")  # fmt: skip
        if why_not:
            for line in reasons(connection, ids):
                _line(line)
            return 0
        stories = [tell(connection, case_id) for case_id in ids]
    if json:
        out().print_json(data={"schema": "recoup.story/1", "stories": [_data(story) for story in stories]})
        return 0
    for story in stories[:MANY]:
        _show(story)
    if len(stories) > MANY:
        out().print(f"{len(stories) - MANY} more: " + ", ".join(story.case.id for story in stories[MANY:]))
    first = f"dunning/{ids[0]}/opened" if stories[0].case.operation == "dunning" else f"refunds/{ids[0]}"
    next_commands((f"recoup ledger trace {first}", "from the first booking to the vendor's reference"))
    return 0


def _show(story: "Story") -> None:
    from domain.money import Money

    case, console = story.case, out()
    failed, left = Money(case.failed_minor, case.currency), Money(case.remaining_minor, case.currency)
    state = f"{case.state} {case.outcome}".strip().replace("_", " ")
    what = "failed" if case.operation == "dunning" else "to go back, first seen"
    console.print(f"\nCase {case.id} · customer {case.customer} · {failed} {what} on {case.opened_on} · {state}\n")
    for line in story.lines:
        _line(line)
    if case.operation != "dunning":
        console.print(f"\n  Result  {state} · policy {case.policy_version}\n")
        return
    result = f"recovered {failed}" if case.outcome == "recovered" else f"{left} left to pay"
    console.print(f"\n  Result  {result} · {case.treatment} ({case.decline_rule}) · policy {case.policy_version}\n")


def _line(line: "Line") -> None:
    console = out()
    at = line.at[:16].replace("T", " ")
    console.print(f"  {at:<16}  {line.what:<18} {line.amount:>14}  {line.text}", markup=False, soft_wrap=True)
    if line.because:
        console.print(f"{'':<20}because {line.because}", markup=False, soft_wrap=True)
    for account, amount in line.booked:
        console.print(f"{'':<24}booked {account:<42} {amount:>14}", markup=False, soft_wrap=True)


def _data(story: "Story") -> dict[str, object]:
    lines = [
        {"at": x.at, "what": x.what, "amount": x.amount, "text": x.text, "because": x.because} for x in story.lines
    ]
    return {"case": story.case.id, "customer": story.case.customer, "state": story.case.state, "lines": lines}
