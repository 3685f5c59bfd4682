"""The pretended vendors' webhook sender, over real HTTP: every manner a test can ask for, and giving up."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries, Manner, Retries
from tests.integrations.receiving import Received, receive, wait_until

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def sign(body: bytes, secret: str, now: Any) -> dict[str, str]:
    return {"x-signed": f"{secret}:{len(body)}:{now:%H%M}"}


@pytest.fixture
def received() -> Iterator[Received]:
    with receive() as found:
        yield found


@pytest.fixture
def deliveries(received: Received) -> Deliveries:
    made = Deliveries("loop", Clock(NOW), sign, Retries(waits=(5, 5, 5), give_up_after=6))
    made.register(received.url, "s3cret", ("return", "label/label.updated"))
    return made


def settle(deliveries: Deliveries) -> list[dict[str, Any]]:
    wait_until(lambda: deliveries.shown()["waiting"] == 0, "an end of what waits")
    return list(deliveries.shown()["log"])


def test_an_event_arrives_once_signed_with_the_secret_of_the_hook(deliveries: Deliveries, received: Received) -> None:
    deliveries.emit("return/return.created", {"id": 1}, {"x-topic": "return"})
    (entry,) = settle(deliveries)
    assert received.bodies == [b'{"id":1}']
    assert (received.headers[0]["x-signed"], received.headers[0]["x-topic"]) == ("s3cret:8:0900", "return")
    assert (entry["status"], entry["try"], entry["topic"]) == (200, 1, "return/return.created")


def test_an_event_of_another_topic_goes_nowhere(deliveries: Deliveries, received: Received) -> None:
    for topic in ("label/label.created", "returns", "restock"):
        deliveries.emit(topic, {})
    assert settle(deliveries) == []
    assert received.bodies == []


def test_emitting_returns_at_once_whatever_the_receiver_does(deliveries: Deliveries) -> None:
    deliveries.behave({"delay": 5.0})
    before = time.monotonic()
    deliveries.emit("return", {})
    assert time.monotonic() - before < 0.5
    assert deliveries.shown()["waiting"] == 1
    deliveries.reset()
    assert deliveries.shown() == {"manner": deliveries.shown()["manner"], "waiting": 0, "log": []}


def test_copies_are_the_same_body_twice(deliveries: Deliveries, received: Received) -> None:
    deliveries.behave({"copies": 2})
    deliveries.emit("return", {"id": 1})
    assert [entry["event"] for entry in settle(deliveries)] == [1, 1]
    assert received.bodies == [b'{"id":1}'] * 2


def test_reordered_events_arrive_the_last_first(deliveries: Deliveries, received: Received) -> None:
    deliveries.behave({"reorder": True})
    for number in range(4):
        deliveries.emit("return", {"id": number})
    assert [entry["event"] for entry in settle(deliveries)] == [4, 3, 2, 1]
    assert received.bodies[0] == b'{"id":3}'


@pytest.mark.parametrize(
    ("manner", "signature"), [({"unsigned": True}, None), ({"wrong_secret": True}, "s3cret-of-somebody-else:2:0900")]
)
def test_an_unsigned_or_forged_delivery_really_goes_out(
    deliveries: Deliveries, received: Received, manner: dict[str, Any], signature: str | None
) -> None:
    deliveries.behave({**manner, "times": 1})
    deliveries.emit("return", {})
    settle(deliveries)
    deliveries.emit("return", {})
    settle(deliveries)
    assert [headers.get("x-signed") for headers in received.headers] == [signature, "s3cret:2:0900"]


def test_a_dropped_event_is_only_in_the_log_and_can_be_sent_again(deliveries: Deliveries, received: Received) -> None:
    deliveries.behave({"drop": True})
    deliveries.emit("return", {"id": 1})
    assert [(entry["status"], entry["error"]) for entry in settle(deliveries)] == [(None, "dropped")]
    assert received.bodies == []
    deliveries.behave({})
    deliveries.control("POST", "deliveries/again", {"event": 1})
    settle(deliveries)
    assert received.bodies == [b'{"id":1}']


def test_a_failed_delivery_is_tried_again_until_it_is_taken(deliveries: Deliveries, received: Received) -> None:
    received.answers = [500, 503]
    deliveries.emit("return", {})
    assert [(entry["try"], entry["status"]) for entry in settle(deliveries)] == [(1, 500), (2, 503), (3, 200)]
    assert next(iter(deliveries.hooks.values())).failures == 0


def test_a_hook_that_always_fails_is_switched_off_and_gets_nothing_more(
    deliveries: Deliveries, received: Received
) -> None:
    received.answers = [500] * 20
    deliveries.behave({"at_once": 1})
    for _ in range(3):
        deliveries.emit("return", {})
    log = settle(deliveries)
    (hook,) = deliveries.hooks.values()
    assert (hook.state, len(log)) == ("deactivated", 6)
    deliveries.emit("return", {})
    assert len(settle(deliveries)) == 6


def test_a_receiver_that_is_gone_is_a_line_of_the_log(deliveries: Deliveries) -> None:
    deliveries.register("http://127.0.0.1:9/none", "s", ident="gone")
    deliveries.emit("restock", {})
    assert {entry["error"] for entry in settle(deliveries)} == {"ConnectError"}


def test_a_manner_that_there_is_not_is_refused(deliveries: Deliveries) -> None:
    with pytest.raises(TypeError, match="twice"):
        deliveries.control("POST", "deliveries", {"twice": True})
    assert deliveries.manner == Manner()


def test_a_secret_is_never_shown(deliveries: Deliveries) -> None:
    assert "s3cret" not in repr(deliveries.control("GET", "hooks", {})) + repr(deliveries.hooks)
