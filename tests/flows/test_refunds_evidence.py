"""The cases of evidence, on the plain flow: what portal and carrier feed say together, and what a person hears."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flows.returns_shop import NOON, YESTERDAY, Returns, case_of, ret, tracking
from tests.flows.test_refunds_state import scan_of

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


async def told_by_feed(returns: Returns, *steps: dict[str, Any], label_at: Any = YESTERDAY, **more: Any) -> None:
    """The portal knows only the label; the carrier feed has these checkpoints, and the poller reads them."""
    known = {"tracking": tracking(), "carrier": "usps", "label_at": label_at.isoformat(), **more}
    returns.shop.control.seed({"easypost": {"parcels": [known]}})
    await returns.run()
    returns.later(minutes=6)
    for step in steps:
        returns.shop.control.act("easypost", tracking=tracking(), **step)
    await returns.run()


async def test_a_checkpoint_of_the_carriers_pays_though_the_portal_knows_nothing_yet(returns: Returns) -> None:
    returns.seed()
    await told_by_feed(returns, {"do": "accept"})
    assert (returns.paid(), returns.verdicts()[-1]) == ([(KEY, 5000)], ("pay", "R-01"))
    assert "a checkpoint of the carrier's" in returns.decided().checks


async def test_19_given_label_created_with_a_place_then_it_is_no_scan(returns: Returns) -> None:
    returns.seed()
    await told_by_feed(returns, {"do": "label"})
    returns.act(do="label")
    returns.hear("501")
    await returns.run()
    assert (returns.paid(), returns.verdicts(), returns.stage()) == ([], [], "made")


async def test_21_given_an_unknown_word_then_a_person_reads_it_and_a_clear_scan_since_then_pays(
    returns: Returns,
) -> None:
    returns.seed()
    await returns.scanned(do="status", status="teleported")
    assert (returns.verdicts(), returns.paid(), returns.tasks()) == ([("hold", "E-08")], [], {"hold-e-08": "done"})
    returns.later(hours=1)
    await returns.scanned()
    assert returns.paid() == [(KEY, 5000)]


async def test_22_given_no_tracking_number_then_it_waits_until_the_label_has_one(returns: Returns) -> None:
    label = {"id": "5019", "tracking": "N/A", "carrier": "", "status": "pending", "lines": ["5011"]}
    returns.seed(rets=[ret(labels=[label])])
    returns.hear("501")
    await returns.run()
    assert returns.paid() == []
    fields = {"labels": [{**label, "tracking": tracking(), "carrier": "USPS", "status": "new"}]}
    returns.act(do="edit", fields=fields)
    returns.later(minutes=5)
    await returns.scanned()
    assert returns.paid() == [(KEY, 5000)]


async def test_23_given_a_recycled_number_then_the_earlier_parcels_scans_are_not_counted(returns: Returns) -> None:
    returns.seed()
    await told_by_feed(returns, {"do": "recycle", "days": 300}, {"do": "label"})
    assert returns.paid() == []
    returns.later(hours=2)
    returns.shop.control.act("easypost", tracking=tracking(), do="accept")
    await returns.run()
    assert returns.paid() == [(KEY, 5000)]
    assert "older than the label and are not counted" in returns.decided().checks


@pytest.mark.parametrize(
    "step",
    [
        {"do": "move", "place": {"country": "CA", "region": "ON", "city": "TORONTO", "postal": "M5V"}},
        {"do": "deliver", "place": {"country": "CA", "region": "ON", "city": "TORONTO", "postal": "M5V"}},
    ],
)
async def test_25_given_a_place_that_does_not_fit_then_it_is_held_as_a_forged_label(
    returns: Returns, step: dict[str, Any]
) -> None:
    returns.seed()
    await told_by_feed(returns, step)
    (verdict,) = {found for found in returns.verdicts() if found[0] != "wait"}
    assert (verdict[0], verdict[1] in ("E-09", "E-10"), returns.paid()) == ("hold", True, [])
    assert returns.decided().owner == "fraud"


async def test_26_given_a_drop_off_without_a_label_then_no_money_goes_for_the_box(returns: Returns) -> None:
    label = {"id": "5019", "tracking": "", "carrier": "", "status": "in_transit", "lines": ["5011"]}
    returns.seed(rets=[ret(labels=[label])])
    body = {"topic": "happy.returns.shipment", "trigger": "shipment.processed", "loop_shipment_id": "5019"}
    returns.hear_from("loop", "box", body)
    returns.hear("501")
    report = await returns.run()
    assert (report.problems, returns.paid()) == ([], [])


async def test_29_given_the_label_is_voided_after_its_scan_then_a_person_looks(returns: Returns) -> None:
    returns.seed()
    returns.act()
    returns.hear_from("loop", "scan", scan_of(returns, tracking()))
    returns.act(do="void")
    await returns.run("inbox")
    assert (returns.verdicts()[-1], returns.paid(), returns.tasks()) == (("hold", "E-03"), [], {"hold-e-03": "done"})


async def test_31_given_the_parcel_turns_round_before_the_money_went_then_it_is_held(returns: Returns) -> None:
    returns.seed()
    await told_by_feed(returns, {"do": "accept", "at": NOON.isoformat()}, {"do": "return"})
    assert (returns.verdicts()[-1], returns.paid()) == (("hold", "E-07"), [])


async def test_given_a_feed_that_knows_only_the_label_then_its_word_is_better_than_the_portals(
    returns: Returns,
) -> None:
    returns.seed()
    await told_by_feed(returns, {"do": "label"})
    await returns.scanned()
    assert (returns.verdicts()[-1][0], returns.paid()) == ("wait", [])
    returns.later(minutes=20)
    returns.shop.control.act("easypost", tracking=tracking(), do="accept")
    await returns.run()
    assert returns.paid() == [(KEY, 5000)]


async def test_given_a_scan_two_weeks_old_then_somebody_looks_why_nothing_happened(returns: Returns) -> None:
    made = NOON - timedelta(days=16)
    labels = [
        {"id": "5019", "tracking": tracking(), "carrier": "USPS", "status": "in_transit", "lines": ["5011"],
         "updated": (NOON - timedelta(days=15)).isoformat()}
    ]  # fmt: skip
    returns.seed(rets=[ret(created=made.isoformat(), labels=labels)])
    returns.hear("501")
    await returns.run("inbox")
    assert (returns.verdicts(), returns.paid()) == ([("hold", "E-12")], [])
