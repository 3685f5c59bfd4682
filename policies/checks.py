"""Does a ladder make sense as a whole? Every key may be right and a customer still get a mail after the hand-over."""

from collections.abc import Mapping
from itertools import pairwise

from domain.dunning_policy import DunningPolicy, Ladder
from policies.findings import suggest
from policies.messages import Entry
from policies.reading import Table


def check_ladder(policy: DunningPolicy, table: Table) -> None:
    """Note what contradicts itself, at the key that has to change."""
    _check_window(policy, table)
    _check_messages(policy, table)
    _check_charges(policy, table)
    _check_signers(policy, table)


def check_messages_exist(table: Table, register: Mapping[str, Entry]) -> None:
    """Note every rung and follow-up that names a text which is not there, or one of another kind."""
    entries = [(entry, entry.data["action"]) for entry in table.tables("messages")]
    entries += [(entry, "mail") for entry in table.table("follow_up").tables("mails")]
    for entry, kind in entries:
        name = entry.data["message"]
        known = tuple(one.name for one in register.values() if one.kind == kind)
        if name not in known:
            entry.note("message", f'"{name}" is no {kind} in messages.toml', suggest(name, known))


def _check_window(policy: DunningPolicy, table: Table) -> None:
    window = table.table("window")
    if policy.give_up_day <= policy.hand_over_day:
        window.note(
            "give_up_day",
            f"is {policy.give_up_day}, not after hand_over_day {policy.hand_over_day}",
            "support needs days to follow up",
        )
    last = max((mail.day for mail in policy.follow_ups), default=0)
    if policy.hand_over_day + last >= policy.give_up_day:
        window.note(
            "give_up_day",
            f"comes before the last follow-up, on day {policy.hand_over_day + last}",
            "a later give_up_day, or earlier follow-ups",
        )
    beneath = table.table("beneath")
    days = [rung.day for rung in policy.beneath]
    if days and not policy.hand_over_day < days[0] <= days[-1] < policy.give_up_day:
        beneath.note(
            "days",
            f"run from {days[0]} to {days[-1]}",
            f"between hand_over_day {policy.hand_over_day} and give_up_day {policy.give_up_day}",
        )


def _check_messages(policy: DunningPolicy, table: Table) -> None:
    last: dict[str, int] = {}
    for entry in table.tables("messages"):
        day = entry.data.get("day")
        if type(day) is not int:
            continue
        if day >= policy.hand_over_day:
            entry.note(
                "day",
                f"is {day}; from hand_over_day {policy.hand_over_day} on only support writes",
                f"a day up to {policy.hand_over_day - 1}",
            )
        for treatment in entry.data.get("for", ()):
            before = last.get(treatment)
            if before is not None and day < before + policy.message_gap_days:
                earliest = before + policy.message_gap_days
                entry.note(
                    "day",
                    f'is {day}, only {day - before} after the one before for "{treatment}"',
                    f"it would be held; day {earliest} or later, in ascending order",
                )
            last[treatment] = day


def _check_charges(policy: DunningPolicy, table: Table) -> None:
    spacing = policy.budget("default").spacing_days
    for entry in table.tables("charges"):
        days = [day for day in entry.data.get("days", ()) if type(day) is int]
        if days and days[-1] >= policy.hand_over_day:
            entry.note(
                "days",
                f"ends on {days[-1]}; hand_over_day is {policy.hand_over_day}",
                "later charges go under [beneath]",
            )
        for before, day in pairwise(days):
            if 0 < day - before < spacing:
                entry.note(
                    "days",
                    f"has {day} only {day - before} after {before}",
                    f"networks without a limit of their own want {spacing} days between",
                )
    most = max((len(ladder.charges) for ladder in policy.ladders.values()), default=0)
    if policy.max_charges < 1 + most:
        problem = f"is {policy.max_charges}; the renewal and its ladder need {1 + most}"
        table.table("window").note("max_charges", problem, "more, or fewer days under [[charges]]")


def _check_signers(policy: DunningPolicy, table: Table) -> None:
    lists = [(entry, entry.data.get("senders", ())) for entry in table.tables("messages")]
    follow_up = table.table("follow_up")
    lists.append((follow_up, follow_up.data.get("senders", ())))
    for entry, names in lists:
        known = [policy.senders[name] for name in names if name in policy.senders]
        if entry.data.get("action") != "sms" and not any(one.consent_on and not one.left_on for one in known):
            entry.note("senders", "names nobody who consented and is still here", "see policies/senders.toml")
    for treatment, ladder in policy.ladders.items():
        if not _reachable(ladder):
            table.note("messages", f'has none for "{treatment}"', "a customer who must act has to be told")


def _reachable(ladder: Ladder) -> bool:
    return any(rung.action == "mail" for rung in ladder.messages)
