"""The cases of messages, on the plain flows. The number of each case stands in its test."""

from datetime import time, timedelta

import pytest

from store import people
from store.db import transaction
from store.tables import cases, opt_outs
from tests.flows.shop import DAY, HARD, SOFT, Shop, customer, renewal

pytestmark = pytest.mark.anyio
NEXT, LATER = DAY + timedelta(days=1), DAY + timedelta(days=2)
EVENING, MORNING = time(20, 30), time(10, 0)


def said(shop: Shop) -> list[str]:
    """The keys of the mails that went out."""
    return sorted(key for kind, key in shop.effects() if kind == "mail")


def texts(shop: Shop) -> int:
    """How many texts went out."""
    return sum(count for (kind, _), count in shop.effects().items() if kind == "sms")


async def test_61_given_the_customer_opens_the_link_on_day_20_then_it_works_and_support_has_earned_it(
    shop: Shop,
) -> None:
    """That a mail goes out where there is no link: tests/policies/test_render.py."""
    shop.seed(renewal("0", HARD, age=16))
    await shop.run("dunning")
    await shop.run("dunning-follow-up", NEXT)
    day_20 = DAY + timedelta(days=4)
    shop.put(day_20)
    shop.act("pays")
    await shop.run("dunning", day_20)
    assert (shop.case().outcome, shop.balance("Income:Recovered:Dunning:Support")) == ("recovered", -4990)


async def test_62_given_no_further_charge_is_planned_then_the_mail_promises_none_and_names_the_real_last_day(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD, age=11), renewal("1", SOFT, SOFT, age=3))
    await shop.run("dunning")
    await shop.run("dunning", LATER)
    mails = {mail["key"]: mail["body"] for mail in shop.control.mails()["messages"]}
    final, soft = mails["dunning/in_0/mail-4"], mails["dunning/in_1/mail-2"]
    assert "January 28" in final, "the hand-over is on the day after"
    assert "try" not in final.lower()
    assert "January 30" in soft, "retry-2 is planned for day 6"


async def test_62_given_no_address_then_the_mail_is_skipped_and_the_story_says_so(shop: Shop) -> None:
    shop.seed(renewal("0", HARD), customers=[customer("0", email="")])
    await shop.run("dunning")
    assert (shop.effects(), shop.hold().rule) == ({}, "D-17")
    assert any("no e-mail address is known" in line.because for line in shop.story().lines)


async def test_63_given_a_text_is_due_at_half_past_eight_then_it_goes_out_at_the_next_minute_that_is_allowed(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", HARD, age=9))
    await shop.run("dunning", DAY, EVENING)
    assert (shop.hold().rule, shop.hold().until, texts(shop)) == ("D-25", "2026-01-28T15:00:00.000000Z", 0)
    await shop.run("dunning", NEXT, time(9, 59), waiting_only=True)
    assert texts(shop) == 0
    await shop.run("dunning", NEXT, MORNING, waiting_only=True)
    assert texts(shop) == 1


async def test_63_given_the_case_closed_before_that_minute_then_the_text_is_not_sent(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=9))
    await shop.run("dunning", DAY, EVENING)
    shop.act("pays")
    await shop.run("dunning", NEXT, MORNING, waiting_only=True)
    await shop.run("dunning", NEXT, MORNING)
    assert (texts(shop), shop.case().outcome) == (0, "recovered")


async def test_65_given_the_reply_cancel_then_no_text_any_more_and_a_person_has_a_ticket(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=9))
    await shop.run("dunning")
    assert texts(shop) == 1
    reply = {"from": customer("0")["phone"], "to": "+15005550006", "body": "CANCEL"}
    shop.control.post("/_sandbox/twilio/inbound", reply)
    for day in (NEXT, LATER):
        await shop.run("dunning", day)
    assert [(row.channel, row.scope) for row in shop.rows(opt_outs)] == [("sms", "all")]
    assert (shop.case().state, shop.case().trouble) == ("person", "cancel_request")
    assert shop.effects()["ticket", "dunning/in_0/person-cancel_request"] == 1
    assert (texts(shop), said(shop)) == (1, []), "and no robot writes to somebody who wants to leave"


@pytest.mark.parametrize(("age", "channel"), [(9, "sms"), (0, "mail")])
async def test_65_given_stop_after_the_message_was_decided_and_before_it_is_sent_then_it_is_not_sent(
    shop: Shop, age: int, channel: str
) -> None:
    shop.seed(renewal("0", HARD, age=age))
    shop.put()
    await shop.read()
    due = shop.decided()
    with transaction(shop.life.c.engine) as connection:
        people.opt_out(connection, "cus_0", channel, "all", "reply", shop.life.clock.now)
    (outcome,) = await shop.perform(*due)
    assert (outcome.action, outcome.state, shop.effects()) == (channel, "dropped", {})
    assert "asked on 2026-01-27 not to get" in outcome.detail


@pytest.mark.parametrize(("age", "action"), [(0, "mail"), (9, "sms"), (12, "hand_over")])
async def test_66_given_a_payment_between_the_decision_and_the_call_then_the_message_is_dropped(
    shop: Shop, age: int, action: str
) -> None:
    shop.seed(renewal("0", HARD, age=age))
    shop.put()
    await shop.read()
    due = shop.decided()
    shop.act("pays")
    (outcome,) = await shop.perform(*due)
    assert (outcome.action, outcome.state, outcome.detail) == (action, "dropped", "the renewal is paid meanwhile")
    assert shop.effects() == {}


async def test_66_given_a_payment_or_an_answer_before_a_personal_mail_then_it_is_dropped(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=12), renewal("1", HARD, age=12))
    await shop.run("dunning")
    ticket = next(row.ticket for row in shop.rows(cases) if row.id == "in_1")
    shop.act("pays", "0")
    shop.control.post("/_sandbox/gorgias/customer-replies", {"ticket": int(ticket), "text": "Let me see"})
    for day in (DAY, NEXT, LATER):
        await shop.run("dunning-follow-up", day)
    assert [key for kind, key in shop.effects() if kind == "message"] == []
    assert (shop.case("0").outcome, bool(shop.case("1").answered_at)) == ("recovered", True)


async def test_37_given_three_unpaid_invoices_of_one_customer_then_one_message_a_day_and_one_ticket(
    shop: Shop,
) -> None:
    names = ("0", "1", "2")
    items = [renewal(name, HARD, customer="cus_0", subscription=f"sub_{name}") for name in names]
    shop.seed(*items)
    for days in range(13):
        before = len(said(shop)) + texts(shop)
        await shop.run("dunning", DAY + timedelta(days=days))
        assert len(said(shop)) + texts(shop) <= before + 1, f"day {days}"
    tickets = [key for kind, key in shop.effects() if kind == "ticket"]
    assert (tickets, {row.ticket for row in shop.rows(cases)}) == (["dunning/in_0/hand-over"], {shop.case().ticket})
    assert {row.state for row in shop.rows(cases)} == {"handed_over"}


async def test_37_given_the_first_hand_over_of_a_customer_has_no_answer_then_there_is_one_ticket_all_the_same(
    impatient: Shop,
) -> None:
    items = [renewal(name, HARD, age=12, customer="cus_0", subscription=f"sub_{name}") for name in ("0", "1")]
    impatient.seed(*items)
    impatient.control.fault("gorgias", "POST /api/tickets$", "drop_after")
    await impatient.run("dunning")
    impatient.control.heal()
    await impatient.reconcile()
    await impatient.run("dunning", NEXT)
    assert [key for kind, key in impatient.effects() if kind == "ticket"] == ["dunning/in_0/hand-over"]
    assert len({row.ticket for row in impatient.rows(cases)}) == 1
