"""The pretended Twilio: the Messages resource in memory, with the answers people give on their own day.

The same paths and JSON as api.twilio.com. Twilio's own test numbers refuse as they do there (+15005550001 and so
on), a person who answers STOP is opted out until START, and nothing is idempotent, because Twilio is not.

    POST /_sandbox/twilio/seed      {"replies": [{"to", "after_message", "days", "text"}],
                                     "undelivered": {number: code}, "opted_out": [number]}
    POST /_sandbox/twilio/inbound   {"from", "body", "at"?}       a person texts us
    GET  /_sandbox/twilio/effects   [{"to", "body", "count"}]     what was really sent
    POST /_sandbox/twilio/reset
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.faults import App, Faults, wrap
from integrations.sandbox_clock import Clock

NUMBER = "+15550100100"
"""Our number where a test does not say another."""
TEST_NUMBERS = {
    "+15005550001": (21211, "is not a valid phone number"),
    "+15005550002": (21612, "is not reachable from this From number"),
    "+15005550003": (21408, "is in a region that is not enabled"),
    "+15005550004": (21610, "has opted out"),
    "+15005550009": (21614, "is not a mobile number"),
}
STOPS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})
STARTS = frozenset({"start", "yes", "unstop"})
LONGEST = 1600
DIGITS = range(8, 16)


@dataclass(slots=True)
class Script:
    """A reply that a person gives some days after our n-th text to them."""

    to: str
    text: str
    after_message: int = 1
    days: float = 0.0


@dataclass(slots=True)
class Texts:
    """Everything the pretended vendor remembers."""

    clock: Clock
    messages: list[dict[str, Any]] = field(default_factory=list)
    by_number: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    opted_out: set[str] = field(default_factory=set)
    undelivered: dict[str, int] = field(default_factory=dict)
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    due: list[tuple[datetime, dict[str, Any], str]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget everything."""
        memories: tuple[Any, ...] = (self.messages, self.by_number, self.sent, self.opted_out)
        for memory in (*memories, self.undelivered, self.scripts, self.due):
            memory.clear()

    def seed(self, wanted: dict[str, Any]) -> None:
        """Add scripted replies, numbers whose texts are lost, and numbers that opted out."""
        for item in wanted.get("replies", []):
            script = Script(**item)
            self.scripts.setdefault(script.to, []).append(script)
        self.undelivered.update(wanted.get("undelivered", {}))
        self.opted_out.update(wanted.get("opted_out", []))

    def send(self, account: str, form: dict[str, str]) -> dict[str, Any]:
        """Make one outbound message; the person's scripted reply to it becomes due."""
        now, to = self.clock.now(), form["To"]
        lost = self.undelivered.get(to)
        made = _message(account, self._number("out", to), (form["From"], to), form["Body"], now)
        made.update(status="undelivered" if lost else "delivered", error_code=lost, direction="outbound-api")
        self._keep(made)
        self.sent[to] += 1
        for script in self.scripts.get(to, []) if not lost else []:
            if script.after_message == self.sent[to]:
                self.due.append((now + timedelta(days=script.days), made, script.text))
        # The answer to the call is `queued`; how it ended stands in later reads.
        return {**made, "status": "queued", "error_code": None, "date_sent": None}

    def receive(self, account: str, sender: str, to: str, body: str, at: datetime) -> dict[str, Any]:
        """A person texts us; the exact single keywords act at once, as Twilio's own opt-out handling does."""
        word = body.strip().casefold()
        if word in STOPS:
            self.opted_out.add(sender)
        elif word in STARTS:
            self.opted_out.discard(sender)
        made = _message(account, self._number("in", sender), (sender, to), body, at)
        made.update(status="received", direction="inbound")
        self._keep(made)
        return made

    def settle(self) -> None:
        """Let every scripted reply arrive whose time has come."""
        now = self.clock.now()
        ready = sorted((item for item in self.due if item[0] <= now), key=lambda item: item[0])
        self.due = [item for item in self.due if item[0] > now]
        for at, asked, text in ready:
            self.receive(asked["account_sid"], asked["to"], asked["from"], text, at)

    def between(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        """The messages that fit the list's filters, newest first."""
        numbers = [asked[name] for name in ("To", "From") if asked.get(name)]
        narrow = [self.by_number.get(number, []) for number in numbers] or [self.messages]
        return [message for message in reversed(min(narrow, key=len)) if _fits(message, asked)]

    def _number(self, direction: str, person: str) -> int:
        """A number for the message's id, from who it is with: the same however calls overlap."""
        known = len(self.by_number.get(person, []))
        return int.from_bytes(sha256(f"{direction} {person} {known}".encode()).digest()[:16])

    def _keep(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        for number in {message["from"], message["to"]}:
            self.by_number.setdefault(number, []).append(message)

    def refusal(self, form: dict[str, str]) -> tuple[int, str] | None:
        """The code and text with which Twilio refuses this request, or None."""
        to, body = form.get("To", ""), form.get("Body", "")
        if not to:
            return 21604, "A 'To' phone number is required."
        if not form.get("From"):
            return 21603, "A 'From' phone number is required."
        if not body:
            return 21602, "Message body is required."
        if len(body) > LONGEST:
            return 21617, f"The message body exceeds the {LONGEST} character limit."
        if to in TEST_NUMBERS:
            code, text = TEST_NUMBERS[to]
            return code, f"The 'To' number {to} {text}."
        if not (to.startswith("+") and to[1:].isdigit() and len(to) - 1 in DIGITS):
            return 21211, f"The 'To' number {to} is not a valid phone number."
        return (21610, "Attempt to send to unsubscribed recipient") if to in self.opted_out else None


def build(clock: Clock) -> App:
    """The ASGI app of the pretended vendor, with its fault switches; each call makes one with its own memory."""
    texts = Texts(clock)
    faults = Faults("twilio")

    async def create(request: Request) -> Response:
        texts.settle()
        form = dict(parse_qsl((await request.body()).decode()))
        refused = texts.refusal(form)
        if refused:
            code, text = refused
            more = f"https://www.twilio.com/docs/errors/{code}"
            return JSONResponse({"code": code, "message": text, "more_info": more, "status": 400}, 400)
        return JSONResponse(texts.send(request.path_params["account"], form), 201)

    async def read(request: Request) -> Response:
        texts.settle()
        return JSONResponse(_page(texts, request))

    async def fetch(request: Request) -> Response:
        for message in texts.messages:
            if message["sid"] == request.path_params["sid"]:
                return JSONResponse(message)
        return JSONResponse({"code": 20404, "message": "not found", "status": 404}, 404)

    async def messages(request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Basic "):
            return JSONResponse({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        return await (create(request) if request.method == "POST" else read(request))

    account = "/2010-04-01/Accounts/{account}"
    routes = [
        Route(f"{account}/Messages.json", messages, methods=["GET", "POST"]),
        Route(f"{account}/Messages/{{sid}}.json", fetch),
        *_control(texts, faults),
    ]
    return wrap(Starlette(routes=routes), faults)


def _control(texts: Texts, faults: Faults) -> list[Route]:
    async def seed(request: Request) -> Response:
        try:
            texts.seed(await request.json())
        except (TypeError, ValueError, AttributeError) as error:
            # Python's own words name the field that is unknown or missing.
            return JSONResponse({"error": {"message": str(error)}}, 400)
        return JSONResponse({})

    async def inbound(request: Request) -> Response:
        item = await request.json()
        at = datetime.fromisoformat(item["at"]) if item.get("at") else texts.clock.now()
        to = item.get("to", NUMBER)
        return JSONResponse(texts.receive("AC" + "0" * 32, item["from"], to, item["body"], at), 201)

    async def effects(request: Request) -> Response:
        sent = Counter((m["to"], m["body"]) for m in texts.messages if m["direction"] != "inbound")
        shown = [{"to": to, "body": body, "count": count} for (to, body), count in sent.items()]
        return JSONResponse({"effects": shown})

    async def reset(request: Request) -> Response:
        texts.clear()
        faults.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/twilio/seed", seed, methods=["POST"]),
        Route("/_sandbox/twilio/inbound", inbound, methods=["POST"]),
        Route("/_sandbox/twilio/effects", effects),
        Route("/_sandbox/twilio/reset", reset, methods=["POST"]),
    ]


def _page(texts: Texts, request: Request) -> dict[str, Any]:
    asked = request.query_params
    found = texts.between(dict(asked))
    size, number = int(asked.get("PageSize", 50)), int(asked.get("Page", 0))
    shown = found[number * size : (number + 1) * size]
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))

    def uri(page: int) -> str:
        # The query is repeated as it came, percent signs and all, because `+` in a number must stay `%2B`.
        kept = [part for part in request.url.query.split("&") if part and not part.startswith("Page=")]
        return f"{path}?{'&'.join([*kept, f'Page={page}'])}"

    more = len(found) > (number + 1) * size
    return {
        "messages": shown,
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(len(shown) - 1, 0),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if more else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }


def _fits(message: dict[str, Any], asked: dict[str, str]) -> bool:
    for parameter, name in (("To", "to"), ("From", "from")):
        if asked.get(parameter) and message[name] != asked[parameter]:
            return False
    # Twilio compares days, not instants.
    day = f"{parsedate_to_datetime(message['date_sent']):%Y-%m-%d}"
    after, before, on = asked.get("DateSent>"), asked.get("DateSent<"), asked.get("DateSent")
    return (not after or day >= after[:10]) and (not before or day <= before[:10]) and on in (None, "", day)


def _message(account: str, number: int, ends: tuple[str, str], body: str, at: datetime) -> dict[str, Any]:
    sid = f"SM{number:032x}"
    uri = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
    stamp = format_datetime(at)
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": body,
        "date_created": stamp,
        "date_sent": stamp,
        "date_updated": stamp,
        "direction": "",
        "error_code": None,
        "error_message": None,
        "from": ends[0],
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(-(-len(body) // 153) or 1),
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "to": ends[1],
        "uri": f"{uri}.json",
    }
