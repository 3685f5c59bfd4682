"""A VIP's return from the scan to the money, on the plain flow with the pretended vendors over real HTTP."""

import pytest

from tests.flows.returns_shop import Returns, case_of
from tests.flows.shop import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def returns(shop: Shop) -> Returns:
    """The shop with its returns."""
    return Returns(shop)


async def test_given_a_vips_parcel_is_scanned_then_the_money_goes_once_and_the_customer_is_told(
    returns: Returns,
) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    report = await returns.run("inbox")
    key = f"refunds/{case_of()}"
    assert report.problems == []
    assert returns.verdicts() == [("pay", "R-01")]
    assert returns.paid() == [(key, 5000)]
    assert returns.step(key).state == "done"
    assert returns.step(f"{key}/told-sent").state == "done"
    assert returns.stage() == "paid"
    assert returns.shop.balance("Income:Contra") == 5000
    returns.hear("501")
    await returns.run()
    assert returns.paid() == [(key, 5000)]
    assert len(returns.mails()) == 1
