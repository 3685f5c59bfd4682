"""What one card may take in one run, and which of a customer's cases are looked at when only some are taken up."""

import pytest

from tasks.deciding import decide
from tests.flows.shop import DAY, HARD, SOFT, Shop, renewal

pytestmark = pytest.mark.anyio
SHARED = {"fingerprint": "shared", "network": "visa"}


async def test_a_card_that_several_customers_use_is_charged_once_in_a_run_and_keeps_its_distance_after(
    shop: Shop,
) -> None:
    shop.seed(*(renewal(name, SOFT, age=2, card=SHARED) for name in "012"))
    await shop.run("dunning")
    assert [shop.charges(name) for name in "012"] == [1, 0, 0]
    assert (shop.hold("1").rule, shop.hold("2").rule) == ("D-12", "D-12")
    await shop.run("dunning")
    assert [shop.charges(name) for name in "012"] == [1, 0, 0], "the attempt of the first run is known by now"


async def test_a_case_that_is_taken_up_alone_is_decided_beside_the_customers_others(shop: Shop) -> None:
    shop.seed(renewal("old", HARD, age=27, customer="cus_0"), renewal("new", HARD, customer="cus_0"))
    shop.put()
    await shop.read()
    pages = list(decide(shop.life.c, DAY, shop.life.clock.now, only=frozenset({"in_old"})))
    found = [decision for page in pages for decision in page.decisions]
    assert [(decision.case, decision.rule) for decision in found] == [("in_old", "D-04")]
    assert [page.cases for page in pages] == [1]


async def test_a_refund_is_booked_though_its_renewal_cannot_be_read_and_a_person_has_it(shop: Shop) -> None:
    shop.seed(renewal("0", SOFT, "ok", age=2), renewal("1", HARD))
    await shop.run("dunning")
    shop.act("refund")
    shop.control.fault("stripe", "GET /v1/invoices/in_0", "garbage", times=None)
    await shop.read()
    assert shop.balance("Assets") == 0
    assert (shop.case().state, shop.case().trouble) == ("person", "refund")
