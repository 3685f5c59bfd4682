"""A case that ends more than once: given up, paid after all, refunded, and given up again."""

from datetime import timedelta

import pytest

from ledger.models import entries
from tests.flows.shop import DAY, HARD, Shop, renewal, unsound

pytestmark = pytest.mark.anyio


async def test_a_renewal_that_was_given_up_paid_after_all_and_refunded_is_lost_in_the_books_again(shop: Shop) -> None:
    shop.seed(renewal("0", HARD, age=28))
    for day in range(2):
        await shop.run("dunning", DAY + timedelta(days=day))
    assert shop.case().outcome == "written_off"
    shop.put(DAY + timedelta(days=2))
    shop.act("pays")
    await shop.run("dunning", DAY + timedelta(days=2))
    assert (shop.case().outcome, shop.balance("Memo:Dunning:Lost")) == ("recovered", 0)
    shop.put(DAY + timedelta(days=3))
    shop.act("refund")
    for day in range(3, 6):
        await shop.run("dunning", DAY + timedelta(days=day))
    assert (shop.case().state, shop.case().outcome) == ("closed", "written_off")
    assert (shop.balance("Assets"), shop.balance("Memo:Dunning:Open"), shop.balance("Memo:Dunning:Lost")) == (
        0,
        0,
        4990,
    )
    kinds = [row.kind for row in sorted(shop.rows(entries), key=lambda row: int(row.seq)) if row.kind != "message_cost"]
    assert kinds == [
        "renewal_failed", "renewal_lost", "reversal", "renewal_recovered", "refund", "renewal_lost",
    ]  # fmt: skip
    assert [line for line in unsound(shop.life.c.engine, shop.control, {}) if "were paid" not in line] == []
