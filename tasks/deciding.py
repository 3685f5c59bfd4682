"""Gather and decide from our own tables: no vendor is called, so `plan` and a live run decide the same.

Cases are streamed in pages of whole customers; a million need no more memory than ten thousand.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from domain.contacts import may_contact, send_at
from domain.decisions import Decision, Hold, Step
from domain.dunning import decide_customer
from domain.dunning_follow_up import Thread, next_follow_up
from domain.dunning_policy import DunningPolicy
from domain.instants import to_text
from domain.people import Person
from store import cases, contacts, people, steps
from store.db import reading
from store.holds import waiting
from tasks.rules import Rules


class Source(Protocol):
    """What deciding needs: the database, the rules, the shop's zone. A run's connections are one, a plan another."""

    @property
    def engine(self) -> Engine:
        """The database."""

    @property
    def rules(self) -> Rules:
        """The rules in force."""

    @property
    def zone(self) -> str:
        """The shop's IANA time zone."""


@dataclass(frozen=True, slots=True)
class Page:
    """The decisions about one page of cases."""

    decisions: list[Decision]
    cases: int


def decide(source: Source, day: date, now: datetime, *, only: frozenset[str] | None = None) -> Iterator[Page]:
    """Decide all open cases for `day`, page by page; `only` keeps to some case ids.

    A card that several customers use is charged once in a run: its next attempt is known only after the next read.
    """
    charged: set[str] = set()
    for rows in cases.stream(source.engine, "dunning"):
        # A customer's cases are always decided together; which of them are then kept is another thing.
        asked = {row.customer for row in rows if only is None or row.id in only}
        chosen = [row for row in rows if row.customer in asked]
        if not chosen:
            continue
        with reading(source.engine) as connection:
            revoked = source.rules.quiet_hours.revoke_all_from
            grouped = cases.facts(connection, chosen, now=now, zone=source.zone, revoke_all_from=revoked)
            policies = {row.policy_version: source.rules.of(row.policy_version).policy for row in chosen}
            decided = [found for customer in grouped for found in decide_customer(customer, policies, day)]
            texted = {found.case for found in decided if isinstance(found, Step) and found.action == "sms"}
            persons = people.by_ids(connection, {row.customer for row in chosen if row.id in texted})
        owners = {row.id: persons.get(row.customer) for row in chosen if row.id in texted}
        decided = [found for found in decided if only is None or found.case in only]
        decided = _once_a_card(decided, {row.id: row.card for row in chosen}, charged)
        yield Page([_in_daytime(source, found, owners, now) for found in decided], len(decided))


def decide_follow_ups(source: Source, day: date) -> Iterator[Page]:
    """Decide the personal mail of every hand-over ticket for `day`, page by page."""
    for rows in cases.stream(source.engine, "dunning"):
        handed = [row for row in rows if row.state == "handed_over" and row.ticket]
        tickets: dict[str, list[Any]] = {}
        for row in handed:
            tickets.setdefault(row.ticket, []).append(row)
        if not tickets:
            continue
        with reading(source.engine) as connection:
            facts = _thread_facts(source, connection, handed, day)
        threads = [_thread(source, group, facts, day) for group in tickets.values()]
        yield Page([next_follow_up(thread, policy, day) for thread, policy in threads], len(handed))


def waiting_cases(source: Source, now: datetime, day: date) -> frozenset[str]:
    """Cases that were held for the recipient's night since yesterday and may be taken up by now."""
    with reading(source.engine) as connection:
        return frozenset(waiting(connection, to_text(now), oldest=day))


def _once_a_card(decided: list[Decision], cards: dict[str, str], charged: set[str]) -> list[Decision]:
    """The same decisions, but one charge a card; `charged` are the cards of this run and grows."""
    kept: list[Decision] = []
    for found in decided:
        card = cards[found.case] if isinstance(found, Step) and found.action == "charge" else ""
        again = card in charged
        kept.append(Hold(found.case, "D-12", "this card is charged for another renewal today") if again else found)
        charged.update({card} - {""})
    return kept


def _in_daytime(source: Source, found: Decision, owners: dict[str, Person | None], now: datetime) -> Decision:
    """The same decision, or a hold where it is night at the recipient."""
    person = owners.get(found.case)
    if not isinstance(found, Step) or found.action != "sms" or person is None:
        return found
    allowed = send_at("sms", person, now, source.rules.quiet_hours)
    if allowed <= now:
        return found
    return Hold(found.case, "D-25", f"quiet hours at the recipient until {to_text(allowed)}", until=to_text(allowed))


@dataclass(frozen=True, slots=True)
class _ThreadFacts:
    """What the threads of one page need: steps by ticket, people, why they get no mail, and who was told today."""

    history: dict[str, list[Any]]
    people: dict[str, Person]
    opted_out: dict[str, str]
    told: set[str]


def _thread_facts(source: Source, connection: Connection, handed: list[Any], day: date) -> _ThreadFacts:
    customers = {row.customer for row in handed}
    history, asked = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    of_case = cases.tickets_of(connection, customers)
    for step in steps.of_cases(connection, of_case):
        history[of_case[step.case_id]].append(step)
    for row in people.opt_outs_of(connection, customers):
        asked[row.person].append(row)
    revoked = source.rules.quiet_hours.revoke_all_from
    out = {person: may_contact("mail", "dunning", said, day, revoked) for person, said in asked.items()}
    told = contacts.told_on(connection, customers, day, source.zone)
    return _ThreadFacts(history, people.by_ids(connection, customers), out, told)


def _thread(source: Source, group: list[Any], facts: _ThreadFacts, day: date) -> tuple[Thread, DunningPolicy]:
    # The case whose hand-over opened the ticket may be paid by now; its mails count all the same.
    mine = [step for step in facts.history.get(group[0].ticket, ()) if step.state not in cases.NOT_TAKEN]
    opened = [step for step in mine if step.action == "hand_over"]
    lead = next((step.case_id for step in opened if step.vendor_ref), group[0].id)
    sent = [step for step in mine if step.action == "follow_up" and step.state != "refused"]
    customer = group[0].customer
    person = facts.people.get(customer)
    policy = source.rules.of(group[0].policy_version).policy
    handed_on = min((date.fromisoformat(step.day) for step in opened), default=date.max)
    thread = Thread(
        id=lead,
        customer=customer,
        ticket=group[0].ticket,
        handed_over_on=handed_on,
        open_cases=len(group),
        policy_version=policy.version,
        taken=frozenset(step.rung for step in mine if step.action == "follow_up"),
        waiting_for_answer=any(step.state in steps.OPENED for step in mine),
        answered=any(row.answered_at for row in group),
        last_message_on=max(
            [day] * (customer in facts.told) + [steps.acted_on(step, source.zone) for step in sent], default=None
        ),
        last_sender=sent[-1].sender if sent else "",
        mail=facts.opted_out.get(customer, "") if person and person.email else "no e-mail address is known",
        vip=bool(person and person.vip),
    )
    return thread, policy
