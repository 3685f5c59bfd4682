"""What happens between a decision and its call, and what is heard from somebody nobody knows."""

import pytest

from tests.flows.shop import HARD, PAY, SOFT, Shop, renewal

pytestmark = pytest.mark.anyio


async def test_given_charging_is_switched_off_after_the_decision_then_the_card_is_not_charged(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2))
    shop.put()
    await shop.read()
    due = shop.decided()
    shop.act("pauses")
    outcomes = await shop.perform(*due)
    assert [(one.action, one.state, one.detail) for one in outcomes] == [
        ("charge", "dropped", "charging was switched off meanwhile")
    ]
    assert shop.charges() == 0


async def test_a_reply_that_asks_to_stop_from_a_number_nobody_has_is_told_and_not_dropped(shop: Shop) -> None:
    shop.seed(renewal("0", HARD))
    for body in ("STOP", "hello"):
        reply = {"from": "+12025550199", "to": "+15005550006", "body": body}
        shop.control.post("/_sandbox/twilio/inbound", reply)
    report = await shop.run("dunning")
    assert report.problems == ["1 replies ask to stop or cancel from numbers that no customer has; read them"]


async def test_a_renewal_that_cannot_be_read_keeps_no_found_charge_unknown(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2), renewal("1", SOFT, "ok", age=2))
    shop.control.fault("stripe", PAY, "drop_after", times=None)
    await shop.run("dunning")
    assert {shop.state(f"dunning/in_{name}/retry-1") for name in "01"} == {"unknown"}
    shop.control.heal()
    shop.control.fault("stripe", "GET .*/invoices/in_0$", "garbage", times=None)
    await shop.reconcile()
    assert {shop.state(f"dunning/in_{name}/retry-1") for name in "01"} == {"done"}
    assert (shop.charges("0"), shop.charges("1")) == (1, 1)
