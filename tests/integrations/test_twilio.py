"""Twilio: requests and answers as its own description says, refusals as values, and never a second text."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.messages import Sent
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable
from integrations.fields import Damaged
from integrations.http import open_client
from integrations.sandbox_clock import Clock
from integrations.twilio import mapping, sandbox
from integrations.twilio.client import TwilioTexts
from tests.integrations import contract
from tests.integrations.serving import serve

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 1, 20, 17, 0, tzinfo=UTC)
ACCOUNT = "AC" + "a" * 32
OURS = "+15550100100"
BO = "+12035550142"
BODY = "Hi Bo, your card was declined. Update it: https://pay.example/1 Reply STOP to opt out"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture(scope="module")
def address(clock: Clock) -> Iterator[str]:
    with serve(sandbox.build(clock)) as base_url:
        yield base_url


@pytest.fixture
def vendor(address: str, clock: Clock) -> Iterator[httpx.Client]:
    clock.set(NOON)
    with httpx.Client(base_url=address) as control:
        control.post("/_sandbox/twilio/reset")
        yield control


@pytest.fixture
async def texts(vendor: httpx.Client) -> AsyncIterator[TwilioTexts]:
    found: list[str] = []
    hooks = {}
    if contract.SHARED.is_dir():
        hooks = contract.recording(contract.openapi("twilio/twilio_api_v2010.json"), found)
    async with open_client(str(vendor.base_url), timeout=httpx.Timeout(0.5), event_hooks=hooks) as http:
        yield TwilioTexts(http, ACCOUNT, "token", OURS)
    # Twilio's description names no answers but the good ones, so a refusal is no finding.
    assert [text for text in found if "the vendor names only" not in text] == []


def strike(vendor: httpx.Client, fault: str, call: str = "POST .*Messages", times: int | None = 1) -> None:
    vendor.post("/_sandbox/twilio/faults", json={"call": call, "fault": fault, "times": times, "seconds": 1.0})


def effects(vendor: httpx.Client) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = vendor.get("/_sandbox/twilio/effects").json()["effects"]
    return sent


async def test_a_text_is_sent_once_and_found_again(texts: TwilioTexts, vendor: httpx.Client) -> None:
    sent = await texts.send(BO, BODY, key="dunning/in_1/sms-1")
    assert sent.state == "accepted"
    assert sent.ref.startswith("SM")
    assert await texts.find(BO, BODY, NOON) == sent
    assert effects(vendor) == [{"to": BO, "body": BODY, "count": 1}]


async def test_a_text_with_another_body_to_another_number_or_of_another_day_is_not_found(
    texts: TwilioTexts, clock: Clock
) -> None:
    await texts.send(BO, BODY, key="k")
    assert await texts.find(BO, BODY + "!", NOON) is None
    assert await texts.find("+12035550143", BODY, NOON) is None
    assert await texts.find(BO, BODY, NOON + timedelta(days=1)) is None


async def test_a_text_made_just_before_our_clock_says_it_was_intended_is_found(texts: TwilioTexts) -> None:
    await texts.send(BO, BODY, key="k")
    assert await texts.find(BO, BODY, NOON + timedelta(seconds=90)) is not None


@pytest.mark.parametrize(
    ("number", "why", "code"),
    [
        ("+15005550001", "bad_address", "21211"),
        ("+15005550002", "unreachable", "21612"),
        ("+15005550003", "unreachable", "21408"),
        ("+15005550004", "opted_out", "21610"),
        ("+15005550009", "bad_address", "21614"),
    ],
)
async def test_a_number_that_cannot_be_texted_is_a_value(
    texts: TwilioTexts, vendor: httpx.Client, number: str, why: str, code: str
) -> None:
    sent = await texts.send(number, BODY, key="k")
    assert (sent.state, sent.why, sent.code) == ("refused", why, code)
    assert number not in sent.reason
    assert effects(vendor) == []


async def test_a_text_that_the_carrier_filtered_is_found_as_refused(texts: TwilioTexts, vendor: httpx.Client) -> None:
    vendor.post("/_sandbox/twilio/seed", json={"undelivered": {BO: 30007}})
    assert (await texts.send(BO, BODY, key="k")).state == "accepted"
    found = await texts.find(BO, BODY, NOON)
    assert found is not None
    assert (found.state, found.why, found.code) == ("refused", "blocked", "30007")


async def test_a_request_of_ours_that_is_wrong_is_an_error_that_repeats_no_number(texts: TwilioTexts) -> None:
    with pytest.raises(Refused) as caught:
        await texts.send(BO, "x" * 1601, key="dunning/in_1/sms-1")
    assert caught.value.code == "21617"
    assert "dunning/in_1/sms-1" in str(caught.value)
    assert BO not in str(caught.value)


async def test_refused_credentials_are_told_apart(vendor: httpx.Client) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"code": 20003})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unauthorised):
            await TwilioTexts(http, ACCOUNT, "wrong", OURS).send(BO, BODY, key="k")


@pytest.mark.parametrize("fault", ["500_after", "timeout_after", "drop_after", "garbage"])
async def test_a_text_without_an_answer_is_found_and_never_sent_twice(
    texts: TwilioTexts, vendor: httpx.Client, fault: str
) -> None:
    strike(vendor, fault)
    with pytest.raises((NoAnswer, Unreadable)):
        await texts.send(BO, BODY, key="k")
    found = await texts.find(BO, BODY, NOON)
    assert found is not None
    assert found.state == "accepted"
    assert effects(vendor) == [{"to": BO, "body": BODY, "count": 1}]


async def test_after_a_500_that_did_nothing_the_look_up_says_never_sent(
    texts: TwilioTexts, vendor: httpx.Client
) -> None:
    strike(vendor, "500")
    with pytest.raises(NoAnswer):
        await texts.send(BO, BODY, key="k")
    assert await texts.find(BO, BODY, NOON) is None
    assert effects(vendor) == []


async def test_a_vendor_that_asks_to_wait_for_a_moment_gets_the_text_once(
    texts: TwilioTexts, vendor: httpx.Client
) -> None:
    strike(vendor, "429")
    assert (await texts.send(BO, BODY, key="k")).state == "accepted"
    assert effects(vendor) == [{"to": BO, "body": BODY, "count": 1}]


async def test_a_503_may_have_come_after_the_work_so_the_text_is_looked_up_and_not_repeated(
    texts: TwilioTexts, vendor: httpx.Client
) -> None:
    strike(vendor, "down")
    with pytest.raises(NoAnswer):
        await texts.send(BO, BODY, key="k")
    assert await texts.find(BO, BODY, NOON) is None
    assert effects(vendor) == []


async def test_a_vendor_that_stays_away_is_unavailable_and_nothing_was_sent(
    texts: TwilioTexts, vendor: httpx.Client
) -> None:
    strike(vendor, "429", times=None)
    with pytest.raises(Unavailable) as caught:
        await texts.send(BO, BODY, key="k")
    assert caught.value.retry_after_seconds == 1.0
    assert effects(vendor) == []


async def test_a_look_up_is_repeated_when_it_fails_because_it_only_reads(
    texts: TwilioTexts, vendor: httpx.Client
) -> None:
    await texts.send(BO, BODY, key="k")
    strike(vendor, "500", "GET", times=2)
    assert await texts.find(BO, BODY, NOON) is not None


async def test_a_look_up_reads_every_page(texts: TwilioTexts, vendor: httpx.Client) -> None:
    await texts.send(BO, BODY, key="first")
    for number in range(205):
        await texts.send(BO, f"text {number}", key="k")
    assert await texts.find(BO, BODY, NOON) is not None


async def test_replies_since_an_instant_come_oldest_first(texts: TwilioTexts, vendor: httpx.Client) -> None:
    for hours, body in ((3, "second"), (1, "first"), (-2, "too early")):
        at = (NOON + timedelta(hours=hours)).isoformat()
        vendor.post("/_sandbox/twilio/inbound", json={"from": BO, "body": body, "at": at})
    page = await texts.replies(NOON)
    assert [(reply.body, reply.sender) for reply in page.items] == [("first", BO), ("second", BO)]
    assert page.items[0].at == NOON + timedelta(hours=1)
    assert page.unreadable == ()


async def test_a_person_who_answered_stop_is_refused_at_the_vendor_from_then_on(
    texts: TwilioTexts, vendor: httpx.Client, clock: Clock
) -> None:
    script = {"to": BO, "after_message": 1, "days": 0.5, "text": "STOP"}
    vendor.post("/_sandbox/twilio/seed", json={"replies": [script]})
    await texts.send(BO, BODY, key="k")
    assert (await texts.replies(NOON)).items == ()
    clock.set(NOON + timedelta(days=1))
    assert [reply.body for reply in (await texts.replies(NOON)).items] == ["STOP"]
    assert (await texts.send(BO, "another", key="k2")).why == "opted_out"
    assert len(effects(vendor)) == 1


async def test_one_damaged_reply_does_not_lose_the_others() -> None:
    whole = {"sid": "SM1", "from": BO, "body": "STOP", "direction": "inbound", "date_created": "bad"}
    right = {**whole, "sid": "SM2", "date_created": "Tue, 20 Jan 2026 17:00:00 +0000"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"messages": [whole, right, {"direction": "inbound"}], "next_page_uri": None})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        page = await TwilioTexts(http, ACCOUNT, "token", OURS).replies(NOON)
    assert [reply.ref for reply in page.items] == ["SM2"]
    assert len(page.unreadable) == 2
    assert all(BO not in item.problem for item in page.unreadable)


async def test_an_account_that_hides_bodies_leaves_the_outcome_unknown() -> None:
    hidden = {"sid": "SM1", "status": "sent", "to": BO, "body": "", "direction": "outbound-api"}
    hidden["date_created"] = "Tue, 20 Jan 2026 17:00:00 +0000"

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"messages": [hidden], "next_page_uri": None})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unreadable, match="redaction"):
            await TwilioTexts(http, ACCOUNT, "token", OURS).find(BO, BODY, NOON)


async def test_a_next_page_elsewhere_never_gets_our_credentials() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"messages": [], "next_page_uri": "https://elsewhere.example/2010-04-01/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        with pytest.raises(Unreadable):
            await TwilioTexts(http, ACCOUNT, "token", OURS).find(BO, BODY, NOON)
    assert asked == ["vendor"]


async def test_a_messaging_service_sends_and_is_looked_up_without_a_number_of_ours() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content.decode() or request.url.query.decode())
        return httpx.Response(201, json={"sid": "SM1", "status": "queued", "messages": []})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://vendor") as http:
        service = TwilioTexts(http, ACCOUNT, "token", "MG" + "b" * 32)
        await service.send(BO, "hello", key="k")
        await service.find(BO, "hello", NOON)
    assert "MessagingServiceSid=MGb" in seen[0] and "From" not in seen[0]
    assert "From" not in seen[1]


@pytest.mark.parametrize("status", ["queued", "accepted", "scheduled", "sending", "sent", "delivered", "read"])
def test_every_status_on_the_way_counts_as_accepted(status: str) -> None:
    assert mapping.read_sent({"sid": "SM1", "status": status}) == Sent(ref="SM1", state="accepted")


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_an_end_without_delivery_is_refused_even_with_an_unknown_code(status: str) -> None:
    sent = mapping.read_sent({"sid": "SM1", "status": status, "error_code": 39999})
    assert (sent.state, sent.why, sent.code) == ("refused", "other", "39999")


def test_a_message_without_a_sid_is_damaged() -> None:
    with pytest.raises(Damaged, match="sid"):
        mapping.read_sent({"status": "queued"})


@contract.needs_shared
def test_the_vendor_s_own_examples_are_read() -> None:
    vendor = contract.openapi("twilio/twilio_api_v2010.json")
    path = vendor.document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    made = path["post"]["responses"]["201"]["content"]["application/json"]["examples"]
    for example in made.values():
        assert mapping.read_sent(example["value"]).state == "accepted"
    listed = path["get"]["responses"]["200"]["content"]["application/json"]["examples"]["readFullPage1"]["value"]
    replies = [mapping.read_inbound(message) for message in listed["messages"]]
    assert [reply.body for reply in replies if reply] == ["look mom I have media!"]
    assert replies[1] is not None
    assert replies[1].at == datetime(2019, 5, 24, 17, 44, 46, tzinfo=UTC)
