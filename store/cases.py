"""Cases: the failed renewals and the facts that decisions are made of.

Streams in pages of whole customers, so that a million cases need no more memory than ten thousand.
Reading only, but for `insert_cases` and `update_facts`, which repeat what the vendor says and are safe to run twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Row, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.contacts import may_contact
from domain.dunning_case import Case
from domain.instants import day_in, from_text, to_text
from store import steps as steps_store
from store.contacts import told_on
from store.db import reading
from store.tables import attempts, cases, opt_outs, people, steps

OPEN = ("open", "handed_over", "person")
PAGE = 2_000
NUMBERS = tuple(column.name for column in cases.c if isinstance(column.type, BigInteger))
TEXTS = tuple(column.name for column in cases.c if column.name not in NUMBERS)
"""The columns by kind: an operation fills those it has, the others are empty or 0."""
NOT_TAKEN = frozenset({"void", "dropped"})
"""A step in these states had no effect, so its rung is free again."""
MESSAGES = frozenset({"mail", "sms", "follow_up"})


def stream(engine: Engine, operation: str, *, page: int = PAGE) -> Iterator[list[Row[Any]]]:
    """All open cases of `operation`, in pages of whole customers, ordered by customer and id."""
    last, kept = ("", ""), list[Row[Any]]()
    while True:
        with reading(engine) as connection:
            rows = connection.execute(
                select(cases)
                .where(cases.c.operation == operation, cases.c.state.in_(OPEN))
                .where(tuple_(cases.c.customer, cases.c.id) > last)
                .order_by(cases.c.customer, cases.c.id)
                .limit(page)
            ).all()
        if not rows:
            break
        last = (rows[-1].customer, rows[-1].id)
        kept.extend(rows)
        whole = [row for row in kept if row.customer != rows[-1].customer]
        if whole:
            yield whole
            kept = kept[len(whole) :]
    if kept:
        yield kept


def facts(
    connection: Connection, rows: Sequence[Row[Any]], *, now: datetime, zone: str, revoke_all_from: str
) -> list[list[Case]]:
    """The decision's facts for a page of case rows, one list per customer.

    `revoke_all_from` is the day from which an opt-out by text counts for everything (`policies/quiet_hours.toml`).
    """
    history = _history(connection, [row.id for row in rows])
    today, customers = day_in(now, zone), {row.customer for row in rows}
    reach = _reachability(connection, customers, today, revoke_all_from)
    told = told_on(connection, customers, today, zone)
    tries = _tries(connection, rows, now)
    newest, a_day_ago = _newest(rows), to_text(now - timedelta(days=1))
    grouped: dict[str, list[Case]] = defaultdict(list)
    for row in rows:
        on_card, on_case = tries[0].get(row.card or row.card_failed, ()), tries[1].get(row.id, ())
        grouped[row.customer].append(
            _case(row, history[row.id], reach[row.customer], on_card, on_case, newest, a_day_ago, zone)
        )
    return [_told_today(found) if customer in told else found for customer, found in grouped.items()]


def _told_today(found: list[Case]) -> list[Case]:
    return [case._replace(told_today=True) for case in found]


def by_id(connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Case rows by id; unknown ids are left out."""
    return {row.id: row for row in connection.execute(select(cases).where(cases.c.id.in_(list(ids))))}


def open_of_customer(connection: Connection, customer: str) -> list[Row[Any]]:
    """The customer's open cases, oldest id first."""
    chosen = select(cases).where(cases.c.customer == customer, cases.c.state.in_(OPEN)).order_by(cases.c.id)
    return list(connection.execute(chosen).all())


def insert_cases(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Insert the cases that are not known yet; return the ids that were new."""
    known = by_id(connection, [row["id"] for row in rows])
    new = [dict(row) for row in {row["id"]: row for row in rows}.values() if row["id"] not in known]
    if new:
        # Another run may read the same renewal at this moment; on PostgreSQL only the key tells.
        add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(cases)
        connection.execute(add.on_conflict_do_nothing(index_elements=[cases.c.id]), new)
    return [row["id"] for row in new]


def update_facts(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what the vendor says now; every row names the case in `id` and all rows have the same columns."""
    if not rows:
        return
    columns = [name for name in rows[0] if name != "id"]
    change = (
        update(cases)
        .where(cases.c.id == bindparam("case"))
        .values({name: bindparam(f"new_{name}") for name in columns})
    )
    values = [{"case": row["id"]} | {f"new_{name}": row[name] for name in columns} for row in rows]
    connection.execute(change, values)


def to_person(connection: Connection, customer: str, trouble: str) -> None:
    """Give the customer's open cases to a person; one that has trouble already keeps its own."""
    mine = (cases.c.customer == customer) & cases.c.state.in_(OPEN) & (cases.c.trouble == "")
    connection.execute(update(cases).where(mine).values(trouble=trouble, state="person"))


def tickets_of(connection: Connection, customers: Iterable[str]) -> dict[str, str]:
    """The ticket of every case of these customers that was ever handed over, closed ones too."""
    handed = cases.c.customer.in_(list(customers)) & (cases.c.ticket != "")
    chosen = select(cases.c.id, cases.c.ticket).where(handed).order_by(cases.c.id)
    return {case: ticket for case, ticket in connection.execute(chosen)}


def note_answer(connection: Connection, ticket: str, at: datetime) -> None:
    """Note that the customer answered on a ticket, or that an agent took it; the first time counts."""
    mine = (cases.c.ticket == ticket) & (cases.c.answered_at == "")
    connection.execute(update(cases).where(mine).values(answered_at=to_text(at)))


def tickets(connection: Connection) -> list[str]:
    """References of the hand-over tickets on which something is open and nobody has answered yet."""
    waits = (cases.c.state == "handed_over") & (cases.c.ticket != "") & (cases.c.answered_at == "")
    return sorted({ticket for (ticket,) in connection.execute(select(cases.c.ticket).where(waits))})


def _case(
    row: Row[Any],
    history: list[Row[Any]],
    reach: tuple[str, str, bool],
    on_card: Sequence[str],
    on_case: Sequence[tuple[str, str, str]],
    newest: Mapping[str, str],
    a_day_ago: str,
    zone: str,
) -> Case:
    counted = [step for step in history if step.state not in NOT_TAKEN]
    told = [steps_store.acted_on(step, zone) for step in counted if step.action in MESSAGES and step.state != "refused"]
    last_try = max((*on_card, *(at for at, _, _ in on_case)), default="")
    return Case(
        id=row.id,
        customer=row.customer,
        state=row.state,
        failed_on=date.fromisoformat(row.opened_on),
        remaining_minor=row.remaining_minor,
        currency=row.currency,
        treatment=row.treatment,
        policy_version=row.policy_version,
        network=row.network,
        card=row.card,
        card_failed=row.card_failed,
        not_before=row.not_before,
        auto_charge=bool(row.auto_charge),
        vendor_retry_on=row.vendor_retry_on,
        subscription_status=row.subscription_status,
        trouble=row.trouble,
        newer_case=bool(row.subscription) and newest.get(row.subscription, row.id) != row.id,
        taken=frozenset(step.rung for step in counted),
        waiting_for_answer=any(step.state in ("intended", "unknown") for step in history),
        charges=max(1, len(on_case)),
        vendor_retries=_vendor_retries(on_case),
        last_charge_on=day_in(from_text(last_try), zone) if last_try else None,
        card_day=sum(at > a_day_ago for at in on_card),
        card_month=len(on_card),
        last_message_on=max(told, default=None),
        mail=reach[0],
        sms=reach[1],
        vip=reach[2],
        answered=bool(row.answered_at),
    )


def _vendor_retries(on_case: Sequence[tuple[str, str, str]]) -> int:
    """Attempts after the first that were not ours and used the same card: the vendor's own automatic retries."""
    if not on_case:
        return 0
    first = on_case[0][1]
    return sum(1 for _, card, step_key in on_case[1:] if not step_key and card == first)


def _newest(rows: Sequence[Row[Any]]) -> dict[str, str]:
    """By subscription, the id of the case that failed last."""
    ordered = sorted(rows, key=lambda row: (row.opened_on, row.id))
    return {row.subscription: row.id for row in ordered if row.subscription}


def _history(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    chosen = select(steps.c.case_id, steps.c.rung, steps.c.action, steps.c.state, steps.c.day, steps.c.intended_at)
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for step in connection.execute(chosen.where(steps.c.case_id.in_(ids))):
        found[step.case_id].append(step)
    return found


def _tries(
    connection: Connection, rows: Sequence[Row[Any]], now: datetime
) -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str, str]]]]:
    """Attempts that reached a network: instants by card over 30 days, and (instant, card, step key) by case."""
    cards = {card for row in rows for card in (row.card, row.card_failed) if card}
    since, reached = to_text(now - timedelta(days=30)), attempts.c.reached_network == 1
    on_card: dict[str, list[str]] = defaultdict(list)
    recent = select(attempts.c.card, attempts.c.at).where(attempts.c.card.in_(cards), attempts.c.at > since, reached)
    for card, at in connection.execute(recent):
        on_card[card].append(at)
    on_case: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    chosen = select(attempts.c.case_id, attempts.c.at, attempts.c.card, attempts.c.step_key)
    chosen = chosen.where(attempts.c.case_id.in_([row.id for row in rows]), reached).order_by(attempts.c.at)
    for case_id, at, card, step_key in connection.execute(chosen):
        on_case[case_id].append((at, card, step_key))
    return on_card, on_case


def _reachability(
    connection: Connection, customers: set[str], today: date, revoke_all_from: str
) -> dict[str, tuple[str, str, bool]]:
    """(why no mail, why no SMS, VIP) by customer; an unknown person can be reached on no channel."""
    asked: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(select(opt_outs).where(opt_outs.c.person.in_(customers))):
        asked[row.person].append(row)
    found: dict[str, tuple[str, str, bool]] = defaultdict(lambda: ("nobody with this id is known",) * 2 + (False,))
    for person in connection.execute(select(people).where(people.c.id.in_(customers))):
        mail = "" if person.email else "no e-mail address is known"
        sms = "" if person.phone else "no phone number is known"
        if person.phone and not person.sms_consent:
            sms = "there is no consent to SMS"
        if against := asked.get(person.id):
            mail = may_contact("mail", "dunning", against, today, revoke_all_from) or mail
            sms = may_contact("sms", "dunning", against, today, revoke_all_from) or sms
        found[person.id] = (mail, sms, bool(person.vip))
    return found
