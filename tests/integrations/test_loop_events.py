"""Loop's webhooks: what each topic tells, what makes an event this one, and the pretended Loop delivering them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.news import Nothing, ProcessingFailed, ReturnTouched
from domain.scans import Scan
from integrations.errors import Unreadable
from integrations.loop import sandbox
from integrations.loop.events import READERS, envelope, news
from integrations.loop.signature import verify
from integrations.loop.values import parse
from integrations.sandbox_clock import Clock
from integrations.signing import Delivery, NotSigned, Secret
from tests.integrations import contract
from tests.integrations.receiving import Received, receive, wait_until
from tests.integrations.serving import serve

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "test-secret-not-real"
LABEL = {
    "topic": "label",
    "trigger": "label.updated",
    "shop_id": "9876",
    "return_id": "12345",
    "order_id": "1234567890",
    "provider_order_id": 1029384756,
    "carrier": "USPS",
    "tracking_number": "28735625627856237856287",
    "label_status": "in_transit",
    "label_updated_at": "2019-04-01T12:00:00+00:00",
}
RETURN = {
    "topic": "return",
    "trigger": "return.updated",
    "shop_id": 12345,
    "id": "1673",
    "state": "open",
    "edited_at": None,
    "labels": [
        {"status": "new", "updated_at": "2024-02-02T21:19:04.000Z", "carrier": "USPS", "tracking_number": 123456789},
        {"status": "N/A", "updated_at": None, "carrier": "", "tracking_number": "N/A"},
    ],
}
FAILED = {
    "topic": "return.processing",
    "trigger": "return.processing.failed",
    "return_id": 1673,
    "return_state": "review",
    "message": None,
    "source": "api",
}
TOUCHED = ReturnTouched("loop", "12345")


def identity(document: Any) -> str:
    return envelope(Delivery("POST", "http://x", {}, b""), document).identity


class TestNews:
    def test_a_label_event_is_a_bare_status_and_a_return_to_read_again(self) -> None:
        scan, touched = news(LABEL, "inbox-1")
        assert scan == Scan(
            tracking="28735625627856237856287",
            carrier="usps",
            meaning="moving",
            at=datetime(2019, 4, 1, 12, tzinfo=UTC),
            source="loop",
            physical=False,
            words="in_transit",
            event="inbox-1",
        )
        assert touched == TOUCHED

    def test_a_label_event_of_the_newer_form_names_the_return_by_id(self) -> None:
        newer = {**LABEL, "id": 12345, "shipment_id": "6789998212", "label_updated_at": "2019-04-01T12:00:00.000Z"}
        del newer["return_id"]
        assert news(newer, "e")[0].at == datetime(2019, 4, 1, 12, tzinfo=UTC)  # type: ignore[union-attr]
        assert news(newer, "e")[1] == TOUCHED

    @pytest.mark.parametrize("number", ["N/A", "pending", "", None])
    def test_a_label_without_a_number_is_no_scan(self, number: str | None) -> None:
        assert news({**LABEL, "tracking_number": number}, "e") == (TOUCHED,)

    def test_a_return_event_tells_of_each_label_that_has_a_number(self) -> None:
        scan, touched = news(RETURN, "e")
        assert isinstance(scan, Scan)
        assert (scan.tracking, scan.meaning, scan.physical) == ("123456789", "label", False)
        assert touched == ReturnTouched("loop", "1673")

    def test_a_failed_processing_says_why_and_who_asked(self) -> None:
        assert news(FAILED, "e") == (ProcessingFailed("loop", "1673", "the portal gave no reason (asked for by api)"),)

    @pytest.mark.parametrize(
        "document",
        [
            {"topic": "label", "trigger": "return.created"},
            {"topic": "return", "trigger": "label.updated"},
            {"topic": "happy.returns.shipment", "trigger": "shipment.processed", "loop_shipment_id": 1},
            {"topic": "raffle", "id": 1},
            {},
        ],
    )
    def test_a_pair_with_an_empty_payload_or_an_unknown_topic_is_nothing(self, document: dict[str, Any]) -> None:
        (found,) = news(document, "e")
        assert isinstance(found, Nothing)

    @pytest.mark.parametrize("topic", ["restock", "giftcard", "label.request"])
    def test_every_other_topic_that_names_a_return_has_it_read_again(self, topic: str) -> None:
        assert news({"topic": topic, "return_id": 12345}, "e") == (TOUCHED,)

    @contract.needs_shared
    def test_the_vendor_s_own_example_of_a_return_is_understood(self) -> None:
        folder = contract.SHARED / "specs/loop/webhooks"
        body = parse((folder / "loop-returns-return-example.json").read_bytes())
        scan, touched = news({**body, "topic": "return", "trigger": "return.updated"}, "e")
        assert isinstance(scan, Scan)
        assert (scan.meaning, scan.tracking) == ("moving", "9400136105440512280610")
        assert touched == ReturnTouched("loop", "12345678")
        request = parse((folder / "loop-returns-label-request-example.json").read_bytes())
        assert news({**request, "topic": "label.request"}, "e") == (ReturnTouched("loop", "1001"),)

    @pytest.mark.parametrize("document", [[], "x", None, {"topic": {}}, {**LABEL, "label_updated_at": "soon"}])
    def test_what_cannot_be_read_says_so_without_its_values(self, document: Any) -> None:
        with pytest.raises(Unreadable) as found:
            news(document, "e")
        assert "soon" not in str(found.value)


class TestIdentity:
    def test_the_same_body_is_the_same_event_whatever_order_or_trigger_it_has(self) -> None:
        for document in (LABEL, RETURN):
            turned = dict(reversed({**document, "trigger": "label.created"}.items()))
            assert identity(turned) == identity(document)

    @pytest.mark.parametrize(
        "change",
        [
            {"return_id": "2"}, {"label_status": "delivered"}, {"label_updated_at": "2019-04-01T12:00:01+00:00"},
            {"tracking_number": "9"}, {"shipment_id": "7"}, {"label_updated_at": None},
        ],
    )  # fmt: skip
    def test_a_label_event_is_what_it_is_about(self, change: dict[str, Any]) -> None:
        assert identity({**LABEL, **change}) != identity(LABEL)

    @pytest.mark.parametrize(
        "change",
        [{"id": "2"}, {"state": "closed"}, {"edited_at": "2023-05-02T15:00:00Z"}, {"labels": []}, {"refund": "1"}],
    )
    def test_a_return_event_differs_with_anything_that_changed(self, change: dict[str, Any]) -> None:
        assert identity({**RETURN, **change}) != identity(RETURN)

    def test_the_shop_is_named(self) -> None:
        found = envelope(Delivery("POST", "http://x", {}, b""), RETURN)
        assert (found.topic, found.tenant) == ("return", "12345")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({*LABEL, *RETURN, *FAILED, "shipment_id", "return_method", "address", "created_at", "tracking_number"})


@settings(max_examples=100, deadline=None)
@given(
    topic=st.sampled_from([*READERS, "other"]), fields=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=6)
)
def test_whatever_is_signed_is_news_or_unreadable_and_never_a_crash(topic: str, fields: dict[str, Any]) -> None:
    document = {**fields, "topic": topic}
    for read in (lambda: news(document, "e"), lambda: identity(document)):
        try:
            assert read()
        except Unreadable as error:
            assert str(error).startswith("loop: webhook: ")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="module")
def address(clock: Clock) -> Iterator[str]:
    with serve(sandbox.build(clock)) as base_url:
        yield base_url


@pytest.fixture
def received() -> Iterator[Received]:
    with receive() as found:
        yield found


@pytest.fixture
def vendor(address: str, received: Received) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{address}/_sandbox/loop/") as control:
        control.post("reset").raise_for_status()
        hook = {"url": received.url, "secret": SECRET, "topics": ["label", "return.processing"]}
        label = {"tracking": "9400136105440512280610", "lines": ["1"]}
        lines = [{"id": "1", "shop_line": "111", "refund": "47.50"}]
        seed = {"returns": [{"id": "12345", "order": "1", "lines": lines, "labels": [label]}], "hooks": [hook]}
        control.post("seed", json=seed).raise_for_status()
        yield control
        control.post("reset").raise_for_status()


def act(vendor: httpx.Client, *actions: str) -> None:
    vendor.post("act", json=[{"return": "12345", "do": do} for do in actions]).raise_for_status()


def behave(vendor: httpx.Client, **manner: Any) -> None:
    vendor.post("deliveries", json=manner).raise_for_status()


def settle(vendor: httpx.Client) -> list[dict[str, Any]]:
    wait_until(lambda: vendor.get("deliveries").json()["waiting"] == 0, "an end of what waits")
    log: list[dict[str, Any]] = vendor.get("deliveries").json()["log"]
    return log


def verified(received: Received, number: int = 0) -> str:
    delivery = Delivery("POST", received.url, received.headers[number], received.bodies[number])
    return verify(delivery, [Secret("first", SECRET)], NOW)


class TestDeliveries:
    def test_a_scan_arrives_signed_over_its_raw_bytes(self, vendor: httpx.Client, received: Received) -> None:
        act(vendor, "scan")
        assert [(entry["topic"], entry["status"]) for entry in settle(vendor)] == [("label/label.updated", 200)]
        assert verified(received) == "first"
        scan, touched = news(parse(received.bodies[0]), "e")
        assert isinstance(scan, Scan)
        assert (scan.meaning, scan.at, touched) == ("moving", NOW, TOUCHED)

    def test_copies_are_one_event(self, vendor: httpx.Client, received: Received) -> None:
        behave(vendor, copies=3)
        act(vendor, "scan")
        settle(vendor)
        assert len(received.bodies) == 3
        assert len({identity(parse(body)) for body in received.bodies}) == 1

    def test_a_late_copy_is_still_the_same_event(self, vendor: httpx.Client, received: Received) -> None:
        act(vendor, "scan", "deliver")
        settle(vendor)
        vendor.post("deliveries/again", json={"event": 1}).raise_for_status()
        settle(vendor)
        assert identity(parse(received.bodies[2])) in {identity(parse(body)) for body in received.bodies[:2]}

    def test_reordered_events_tell_of_the_delivery_before_the_scan(
        self, vendor: httpx.Client, received: Received
    ) -> None:
        behave(vendor, reorder=True)
        act(vendor, "scan", "out", "deliver")
        settle(vendor)
        statuses = [json.loads(body)["label_status"] for body in received.bodies]
        assert statuses == ["delivered", "out_for_delivery", "in_transit"]

    @pytest.mark.parametrize("manner", ["unsigned", "wrong_secret"])
    def test_an_unsigned_or_forged_event_does_not_verify(
        self, vendor: httpx.Client, received: Received, manner: str
    ) -> None:
        behave(vendor, **{manner: True})
        act(vendor, "scan")
        settle(vendor)
        with pytest.raises(NotSigned):
            verified(received)

    def test_a_failed_processing_is_told(self, vendor: httpx.Client, received: Received) -> None:
        act(vendor, "processing_failed")
        settle(vendor)
        assert news(parse(received.bodies[0]), "e") == (
            ProcessingFailed("loop", "12345", "Return failed to process (asked for by api)"),
        )

    def test_a_receiver_that_fails_too_often_has_its_webhook_switched_off(
        self, vendor: httpx.Client, received: Received, address: str
    ) -> None:
        received.answers = [500] * 40
        behave(vendor, factor=0.0, at_once=1)
        act(vendor, "scan", "deliver", "scan")
        assert len(settle(vendor)) == 11
        listed = httpx.get(f"{address}/api/2026-07/webhooks", headers={"X-Authorization": "key"}).json()["webhooks"]
        assert [hook["status"] for hook in listed] == ["deactivated"]
