"""The cases of state, stop and restart, on the plain flows. The number of each case stands in its test."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import delete

from ledger.models import entries
from store import people
from store.db import transaction
from store.tables import cases, holds, opt_outs
from store.tables import steps as step_table
from tests.flows.shop import DAY, HARD, SOFT, Shop, renewal, unsound

pytestmark = pytest.mark.anyio
NEXT, KEY = DAY + timedelta(days=1), "dunning/in_0/retry-1"


def kinds(shop: Shop) -> list[str]:
    """The kinds of all entries, in order."""
    return [row.kind for row in sorted(shop.rows(entries), key=lambda row: int(row.seq)) if row.kind != "message_cost"]


async def test_45_given_it_is_cancelled_already_at_the_end_then_it_is_closed_once_and_without_an_error(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD, age=28))
    shop.act("cancels")
    await shop.run("dunning")
    report = await shop.run("dunning", NEXT)
    assert (shop.case().outcome, report.states, report.problems) == ("cancelled", {}, [])
    assert [row.key for row in shop.rows(step_table) if row.action == "close"] == ["dunning/in_0/close-cancelled"]
    assert shop.effects() == {}


async def test_46_given_automatic_charges_are_off_then_the_charge_is_parked_and_runs_once_when_they_are_on(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.act("pauses")
    await shop.run("dunning")
    assert (shop.hold().rule, shop.charges()) == ("D-14", 0)
    shop.act("resumes")
    for _ in range(2):
        await shop.run("dunning", NEXT)
    assert (shop.charges(), shop.state(KEY)) == (1, "done")


async def test_47_given_messages_are_switched_off_and_on_again_then_the_state_follows_at_once(shop: Shop) -> None:
    """We keep no overdue state to clear: each run decides from the facts of that moment."""
    shop.seed(renewal("0", HARD))
    with transaction(shop.life.c.engine) as connection:
        people.opt_out(connection, "cus_0", "mail", "dunning", "support", shop.life.clock.now)
    await shop.run("dunning")
    assert (shop.hold().rule, shop.effects()) == ("D-17", {})
    with transaction(shop.life.c.engine) as connection:
        connection.execute(delete(opt_outs))
    assert (await shop.run("dunning")).actions == {("mail", "done"): 1}


async def test_49_given_a_refund_of_a_recovered_renewal_then_the_case_is_open_again_for_a_person(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    await shop.run("dunning")
    shop.act("refund")
    for _ in range(2):
        await shop.run("dunning", NEXT)
    assert (shop.case().state, shop.case().trouble, shop.case().closed_on) == ("person", "refund", "")
    assert kinds(shop) == ["renewal_failed", "renewal_recovered", "refund"]
    assert (shop.balance("Assets"), shop.balance("Memo:Dunning:Open")) == (0, 4990)
    assert ("ticket", "dunning/in_0/person-refund") in shop.effects()
    assert shop.charges() == 1


async def test_50_given_a_chargeback_then_a_person_has_it_and_no_dunning_and_a_won_one_closes_it_again(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    await shop.run("dunning")
    shop.act("disputes")
    for days in (1, 2, 3):
        await shop.run("dunning", DAY + timedelta(days=days))
    assert (shop.case().state, shop.case().trouble) == ("person", "chargeback")
    assert {key for kind, key in shop.effects() if kind != "charge"} == {"dunning/in_0/person-chargeback"}
    shop.act("dispute_won")
    for _ in range(2):
        await shop.run("dunning", DAY + timedelta(days=4))
    assert (shop.case().state, shop.case().outcome, shop.case().trouble) == ("closed", "recovered", "")
    assert kinds(shop) == ["renewal_failed", "renewal_recovered", "chargeback", "reversal"]
    assert shop.balance("Assets") == 4990


async def test_51_given_the_earlier_of_two_is_paid_elsewhere_then_the_next_is_taken_up_at_once(shop: Shop) -> None:
    both = (renewal("0", SOFT, age=2), renewal("1", SOFT, "ok", age=2, customer="cus_0", subscription="sub_other"))
    shop.seed(*both)
    await shop.run("dunning")
    assert (shop.charges("0"), shop.charges("1"), shop.hold("1").rule) == (1, 0, "D-24")
    shop.act("pays")
    await shop.run("dunning")
    assert (shop.case("0").outcome, shop.hold("1").rule) == ("recovered", "D-12"), "the same card rests two days"
    await shop.run("dunning", DAY + timedelta(days=2))
    assert (shop.charges("1"), shop.case("1").outcome) == (1, "recovered")


async def test_53_given_a_draft_then_it_is_never_dunned(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=3, status="draft"))
    for days in (0, 9):
        await shop.run("dunning", DAY + timedelta(days=days))
    assert (shop.rows(cases), shop.effects()) == ([], {})


async def test_55_given_the_scheduler_was_down_past_several_steps_then_only_the_newest_is_taken_and_one_message(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, age=8))
    first = await shop.run("dunning")
    again = await shop.run("dunning")
    assert [row.key for row in (*first.rows, *again.rows)] == ["dunning/in_0/retry-2", "dunning/in_0/mail-3"]
    assert sum(count for (kind, _), count in shop.effects().items() if kind == "mail") == 1
    assert (await shop.run("dunning", NEXT)).states == {}, "the SMS of day 9 keeps its distance"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("pays", "the renewal is paid meanwhile"),
        ("voids", "the renewal is void meanwhile"),
        ("writes_off", "the renewal is uncollectible meanwhile"),
        ("cancels", "the subscription was cancelled meanwhile"),
    ],
)
async def test_57_given_it_is_over_before_the_call_then_the_step_returns_early_with_a_named_reason(
    shop: Shop, change: str, reason: str
) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.put()
    await shop.read()
    due = shop.decided()
    shop.act(change)
    (outcome,) = await shop.perform(*due)
    assert (outcome.state, outcome.detail, shop.charges()) == ("dropped", reason, 0)


async def test_59_given_several_things_wait_then_one_look_is_noted_and_the_earliest_wins(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, age=0))
    for _ in range(3):
        await shop.run("dunning")
    (hold,) = shop.rows(holds)
    assert hold.until == (DAY + timedelta(days=2)).isoformat(), "the retry of day 2, not the mail of day 3"


async def test_67_given_a_payment_lands_during_the_hand_over_then_support_never_sees_it_and_the_list_stays_the_same(
    shop: Shop,
) -> None:
    shop.seed(*(renewal(name, HARD, age=12) for name in ("0", "1", "2")))
    shop.put()
    await shop.read()
    due = shop.decided()
    shop.act("pays", "1")
    await shop.perform(*due)
    await shop.run("dunning")
    path = shop.life.c.home / "hand-over" / f"{DAY}.csv"
    first = path.read_bytes()
    assert [line.split(b",")[0] for line in first.splitlines()[1:]] == [b"in_0", b"in_2"]
    await shop.run("dunning")
    assert path.read_bytes() == first
    assert ("ticket", "dunning/in_1/hand-over") not in shop.effects()


async def test_70_given_money_came_and_went_then_the_books_equal_the_vendors_to_the_cent(shop: Shop) -> None:
    shop.seed(*(renewal(str(n), SOFT, "ok", age=2, amount=4990 + n) for n in range(4)))
    await shop.run("dunning")
    shop.act("refund", "0", amount=1000)
    shop.act("refund", "1")
    await shop.run("dunning", NEXT)
    taken = sum(4990 + n for n in range(4))
    assert shop.balance("Assets") == taken - 1000 - 4991
    before = shop.rows(entries)
    await shop.run("dunning", NEXT)
    assert shop.rows(entries) == before, "what went back is a new entry, and reading it again adds none"


@pytest.mark.parametrize(
    "day", [date(2026, 3, 8), date(2026, 11, 1), date(2028, 2, 29)], ids=["spring", "fall", "leap"]
)
async def test_73_given_the_clock_jumps_on_a_day_that_is_odd_already_then_each_step_runs_at_most_once(
    shop: Shop, day: date
) -> None:
    """With crashes at random lines: tests/flows/test_crash.py."""
    shop.seed(*(renewal(name, SOFT, age=age, on=day) for name, age in (("0", 2), ("1", 3), ("2", 12))))
    moments = [time(1, 30), time(3, 30), time(2, 59), time(13), time(0, 30), time(23, 59)]
    for at in moments:
        await shop.run("dunning", day, at)
    for jump in (1, -1, 2, 0, 1):
        await shop.run("dunning", day + timedelta(days=jump), time(9))
    await shop.reconcile(day + timedelta(days=3))
    assert unsound(shop.life.c.engine, shop.control, {"in_0": 1}) == []


async def test_74_given_the_next_renewal_fails_while_the_old_case_is_open_then_only_the_newest_is_collected(
    shop: Shop,
) -> None:
    shop.seed(renewal("old", HARD, age=27, customer="cus_0"), renewal("new", HARD, customer="cus_0"))
    await shop.run("dunning")
    assert (shop.case("old").outcome, shop.case("new").state) == ("superseded", "open")
    assert {key for _, key in shop.effects()} == {"dunning/in_new/mail-1"}
