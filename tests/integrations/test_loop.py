"""Loop's client against the pretended Loop over HTTP, requests and answers held to the vendor's own descriptions."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.orders import RefundAnswer
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable
from integrations.http import open_client
from integrations.loop import sandbox
from integrations.loop.client import API_VERSION, LoopPortal
from integrations.loop.sandbox_shapes import closed_error
from integrations.sandbox_clock import Clock
from tests.integrations import contract
from tests.integrations.serving import serve

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "refunds/loop-98765/label-4"
BASE = f"/api/{API_VERSION}"
SEED = {
    "id": "98765",
    "order": "450789469",
    "order_name": "#1001",
    "lines": [{"id": "1", "shop_line": "111", "refund": "30.00"}, {"id": "2", "shop_line": "222", "refund": "17.50"}],
    "labels": [
        {"id": "4", "tracking": "9400136105440512280610", "lines": ["1"]},
        {"id": "5", "tracking": "9400136105440512280627", "lines": ["2"]},
    ],
}
BEYOND_THE_FILE = re.compile(
    r"GET /warehouse/return/list: .*\('(page|pageSize|paginate)'(, '(page|pageSize|paginate)')* w"
    r"|GET /warehouse/return/list 200: the body: \{'returns'"
    r"|GET /warehouse/return/details 404: the vendor names only 200"
    r"|POST .*/(process|flag) 200: the body: .* is valid under each of"
)
"""What the vendor's own pages have and the third party's file has not: pages of the list, and a return that is not
there. Its three errors of `process` are also one another's, so none of them is the one that its `oneOf` wants."""


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
def vendor(address: str, clock: Clock) -> Iterator[httpx.Client]:
    clock.set(NOW)
    with httpx.Client(base_url=address, headers={"X-Authorization": "key"}) as control:
        control.post("/_sandbox/loop/reset")
        seed(control, SEED)
        yield control


@pytest.fixture
async def portal(vendor: httpx.Client) -> AsyncIterator[LoopPortal]:
    found: list[str] = []
    hooks = held_to_the_vendor(found) if contract.SHARED.is_dir() else {}
    async with open_client(str(vendor.base_url), timeout=httpx.Timeout(0.5), event_hooks=hooks) as http:
        yield LoopPortal(http, "key")
    assert [text for text in found if not BEYOND_THE_FILE.match(text)] == []


def held_to_the_vendor(found: list[str]) -> dict[str, Any]:
    """Requests strictly, answers by the fields that the files show: they cut the objects down."""
    files = {
        strict: [
            contract.openapi(f"loop/loop-returns-{name}-openapi.yml", prefix=BASE, strict=strict)
            for name in ("returns", "webhooks")
        ]
        for strict in (True, False)
    }

    async def request(sent: httpx.Request) -> None:
        found.extend(files[True]["/webhooks" in sent.url.path].request(sent))

    async def response(got: httpx.Response) -> None:
        await got.aread()
        if "json" in got.headers.get("content-type", "") and got.status_code < 500:
            found.extend(files[False]["/webhooks" in got.request.url.path].response(got))

    return {"request": [request], "response": [response]}


def seed(vendor: httpx.Client, *returns: dict[str, Any], **more: Any) -> None:
    vendor.post("/_sandbox/loop/seed", json={"returns": list(returns), **more}).raise_for_status()


def act(vendor: httpx.Client, do: str, **more: Any) -> None:
    vendor.post("/_sandbox/loop/act", json={"return": "98765", "do": do, **more}).raise_for_status()


def plan(vendor: httpx.Client, **wanted: Any) -> None:
    vendor.post("/_sandbox/loop/process", json=wanted).raise_for_status()


def strike(vendor: httpx.Client, fault: str, call: str, times: int | None = 1) -> None:
    fault_set = {"call": call, "fault": fault, "times": times, "seconds": 1.0}
    vendor.post("/_sandbox/loop/faults", json=fault_set).raise_for_status()


def processed(vendor: httpx.Client) -> list[tuple[str, str, str]]:
    effects = vendor.get("/_sandbox/loop/effects").json()["effects"]
    return [(item["return"], item["key"], item["by"]) for item in effects if item["kind"] == "processed"]


async def states(portal: LoopPortal, since: datetime, until: datetime | None = None) -> dict[str, str]:
    found = {}
    async for page in portal.returns(since, until):
        assert page.unreadable == ()
        found.update({ret.portal_id: ret.state for ret in page.items})
    return found


class TestReading:
    async def test_a_return_is_read_with_its_labels_and_the_lines_of_each(self, portal: LoopPortal) -> None:
        ret = await portal.ret("98765")
        assert (ret.id, ret.order, ret.cash, ret.state) == ("loop-98765", "450789469", Money(4750, "USD"), "open")
        assert {label.id: label.lines for label in ret.labels} == {"4": ("1",), "5": ("2",)}

    async def test_a_label_keeps_its_id_while_its_status_changes(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        act(vendor, "scan", label="4")
        first, second = (await portal.ret("98765")).labels
        assert (first.id, first.status, second.status) == ("4", "moving", "label")

    @pytest.mark.parametrize("ident", ["1", "x", "1/close", ""])
    async def test_a_return_that_is_not_there_is_refused(self, portal: LoopPortal, ident: str) -> None:
        with pytest.raises(Refused):
            await portal.ret(ident)

    async def test_without_a_key_everything_is_refused_for_our_credentials(self, vendor: httpx.Client) -> None:
        async with open_client(str(vendor.base_url)) as http:
            with pytest.raises(Unauthorised):
                await LoopPortal(http, "").ret("98765")

    async def test_too_many_calls_without_a_named_wait_are_tried_again_and_then_left_for_later(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        answers = [httpx.Response(429)] * 4

        async with httpx.AsyncClient(
            transport=httpx.MockTransport(lambda request: answers.pop()), base_url="https://api.loopreturns.com"
        ) as http:
            with pytest.raises(Unavailable):
                await LoopPortal(http, "key").ret("98765")
        assert len(answers) == 1


class TestList:
    async def test_every_state_is_found_though_the_usual_list_has_three(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        for number, state in enumerate(("closed", "expired", "cancelled", "review"), start=1):
            seed(vendor, {**SEED, "id": number, "state": state})
        found = await states(portal, NOW - timedelta(hours=1))
        assert found == {"98765": "open", "1": "closed", "2": "expired", "3": "cancelled", "4": "review"}

    async def test_it_goes_by_the_last_change_and_not_by_the_day_it_was_made(
        self, portal: LoopPortal, vendor: httpx.Client, clock: Clock
    ) -> None:
        seed(vendor, {**SEED, "id": 1, "created": "2026-06-01T00:00:00Z"})
        clock.set(NOW + timedelta(days=1))
        assert await states(portal, NOW + timedelta(hours=1)) == {}
        vendor.post("/_sandbox/loop/act", json={"return": "1", "do": "scan"}).raise_for_status()
        assert await states(portal, NOW + timedelta(hours=1)) == {"1": "open"}

    async def test_a_range_of_a_year_is_asked_in_parts_that_the_vendor_takes(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        old = {"created": "2025-12-01T00:00:00Z"}
        seed(vendor, {**SEED, "id": 1, **old}, {**SEED, "id": 2, "created": "2026-05-01T00:00:00Z"})
        assert set(await states(portal, NOW - timedelta(days=365), NOW)) == {"1", "2", "98765"}

    async def test_more_than_a_page_is_read_to_the_end(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        seed(vendor, *({**SEED, "id": number} for number in range(1, 403)))
        assert len(await states(portal, NOW - timedelta(hours=1))) == 403

    async def test_an_item_without_its_labels_is_read_by_itself(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        seed(vendor, thin_list=True)
        async for page in portal.returns(NOW - timedelta(hours=1)):
            assert all(len(ret.labels) == len(ret.lines) == 2 for ret in page.items)

    async def test_a_damaged_item_stops_no_other(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        seed(vendor, {**SEED, "id": 1, "currency": "dollars"})
        pages = [page async for page in portal.returns(NOW - timedelta(hours=1))]
        assert [ret.portal_id for page in pages for ret in page.items] == ["98765"]
        (bad,) = [item for page in pages for item in page.unreadable]
        assert (bad.vendor, bad.kind, bad.id) == ("loop", "return", "1")
        assert bad.problem == "currency: a currency of three letters was expected, not text of 7 characters"

    async def test_our_key_goes_to_no_address_that_a_page_names(self) -> None:
        asked: list[httpx.URL] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            elsewhere = "https://evil.example/list?page=2" if "page" not in request.url.params else None
            return httpx.Response(200, json={"returns": [], "nextPageUrl": elsewhere})

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://api.loop") as http:
            assert await states(LoopPortal(http, "key"), NOW, NOW) == {}
        assert {url.host for url in asked} == {"api.loop"}
        assert len(asked) == 6

    async def test_a_list_that_never_ends_is_unreadable(self) -> None:
        body = {"returns": [], "nextPageUrl": "https://api.loop/list?page=2"}
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
        async with httpx.AsyncClient(transport=transport, base_url="https://api.loop") as http:
            with pytest.raises(Unreadable, match="the same page twice"):
                await states(LoopPortal(http, "key"), NOW, NOW)


class TestProcessing:
    async def test_a_queued_return_is_pending_and_then_found_by_its_state(
        self, portal: LoopPortal, vendor: httpx.Client, clock: Clock
    ) -> None:
        plan(vendor, after=30)
        assert await portal.process("98765", KEY) == RefundAnswer(state="pending", why="queued at the portal")
        assert await portal.processed("98765") is None
        clock.set(NOW + timedelta(seconds=31))
        found = await portal.processed("98765")
        assert found is not None
        assert (found.state, found.amount, bool(found.ref)) == ("succeeded", Money(4750, "USD"), True)
        assert processed(vendor) == [("98765", KEY, "us")]

    @pytest.mark.parametrize(
        ("do", "why"),
        [
            ("close", "UNPROCESSABLE_RETURN"),
            ("review", "Return is review"),
            ("cancel", "Return is cancelled"),
            ("expire", "UNPROCESSABLE_RETURN"),
        ],
    )
    async def test_a_200_with_an_error_is_a_refusal_and_moves_nothing(
        self, portal: LoopPortal, vendor: httpx.Client, do: str, why: str
    ) -> None:
        act(vendor, do)
        answer = await portal.process("98765", KEY)
        assert (answer.state, answer.why.startswith(why)) == ("refused", True)
        assert await portal.processed("98765") is None
        assert processed(vendor) == []

    async def test_a_return_that_somebody_else_processed_is_refused_and_told_by_its_state(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        act(vendor, "process")
        assert (await portal.process("98765", KEY)).state == "refused"
        found = await portal.processed("98765")
        assert found is not None and found.state == "succeeded"
        assert processed(vendor) == [("98765", "", "somebody else")]

    @pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "500_after", "garbage"])
    async def test_an_unanswered_process_is_never_repeated_and_its_state_tells(
        self, portal: LoopPortal, vendor: httpx.Client, fault: str
    ) -> None:
        strike(vendor, fault, "POST .*/process", times=None)
        with pytest.raises((NoAnswer, Unreadable)):
            await portal.process("98765", KEY)
        assert vendor.get("/_sandbox/loop/faults").json()["faults"][0]["hits"] == 1
        found = await portal.processed("98765")
        assert found is not None and found.state == "succeeded"
        assert processed(vendor) == [("98765", KEY, "us")]

    async def test_a_strange_answer_is_no_answer(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        plan(vendor, answer="strange")
        async with open_client(str(vendor.base_url)) as http:  # Not held to the vendor's file, which it breaks.
            with pytest.raises(Unreadable, match="neither true nor an error"):
                await LoopPortal(http, "key").process("98765", KEY)

    async def test_processing_that_fails_leaves_the_return_in_review(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        plan(vendor, then="fails")
        assert (await portal.process("98765", KEY)).state == "pending"
        assert (await portal.ret("98765")).flagged
        assert await portal.processed("98765") is None
        assert processed(vendor) == []

    async def test_the_portal_can_process_by_itself_when_a_carrier_scans(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        seed(vendor, auto_process=True)
        act(vendor, "scan", label="4")
        act(vendor, "scan", label="5")
        assert processed(vendor) == [("98765", "", "loop")]


class TestMarking:
    async def test_a_flagged_return_is_in_review_with_our_reason_in_its_notes(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        await portal.flag("98765", "the parcel goes to another warehouse")
        assert (await portal.ret("98765")).state == "review"
        notes = vendor.get(f"{BASE}/warehouse/return/98765/notes").json()["notes"]
        assert [note["content"] for note in notes] == ["the parcel goes to another warehouse"]

    async def test_a_closed_return_cannot_be_flagged(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        act(vendor, "close")
        with pytest.raises(Refused, match="UNPROCESSABLE_RETURN"):
            await portal.flag("98765", "late")

    async def test_a_long_note_is_cut_to_what_the_portal_takes(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        await portal.note("98765", "x" * 1000)
        notes = vendor.get(f"{BASE}/warehouse/return/98765/notes").json()["notes"]
        assert [len(note["content"]) for note in notes] == [254]


class TestSubscriptions:
    async def test_a_webhook_that_was_switched_off_is_seen_and_switched_on(
        self, portal: LoopPortal, vendor: httpx.Client
    ) -> None:
        body = {"topic": "label", "trigger": "label.updated", "url": "http://127.0.0.1:9/hooks/loop/x"}
        vendor.post(f"{BASE}/webhooks", json=body).raise_for_status()
        (found,) = await portal.subscriptions()
        assert (found.vendor, found.topic, found.active, found.said) == (
            "loop", "label on label.updated", False, "inactive",
        )  # fmt: skip
        await portal.switch_on(found)
        (now,) = await portal.subscriptions()
        assert (now.active, now.said, now.url) == (True, "active", body["url"])

    async def test_one_that_is_gone_is_refused(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        body = {"topic": "label", "trigger": "label.updated", "url": "http://127.0.0.1:9/hooks/loop/x"}
        vendor.post(f"{BASE}/webhooks", json=body).raise_for_status()
        (found,) = await portal.subscriptions()
        vendor.delete(f"{BASE}/webhooks/{found.id}").raise_for_status()
        with pytest.raises(Refused, match="no such webhook"):
            await portal.switch_on(found)


class TestTheSandboxItself:
    @contract.needs_shared
    @pytest.mark.parametrize(
        ("state", "name"),
        [
            ("closed", "UnprocessableStateReturn"),
            ("expired", "UnprocessableStateReturn"),
            ("cancelled", "UnprocessableCancelledReturn"),
            ("review", "UnprocessableInReviewReturn"),
        ],
    )
    async def test_an_error_of_process_is_as_the_vendor_describes_it(self, state: str, name: str) -> None:
        file = contract.openapi("loop/loop-returns-returns-openapi.yml")
        assert file.check({"$ref": f"#/components/schemas/{name}"}, closed_error(state)) == []

    async def test_what_is_scripted_happens_as_the_clock_passes_it(
        self, portal: LoopPortal, vendor: httpx.Client, clock: Clock
    ) -> None:
        actions = [{"days": 3, "do": "deliver"}, {"days": 2, "do": "scan"}, {"days": 9, "do": "back"}]
        seed(vendor, {**SEED, "id": "7", "created": NOW.isoformat(), "actions": actions})
        clock.set(NOW + timedelta(days=4))
        label = (await portal.ret("7")).labels[0]
        assert (label.status, label.updated_at) == ("delivered", NOW + timedelta(days=3))

    async def test_what_the_inspection_found_is_told(self, portal: LoopPortal, vendor: httpx.Client) -> None:
        act(vendor, "inspect", line="2", disposition="missing")
        act(vendor, "inspect", line="1", condition="grade_a")
        ret = await portal.ret("98765")
        assert [(line.received, line.condition) for line in ret.lines] == [(1, "good"), (0, "")]

    @pytest.mark.parametrize(
        ("path", "body", "said"),
        [
            ("seed", {"retuns": []}, "unknown field 'retuns'"),
            ("seed", {"returns": [{**SEED, "colour": "red"}]}, "colour"),
            ("act", {"return": "98765", "do": "dance"}, "a return cannot 'dance'"),
            ("act", {"return": "98765", "do": "scan", "label": "9"}, "has no label '9'"),
            ("act", {"return": "1", "do": "scan"}, "KeyError"),
        ],
    )
    async def test_wrong_control_input_says_what_is_wrong(
        self, vendor: httpx.Client, path: str, body: dict[str, Any], said: str
    ) -> None:
        answer = vendor.post(f"/_sandbox/loop/{path}", json=body)
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]
