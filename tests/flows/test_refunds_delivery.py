"""The cases of delivery, on the plain flow: events twice, in any order, early, unreadable or not at all.

What the receiver itself answers is in tests/web; here is what the operation makes of what came in.
"""

import asyncio

import httpx
import pytest

from store import inbox as box
from store.db import transaction
from store.event_tables import inbox, watches
from tests.flows.returns_shop import NOON, YESTERDAY, Returns, case_of, ret, tracking

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"


def parcel(**more: object) -> dict[str, object]:
    """The parcel of the usual return, as a carrier feed knows it."""
    return {"tracking": tracking(), "carrier": "usps", "label_at": YESTERDAY.isoformat(), **more}


def shop_calls(returns: Returns) -> dict[str, int]:
    """How often the shop was asked for what."""
    address = returns.shop.control.addresses.url("_sandbox/shopify/calls")
    found: dict[str, int] = httpx.get(address).raise_for_status().json()["calls"]
    return found


def switch_off(returns: Returns) -> None:
    """The portal has given up on our webhook."""
    address = returns.shop.control.addresses.url("loop/api/2026-07/webhooks")
    with httpx.Client(headers={"X-Authorization": "pretended"}) as http:
        for each in http.get(address).raise_for_status().json()["webhooks"]:
            body = {"url": each["url"], "status": "deactivated"}
            http.put(f"{address}/{each['id']}", json=body).raise_for_status()


async def test_01_given_the_same_event_many_times_then_one_decision_and_one_refund(returns: Returns) -> None:
    returns.seed()
    returns.act()
    for _ in range(3):
        returns.hear("501")
    report = await returns.run("inbox")
    assert report.read["events"] == 1, "the copies are counted at the first one"
    assert [row.copies for row in returns.shop.rows(inbox)] == [2]
    assert (returns.paid(), returns.verdicts()) == ([(KEY, 5000)], [("pay", "R-01")])


async def test_01_given_later_news_of_a_refunded_parcel_then_nothing_more_is_read_or_decided(returns: Returns) -> None:
    returns.seed()
    await returns.scanned()
    before = shop_calls(returns)
    returns.later(hours=4)
    report = await returns.scanned(do="deliver")
    after = shop_calls(returns)
    assert (report.problems, report.cases, after) == ([], 0, before)
    assert (returns.paid(), returns.stage()) == ([(KEY, 5000)], "paid")


@pytest.mark.parametrize("first", ["feed", "portal"])
async def test_03_given_one_scan_told_by_the_portal_and_a_feed_then_one_decision_and_one_refund(
    returns: Returns, first: str
) -> None:
    returns.seed()
    returns.shop.control.seed({"easypost": {"parcels": [parcel()]}})
    await returns.run()
    for who in ("feed", "portal") if first == "feed" else ("portal", "feed"):
        returns.later(minutes=6)
        if who == "feed":
            returns.shop.control.act("easypost", tracking=tracking(), do="accept", at=NOON.isoformat())
            assert (await returns.run()).problems == []
        else:
            assert (await returns.scanned()).problems == []
        assert returns.paid() == [(KEY, 5000)]
    assert [found for found in returns.verdicts() if found[0] == "pay"] == [("pay", "R-01")]
    told = {(row.source, row.physical) for row in returns.scans() if row.meaning != "label"}
    assert told == {("easypost", 1), ("loop", 0)}


async def test_05_06_given_delivered_first_and_steps_back_after_it_then_the_first_word_counts_and_nothing_else(
    returns: Returns,
) -> None:
    returns.seed()
    await returns.scanned(do="deliver")
    assert returns.paid() == [(KEY, 5000)]
    returns.later(minutes=1)
    await returns.scanned()
    returns.later(minutes=1)
    await returns.scanned(do="label")
    assert (returns.paid(), returns.verdicts(), returns.stage()) == ([(KEY, 5000)], [("pay", "R-01")], "paid")
    meanings = {(row.meaning, row.physical) for row in returns.scans()}
    assert meanings == {("delivered", 0), ("moving", 0), ("label", 0)}, "every word is kept"


async def test_07_given_a_scan_before_the_return_is_known_then_it_waits_and_is_found_with_the_return(
    returns: Returns,
) -> None:
    returns.seed(rets=[])
    body = {"topic": "label", "trigger": "label.updated", "return_id": "501", "carrier": "USPS"}
    body |= {"label_status": "in_transit", "tracking_number": tracking(), "label_updated_at": NOON.isoformat()}
    returns.hear_from("loop", "early", body)
    report = await returns.run("inbox")
    assert (report.problems, returns.paid()) == ([], [])
    assert [state for state, _ in returns.inbox()] == ["done"]
    returns.later(minutes=3)
    returns.shop.control.seed({"loop": {"returns": [ret()]}})
    returns.hear("501")
    await returns.run("inbox")
    assert returns.paid() == [(KEY, 5000)]


async def test_18_given_the_webhooks_are_lost_then_the_poller_finds_the_scan_and_the_watchdog_tells(
    returns: Returns,
) -> None:
    returns.seed()
    hook = {"url": "http://127.0.0.1:9/never", "secret": "x"}
    returns.shop.control.post("/_sandbox/loop/hooks", hook)
    assert (await returns.run()).problems == []
    returns.later(minutes=6)
    switch_off(returns)
    returns.act()
    await returns.run()
    assert returns.paid() == [(KEY, 5000)], "nobody told us; it was in the list"
    returns.later(minutes=15)
    report = await returns.run()
    assert any("a webhook at loop is off" in problem for problem in report.problems)
    watch = {row.sender: row for row in returns.shop.rows(watches)}["loop"]
    assert (watch.ok, "deactivated" in watch.said, "Switch it on" in watch.remedy) == (0, True, True)


async def test_an_event_that_cannot_be_read_is_failed_and_visible_and_stops_no_other(returns: Returns) -> None:
    returns.seed()
    returns.hear_from("loop", "bad", '{"topic": "label", "return_id": ')
    returns.hear_from("loop", "worse", '["not", "an", "object"]')
    report = await returns.scanned()
    assert (report.read["events"], returns.paid()) == (3, [(KEY, 5000)])
    states = sorted(state for state, _ in returns.inbox())
    assert states == ["done", "failed", "failed"]
    assert all(said.startswith("unreadable") for state, said in returns.inbox() if state == "failed")
    returns.later(days=3)
    assert (await returns.run("inbox")).read == {}, "a person may replay it; by itself it is not tried again"


async def test_given_the_portal_is_down_then_the_event_is_tried_again_later(returns: Returns) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    returns.shop.control.fault("loop", "GET .*details", "down", times=None)
    await returns.run("inbox")
    ((state, said),) = returns.inbox()
    assert (state, "loop" in said, returns.paid()) == ("failed", True, [])
    returns.shop.control.heal()
    assert (await returns.run("inbox")).read == {}, "not before its time"
    returns.later(seconds=16)
    await returns.run("inbox")
    assert (returns.inbox()[0][0], returns.paid()) == ("done", [(KEY, 5000)])


async def test_given_a_run_died_with_its_events_then_the_next_takes_them_over_after_the_lease(
    returns: Returns,
) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    with transaction(returns.c.engine) as connection:
        assert len(box.claim(connection, "refunds", "somebody who dies", returns.c.clock())) == 1
    assert (await returns.run("inbox")).read == {}
    returns.later(minutes=6)
    await returns.run("inbox")
    assert returns.paid() == [(KEY, 5000)]


async def test_82_given_two_runs_at_once_then_one_refund_and_one_mail(returns: Returns) -> None:
    returns.seed()
    returns.act()
    returns.hear("501")
    await asyncio.gather(returns.run(), returns.run(), returns.run("inbox"))
    assert returns.paid() == [(KEY, 5000)]
    assert len(returns.mails()) == 1
    assert [state for state, _ in returns.inbox()] == ["done"]
