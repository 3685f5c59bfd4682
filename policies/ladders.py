"""`policies/dunning.toml` and `policies/senders.toml` as a `DunningPolicy`, with every mistake noted.

The ladder belongs to a version and a running case keeps it. The register of senders does not: it always counts
as it is today, so that somebody who left yesterday signs nothing today, not even in a case that began before.
"""

from collections.abc import Mapping

from domain.declines import RETRYING
from domain.dunning_policy import Budget, DunningPolicy, FollowUp, Ladder, Rung
from domain.people import Sender
from policies.reading import Table, read_amounts

LADDERS = ("wait", "soon", "cautious", "fix", "never")
"""The treatments with a ladder; the others go to a person at once."""

LONGEST_WINDOW = 60
NEXT_RENEWAL = ("close_old", "both")


def read_senders(table: Table) -> dict[str, Sender]:
    """The register of senders by id. Without a consent date somebody is known but never signs."""
    senders = {}
    for name, entry in table.entries():
        sender = Sender(
            id=name,
            name=entry.text("name"),
            email=entry.text("email"),
            consent_on=entry.day("consent_on", ""),
            left_on=entry.day("left_on", ""),
            away=entry.spans("away"),
        )
        if sender.email.count("@") != 1 or sender.email.strip() != sender.email:
            entry.note("email", f"is a text of {len(sender.email)} characters that is no address", "name@shop.example")
        if not sender.name.strip():
            entry.note("name", "is empty", "the name as customers shall read it")
        entry.close()
        senders[name] = sender
    return senders


def read_dunning(table: Table, senders: Mapping[str, Sender], version: str) -> DunningPolicy:
    """The policy of one version; what is wrong is noted in the table's findings."""
    window, paydays, beneath = table.table("window"), table.table("paydays"), table.table("beneath")
    holdout, follow_up = table.table("holdout"), table.table("follow_up")
    hand_over_day = window.whole("hand_over_day", 1, LONGEST_WINDOW)
    policy = DunningPolicy(
        version=version,
        hand_over_day=hand_over_day,
        give_up_day=window.whole("give_up_day", 2, LONGEST_WINDOW),
        message_gap_days=window.whole("message_gap_days", 1, 30),
        max_charges=window.whole("max_charges", 1, 35),
        pending_days=window.whole("pending_days", 1, 30),
        attribution_days=window.whole("attribution_days", 1, LONGEST_WINDOW),
        next_renewal=window.text("next_renewal", choices=NEXT_RENEWAL),
        minimum_minor=read_amounts(table.table("minimum")),
        ladders=_read_ladders(table, senders),
        beneath=_charges(beneath.wholes("days", 1, LONGEST_WINDOW), "beneath"),
        beneath_treatments=frozenset(beneath.texts("for", tuple(sorted(RETRYING)))),
        paydays=frozenset(paydays.wholes("days", 1, 31)),
        payday_treatments=frozenset(paydays.texts("for", tuple(sorted(RETRYING)))),
        budgets=_read_budgets(table.table("budget")),
        follow_ups=_read_follow_ups(follow_up),
        follow_up_senders=follow_up.texts("senders", tuple(senders)),
        senders=senders,
        holdout_per_mille=holdout.whole("per_mille", 0, 1000),
        holdout_salt=holdout.text("salt"),
    )
    for part in (window, paydays, beneath, holdout, follow_up, table):
        part.close()
    return policy


def _read_ladders(table: Table, senders: Mapping[str, Sender]) -> dict[str, Ladder]:
    charges: dict[str, tuple[Rung, ...]] = {}
    for entry in table.tables("charges"):
        days = entry.wholes("days", 1, LONGEST_WINDOW)
        for treatment in entry.texts("for", tuple(sorted(RETRYING))):
            if treatment in charges:
                entry.note("for", f'names "{treatment}" a second time', "each treatment has one list of days")
            charges[treatment] = _charges(days, "retry")
        entry.close()
    messages: dict[str, list[Rung]] = {treatment: [] for treatment in LADDERS}
    for entry in table.tables("messages"):
        rung = _read_rung(entry, senders)
        for treatment in entry.texts("for", LADDERS):
            if rung.name in {other.name for other in messages[treatment]}:
                entry.note("name", f'"{rung.name}" is there twice for "{treatment}"', "each name once per treatment")
            messages[treatment].append(rung)
        entry.close()
    return {
        treatment: Ladder(charges=charges.get(treatment, ()), messages=tuple(messages[treatment]))
        for treatment in LADDERS
    }


def _read_rung(entry: Table, senders: Mapping[str, Sender]) -> Rung:
    action = entry.text("action", choices=("mail", "sms"))
    return Rung(
        name=entry.text("name"),
        day=entry.whole("day", 0, LONGEST_WINDOW),
        action=action,
        message=entry.text("message"),
        senders=entry.texts("senders", tuple(senders), default=[] if action == "sms" else None),
        required=entry.flag("required", False),
    )


def _charges(days: tuple[int, ...], stem: str) -> tuple[Rung, ...]:
    return tuple(Rung(name=f"{stem}-{number}", day=day, action="charge") for number, day in enumerate(days, 1))


def _read_budgets(table: Table) -> dict[str, Budget]:
    budgets = {}
    for network, entry in table.entries():
        budgets[network] = Budget(
            per_day=entry.whole("per_day", 1, 10),
            per_30_days=entry.whole("per_30_days", 1, 35),
            spacing_days=entry.whole("spacing_days", 1, 30),
        )
        entry.close()
    if "default" not in budgets:
        table.note("default", "is missing", "add [budget.default], for networks that have no limits of their own")
        budgets["default"] = Budget(per_day=1, per_30_days=1, spacing_days=2)
    return budgets


def _read_follow_ups(table: Table) -> tuple[FollowUp, ...]:
    mails: list[FollowUp] = []
    for entry in table.tables("mails"):
        mail = FollowUp(name=entry.text("name"), day=entry.whole("day", 0, 30), message=entry.text("message"))
        if mails and mail.day <= mails[-1].day:
            entry.note("day", f"is {mail.day} after {mails[-1].day}", "ascending, in days after the hand-over")
        if mail.name in {other.name for other in mails}:
            entry.note("name", f'"{mail.name}" is there twice', "each name once")
        mails.append(mail)
        entry.close()
    return tuple(mails)
