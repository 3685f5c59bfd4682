"""The story of a refund, as `recoup explain` tells it: scans, decisions with what did not pass, steps and bookings."""

from pathlib import Path

import pytest

import settings
from commands.explain import explain
from store.db import reading
from tasks.refund_approving import approve
from tasks.stories import Story, find, tell
from tests.flows.returns_shop import YESTERDAY, Returns, case_of, order, ret, tracking
from tests.flows.shop import variables_for

pytestmark = pytest.mark.anyio


def story(returns: Returns) -> Story:
    """The story of the usual return's label."""
    with reading(returns.c.engine) as connection:
        return tell(connection, case_of())


async def test_a_story_has_the_scan_each_decision_the_question_the_money_and_what_was_booked_in_order(
    returns: Returns,
) -> None:
    returns.seed(orders=[order(price="600.00")], rets=[ret(amount="600.00")])
    parcel = {"tracking": tracking(), "carrier": "usps", "label_at": YESTERDAY.isoformat()}
    returns.shop.control.seed({"easypost": {"parcels": [parcel]}})
    await returns.run()
    returns.later(minutes=6)
    returns.shop.control.act("easypost", tracking=tracking(), do="accept")
    await returns.run()
    now = returns.later(minutes=1)
    approve(returns.c.engine, case_of(), approved=True, by="lea", channel="cli", note="a good customer", now=now)
    returns.later(minutes=1)
    await returns.run()
    lines = story(returns).lines
    assert [line.what for line in lines if line.what != "scan label"] == [
        "scan accepted", "decided approve", "asked", "person done", "approved", "decided pay", "refund done",
        "tell done",
    ]  # fmt: skip
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    told = {line.what: line for line in lines}
    assert told["scan accepted"].text == "a checkpoint of the carrier's in US, told by easypost"
    assert (
        "G-01 order cap on open refunds: approve, 600.00 USD of this order would be open"
        in told["decided approve"].because
    )
    assert "support lead: Approve or reject" in told["decided approve"].text
    assert told["refund done"].amount == "600.00 USD"
    assert ("600.00 USD" in [amount for _, amount in told["refund done"].booked]) is True
    assert told["tell done"].booked == ()


async def test_a_story_of_a_case_that_is_not_paid_names_every_check_that_did_not_pass(returns: Returns) -> None:
    returns.seed(orders=[order(disputes=[{"id": "77"}], test=True)])
    await returns.scanned()
    (decided,) = [line for line in story(returns).lines if line.what.startswith("decided")]
    assert decided.what == "decided never"
    for rule in ("S-09", "S-13"):
        assert f"{rule} " in decided.because
    assert "E-01" not in decided.because, "what passed is left out"


async def test_a_story_holds_no_personal_data(returns: Returns) -> None:
    returns.seed()
    await returns.scanned()
    found = story(returns)
    text = repr(found.lines) + repr(found.case)
    for private in ("ana7001@example.com", "Ana Keller", "Keller", "Main St", "77063", tracking()):
        assert private not in text


async def test_a_story_is_found_by_case_return_order_step_reference_and_tracking_number(returns: Returns) -> None:
    returns.seed()
    await returns.scanned()
    key = f"refunds/{case_of()}"
    names = (case_of(), "loop-501", "1001", key, returns.step(key).vendor_ref, tracking(), "shop-7001")
    with reading(returns.c.engine) as connection:
        assert {name: find(connection, name) for name in names} == {name: [case_of()] for name in names}
        assert find(connection, "loop-999") == []


async def test_the_goods_of_a_refund_stand_in_its_story_with_what_was_booked(returns: Returns) -> None:
    returns.seed()
    await returns.scanned()
    await returns.follow()
    (goods,) = [line for line in story(returns).lines if line.what == "goods done"]
    assert len(goods.booked) > 0


async def test_explain_prints_a_refunds_story(
    returns: Returns, sqlite_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    returns.seed(orders=[order(disputes=[{"id": "77"}])])
    await returns.scanned()
    settings.use(settings.load(env=variables_for(returns.shop.control.addresses, sqlite_file)))
    assert explain(case_of()) == 0
    said = capsys.readouterr().out
    for words in ("50.00 USD to go back", "scan moving", "decided hold", "S-13", "finance: Answer the dispute"):
        assert words in said
