"""Runs for another day than the real one: a schedule that is made up for, a day that is named by hand."""

from datetime import time, timedelta

import pytest

from flows.work import NotYet
from store.tables import steps
from tests.flows.shop import DAY, HARD, Shop, customer, renewal

pytestmark = pytest.mark.anyio


def days(count: int) -> timedelta:
    return timedelta(days=count)


def sent(shop: Shop, kind: str) -> int:
    """How many messages of a kind really went out."""
    return sum(count for (what, _), count in shop.effects().items() if what == kind)


async def test_runs_that_an_outage_piled_up_send_one_message_and_not_one_for_each_day_that_was_missed(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD, age=7))
    shop.put()
    for late in (3, 2, 1, 0):
        await shop.run("dunning", DAY - days(late), at=None)
    assert sent(shop, "mail") == 1
    assert shop.hold().rule == "D-16"


async def test_personal_mails_that_an_outage_piled_up_do_not_go_out_together(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=16))
    await shop.run("dunning", DAY - days(4))
    shop.put()
    for late in (4, 2, 0):
        await shop.run("dunning-follow-up", DAY - days(late), at=None)
    assert [row.key for row in shop.rows(steps) if row.action == "follow_up"] == ["dunning/in_0/follow-up-1"]


async def test_a_run_for_a_day_to_come_is_refused_before_anything_is_read_or_done(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=7))
    shop.put()
    with pytest.raises(NotYet, match="2026-02-27 is not here yet in America/New_York"):
        await shop.run("dunning", DAY + days(31), at=None)
    assert (shop.rows(steps), shop.effects()) == ([], {})


async def test_a_text_for_a_past_day_waits_while_it_is_really_night_at_the_recipient(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=10), customers=[customer(phone="+447700900120", country="GB", state="")])
    shop.put(DAY, time(1))
    report = await shop.run("dunning", DAY - days(1), at=None)
    assert (sent(shop, "sms"), report.states["dropped"]) == (0, 1), "at one in New York it is six in London"
    await shop.run("dunning", DAY, time(9))
    assert sent(shop, "sms") == 1, "at nine it is two in the afternoon there"
