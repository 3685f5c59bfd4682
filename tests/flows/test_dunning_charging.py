"""The cases of charging and money safety, against the pretended vendors. The number of each case stands in its test."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.attribution import Earned
from domain.money import Money
from domain.payments import Attempt, DeclineCodes, Payment
from ledger.models import entries
from store import attempts, steps
from store.db import transaction
from store.steps import Intent
from store.tables import attempts as attempt_table
from store.tables import cases
from store.tables import steps as step_table
from tasks import booking
from tasks.charges import no_longer_due
from tasks.outcomes import observe
from tests.flows.shop import DAY, PAY, SOFT, Shop, renewal, unsound

pytestmark = pytest.mark.anyio
KEY = "dunning/in_0/retry-1"


def later(days: int) -> object:
    """A day after the test's own."""
    return DAY + timedelta(days=days)


def sound(shop: Shop) -> list[str]:
    """What does not hold; see `unsound`."""
    return unsound(shop.life.c.engine, shop.control, {"in_0": 1})


def recovered(shop: Shop) -> list[str]:
    """The keys of the entries that book recovered money."""
    return [row.source_key for row in shop.rows(entries) if row.kind == "renewal_recovered"]


async def test_01_given_an_attempt_without_an_answer_then_no_charge_is_made_until_the_vendor_is_asked(
    impatient: Shop,
) -> None:
    impatient.seed(renewal("0", SOFT, SOFT, age=2))
    impatient.control.fault("stripe", PAY, "timeout_after", times=None, seconds=1)
    await impatient.run("dunning")
    impatient.control.heal()
    for days in range(1, 6):
        await impatient.run("dunning", DAY + timedelta(days=days))
    assert (impatient.charges(), impatient.hold().rule) == (1, "D-02")
    assert impatient.effects() == {("charge", KEY): 1}, "nobody is written to either"


async def test_02_given_an_unanswered_attempt_that_failed_then_it_counts_as_a_failure_and_the_ladder_goes_on(
    impatient: Shop,
) -> None:
    impatient.seed(renewal("0", SOFT, "insufficient_funds", "ok", age=2))
    impatient.control.fault("stripe", PAY, "drop_after", times=None)
    await impatient.run("dunning")
    impatient.control.heal()
    await impatient.reconcile()
    assert (impatient.state(KEY), impatient.case().treatment) == ("refused", "wait")
    report = await impatient.run("dunning", DAY + timedelta(days=3))
    assert report.actions == {("charge", "done"): 1}, "day 5 of the ladder for `wait`"


@pytest.mark.parametrize("first", ["reconcile", "dunning"])
async def test_03_given_an_unanswered_attempt_that_paid_then_the_case_closes_once_at_what_the_vendor_took(
    impatient: Shop, first: str
) -> None:
    impatient.seed(renewal("0", SOFT, "ok", age=2))
    impatient.control.fault("stripe", PAY, "500_after", times=None)
    await impatient.run("dunning")
    impatient.control.heal()
    for operation in (first, "reconcile", "dunning", "reconcile"):
        await impatient.run(operation, DAY + timedelta(days=1))
    assert (impatient.case().state, impatient.case().outcome, recovered(impatient)) == ("closed", "recovered", [KEY])
    assert sound(impatient) == []


@pytest.mark.parametrize(("what", "state", "case"), [("settles", "done", "closed"), ("bounces", "refused", "open")])
async def test_05_given_a_pending_payment_when_it_turns_then_the_case_closes_or_goes_on(
    shop: Shop, what: str, state: str, case: str
) -> None:
    shop.seed(renewal("0", SOFT, "processing", age=2))
    await shop.run("dunning")
    assert shop.state(KEY) == "unknown"
    shop.act(what)
    await shop.reconcile()
    assert (shop.state(KEY), shop.case().state) == (state, case)
    assert shop.charges() == 1


async def test_06_given_a_pending_payment_that_never_moves_then_no_charge_and_a_person_is_told(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "processing", age=2))
    for days in range(6):
        await shop.run("dunning", DAY + timedelta(days=days))
        await shop.reconcile(DAY + timedelta(days=days))
    assert shop.effects() == {("charge", KEY): 1, ("ticket", "dunning/in_0/person-pending"): 1}
    assert (shop.case().state, shop.case().trouble, shop.hold().person) == ("person", "pending", 1)
    shop.act("settles")
    await shop.reconcile(DAY + timedelta(days=6))
    assert (shop.state(KEY), shop.case().state, shop.balance("Assets")) == ("done", "closed", 4990)


async def test_07_given_the_charge_succeeded_and_the_process_died_then_it_is_repaired_and_not_charged_again(
    shop: Shop,
) -> None:
    """The same at any line of the process: tests/flows/test_crash.py."""
    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.put()
    await shop.read()
    (step,) = shop.decided()
    intent = Intent(step=step, operation="dunning", customer="cus_0", day=DAY, policy_version="", flow_run="",
                    vendor="stripe")  # fmt: skip
    with transaction(shop.life.c.engine) as connection:
        steps.intend(connection, [intent], shop.life.clock.now)
    await shop.life.c.payments.charge("in_0", key=step.key)

    await shop.run("dunning")
    assert shop.state(KEY) == "intended"
    await shop.reconcile()
    assert (shop.state(KEY), shop.case().outcome, shop.charges()) == ("done", "recovered", 1)
    assert sound(shop) == []


async def test_09_given_a_recorded_failure_that_is_paid_after_all_then_the_case_closes(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, SOFT, age=2))
    await shop.run("dunning")
    assert shop.state(KEY) == "refused"
    shop.act("pays")
    await shop.run("dunning", DAY + timedelta(days=1))
    assert (shop.case().state, shop.case().outcome, shop.state(KEY)) == ("closed", "recovered", "refused")
    assert sound(shop) == []


async def test_10_given_the_gateway_is_down_then_it_is_tried_again_within_seconds_and_no_budget_is_used(
    impatient: Shop,
) -> None:
    impatient.seed(renewal("0", SOFT, SOFT, age=2))
    impatient.control.fault("stripe", PAY, "down", times=2)
    report = await impatient.run("dunning")
    assert report.actions == {("charge", "refused"): 1}
    await impatient.read()
    assert len(impatient.rows(attempt_table)) == 2, "the renewal's own attempt and the one that reached the network"


async def test_11_given_a_card_error_then_only_the_ladder_tries_again(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, SOFT, age=2))
    await shop.run("dunning")
    await shop.run("dunning")
    assert (shop.charges(), shop.step(KEY).tries) == (1, 1)


async def test_13_given_another_run_has_the_step_then_it_is_left_to_it_and_one_row_exists(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.put()
    await shop.read()
    due = shop.decided()
    outcomes = await asyncio.gather(*(shop.perform(*due) for _ in range(5)))
    assert sorted(found.state for (found,) in outcomes) == ["done", *["elsewhere"] * 4]
    assert (shop.charges(), len([row for row in shop.rows(step_table) if row.action == "charge"])) == (1, 1)


async def test_14_given_a_run_is_at_work_when_dunning_starts_then_no_charge_and_no_failure(shop: Shop) -> None:
    from flows.work import work

    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.put()
    async with work("dunning", DAY.isoformat()):
        report = await shop.run("dunning", at=None)
        assert (report.failures, shop.charges()) == (0, 0)
    assert (await shop.run("dunning", at=None)).actions == {("charge", "done"): 1}


async def test_15_given_the_bank_wants_the_cardholder_then_the_charge_is_over_and_the_customer_is_asked(
    shop: Shop,
) -> None:
    """We keep no lock round a payment. A charge that needs its owner is a refusal, a processing one is left alone."""
    shop.seed(renewal("0", SOFT, "requires_action", age=2))
    await shop.run("dunning")
    assert (shop.state(KEY), shop.case().treatment) == ("refused", "fix")
    report = await shop.run("dunning", DAY + timedelta(days=1))
    assert report.actions == {("mail", "done"): 1}
    await shop.run("dunning", DAY + timedelta(days=6))
    assert {kind for kind, _ in shop.effects()} == {"mail"}, "no money moved, and no second charge is tried"


async def test_17_given_the_retry_pays_first_then_nobody_is_sent_a_link_any_more_and_none_can_pay_twice(
    shop: Shop,
) -> None:
    """The link is the vendor's page of the invoice, which takes no money for a paid one."""
    shop.seed(renewal("0", SOFT, "ok", age=2))
    await shop.run("dunning")
    shop.act("pays")
    for days in range(1, 12):
        await shop.run("dunning", DAY + timedelta(days=days))
    assert shop.effects() == {("charge", KEY): 1}
    assert sound(shop) == []


async def test_18_given_a_failure_that_is_heard_of_after_the_payment_then_paid_stays_paid(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    await shop.run("dunning")
    late = Attempt(
        id="ch_late", renewal="in_0", customer="cus_0", amount=Money(4990, "USD"), outcome="failed",
        at=datetime(2026, 1, 27, 19, 0, tzinfo=UTC), codes=DeclineCodes(code=SOFT),
    )  # fmt: skip
    with transaction(shop.life.c.engine) as connection:
        attempts.remember(connection, [late])
    await shop.run("dunning", DAY + timedelta(days=1))
    assert (shop.case().state, shop.case().outcome, shop.charges()) == ("closed", "recovered", 1)


async def test_19_given_two_workers_hear_of_the_same_payment_then_it_is_booked_once(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, age=1))
    await shop.run("dunning")
    shop.act("pays")
    paid = await shop.life.c.payments.renewal("in_0")
    found = await asyncio.gather(*(observe(shop.life.c, paid, shop.life.clock.now, f"run-{n}") for n in range(4)))
    assert sorted(found) == [False, False, False, True]
    assert len(recovered(shop)) == 1
    assert sound(shop) == []


async def test_21_given_a_payment_is_processing_then_it_is_what_another_charge_gets_and_none_is_made(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, "processing", age=2))
    await shop.run("dunning")
    assert (await shop.life.c.payments.charge("in_0", key="dunning/in_0/another")).state == "pending"
    assert shop.charges() == 1


async def test_23_given_a_part_is_paid_then_only_the_rest_is_asked_for_and_nothing_where_no_rest_is(
    shop: Shop,
) -> None:
    """The vendor charges what remains of its invoice; we never name an amount. Drafts of credits change nothing."""
    shop.seed(renewal("0", SOFT, age=2))
    open_renewal = await shop.life.c.payments.renewal("in_0")
    part = replace(open_renewal, amount_remaining=Money(1990, "USD"))
    assert no_longer_due(part) == ""
    assert no_longer_due(replace(part, amount_remaining=Money(0, "USD"))) == "nothing is left to pay meanwhile"


async def test_25_given_money_that_is_not_of_our_cases_then_it_is_ignored(shop: Shop) -> None:
    """Webhooks of another account come with the receiver; what is read is ours, and what is no case is left."""
    shop.seed(renewal("0", "ok", age=2), renewal("1", SOFT, age=2))
    shop.act("refund")
    await shop.run("dunning")
    assert {row.id for row in shop.rows(cases)} == {"in_1"}
    assert {row.case_id for row in shop.rows(entries)} == {"in_1"}


@pytest.mark.parametrize(
    "paid", [Money(4490, "USD"), Money(4700, "EUR")], ids=["27-another-amount", "26-another-currency"]
)
async def test_26_27_given_the_vendor_took_another_amount_or_currency_then_its_own_is_booked(
    shop: Shop, paid: Money
) -> None:
    shop.seed(renewal("0", SOFT, age=1))
    await shop.run("dunning")
    payment = Payment(ref="pi_1", amount=paid, at=shop.life.clock.now)
    settled = booking.recovered(
        shop.case(), payment, Earned("message", "told"), key=KEY, vendor="stripe", zone="UTC", run="", new_step=None
    )
    assert settled.detail.endswith(f"attention: {paid} were paid where 49.90 USD had failed")
    (entry,) = settled.entries
    lines = {posting.account: (posting.minor, posting.currency) for posting in entry.postings}
    assert lines["Assets:Clearing:Payments"] == (paid.minor, paid.currency)
    assert lines["Memo:Dunning:Open"] == (-4990, "USD"), "the case closes at what had failed, in its own currency"
