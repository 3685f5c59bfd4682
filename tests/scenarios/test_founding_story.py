"""A brand's January and February: what support's personal mails keep, and everything else that became of the rest.

The two months are lived through once; every test looks at them from another side. Nothing here or in the code
writes the statement's figures down but `KEPT_BY_SUPPORT`: they are the sums of what the customers in
`founding_story.toml` do.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine

from commands.statements import render_statement
from domain.instants import day_in
from domain.money import Money, plain
from integrations.sandbox import Addresses
from ledger import reports
from ledger.checks import verify
from ledger.reports import Book, content_digest
from policies.load import load_dunning, load_senders
from settings import load
from store.db import connect, reading
from tests.conftest import Database
from tests.scenarios import invariants
from tests.scenarios.founding_story import FIRST_DAY, LAST_DAY, Story, tell
from tests.scenarios.living import Back, Charge, Lived, Told, Vendors, live_through

pytestmark = pytest.mark.timeout(900)

KEPT_BY_SUPPORT = {"2026-01": (70, 862_700), "2026-02": (57, 469_400)}
"""The founding story's own figures: customers kept, and cents."""
HANDED_OVER = {"2026-01": date(2026, 1, 27), "2026-02": date(2026, 2, 27)}
SEVERAL_HUNDRED = 200
ONE_IN, SHORTER = 12, date(2026, 2, 18)
"""The size of the story that both databases live through, and its last day: January's cases are all closed then."""


class Truth(NamedTuple):
    """The two months, and what the vendors' own lists say of them."""

    story: Story
    lived: Lived
    engine: Engine
    charges: list[Charge]
    back: list[Back]
    messages: list[Told]
    doubled: list[str]
    hand_over_tickets: list[str]
    """The customer's address of every hand-over ticket."""

    @property
    def addresses(self) -> dict[str, str]:
        """Mail address or number -> customer."""
        customers = [told.customer for told in self.story.renewals]
        return {where: customer.id for customer in customers for where in (customer.email, customer.phone)}

    @property
    def owner(self) -> dict[str, str]:
        """Renewal -> customer."""
        return {told.id: told.customer.id for told in self.story.renewals}

    def book(self, month: str) -> Book:
        """The month's statement."""
        with reading(self.engine) as connection:
            (book,) = reports.statement(connection, month).books
        return book


@pytest.fixture(scope="module")
def truth(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """January and February, lived through on SQLite."""
    story = tell()
    home = tmp_path_factory.mktemp("founding-story")
    shop = (story.shop, story.zone, story.currency)
    lived = asyncio.run(live_through(addresses, home, story.seed, (FIRST_DAY, LAST_DAY), shop=shop))
    print(f"\nlived through {FIRST_DAY} to {LAST_DAY}: {lived.steps} steps in {lived.seconds:.0f} s")
    vendors, engine = Vendors(addresses), connect(lived.settings.database_url)
    tickets = [
        ticket["customer"]["email"]
        for ticket in vendors.tickets()
        if "hand-over" in {tag["name"] for tag in ticket["tags"]}
    ]
    yield Truth(
        story, lived, engine, vendors.charges(), vendors.money_back(), vendors.messages(),
        invariants.effects_more_than_once(vendors), tickets,
    )  # fmt: skip
    vendors.close()
    engine.dispose()


@pytest.mark.parametrize("month", KEPT_BY_SUPPORT)
def test_personal_follow_up_by_support_keeps_what_the_founding_story_tells(truth: Truth, month: str) -> None:
    with reading(truth.engine) as connection:
        shown = reports.statement(connection, month)
        print(render_statement(shown))
    (support,) = [line for line in shown.books[0].cohort.recovered if line.name == "support"]
    assert support.label == "Personal follow-up by support"
    assert (support.count, support.minor) == KEPT_BY_SUPPORT[month]


@pytest.mark.parametrize("month", KEPT_BY_SUPPORT)
def test_the_table_of_a_month_is_over_all_its_failures_and_none_is_left_out(truth: Truth, month: str) -> None:
    cohort, failed = truth.book(month).cohort, truth.story.of(month)
    assert (cohort.failed.count, cohort.failed.minor) == (len(failed), sum(told.minor for told in failed))
    ends = (cohort.gross, *cohort.back, *cohort.lost, cohort.open)
    assert sum(line.count for line in ends) == cohort.failed.count
    assert sum(line.minor for line in ends) + cohort.difference.minor == cohort.failed.minor
    assert cohort.difference.minor == _refunded_in_part(truth, month)
    assert (cohort.open.count, cohort.open.minor) == (0, 0)


@pytest.mark.parametrize("month", KEPT_BY_SUPPORT)
def test_every_renewal_ends_as_its_customer_behaved(truth: Truth, month: str) -> None:
    cohort = truth.book(month).cohort
    for line in cohort.recovered:
        told = truth.story.of(month, line.name)
        assert (line.name, line.count, line.minor) == (line.name, len(told), sum(each.minor for each in told))
    gone = [told for told in truth.story.of(month) if told.back in ("refund", "chargeback")]
    for line in cohort.lost:
        told = [*truth.story.of(month, line.name), *(gone if line.name == "written_off" else ())]
        assert (line.name, line.count, line.minor) == (line.name, len(told), sum(each.minor for each in told))
    assert {line.name: -line.count for line in cohort.back} == {
        name: sum(told.back == name for told in gone) for name in ("refund", "chargeback")
    }


@pytest.mark.parametrize("month", ["2026-01", "2026-02", "2026-03"])
def test_the_profit_of_a_month_is_what_came_in_during_it_whenever_the_renewal_had_failed(
    truth: Truth, month: str
) -> None:
    failed = {charge.renewal for charge in truth.charges if not charge.paid}
    phase = {told.id: told.ends for told in truth.story.renewals}
    expected: Counter[str] = Counter()
    for charge in truth.charges:
        if charge.paid and charge.renewal in failed and f"{day_in(charge.at, truth.story.zone):%Y-%m}" == month:
            expected[phase[charge.renewal]] += charge.minor
    book = truth.book(month)
    assert {line.name: line.minor for line in book.income if line.minor} == dict(expected)


def test_both_views_of_support_are_there_the_months_it_failed_in_and_the_months_it_was_paid_in(truth: Truth) -> None:
    paid_in = {month: _support(truth, month) for month in ("2026-01", "2026-02", "2026-03")}
    by_failure = [KEPT_BY_SUPPORT[month] for month in KEPT_BY_SUPPORT]
    assert sum(count for count, _ in paid_in.values()) == sum(count for count, _ in by_failure)
    assert sum(minor for _, minor in paid_in.values()) == sum(minor for _, minor in by_failure)
    # Some of January's customers answer the third mail in February, some of February's in March.
    assert 0 < paid_in["2026-01"][0] < KEPT_BY_SUPPORT["2026-01"][0]
    assert paid_in["2026-03"][0] > 0


@pytest.mark.parametrize("month", HANDED_OVER)
def test_on_the_27th_several_hundred_are_handed_over_and_the_list_names_each_once(truth: Truth, month: str) -> None:
    day = HANDED_OVER[month]
    still_failed = _unpaid_on_the_morning(truth, month, day)
    assert len(still_failed) >= SEVERAL_HUNDRED
    assert truth.lived.done("hand_over", day) == len(still_failed)
    with (truth.lived.home / "hand-over" / f"{day}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["case"]: row["amount"] for row in rows} == still_failed
    assert len(rows) == len(still_failed)
    tickets = {(row["customer"], row["ticket"]) for row in rows}
    assert len(tickets) == len({row["customer"] for row in rows}) == len({row["ticket"] for row in rows})


def test_a_customer_has_one_hand_over_ticket_a_month_whatever_number_of_boxes(truth: Truth) -> None:
    counted = Counter(truth.hand_over_tickets)
    months: Counter[str] = Counter()
    for month, day in HANDED_OVER.items():
        renewals = _unpaid_on_the_morning(truth, month, day)
        months.update({told.customer.email for told in truth.story.renewals if told.id in renewals})
    assert counted == months


def test_mails_are_signed_by_several_real_senders_and_by_nobody_else(truth: Truth) -> None:
    register = load_senders(load().policies_dir)
    addresses = {sender.email for sender in register.values() if sender.consent_on and not sender.left_on}
    signed = {told.sender.split("<")[-1].rstrip(">") for told in truth.messages if told.channel in ("mail", "ticket")}
    assert len(signed) >= 3
    assert signed <= addresses


def test_nobody_gets_two_messages_on_one_day(truth: Truth) -> None:
    assert invariants.two_messages_on_one_day(truth.messages, truth.addresses, truth.story.zone) == []


def test_nobody_who_paid_gets_a_message_afterwards(truth: Truth) -> None:
    assert invariants.messages_after_payment(truth.messages, truth.charges, truth.addresses, truth.owner) == []


def test_no_robot_writes_to_a_vip_or_after_cancel_and_no_text_after_stop(truth: Truth) -> None:
    by_group = {told.customer.id: told.group for told in truth.story.renewals}
    got = [(by_group[truth.addresses[told.who]], told.channel) for told in truth.messages]
    assert not [each for each in got if each[0].startswith("VIP")]
    stopped = [told.customer for told in truth.story.renewals if "STOP" in told.group or "CANCEL" in told.group]
    texts = Counter(told.who for told in truth.messages if told.channel == "sms")
    assert {texts[customer.phone] for customer in stopped} == {1}


def test_no_card_is_tried_above_its_networks_budget(truth: Truth) -> None:
    budgets = load_dunning(load().policies_dir).policy.budgets
    assert invariants.cards_above_budget(truth.charges, budgets) == []


def test_no_key_has_two_effects(truth: Truth) -> None:
    assert truth.doubled == []


def test_no_run_had_a_problem_and_no_step_is_left_without_an_outcome(truth: Truth) -> None:
    assert truth.lived.problems == []
    states = Counter[str]()
    for _, report in truth.lived.reports:
        states.update(report.states)
    assert set(states) <= {"done", "refused"}


def test_the_books_prove_themselves_and_equal_the_vendors_own_list_of_payments_to_the_cent(truth: Truth) -> None:
    with reading(truth.engine) as connection:
        assert verify(connection).first is None
        assert invariants.unexplained_money(connection, truth.charges, truth.back) == ""


def test_the_same_months_give_the_same_books_on_sqlite_and_on_postgresql(
    addresses: Addresses, tmp_path: Path, sqlite_engine: Engine, postgresql_database: Database
) -> None:
    story = tell(ONE_IN)
    shop, digests = (story.shop, story.zone, story.currency), []
    for name, engine in (("sqlite", sqlite_engine), ("postgresql", postgresql_database.app)):
        home = tmp_path / name
        home.mkdir()
        lived = asyncio.run(live_through(addresses, home, story.seed, (FIRST_DAY, SHORTER), shop=shop, engine=engine))
        assert lived.problems == []
        with reading(engine) as connection:
            assert verify(connection).proven
            digests.append((content_digest(connection), _shown(connection)))
    assert digests[0] == digests[1]


def _shown(connection: Connection) -> list[tuple[str, Book]]:
    found = [(month, reports.statement(connection, month)) for month in ("2026-01", "2026-02")]
    return [(month, statement.books[0]) for month, statement in found]


def _support(truth: Truth, month: str) -> tuple[int, int]:
    (line,) = [line for line in truth.book(month).income if line.name == "support"]
    return line.count, line.minor


def _refunded_in_part(truth: Truth, month: str) -> int:
    in_part = {told.id for told in truth.story.of(month) if told.back == "part"}
    renewal = {charge.id: charge.renewal for charge in truth.charges}
    return sum(item.minor for item in truth.back if renewal[item.charge] in in_part)


def _unpaid_on_the_morning(truth: Truth, month: str, day: date) -> dict[str, str]:
    """Renewal -> amount, of those that the vendor still calls unpaid that morning and that no person has."""
    paid = {charge.renewal for charge in truth.charges if charge.paid and day_in(charge.at, truth.story.zone) < day}
    paid |= {told.id for told in truth.story.renewals if told.group == "pays an hour before the hand-over"}
    with_person = {"cancels in the first week", "the shop voids the invoice"}
    return {
        told.id: plain(Money(told.minor, truth.story.currency))
        for told in truth.story.of(month)
        if told.id not in paid
        and told.group not in with_person
        and not told.group.startswith(("revoked", "answers CANCEL"))
    }
