"""A person who answers hears from a person next: by SMS, on the ticket, and nothing goes on beneath."""

from datetime import timedelta

import pytest

from store import steps
from store.db import transaction
from tests.flows.shop import DAY, HARD, SOFT, Shop, customer, renewal

pytestmark = pytest.mark.anyio
OURS = "+15005550006"


def text(shop: Shop, body: str) -> None:
    shop.control.post("/_sandbox/twilio/inbound", {"from": customer("0")["phone"], "to": OURS, "body": body})


async def test_a_text_that_only_a_person_understands_goes_to_a_person_and_stops_the_ladder(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, SOFT, age=1))
    await shop.run("dunning", DAY - timedelta(days=1))
    text(shop, "I moved house, does the box still come?")
    await shop.run("dunning")
    assert shop.case().state == "person"
    assert shop.case().trouble == "reply"
    assert shop.state("dunning/in_0/person-reply") == "done"
    await shop.run("dunning", DAY + timedelta(days=1))
    assert shop.charges() == 0, "the charge of day 2 is not made while a person talks to them"


async def test_a_like_of_our_own_text_stops_nothing(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, SOFT, age=1))
    shop.put()
    await shop.read()
    text(shop, "Liked “Northwind: your payment did not go through. Reply STOP to opt out.”")
    await shop.read()
    assert shop.case().state == "open"


async def test_given_the_customer_answered_on_the_ticket_then_the_same_mornings_charge_beneath_is_not_made(
    shop: Shop,
) -> None:
    shop.seed(renewal("0", SOFT, SOFT, age=12))
    await shop.run("dunning")
    assert shop.case().state == "handed_over"
    shop.control.post("/_sandbox/gorgias/customer-replies", {"ticket": int(shop.case().ticket), "text": "I will pay"})
    for days in range(1, 8):
        await shop.run("dunning", DAY + timedelta(days=days))
    assert shop.charges() == 0
    assert shop.hold().rule == "D-22"


async def test_given_an_sms_has_its_outcome_then_its_text_is_not_kept_for_another_call(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=9))
    shop.put()
    await shop.read()
    (due,) = [step for step in shop.decided() if step.action == "sms"]
    await shop.perform(due)
    with transaction(shop.life.c.engine) as connection:
        assert not steps.note_detail(connection, due.key, "another text"), "a step that is done is not performed again"
