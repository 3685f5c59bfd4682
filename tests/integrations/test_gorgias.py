"""Gorgias: tickets and messages carry our key, each fault leaves one of each, and the state says who acted."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.messages import TicketDraft, TicketMessage, TicketState
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable
from integrations.fields import Damaged
from integrations.gorgias import mapping, sandbox
from integrations.gorgias.client import GorgiasHelpdesk
from integrations.http import open_client
from integrations.sandbox_clock import Clock
from tests.integrations import contract
from tests.integrations.serving import serve

pytestmark = pytest.mark.anyio
MORNING = datetime(2026, 1, 27, 14, 0, tzinfo=UTC)
KEY = "dunning/in_1/hand-over"
DRAFT = TicketDraft(
    customer_name="Bo Ek",
    customer_email="bo@example.com",
    subject="Your box for February",
    body="Hi Bo,\n\n5 < 6 & your card was declined.\n\nAnna",
    sender_email="anna@shop.example",
    sender_name="Anna",
    tags=("dunning", "day-12"),
    language="en-US",
)
MESSAGE = TicketMessage(
    to_email="bo@example.com",
    to_name="Bo Ek",
    sender_email="anna@shop.example",
    sender_name="Anna",
    subject="Re: Your box for February",
    body="Hi Bo, one more word about February.",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(MORNING)


@pytest.fixture(scope="module")
def address(clock: Clock) -> Iterator[str]:
    with serve(sandbox.build(clock)) as base_url:
        yield base_url


@pytest.fixture
def vendor(address: str, clock: Clock) -> Iterator[httpx.Client]:
    clock.set(MORNING)
    with httpx.Client(base_url=address) as control:
        control.post("/_sandbox/gorgias/reset")
        yield control


@pytest.fixture
async def desk(vendor: httpx.Client) -> AsyncIterator[GorgiasHelpdesk]:
    found: list[str] = []
    hooks: dict[str, list[Any]] = {}
    if contract.SHARED.is_dir():
        requests = contract.recording(contract.gorgias_tools(), found)["request"]
        answers = contract.recording(contract.openapi("gorgias/gorgias-openapi.yml", strict=False), found)["response"]
        hooks = {"request": requests, "response": answers}
    async with open_client(str(vendor.base_url), timeout=httpx.Timeout(0.5), event_hooks=hooks) as http:
        yield GorgiasHelpdesk(http, "recoup@shop.example", "api-key")
    # The outline names no answers but the good ones, and has no list of messages across tickets.
    known = ("the vendor names only", "GET /api/messages 200: the vendor has no such operation")
    assert [text for text in found if not any(part in text for part in known)] == []


def strike(vendor: httpx.Client, fault: str, call: str, times: int | None = 1) -> None:
    vendor.post("/_sandbox/gorgias/faults", json={"call": call, "fault": fault, "times": times, "seconds": 1.0})


def effects(vendor: httpx.Client) -> dict[tuple[str, str], int]:
    made = vendor.get("/_sandbox/gorgias/effects").json()["effects"]
    return {(item["kind"], item["external_id"]): item["count"] for item in made}


def over(*answers: httpx.Response) -> httpx.AsyncClient:
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        return left.pop(0)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://shop.gorgias.com")


async def test_a_ticket_and_its_first_mail_are_made_once_and_found_by_our_key(
    desk: GorgiasHelpdesk, vendor: httpx.Client
) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    assert ticket.url.endswith(f"/app/ticket/{ticket.ref}")
    assert await desk.find_ticket(KEY) == ticket
    assert await desk.find_message(ticket.ref, KEY) is not None
    assert effects(vendor) == {("ticket", KEY): 1, ("message", KEY): 1}


async def test_the_mail_comes_from_the_person_s_own_inbox_and_the_text_is_escaped_once(
    desk: GorgiasHelpdesk, vendor: httpx.Client
) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    shown = vendor.get(f"/api/tickets/{ticket.ref}", auth=("user", "key")).json()
    message = shown["messages"][0]
    assert message["source"]["from"] == {"address": "anna@shop.example", "name": "Anna"}
    assert message["source"]["to"] == [{"address": "bo@example.com", "name": "Bo Ek"}]
    assert message["body_text"] == DRAFT.body
    assert "5 &lt; 6 &amp; your card" in message["body_html"]
    assert [tag["name"] for tag in shown["tags"]] == ["dunning", "day-12"]


async def test_an_internal_ticket_mails_nobody(desk: GorgiasHelpdesk, vendor: httpx.Client) -> None:
    await desk.open_ticket(replace(DRAFT, internal=True), key=KEY)
    assert effects(vendor) == {("ticket", KEY): 1}


def test_our_messages_never_carry_the_field_that_keeps_them_from_being_sent() -> None:
    written = json.dumps([mapping.write_ticket(DRAFT, key=KEY), mapping.write_message(MESSAGE, key=KEY)])
    assert "sent_datetime" not in written


async def test_a_key_that_was_never_used_is_not_found(desk: GorgiasHelpdesk) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    assert await desk.find_ticket("dunning/in_2/hand-over") is None
    assert await desk.find_message(ticket.ref, "dunning/in_1/follow-up-1") is None


async def test_a_message_is_added_once_and_found_by_our_key(desk: GorgiasHelpdesk, vendor: httpx.Client) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    ref = await desk.add_message(ticket.ref, MESSAGE, key="dunning/in_1/follow-up-1")
    assert await desk.find_message(ticket.ref, "dunning/in_1/follow-up-1") == ref
    assert effects(vendor)["message", "dunning/in_1/follow-up-1"] == 1


async def test_a_message_is_found_on_a_later_page(desk: GorgiasHelpdesk) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    for number in range(120):
        await desk.add_message(ticket.ref, replace(MESSAGE, internal=True), key=f"note-{number}")
    assert await desk.find_message(ticket.ref, "note-119") is not None


UNANSWERED = ["500_after", "timeout_after", "drop_after", "garbage"]


@pytest.mark.parametrize("fault", UNANSWERED)
async def test_a_ticket_without_an_answer_is_found_and_never_opened_twice(
    desk: GorgiasHelpdesk, vendor: httpx.Client, fault: str
) -> None:
    strike(vendor, fault, "POST /api/tickets$")
    with pytest.raises((NoAnswer, Unreadable)):
        await desk.open_ticket(DRAFT, key=KEY)
    assert await desk.find_ticket(KEY) is not None
    assert effects(vendor) == {("ticket", KEY): 1, ("message", KEY): 1}


@pytest.mark.parametrize("fault", UNANSWERED)
async def test_a_message_without_an_answer_is_found_and_never_written_twice(
    desk: GorgiasHelpdesk, vendor: httpx.Client, fault: str
) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    strike(vendor, fault, "POST .*/messages$")
    with pytest.raises((NoAnswer, Unreadable)):
        await desk.add_message(ticket.ref, MESSAGE, key="follow-up")
    assert await desk.find_message(ticket.ref, "follow-up") is not None
    assert effects(vendor)["message", "follow-up"] == 1


async def test_after_a_500_that_did_nothing_the_look_up_says_never_opened(
    desk: GorgiasHelpdesk, vendor: httpx.Client
) -> None:
    strike(vendor, "500", "POST")
    with pytest.raises(NoAnswer):
        await desk.open_ticket(DRAFT, key=KEY)
    assert await desk.find_ticket(KEY) is None
    assert effects(vendor) == {}


@pytest.mark.parametrize(("fault", "error"), [("429", Unavailable), ("down", NoAnswer)])
async def test_a_helpdesk_that_stays_away_is_asked_again_later_and_nothing_was_opened(
    desk: GorgiasHelpdesk, vendor: httpx.Client, fault: str, error: type[Exception]
) -> None:
    strike(vendor, fault, "POST", times=None)
    with pytest.raises(error):
        await desk.open_ticket(DRAFT, key=KEY)
    assert effects(vendor) == {}


async def test_a_refused_ticket_names_the_field_and_never_its_value(desk: GorgiasHelpdesk) -> None:
    answer = httpx.Response(400, json={"error": {"msg": "bad", "data": {"customer.email": ["bo@@ is no address"]}}})
    async with over(answer) as http:
        with pytest.raises(Refused, match=r"customer\.email") as caught:
            await GorgiasHelpdesk(http, "user", "key").open_ticket(DRAFT, key=KEY)
    assert "bo@" not in str(caught.value)


async def test_refused_credentials_are_told_apart() -> None:
    async with over(httpx.Response(401, json={"error": {"msg": "no"}})) as http:
        with pytest.raises(Unauthorised):
            await GorgiasHelpdesk(http, "user", "wrong").open_ticket(DRAFT, key=KEY)


async def test_a_filter_that_was_not_applied_is_no_proof_that_nothing_was_opened() -> None:
    other = {"id": 7, "external_id": "somebody-else"}
    async with over(httpx.Response(200, json={"data": [other], "meta": {}})) as http:
        with pytest.raises(Unreadable, match="external_id"):
            await GorgiasHelpdesk(http, "user", "key").find_ticket(KEY)


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_too_long_for_an_external_id_is_refused_and_not_cut(key: str) -> None:
    with pytest.raises(Refused, match="external_id"):
        mapping.write_ticket(DRAFT, key=key)


async def test_a_fresh_ticket_is_unanswered_open_and_nobody_s(desk: GorgiasHelpdesk) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    assert await desk.state(ticket.ref) == TicketState()


async def test_a_customer_s_answer_shows_with_its_instant_on_their_own_day(
    desk: GorgiasHelpdesk, vendor: httpx.Client, clock: Clock
) -> None:
    script = {"customer_email": "bo@example.com", "after_message": 2, "days": 1, "text": "Paid now!"}
    vendor.post("/_sandbox/gorgias/seed", json={"replies": [script]})
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    clock.set(MORNING + timedelta(days=2))
    assert (await desk.state(ticket.ref)).answered_at is None
    await desk.add_message(ticket.ref, MESSAGE, key="follow-up")
    clock.set(MORNING + timedelta(days=3))
    assert (await desk.state(ticket.ref)).answered_at == MORNING + timedelta(days=3)


async def test_a_customer_who_is_made_to_answer_now_has_answered(desk: GorgiasHelpdesk, vendor: httpx.Client) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    vendor.post("/_sandbox/gorgias/customer-replies", json={"ticket": ticket.ref, "text": "ok"})
    assert (await desk.state(ticket.ref)).answered_at == MORNING


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("take", TicketState(taken_by="eve@shop.example")),
        ("write", TicketState(taken_by="eve@shop.example")),
        ("close", TicketState(closed=True)),
    ],
)
async def test_what_an_agent_does_shows(
    desk: GorgiasHelpdesk, vendor: httpx.Client, action: str, expected: TicketState
) -> None:
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    item = {"ticket": ticket.ref, "action": action, "by": "eve@shop.example", "text": "I am on it"}
    vendor.post("/_sandbox/gorgias/agents", json=item)
    assert await desk.state(ticket.ref) == expected


def test_a_seed_with_an_unknown_field_is_refused_by_its_name(vendor: httpx.Client) -> None:
    answer = vendor.post("/_sandbox/gorgias/seed", json={"replies": [{"costumer_email": "bo@example.com"}]})
    assert answer.status_code == 400
    assert "costumer_email" in answer.text


def message(**fields: Any) -> dict[str, Any]:
    plain = {"from_agent": True, "via": "api", "public": True, "created_datetime": "2026-01-27T14:00:00+00:00"}
    return {**plain, "sender": {"email": "anna@shop.example"}, **fields}


TICKET = {"id": 1, "status": "open", "assignee_user": None, "created_datetime": "2026-01-27T14:00:00+00:00"}


@pytest.mark.parametrize(
    ("ticket", "messages", "expected"),
    [
        ({}, [message()], TicketState()),
        ({}, [message(), message(via="rule")], TicketState()),
        ({}, [message(), message(via="helpdesk")], TicketState(taken_by="anna@shop.example")),
        ({"assignee_user": {"id": 8}}, [message()], TicketState(taken_by="8")),
        ({"assignee_user_id": 9}, [message()], TicketState(taken_by="9")),
        ({"trashed_datetime": "2026-01-28T14:00:00+00:00"}, [message()], TicketState(closed=True)),
        (
            {},
            [
                message(from_agent=False, via="email", created_datetime="2026-01-20T14:00:00+00:00"),
                message(),
                message(from_agent=False, via="email", created_datetime="2026-01-29T09:00:00"),
                message(from_agent=False, via="email", created_datetime="2026-01-30T09:00:00"),
            ],
            TicketState(answered_at=datetime(2026, 1, 29, 9, tzinfo=UTC)),
        ),
    ],
)
def test_the_state_is_read_from_who_wrote_what_and_when(
    ticket: dict[str, Any], messages: list[dict[str, Any]], expected: TicketState
) -> None:
    assert mapping.read_state({**TICKET, **ticket}, messages) == expected


@pytest.mark.parametrize("when", [None, "yesterday", 5])
def test_a_message_without_an_instant_is_damaged_rather_than_unanswered(when: Any) -> None:
    with pytest.raises(Damaged, match="created_datetime"):
        mapping.read_state(TICKET, [message(created_datetime=when)])


async def test_a_ticket_that_brings_only_some_messages_is_read_with_all_of_them() -> None:
    short = {**TICKET, "messages": [message(ticket_id=1)], "messages_count": 2}
    listed = [message(ticket_id=1), message(ticket_id=1, from_agent=False, via="email")]
    async with over(
        httpx.Response(200, json=short), httpx.Response(200, json={"data": listed, "meta": {"next_cursor": None}})
    ) as http:
        state = await GorgiasHelpdesk(http, "user", "key").state("1")
    assert state.answered_at == MORNING


async def test_a_nearly_full_bucket_slows_the_client_down_before_the_vendor_refuses() -> None:
    full = {"X-Gorgias-Account-Api-Call-Limit": "39/40"}
    async with over(httpx.Response(200, json={"data": [], "meta": {}}, headers=full)) as http:
        before = datetime.now(UTC)
        assert await GorgiasHelpdesk(http, "user", "key").find_ticket(KEY) is None
    assert datetime.now(UTC) - before >= timedelta(seconds=0.45)


@contract.needs_shared
def test_recorded_tickets_and_messages_are_read() -> None:
    folder = contract.SHARED / "specs" / "gorgias" / "webhooks"
    ticket = json.loads((folder / "ticket-created.json").read_text(encoding="utf-8"))
    messages = mapping.all_messages(ticket)
    assert messages is not None
    assert mapping.read_ticket(ticket, site="https://x.gorgias.com").ref == "86538298"
    # An agent wrote it by hand and is assigned, so the ticket is theirs.
    assert mapping.read_state(ticket, messages) == TicketState(taken_by="test@sample.com")
    added = json.loads((folder / "ticket-message-created.json").read_text(encoding="utf-8"))
    assert mapping.read_ref(added) == "208841467"


@contract.needs_shared
async def test_the_pretended_tickets_have_every_field_of_the_recorded_ones(
    desk: GorgiasHelpdesk, vendor: httpx.Client
) -> None:
    folder = contract.SHARED / "specs" / "gorgias" / "webhooks"
    recorded = json.loads((folder / "ticket-created.json").read_text(encoding="utf-8"))
    ticket = await desk.open_ticket(DRAFT, key=KEY)
    shown = vendor.get(f"/api/tickets/{ticket.ref}", auth=("user", "key")).json()
    assert set(recorded) - set(shown) == {"account", "reply_options"}
    assert set(recorded["messages"][0]) - set(shown["messages"][0]) == {"intents", "sentiments", "text"}
