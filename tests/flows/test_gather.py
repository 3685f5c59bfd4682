"""Gathering that breaks off, and gathering from a busy shop: nothing that the vendor has is ever left out."""

from datetime import datetime, time, timedelta

import pytest

from domain.money import Money
from domain.payments import Attempt
from integrations.errors import NoAnswer
from store import attempts
from store.db import reading, transaction
from store.tables import cases
from tasks import renewals
from tasks.reading import Read
from tests.flows.shop import DAY, HARD, Shop, renewal

pytestmark = pytest.mark.anyio
NEXT = DAY + timedelta(days=1)
FAILED_ON, PAID_ON = DAY - timedelta(days=6), DAY - timedelta(days=5)


def attempt(name: str, at: datetime, of: str = "") -> Attempt:
    """A charge that was refused."""
    amount = Money(4990, "USD")
    return Attempt(id=f"ch_{name}", renewal=of, customer="cus_0", amount=amount, at=at, outcome="failed")


async def test_a_read_that_broke_off_is_begun_again_from_where_the_last_whole_one_began(impatient: Shop) -> None:
    shop = impatient
    shop.put(FAILED_ON, time(9))
    shop.seed(renewal("0", HARD, age=6))
    shop.put(PAID_ON, time(9))
    shop.act("pays")
    shop.put(DAY)
    shop.seed(renewal("1", HARD))
    shop.control.fault("stripe", "GET /v1/invoices", "500", times=None)
    with pytest.raises(NoAnswer):
        await shop.run("dunning")
    shop.control.heal()
    await shop.run("dunning", NEXT)
    assert shop.case().outcome == "recovered", "its attempts lie behind the newest one that the first run had stored"


async def test_a_whole_read_is_where_the_next_one_goes_on(shop: Shop) -> None:
    shop.seed(renewal("0", HARD))
    first = await shop.run("dunning")
    second = await shop.run("dunning", DAY + timedelta(days=4))
    third = await shop.run("dunning", DAY + timedelta(days=8))
    assert [report.read.get("attempts", 0) for report in (first, second, third)] == [1, 1, 0]


async def test_a_first_read_may_be_about_more_renewals_than_one_statement_can_name(shop: Shop) -> None:
    many = {f"in_{number}" for number in range(300_000)}
    shop.seed(renewal("0", HARD))
    await renewals._read_missing(shop.life.c, {"in_0", *many}, Read(), shop.life.clock.now, "")
    assert shop.rows(cases) == [], "none of them has a refused attempt in our tables"


async def test_an_attempt_that_was_read_before_its_invoice_is_known_to_the_case_after_the_next_read(shop: Shop) -> None:
    with transaction(shop.life.c.engine) as connection:
        attempts.remember(connection, [attempt("1", shop.life.clock.now)])
        attempts.remember(connection, [attempt("1", shop.life.clock.now, of="in_0")])
        attempts.remember(connection, [attempt("1", shop.life.clock.now)])
    with reading(shop.life.c.engine) as connection:
        assert [row.id for row in attempts.of_cases(connection, ["in_0"])] == ["ch_1"]
