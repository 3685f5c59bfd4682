"""AfterShip: requests and answers as its own SDK describes them, words as scans, webhooks signed and once."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.scans import Place, Scan
from integrations.aftership import mapping, sandbox
from integrations.aftership.client import PATH, AftershipFeed
from integrations.aftership.events import envelope, news
from integrations.aftership.signature import verify
from integrations.checkpoints import NO_ZONE
from integrations.errors import Refused, Unauthorised, Unavailable, Unreadable
from integrations.http import open_client
from integrations.sandbox_clock import Clock
from integrations.signing import Delivery, NotSigned, Secret
from tests.integrations import contract
from tests.integrations.feeds import ANY_JSON, NOW, NUMBER, Feed, control, damaged, meanings, nothing
from tests.integrations.receiving import Received, receive, wait_until
from tests.integrations.serving import serve

SCHEMA = contract.SHARED / "specs" / "aftership" / "tracking-sdk-10.0.1.schema.json"
SECRET = Secret("first", "as-secret")
TRACKING: dict[str, Any] = {
    "id": "5b7658cec7c33c0e007de3c5",
    "updated_at": "2026-11-20T03:05:00+00:00",
    "tracking_number": NUMBER,
    "slug": "usps",
    "tag": "InTransit",
    "subtag": "InTransit_002",
    "courier_destination_country_region": "USA",
    "destination_postal_code": "99999",
    "checkpoints": [
        {
            "checkpoint_time": "2026-11-19T10:00:00-05:00",
            "city": "HOUSTON",
            "state": "TX",
            "country_region": "USA",
            "slug": "usps",
            "tag": "InfoReceived",
            "subtag": "InfoReceived_001",
            "source": "carrier",
        },
        {
            "checkpoint_time": "2026-11-19T22:00:00-05:00",
            "city": "HOUSTON",
            "state": "TX",
            "postal_code": "77063",
            "country_region": "USA",
            "slug": "usps",
            "tag": "InTransit",
            "subtag": "InTransit_002",
            "raw_tag": "OA",
            "source": "carrier",
        },
    ],
}
EVENT = {"event": "tracking_update", "event_id": "6d3c1b5e", "ts": 1, "is_tracking_first_tag": True, "msg": TRACKING}
RETURN = {
    "id": "0e1b",
    "event": "return.shipment.updated",
    "created_at": "2026-11-20T03:05:00+00:00",
    "data": {"shipments": [{"tracking_number": NUMBER, "slug": "usps", "tracking_status": "InStransit"}]},
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(TRACKING), **fields}


def with_checkpoint(**fields: Any) -> dict[str, Any]:
    tracking = changed()
    tracking["checkpoints"][1].update(fields)
    return tracking


def test_each_checkpoint_is_a_physical_scan_with_its_place_and_instant() -> None:
    label, first = mapping.read_tracking(TRACKING, "row-1")
    assert label.meaning == "label"
    assert first == Scan(
        tracking=NUMBER, carrier="usps", meaning="accepted", at=datetime(2026, 11, 20, 3, tzinfo=UTC),
        source="aftership", physical=True, place=Place("US", "TX", "HOUSTON", "77063"), destination=Place("US"),
        words="InTransit_002; OA", event="row-1",
    )  # fmt: skip


def test_the_destination_that_the_shop_gave_is_not_the_carriers_word() -> None:
    assert all(scan.destination == Place("US") for scan in mapping.read_tracking(TRACKING))


@pytest.mark.parametrize(
    ("tag", "subtag", "meaning"),
    [
        ("Pending", "Pending_001", "label"),
        ("InfoReceived", "InfoReceived_001", "label"),
        ("InTransit", "InTransit_001", "moving"),
        ("InTransit", "InTransit_002", "accepted"),
        ("InTransit", "InTransit_007", "moving"),
        ("InTransit", "InTransit_010", "moving"),
        ("InStransit", "", "moving"),
        ("in_transit", "", "moving"),
        ("", "InTransit_007", "moving"),
        ("OutForDelivery", "OutForDelivery_001", "out_for_delivery"),
        ("AttemptFail", "AttemptFail_002", "attempt"),
        ("AvailableForPickup", "AvailableForPickup_001", "moving"),
        ("Delivered", "Delivered_005", "delivered"),
        ("Exception", "Exception_001", "exception"),
        ("Exception", "Exception_009", "exception"),
        ("Exception", "Exception_010", "returning"),
        ("Exception", "Exception_011", "returned"),
        ("Exception", "Exception_012", "damaged"),
        ("Exception", "Exception_013", "lost"),
        ("Exception", "Exception_014", "exception"),
        ("Exception", "Exception_020", "cancelled"),
        ("Exception", "Exception_021", "lost"),
        ("Expired", "Expired_001", "exception"),
        ("Teleported", "Teleported_001", "unknown"),
        ("", "Teleported_001", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_words_mean_what_aftership_says(tag: str, subtag: str, meaning: str) -> None:
    assert mapping.meaning(tag, subtag) == meaning


def test_a_tag_without_a_checkpoint_is_a_bare_status() -> None:
    (told,) = mapping.read_tracking(changed(checkpoints=[]))
    assert (told.meaning, told.physical, told.at) == ("accepted", False, datetime(2026, 11, 20, 3, 5, tzinfo=UTC))


def test_what_a_person_entered_at_aftership_is_not_physical() -> None:
    _, told = mapping.read_tracking(with_checkpoint(source="user"))
    assert (told.physical, told.words) == (False, "InTransit_002; OA; set by a user")


def test_a_local_time_without_an_offset_is_no_utc_and_says_so() -> None:
    _, told = mapping.read_tracking(with_checkpoint(checkpoint_time="2026-11-19T21:00:00"))
    assert told.at == datetime(2026, 11, 20, 1, tzinfo=UTC)
    assert NO_ZONE in told.words


def test_a_last_miles_carrier_is_that_of_its_checkpoint() -> None:
    assert [scan.carrier for scan in mapping.read_tracking(with_checkpoint(slug="ups"))] == ["usps", "ups"]


def test_a_damaged_checkpoint_is_kept_as_unknown_and_keeps_no_other_back() -> None:
    label, odd = mapping.read_tracking(with_checkpoint(tag={"a": 1}))[:2]
    assert (label.meaning, odd.meaning, odd.physical) == ("label", "unknown", False)
    assert "tag: text was expected, not an object with 1 fields" in odd.words


@pytest.mark.parametrize("number", [None, "", "N/A", True, ["1"]])
def test_a_tracking_without_a_number_is_unreadable(number: Any) -> None:
    with pytest.raises(Unreadable, match="tracking_number"):
        news({**EVENT, "msg": changed(tracking_number=number)}, "row-1")


def test_a_number_that_the_shopper_typed_in_is_never_a_scan() -> None:
    assert "shopper-supplied tracking" in nothing(news({**RETURN, "event": "return.shipment.recorded"}, "row-1"))


def test_a_returns_shipment_that_moves_is_a_bare_status_even_where_the_word_is_misspelt() -> None:
    (told,) = news(RETURN, "row-1")
    assert isinstance(told, Scan)
    assert (told.meaning, told.physical, told.at) == ("moving", False, datetime(2026, 11, 20, 3, 5, tzinfo=UTC))
    assert envelope(Delivery("POST", "", {}, b""), RETURN)[:2] == ("return.shipment.updated", "0e1b")


@pytest.mark.parametrize(
    "topic", ["edd_revise", "tracking_pending_time", "return.submitted", "return.receiving.created", "new.topic"]
)
def test_other_events_are_understood_and_nothing_to_do(topic: str) -> None:
    assert topic in nothing(news({**EVENT, "event": topic}, "row-1"))


@given(st.one_of(ANY_JSON, damaged(EVENT), damaged(RETURN)))
@settings(max_examples=200)
def test_any_json_is_news_or_unreadable_and_has_an_identity(document: Any) -> None:
    found = envelope(Delivery("POST", "http://r", {}, json.dumps(document).encode()), document)
    assert found.identity
    try:
        told = news(document, "row-1")
    except Unreadable as error:
        assert error.vendor == "aftership"
    else:
        assert told
        for scan in told:
            if isinstance(scan, Scan):
                assert scan.tracking and scan.fingerprint and scan.words.isprintable()


# Over HTTP

pytestmark = pytest.mark.anyio

PARAMETERS = (
    "cursor", "limit", "keyword", "tracking_numbers", "slug", "transit_time", "origin", "destination", "tag",
    "created_at_min", "created_at_max", "updated_at_min", "updated_at_max", "fields", "return_to_sender",
    "courier_destination_country_region", "shipment_tags", "order_id",
)  # fmt: skip
"""Parameters of GET /trackings in AfterShip's own Python SDK (tracking/api/tracking.py)."""


def described(prefix: str = "") -> contract.Contract:
    """The contract that the SDK's models make: types and names of bodies, names of parameters."""
    models = contract._load(SCHEMA)
    document = contract._closed({"$defs": models["$defs"]})
    query = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in PARAMETERS},
        "additionalProperties": False,
    }
    meta = {"type": "object", "properties": {"meta": {"$ref": "#/$defs/Meta"}}, "required": ["meta", "data"]}
    one = {**meta, "properties": {**meta["properties"], "data": {"$ref": "#/$defs/Tracking"}}}
    read = contract.Operation(
        "GET", PATH, query=query, answers={"200": {"$ref": "#/$defs/TrackingResponseForGetTrackings"}, "default": meta}
    )
    body = {"$ref": "#/$defs/CreateTrackingRequest"}
    made = contract.Operation("POST", PATH, body=body, media="json", answers={"201": one, "default": meta})
    return contract.Contract(document, [read, made], prefix=prefix)


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
    with control(address, "aftership") as feed:
        yield feed


@pytest.fixture
async def feed(vendor: Feed) -> AsyncIterator[AftershipFeed]:
    found: list[str] = []
    hooks = contract.recording(described(), found) if SCHEMA.is_file() else {}
    async with open_client(str(vendor.http.base_url), timeout=httpx.Timeout(2.0), event_hooks=hooks) as http:
        yield AftershipFeed(http, "asat_of_nobody")
    assert found == []


@contract.needs_shared
def test_the_contract_notices_a_field_and_a_parameter_that_there_is_not() -> None:
    request = httpx.Request("POST", f"http://v{PATH}", json={"tracking_number": NUMBER, "colour": "red"})
    assert described().request(request)
    assert described().request(httpx.Request("GET", f"http://v{PATH}", params={"numbers": NUMBER}))
    assert described().response(httpx.Response(200, json={"meta": {}, "data": {"items": []}}, request=httpx.Request(
        "GET", f"http://v{PATH}")))  # fmt: skip


async def test_a_number_is_read_with_everything_that_was_scanned(feed: AftershipFeed, vendor: Feed) -> None:
    vendor.parcels({"actions": [{"days": 0, "do": "label"}, {"days": 0.5, "do": "accept"}]})
    vendor.act("move")
    assert meanings(await feed.scans(NUMBER, "usps")) == ["label", "accepted", "moving"]
    assert await feed.scans("9400000000000000000000", "usps") == ()


async def test_following_twice_is_no_error_and_no_second_tracking(feed: AftershipFeed, vendor: Feed) -> None:
    for _ in range(2):
        await feed.watch(NUMBER, "usps")
    assert meanings(await feed.scans(NUMBER)) == ["label"]


async def test_following_what_aftership_refuses_names_its_code(feed: AftershipFeed) -> None:
    with pytest.raises(Refused) as caught:
        await feed.watch("", "usps")
    assert caught.value.code == "4005"


async def test_only_what_changed_since_is_told_page_by_page(feed: AftershipFeed, vendor: Feed) -> None:
    vendor.parcels(*({"tracking": f"94{number:020d}"} for number in range(230)))
    vendor.act("accept", tracking=f"94{3:020d}")
    recent = [page async for page in feed.updated(NOW - timedelta(hours=1))]
    assert [scan.tracking[-3:] for page in recent for scan in page.items] == ["003"]
    pages = [page async for page in feed.updated(NOW - timedelta(days=9))]
    assert [len(page.items) for page in pages] == [200, 30]


async def test_a_parcel_that_regresses_keeps_every_scan(feed: AftershipFeed, vendor: Feed) -> None:
    vendor.parcels({})
    for do in ("accept", "regress"):
        vendor.act(do)
    assert meanings(await feed.scans(NUMBER)) == ["accepted", "label"]


async def test_times_without_an_offset_are_read_with_care(feed: AftershipFeed, vendor: Feed) -> None:
    vendor.parcels({"offset": ""})
    vendor.act("accept")
    (told,) = await feed.scans(NUMBER)
    assert told.at == NOW - timedelta(hours=1)
    assert NO_ZONE in told.words


async def test_aftership_has_no_list_of_its_webhooks(feed: AftershipFeed) -> None:
    assert await feed.subscriptions() == []


async def test_a_limit_that_stays_is_told_as_unavailable(vendor: Feed) -> None:
    vendor.post("faults", {"call": "GET", "fault": "429", "times": None})
    async with open_client(str(vendor.http.base_url)) as http:
        with pytest.raises(Unavailable):
            await AftershipFeed(http, "key").scans(NUMBER)


async def test_refused_credentials_are_told_apart() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"meta": {"code": 401}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unauthorised):
            await AftershipFeed(http, "wrong").scans(NUMBER)


@pytest.mark.parametrize(
    "data",
    [
        None, [], {"trackings": {}}, {"trackings": [{"id": "1"}]}, {"trackings": ["x"]},
        {"trackings": [changed(tracking_number="another1")]},
        {"trackings": [], "pagination": {"has_next_page": True}},
        {"trackings": [], "pagination": {"has_next_page": True, "next_cursor": "same"}},
    ],
)  # fmt: skip
async def test_an_answer_of_another_shape_is_unreadable(data: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"meta": {"code": 200}, "data": data})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unreadable):
            await AftershipFeed(http, "key").scans(NUMBER)


async def test_one_damaged_tracking_is_set_aside_and_the_others_are_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        trackings = [changed(tracking_number=None, id="damaged"), TRACKING]
        return httpx.Response(200, json={"meta": {"code": 200}, "data": {"trackings": trackings}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        (page,) = [page async for page in AftershipFeed(http, "key").updated(NOW - timedelta(days=3))]
    assert meanings(page.items) == ["label", "accepted"]
    assert [(item.id, item.kind) for item in page.unreadable] == [("damaged", "tracking")]


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
    assert documents[0]["is_tracking_first_tag"] is True


async def test_events_that_come_in_another_order_tell_the_same_scans(vendor: Feed) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("deliveries", {"reorder": True})
        vendor.parcels({})
        for hour, do in enumerate(("accept", "move", "deliver")):
            vendor.act(do, at=(NOW + timedelta(hours=hour)).isoformat())
        received.wait_for(3)
        quiet(vendor)
    tags = [json.loads(body)["msg"]["tag"] for body in received.bodies]
    assert tags == ["Delivered", "InTransit", "InTransit"]
    told = {scan.fingerprint for body in received.bodies for scan in news(json.loads(body), "r")
            if isinstance(scan, Scan)}  # fmt: skip
    assert len(told) == 3


async def test_a_webhook_of_product_returns_has_its_own_header(vendor: Feed) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("returns", {"event": "return.shipment.recorded", "tracking": NUMBER})
        received.wait_for(1)
        quiet(vendor)
    (delivery,) = deliveries(received)
    assert "as-signature-hmac-sha256" in delivery.headers
    assert verify(delivery, [SECRET], NOW) == "first"
    assert "shopper-supplied" in nothing(news(json.loads(delivery.body), "row-1"))


@pytest.mark.parametrize("manner", ["unsigned", "wrong_secret"])
async def test_a_delivery_that_is_not_afterships_is_refused(vendor: Feed, manner: str) -> None:
    with receive() as received:
        vendor.post("hooks", {"url": received.url, "secret": SECRET.value})
        vendor.post("deliveries", {manner: True})
        vendor.parcels({})
        vendor.act("accept")
        received.wait_for(1)
        quiet(vendor)
    with pytest.raises(NotSigned):
        verify(deliveries(received)[0], [SECRET], NOW)


async def test_what_is_scripted_happens_on_its_day(vendor: Feed, feed: AftershipFeed, clock: Clock) -> None:
    vendor.parcels({"actions": [{"days": 2, "do": "accept"}, {"at": "2026-11-24T15:00:00Z", "do": "deliver"}]})
    assert meanings(await feed.scans(NUMBER)) == ["label"]
    clock.set(NOW + timedelta(days=2))
    (told,) = await feed.scans(NUMBER)
    assert (told.meaning, told.at) == ("accepted", datetime(2026, 11, 21, 15, tzinfo=UTC))
    clock.set(NOW + timedelta(days=9))
    assert meanings(await feed.scans(NUMBER)) == ["accepted", "delivered"]
