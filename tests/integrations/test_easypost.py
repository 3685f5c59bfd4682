"""EasyPost: requests and answers as in its own recorded exchanges, words as scans, webhooks signed and once."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.scans import IN_CARRIER_HANDS, Place, Scan
from integrations.easypost import mapping, sandbox
from integrations.easypost.client import EasypostFeed
from integrations.easypost.events import envelope, news
from integrations.easypost.signature import verify
from integrations.errors import Refused, Unauthorised, Unavailable, Unreadable
from integrations.http import open_client
from integrations.sandbox_clock import Clock
from integrations.signing import Delivery, NotSigned, Secret
from tests.integrations import contract
from tests.integrations.feeds import ANY_JSON, NOW, NUMBER, Feed, control, damaged, meanings, nothing
from tests.integrations.receiving import Received, receive, wait_until
from tests.integrations.serving import serve

SPECS = contract.SHARED / "specs" / "easypost"
SECRET = Secret("first", "sécret")
TRACKER: dict[str, Any] = {
    "id": "trk_1",
    "object": "Tracker",
    "mode": "production",
    "tracking_code": NUMBER,
    "status": "in_transit",
    "status_detail": "received_at_origin_facility",
    "created_at": "2026-11-19T15:00:00Z",
    "updated_at": "2026-11-20T03:05:00Z",
    "carrier": "USPS",
    "tracking_details": [
        {
            "status": "pre_transit",
            "status_detail": "status_update",
            "message": "Shipping Label Created",
            "datetime": "2026-11-19T15:00:00Z",
            "source": "USPS",
            "tracking_location": {"city": "HOUSTON", "state": "TX", "country": None, "zip": "77063"},
        },
        {
            "status": "in_transit",
            "status_detail": "received_at_origin_facility",
            "datetime": "2026-11-19T21:00:00-06:00",
            "source": "USPS",
            "carrier_code": "OA",
            "tracking_location": {"city": "HOUSTON", "state": "TX", "country": "US", "zip": "77063"},
        },
    ],
    "carrier_detail": {"destination_location": "CHARLESTON SC, 29401", "destination_tracking_location": None},
    "is_return": True,
}
EVENT = {"id": "evt_1", "description": "tracker.updated", "object": "Event", "result": TRACKER}


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(TRACKER), **fields}


def test_each_detail_is_a_checkpoint_with_its_place_and_instant() -> None:
    label, first = mapping.read_tracker(TRACKER, "row-1")
    assert (label.meaning, label.place.city, label.place.country) == ("label", "HOUSTON", "")
    assert first == Scan(
        tracking=NUMBER, carrier="usps", meaning="accepted", at=datetime(2026, 11, 20, 3, tzinfo=UTC),
        source="easypost", physical=True, place=Place("US", "TX", "HOUSTON", "77063"),
        destination=Place("", "SC", "CHARLESTON", "29401"), event="row-1",
        words="in_transit/received_at_origin_facility; OA; a return",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "detail", "meaning"),
    [
        ("pre_transit", "label_created", "label"),
        ("pre_transit", "received_at_origin_facility", "label"),
        ("in_transit", "label_created", "label"),
        ("in_transit", "arrived_at_facility", "moving"),
        ("in_transit", "", "moving"),
        ("In Transit", "a_new_detail", "moving"),
        ("in_transit", "delayed", "exception"),
        ("in_transit", "lost", "lost"),
        ("in_transit", "return", "returning"),
        ("out_for_delivery", "out_for_delivery", "out_for_delivery"),
        ("delivered", "arrived_at_destination", "delivered"),
        ("available_for_pickup", "arrived_at_pickup_location", "moving"),
        ("return_to_sender", "return", "returning"),
        ("return_to_sender", "arrived_at_destination", "returned"),
        ("failure", "delayed", "exception"),
        ("failure", "damaged", "damaged"),
        ("cancelled", "cancelled", "cancelled"),
        ("unknown", "status_update", "unknown"),
        ("unknown", "lost", "unknown"),
        ("error", "", "unknown"),
        ("a_new_status", "in_transit", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_words_mean_what_easypost_says_and_the_weaker_where_it_contradicts_itself(
    status: str, detail: str, meaning: str
) -> None:
    assert mapping.meaning(status, detail) == meaning


def test_a_bare_status_is_not_physical_and_counts_from_the_trackers_last_change() -> None:
    (told,) = mapping.read_tracker(changed(tracking_details=[]))
    assert (told.physical, told.at, told.meaning) == (False, datetime(2026, 11, 20, 3, 5, tzinfo=UTC), "accepted")


def test_a_tracker_of_which_nothing_is_known_tells_nothing() -> None:
    fresh = changed(tracking_details=[], status="unknown", status_detail="unknown")
    assert mapping.read_tracker(fresh) == ()
    assert "no status yet" in nothing(news({**EVENT, "result": fresh}, "row-1"))


def test_a_label_that_was_cancelled_is_heard_beside_its_checkpoints() -> None:
    assert meanings(mapping.read_tracker(changed(status="cancelled", status_detail="cancelled")))[-1] == "cancelled"


def test_a_simulated_tracker_shows_no_parcel_in_anybodys_hands() -> None:
    told = mapping.read_tracker(changed(mode="test"))
    assert not any(scan.physical or scan.meaning in IN_CARRIER_HANDS for scan in told)
    assert all("test mode" in scan.words for scan in told)


def test_a_damaged_detail_is_kept_as_unknown_and_keeps_no_other_back() -> None:
    broken = changed()
    broken["tracking_details"][0]["status"] = ["pre_transit"]
    odd, first = mapping.read_tracker(broken)
    assert (odd.meaning, odd.physical, first.meaning) == ("unknown", False, "accepted")
    assert "status: text was expected, not a list of 1" in odd.words


@pytest.mark.parametrize("line", ["PARIS FR", "somewhere", "", None, 29401])
def test_a_destination_in_another_form_is_none(line: Any) -> None:
    assert not mapping.destination({"carrier_detail": {"destination_location": line}}).known


def test_a_destination_as_an_object_is_preferred_to_the_line() -> None:
    location = {"city": "BROOKLYN", "state": "NY", "country": "US", "zip": "11201"}
    found = mapping.destination({"carrier_detail": {"destination_tracking_location": location}})
    assert found == Place("US", "NY", "BROOKLYN", "11201")


@pytest.mark.parametrize("code", [None, "", "N/A", True, ["1"], "pending"])
def test_a_tracker_without_a_number_is_unreadable(code: Any) -> None:
    with pytest.raises(Unreadable, match="tracking_code"):
        news({**EVENT, "result": changed(tracking_code=code)}, "row-1")


def test_other_events_are_understood_and_nothing_to_do() -> None:
    assert "batch.updated" in nothing(news({"description": "batch.updated"}, "row-1"))


@given(st.one_of(ANY_JSON, damaged(EVENT)))
@settings(max_examples=200)
def test_any_json_is_news_or_unreadable_and_has_an_identity(document: Any) -> None:
    found = envelope(Delivery("POST", "http://r", {}, json.dumps(document).encode()), document)
    assert found.identity
    try:
        told = news(document, "row-1")
    except Unreadable as error:
        assert error.vendor == "easypost"
    else:
        assert told
        for scan in told:
            if isinstance(scan, Scan):
                assert scan.tracking and scan.fingerprint and scan.words.isprintable()


@contract.needs_shared
def test_easyposts_own_bodies_are_read() -> None:
    body = json.loads((SPECS / "webhooks" / "event-body.json").read_text(encoding="utf-8"))
    told = news(body, "row-1")
    assert meanings(told) == ["label", *["moving"] * 6]
    first = told[1]
    assert isinstance(first, Scan)
    assert (first.place.city, first.carrier, first.destination.city) == ("ORLANDO", "fedex", "BROOKLYN HGTS")
    assert envelope(Delivery("POST", "", {}, b""), body)[:2] == ("tracker.updated", "evt_1")
    guide = json.loads((SPECS / "webhooks" / "tracking-webhook.json").read_text(encoding="utf-8"))
    guide["result"]["mode"] = "production"
    assert meanings(news(guide, "row-1"))[-2:] == ["out_for_delivery", "delivered"]


# Over HTTP


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="module")
def address(clock: Clock) -> Iterator[str]:
    with serve(sandbox.build(clock)) as base_url:
        yield base_url


@pytest.fixture
def vendor(address: str, clock: Clock) -> Iterator[Feed]:
    clock.set(NOW)
    with control(address, "easypost") as feed:
        yield feed


def recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((SPECS / "exchanges.json").read_text(encoding="utf-8"))
    return found


def template(path: str) -> str:
    return "/".join(part.partition("_")[0] if part.startswith(("trk_", "hook_")) else part for part in path.split("/"))


def complaints(request: httpx.Request, response: httpx.Response) -> list[str]:
    """What differs from the exchanges that EasyPost recorded with its own client: path, body, the answer's keys."""
    path = template(request.url.path)
    same = [
        item for item in recorded()
        if item["method"] == request.method and template(httpx.URL(item["uri"]).path) == path
    ]  # fmt: skip
    if not same:
        return [f"{request.method} {path} was never recorded"]
    strange = set(request.url.params) - {"page_size", "before_id", "start_datetime", "tracking_code", "carrier"}
    found = [f"{path}: parameter {name}" for name in strange]
    sent = json.loads(request.content) if request.content else None
    for item in same if sent else []:
        found += differing(item["request"], sent, path, partly=True)
        break
    good = [item["response"] for item in same if item["status"] == response.status_code]
    if response.is_success and good:
        found += differing(good[0], response.json(), path)
    return found


def differing(theirs: Any, ours: Any, path: str, *, partly: bool = False) -> list[str]:
    """Keys of ours that are not theirs; kinds that are others. What is optional stands in some recordings only."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        optional = {"carrier", "fees", "finalized", "is_return", "est_delivery_date"}
        known = set(theirs) | optional
        missing = set() if partly else set(theirs) - set(ours) - optional
        strange = [f"{path}: key {key}" for key in (set(ours) - known) | missing]
        deeper = [differing(theirs[key], ours[key], f"{path}.{key}", partly=partly) for key in set(theirs) & set(ours)]
        return strange + [text for texts in deeper for text in texts]
    if isinstance(theirs, list) and isinstance(ours, list) and theirs and ours:
        return differing(theirs[0], ours[0], f"{path}[]", partly=partly)
    same = theirs is None or ours is None or type(theirs) is type(ours)
    return [] if same else [f"{path}: {type(ours).__name__} where {type(theirs).__name__} was recorded"]


@pytest.fixture
async def feed(vendor: Feed) -> AsyncIterator[EasypostFeed]:
    found: list[str] = []

    async def compare(response: httpx.Response) -> None:
        await response.aread()
        found.extend(complaints(response.request, response))

    hooks: dict[str, Any] = {"response": [compare]} if SPECS.is_dir() else {}
    async with open_client(str(vendor.http.base_url), timeout=httpx.Timeout(2.0), event_hooks=hooks) as http:
        yield EasypostFeed(http, "EZ-of-nobody")
    assert found == []


pytestmark = pytest.mark.anyio


async def test_a_number_is_read_with_everything_that_was_scanned(feed: EasypostFeed, vendor: Feed) -> None:
    vendor.parcels({"actions": [{"days": 0, "do": "label"}, {"days": 0.5, "do": "accept"}]})
    vendor.act("move")
    assert meanings(await feed.scans(NUMBER, "usps")) == ["label", "accepted", "moving"]
    assert await feed.scans("9400000000000000000000", "usps") == ()


async def test_following_twice_makes_one_tracker(feed: EasypostFeed, vendor: Feed) -> None:
    for _ in range(2):
        await feed.watch(NUMBER, "usps")
    assert await feed.scans(NUMBER) == ()
    vendor.act("accept")
    assert meanings(await feed.scans(NUMBER)) == ["accepted"]


async def test_a_recycled_number_brings_the_earlier_parcel(feed: EasypostFeed, vendor: Feed) -> None:
    vendor.parcels({})
    vendor.act("recycle", days=300)
    told = await feed.scans(NUMBER)
    assert meanings(told) == ["label", "accepted", "moving", "out_for_delivery", "delivered"]
    assert all(scan.at and scan.at < NOW - timedelta(days=200) for scan in told)


async def test_only_what_changed_since_is_told_page_by_page(feed: EasypostFeed, vendor: Feed) -> None:
    vendor.parcels(*({"tracking": f"94{number:020d}"} for number in range(230)))
    for number in (3, 128, 229):
        vendor.act("accept", tracking=f"94{number:020d}")
    pages = [page async for page in feed.updated(NOW - timedelta(hours=1))]
    assert len(pages) == 3
    assert {scan.tracking[-3:] for page in pages for scan in page.items} == {"003", "128", "229"}


async def test_a_webhook_that_was_disabled_is_seen_and_switched_on(feed: EasypostFeed, vendor: Feed) -> None:
    vendor.post("hooks", {"url": "http://127.0.0.1:9/hooks/easypost/x", "secret": "s"})
    (before,) = await feed.subscriptions()
    assert (before.active, before.said) == (True, "active")
    vendor.post("act", {"do": "disable_hooks"})
    (off,) = await feed.subscriptions()
    assert (off.active, off.url) == (False, before.url)
    assert off.said.startswith("disabled at 2026-")
    await feed.switch_on(off)
    assert (await feed.subscriptions())[0].active


async def test_easyposts_numbers_for_tests_are_simulated(feed: EasypostFeed, vendor: Feed) -> None:
    await feed.watch("EZ2000000002", "usps")
    assert meanings(await feed.scans("EZ2000000002")) == ["label", "unknown"]


async def test_a_limit_that_stays_is_told_as_unavailable(feed: EasypostFeed, vendor: Feed) -> None:
    vendor.parcels({})
    vendor.post("faults", {"call": "GET", "fault": "429", "times": None})
    with pytest.raises(Unavailable):
        await feed.scans(NUMBER)


async def test_no_key_no_answer(vendor: Feed) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": {"code": "APIKEY.INVALID"}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unauthorised):
            await EasypostFeed(http, "wrong").scans(NUMBER)


@pytest.mark.parametrize(
    "body",
    [
        {"trackers": {}}, {}, {"trackers": [{"id": "trk_1"}]}, {"trackers": [TRACKER], "has_more": True},
        {"trackers": [changed(tracking_code="another")]}, {"trackers": [{**TRACKER, "id": None}], "has_more": True},
    ],
)  # fmt: skip
async def test_an_answer_of_another_shape_is_unreadable(body: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unreadable):
            await EasypostFeed(http, "key").scans(NUMBER)


async def test_one_damaged_tracker_is_set_aside_and_the_others_are_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"trackers": [changed(tracking_code=None, id="trk_9"), TRACKER]})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        (page,) = [page async for page in EasypostFeed(http, "key").updated(NOW - timedelta(days=3))]
    assert meanings(page.items) == ["label", "accepted"]
    assert [(item.id, item.kind) for item in page.unreadable] == [("trk_9", "tracker")]


async def test_a_number_that_is_refused_says_so(vendor: Feed) -> None:
    async with open_client(str(vendor.http.base_url)) as http:
        with pytest.raises(Refused):
            await EasypostFeed(http, "key").watch("", "usps")


def deliveries(received: Received) -> list[Delivery]:
    return [
        Delivery("POST", received.url, headers, body)
        for headers, body in zip(received.headers, received.bodies, strict=True)
    ]


def quiet(vendor: Feed) -> None:
    wait_until(lambda: vendor.get("deliveries")["waiting"] == 0, "an end of the deliveries")


async def test_webhooks_are_signed_repeated_and_tell_the_same_scan_once(vendor: Feed) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("deliveries", {"copies": 3})
        vendor.parcels({})
        vendor.act("accept")
        received.wait_for(3)
        quiet(vendor)
    found = deliveries(received)
    assert {verify(delivery, [SECRET], NOW) for delivery in found} == {"first"}
    documents = [json.loads(delivery.body) for delivery in found]
    assert len({envelope(one, document) for one, document in zip(found, documents, strict=True)}) == 1
    assert len({scan.fingerprint for item in documents for scan in news(item, "r") if isinstance(scan, Scan)}) == 1


@pytest.mark.parametrize("manner", ["unsigned", "wrong_secret"])
async def test_a_delivery_that_is_not_easyposts_is_refused(vendor: Feed, manner: str) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("deliveries", {manner: True})
        vendor.parcels({})
        vendor.act("accept")
        received.wait_for(1)
        quiet(vendor)
    with pytest.raises(NotSigned):
        verify(deliveries(received)[0], [SECRET], NOW)


async def test_a_parcel_that_goes_silent_is_heard_of_no_more(vendor: Feed) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.parcels({})
        vendor.act("accept")
        vendor.act("silent")
        vendor.act("deliver")
        received.wait_for(1)
        quiet(vendor)
    assert [json.loads(body)["result"]["status"] for body in received.bodies] == ["in_transit"]


async def test_a_receiver_that_stays_down_gets_its_webhook_disabled(vendor: Feed, feed: EasypostFeed) -> None:
    with receive() as received:
        received.answers.extend([500] * 40)
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("deliveries", {"factor": 0.0})
        vendor.parcels({})
        for do in ("accept", "move", "out"):
            vendor.act(do)
        quiet(vendor)
    assert [subscription.active for subscription in await feed.subscriptions()] == [False]


def test_a_seed_that_says_something_unknown_is_refused_by_name(vendor: Feed) -> None:
    answer = vendor.http.post("/_sandbox/easypost/seed", json={"parcels": [{"tracking": "1", "colour": "red"}]})
    assert answer.status_code == 400
    assert "colour" in answer.text
