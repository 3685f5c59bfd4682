"""A vendor that is down, slow, broken, or succeeds without telling, struck at every kind of effect.

Each case: a day with the fault, then reconcile, then the next day. Never a second effect, never a lost case, the
step's state as `tasks/performing.py` says, and the run ends failed with a count.
"""

import shutil
from asyncio import sleep
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from flows.ending import end
from flows.work import StepsFailed, Work
from integrations.errors import NoAnswer
from integrations.faults import NAMES
from integrations.sandbox import Addresses
from ledger.reports import statement
from store.db import reading
from store.tables import cases, contacts, quarantine
from tests.flows.shop import (
    DAY,
    HARD,
    PAY,
    REVOKED,
    SOFT,
    Shop,
    customer,
    open_shop,
    paid_at_vendor,
    renewal,
    unsound,
)
from tests.flows.shop import IMPATIENT as PATIENCE

pytestmark = pytest.mark.anyio
NEXT = DAY + timedelta(days=1)
LATE = PATIENCE * 2
TICKETS = "POST /api/tickets$"


class Effect(NamedTuple):
    """One kind of effect: the renewal that is due for it, where it is struck, and what it leaves."""

    vendor: str
    call: str
    key: str
    kind: str
    renewal: dict[str, object]
    operation: str = "dunning"


EFFECTS = {
    "charge": Effect("stripe", PAY, "dunning/in_0/retry-1", "charge", renewal("0", SOFT, "ok", age=2)),
    "mail": Effect("mail", "", "dunning/in_0/mail-1", "mail", renewal("0", HARD)),
    "sms": Effect("twilio", "POST .*/Messages", "dunning/in_0/sms-1", "sms", renewal("0", HARD, age=9)),
    "hand_over": Effect("gorgias", TICKETS, "dunning/in_0/hand-over", "ticket", renewal("0", HARD, age=12)),
    "person": Effect("gorgias", TICKETS, "dunning/in_0/person-revoked", "ticket", renewal("0", REVOKED)),
    "follow_up": Effect(
        "gorgias", TICKETS[:-1] + "/[0-9]+/messages", "dunning/in_0/follow-up-1", "message",
        renewal("0", HARD, age=12), "dunning-follow-up",
    ),
}  # fmt: skip

NOTHING_HAPPENED = {
    "charge": {"down", "429"},
    "mail": {"down", "429", "500"},
    "sms": {"429"},
    "hand_over": {"429"},
    "person": {"429"},
    "follow_up": {"429"},
}
"""By effect, the faults after which we know that nothing happened. A 503 counts only where a repeat is harmless."""
AFTERWARDS = {"charge": "closed", "hand_over": "handed_over", "person": "person", "follow_up": "handed_over"}
"""By effect, the state of its case once it is done."""
NEVER_DONE = {"down", "429", "500"}
"""The faults in which the vendor did nothing, whether we know it or not."""


def happened(shop: Shop, effect: Effect) -> int:
    """How often the vendor really did it."""
    done = shop.effects()
    if effect.kind == "sms":
        return sum(count for (kind, _), count in done.items() if kind == "sms")
    return done[effect.kind, effect.key]


def as_documented(name: str, fault: str) -> str:
    """The state in which a step stands right after the run that met the fault."""
    return "void" if fault in NOTHING_HAPPENED[name] else "unknown"


async def before(shop: Shop, effect: Effect) -> None:
    """Bring the case to where the effect is due."""
    shop.seed(effect.renewal)
    if effect.operation == "dunning-follow-up":
        await shop.run("dunning")


@pytest.mark.parametrize("fault", NAMES)
@pytest.mark.parametrize("name", EFFECTS)
async def test_no_fault_makes_a_second_effect_or_loses_a_case(impatient: Shop, name: str, fault: str) -> None:
    shop, effect = impatient, EFFECTS[name]
    await before(shop, effect)
    shop.control.fault(effect.vendor, effect.call, fault, times=None, seconds=LATE)

    report = await shop.run(effect.operation)

    assert shop.state(effect.key) == as_documented(name, fault)
    assert (report.failures, report.states[as_documented(name, fault)]) == (1, 1)
    await sleep(LATE if fault == "slow" else 0)  # Of the grace before anybody asks, so much is real.
    shop.control.heal()
    settled = await shop.reconcile()
    assert settled.failures == (fault in NEVER_DONE and as_documented(name, fault) == "unknown")
    await shop.run("dunning", NEXT)
    await shop.run("dunning-follow-up", NEXT)
    assert shop.state(effect.key) == "done"
    assert happened(shop, effect) == 1
    assert unsound(shop.life.c.engine, shop.control, {"in_0": 1}) == []


@pytest.mark.parametrize("name", EFFECTS)
async def test_reconcile_leaves_a_fresh_unknown_alone_because_the_vendor_may_still_be_at_work(
    impatient: Shop, name: str
) -> None:
    shop, effect = impatient, EFFECTS[name]
    await before(shop, effect)
    shop.control.fault(effect.vendor, effect.call, "drop_after", times=None)
    await shop.run(effect.operation)

    assert not (await shop.run("reconcile", at=None)).states
    assert shop.state(effect.key) == "unknown"


@pytest.mark.parametrize("name", EFFECTS)
async def test_a_run_in_which_a_step_failed_ends_failed_with_a_count_after_trying_all(
    impatient: Shop, name: str
) -> None:
    shop, effect = impatient, EFFECTS[name]
    await before(shop, effect)
    shop.control.fault(effect.vendor, effect.call, "drop_after", times=None)
    report = await shop.run(effect.operation)

    with pytest.raises(StepsFailed, match=r"1 of 1 steps are not done.*1 unknown"):
        await end(Work(shop.life.c, None, report))  # type: ignore[arg-type]


async def test_the_statement_counts_a_charge_whose_answer_was_lost_once_and_at_what_the_vendor_took(
    impatient: Shop,
) -> None:
    shop, effect = impatient, EFFECTS["charge"]
    shop.seed(effect.renewal, renewal("1", HARD, age=2))
    shop.control.fault("stripe", PAY, "timeout_after", times=None, seconds=LATE)
    await shop.run("dunning")
    with reading(shop.life.c.engine) as connection:
        before_asking = statement(connection, "2026-01").books[0]
    assert before_asking.cohort.gross.minor == 0, "what is not known is not booked"
    shop.control.heal()
    await shop.reconcile()

    with reading(shop.life.c.engine) as connection:
        book = statement(connection, "2026-01").books[0]
    assert (book.cohort.failed.count, book.cohort.failed.minor) == (2, 9980)
    assert (book.cohort.gross.count, book.cohort.gross.minor) == (1, 4990)
    assert paid_at_vendor(shop.control, {"in_0", "in_1"}) == 4990


@pytest.mark.parametrize("fault", ["500", "drop_after", "garbage", "down"])
@pytest.mark.parametrize("name", ["mail", "sms", "hand_over", "follow_up"])
async def test_where_only_the_last_look_fails_nothing_was_called_and_nothing_counts_as_sent(
    impatient: Shop, name: str, fault: str
) -> None:
    shop, effect = impatient, EFFECTS[name]
    await before(shop, effect)
    shop.control.fault("stripe", "GET /v1/invoices/in_0", fault, times=None)
    await shop.run(effect.operation)

    assert (shop.state(effect.key), happened(shop, effect)) == ("void", 0)
    shop.control.heal()
    await shop.reconcile()
    assert shop.state(effect.key) == "void", "it never went out, so reconcile does not count it as sent"
    await shop.run("dunning", NEXT)
    await shop.run("dunning-follow-up", NEXT)
    assert (shop.state(effect.key), happened(shop, effect)) == ("done", 1)


async def test_a_vendor_whose_reads_fail_stops_the_run_before_anything_is_decided_and_loses_nothing(
    impatient: Shop,
) -> None:
    shop = impatient
    shop.seed(renewal("0", HARD))
    shop.control.fault("stripe", "GET /v1/invoices", "500", times=None)
    with pytest.raises(NoAnswer):
        await shop.run("dunning")
    assert (shop.rows(cases), shop.effects()) == ([], {})
    shop.control.heal()
    await shop.run("dunning", NEXT)
    assert shop.state("dunning/in_0/mail-1") == "done"


async def test_one_item_that_cannot_be_read_goes_to_quarantine_and_the_rest_goes_on(impatient: Shop) -> None:
    shop = impatient
    shop.seed(renewal("0", HARD), renewal("1", HARD, currency="us"), renewal("2", HARD))
    report = await shop.run("dunning")
    assert {row.id for row in shop.rows(cases)} == {"in_0", "in_2"}
    assert len(shop.rows(quarantine)) == report.read["quarantined"] > 0
    assert any("quarantine" in problem for problem in report.problems)
    assert report.actions["mail", "done"] == 2


async def test_a_vendor_that_refuses_our_credentials_is_not_called_again_in_that_run_and_nothing_is_lost(
    vendors: Addresses, sqlite_file: Path
) -> None:
    many = [renewal(f"{number:02}", HARD) for number in range(40)]
    wrong = {"RECOUP_MAIL__USER": "shop", "RECOUP_MAIL__PASSWORD": "wrong"}
    async with open_shop(vendors, sqlite_file, changed=wrong) as shop:
        shop.seed(*many)
        report = await shop.run("dunning")
        assert report.actions == {("mail", "void"): 40}
        said = Counter("not called" in row.detail for row in report.rows)
        assert said[True] >= 8, "the waves after the first two are not tried any more"
        assert {row.state for row in shop.rows(contacts)} == {"released"}

    async with open_shop(vendors, sqlite_file, again=True) as mended:
        await mended.run("dunning", NEXT)
        assert mended.effects() == {("mail", f"dunning/{item['id']}/mail-1"): 1 for item in many}


async def test_a_mistake_of_ours_in_one_text_stops_that_step_only_and_is_told_without_its_words(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD), renewal("1", HARD), customers=[customer("0", language="de"), customer("1")])
    rules = shop.life.c.rules
    kept = {name: text for name, text in rules.messages.sources.items() if name != ("dunning_hard_1", "de")}
    rules.messages = replace(rules.messages, sources=kept)
    report = await shop.run("dunning")
    assert report.actions == {("mail", "void"): 1, ("mail", "done"): 1}
    assert "dunning_hard_1/de.txt is missing" in shop.step("dunning/in_0/mail-1").detail


@pytest.mark.parametrize("name", ["charge", "hand_over", "person", "follow_up"])
async def test_a_database_put_back_to_before_the_effect_finds_it_at_the_vendor_and_does_it_no_second_time(
    vendors: Addresses, sqlite_file: Path, name: str
) -> None:
    effect, backup = EFFECTS[name], sqlite_file.with_name("backup.db")
    async with open_shop(vendors, sqlite_file) as shop:
        await before(shop, effect)
    shutil.copy(sqlite_file, backup)
    async with open_shop(vendors, sqlite_file, again=True) as shop:
        await shop.run(effect.operation)
    async with open_shop(vendors, backup, again=True) as restored:
        await restored.run(effect.operation)
        await restored.reconcile()
        assert (happened(restored, effect), restored.case().state) == (1, AFTERWARDS[name])
