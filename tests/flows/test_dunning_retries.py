"""The cases of retries and counting, on the plain flows. The number of each case stands in its test."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from domain.payments import Attempt, Card
from domain.people import Person
from integrations.stripe.charges import result_of_error
from store import attempts
from store.db import transaction
from store.tables import cases
from store.tables import steps as step_table
from tasks.charges import settlement
from tasks.performing import Job, Run
from tests.flows.shop import DAY, HARD, SOFT, Shop, renewal

pytestmark = pytest.mark.anyio
NEXT = DAY + timedelta(days=1)
NOON = datetime(2026, 1, 27, 18, 0, tzinfo=UTC)


def tried(shop: Shop, card: str, every_days: int, count: int) -> None:
    """Note attempts of anybody on a card, the newest one `every_days` ago."""
    seen = [
        Attempt(
            id=f"ch_{card}_{number}", renewal="", customer="cus_0", amount=Money(4990, "USD"), outcome="failed",
            at=NOON - timedelta(days=every_days * (number + 1)), card=Card(id="", fingerprint=card, network="visa"),
        )
        for number in range(count)
    ]  # fmt: skip
    with transaction(shop.life.c.engine) as connection:
        attempts.remember(connection, seen)


async def test_29_43_given_another_card_is_on_file_then_the_retry_uses_it_though_the_first_refused_for_good(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD, age=2))
    shop.act("new_card", card={"fingerprint": "fresh", "network": "visa"}, outcomes=["ok"])
    report = await shop.run("dunning")
    assert [(row.key, row.state) for row in report.rows] == [("dunning/in_0/new-card-fresh", "done")]
    assert shop.case().outcome == "recovered"


async def test_30_given_the_charge_of_a_new_card_failed_then_the_ladder_has_lost_no_rung(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, age=1))
    shop.act("new_card", card={"fingerprint": "fresh", "network": "mastercard"}, outcomes=[SOFT, "ok"])
    first = await shop.run("dunning")
    second = await shop.run("dunning", NEXT)
    assert [row.key for row in (*first.rows, *second.rows)] == [
        "dunning/in_0/new-card-fresh",
        "dunning/in_0/retry-1",
    ]


async def test_31_given_the_vendor_tried_once_by_itself_then_our_ladder_starts_at_its_second_rung(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, SOFT, "ok", age=6, vendor_retries=["2026-01-23T05:00:00Z"]))
    report = await shop.run("dunning")
    assert [row.key for row in report.rows] == ["dunning/in_0/retry-2"]


@pytest.mark.parametrize(
    ("on_the_card", "on_another", "rule"),
    [((1, 17), (1, 0), "D-11"), ((10, 20), (1, 0), ""), ((3, 9), (3, 9), "")],
    ids=["17 a day apart", "20 ten days apart", "9 and 9 on two cards"],
)
async def test_35_given_many_attempts_then_they_count_by_card_over_thirty_days(
    shop: Shop, on_the_card: tuple[int, int], on_another: tuple[int, int], rule: str
) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    tried(shop, "fp0", *on_the_card)
    tried(shop, "fp-other", *on_another)
    report = await shop.run("dunning")
    assert (shop.hold().rule if rule else "", report.actions) == (rule, {} if rule else {("charge", "done"): 1})


async def test_38_given_the_last_attempt_was_made_then_none_follows_and_the_end_is_told_exactly_once(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, age=0))
    for days in range(34):
        day = DAY + timedelta(days=days)
        await shop.run("dunning", day)
        await shop.run("dunning", day)
    charged = [row.rung for row in shop.rows(step_table) if row.action == "charge"]
    assert charged == ["retry-1", "retry-2", "retry-3", "beneath-1", "beneath-2", "beneath-3"]
    ends = [row.rung for row in shop.rows(step_table) if row.action in ("hand_over", "close")]
    assert ends == ["hand-over", "close-written_off"]
    assert (shop.case().state, shop.case().outcome) == ("closed", "written_off")
    assert max(shop.effects().values()) == 1


async def test_39_given_the_interval_has_not_passed_then_nothing_and_once_it_has_then_one(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, age=1))
    assert (await shop.run("dunning")).actions == {}
    assert (await shop.run("dunning", NEXT)).actions == {("charge", "refused"): 1}
    assert (await shop.run("dunning", NEXT)).actions == {}


async def test_41_given_no_card_is_on_file_then_the_failure_counts_and_messages_go_out_and_nothing_is_charged(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, age=2))
    shop.put()
    await shop.read()
    with transaction(shop.life.c.engine) as connection:
        connection.execute(cases.update().values(card="", card_failed=""))
    assert [step.action for step in shop.decided()] == []
    assert [step.action for step in shop.decided(NEXT)] == ["mail"]


async def test_42_given_the_card_is_gone_at_the_vendor_then_it_counts_as_a_failure_and_the_customer_is_asked(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, age=2))
    shop.put()
    await shop.read()
    (step,) = shop.decided()
    error = {"type": "invalid_request_error", "code": "resource_missing", "param": "payment_method"}
    result = result_of_error(error)
    assert result is not None
    case = shop.case()
    job = Job(step=step, case=case, person=Person(id=case.customer), run=Run("dunning", DAY, NOON, ""))
    found = settlement(shop.life.c, job, result, at=NOON)
    assert (found.state, dict(found.case_changes)["treatment"]) == ("refused", "fix")
