"""The pretended Stripe as an ASGI app: the same paths, parameters and JSON as api.stripe.com, state in memory.

    POST /_sandbox/stripe/seed      see sandbox_seed; may be sent many times
    POST /_sandbox/stripe/act       {"renewal", "do", …}: an action now, see sandbox_people; {"payment", "do", …}: with
                                    a payment of an order, a charge or a refund, see sandbox_payments;
                                    {"webhook": id, "on": bool}: an endpoint is enabled or disabled
    POST /_sandbox/stripe/refunds   {"fates": […]}: how the next refunds go, see sandbox_refunds; {"seconds": s}: how
                                    long each call takes, while which its key is in use
    POST /_sandbox/stripe/clock     {"now": instant or null}; what is scripted until then happens
    GET  /_sandbox/stripe/effects   what was really done: "effects" [key, renewal, charge, amount, outcome, by, times],
                                    "refunds": [key, payment, charge, refund, amount, currency, outcome, by, at]
    POST /_sandbox/stripe/reset     forget everything
    POST /_sandbox/stripe/faults    see integrations.faults
    …    /_sandbox/stripe/hooks, /_sandbox/stripe/deliveries    see integrations.sandbox_hooks

A key is kept for 24 hours of the clock, as Stripe promises at least: the same key with the same parameters gets the
stored answer, declines included; with others a 400.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from integrations.faults import App, Faults, Receive, Scope, Send, answer, read_body, wrap
from integrations.sandbox_clock import Clock
from integrations.sandbox_hooks import Deliveries
from integrations.sandbox_hooks import wrap as wrap_hooks
from integrations.stripe import sandbox_people, sandbox_refunds, sandbox_seed, sandbox_webhooks
from integrations.stripe.sandbox_account import Account
from integrations.stripe.sandbox_objects import Json
from integrations.stripe.sandbox_shelves import FILTERS, ApiError, check_levels, invalid

KEY_KEPT_SECONDS = 24 * 3600
LONGEST_KEY = 255
CONFLICT = 409
KEY_IN_USE: Json = {
    "message": "There is currently another in-progress request using this Stripe-Idempotent-Key.",
    "type": "idempotency_error",
    "code": "idempotency_key_in_use",
}
COMMON = frozenset(
    {"limit", "starting_after", "expand[]", *(f"created[{name}]" for name in ("gt", "gte", "lt", "lte"))}
)
PAY = frozenset({"expand[]", "off_session", "payment_method"})

Form = dict[str, list[str]]


@dataclass(slots=True)
class Kept:
    """A stored answer to a key."""

    call: str
    at: int
    status: int
    body: bytes


@dataclass(slots=True)
class Vendor:
    """Everything behind one app."""

    clock: Clock
    deliveries: Deliveries
    kept: dict[str, Kept] = field(default_factory=dict)
    in_use: set[str] = field(default_factory=set)
    seconds: float = 0.0
    """How long a refund takes, in real seconds."""
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = Account(self.emit)

    def emit(self, kind: str, event: Json) -> None:
        """Have an event delivered, where anybody listens."""
        if self.deliveries.hooks:
            self.deliveries.emit(kind, event)

    def now(self) -> int:
        """The clock in Unix seconds."""
        return int(self.clock.now().timestamp())

    def catch_up(self) -> int:
        """Let happen what is due, and say what time it is."""
        now = self.now()
        sandbox_people.run_until(self.account, now)
        return now

    def moved(self, now: datetime) -> None:
        """The clock was put to another instant."""
        self.catch_up()

    def clear(self) -> None:
        """Forget everything but the clock."""
        self.account = Account(self.emit)
        self.kept, self.seconds = {}, 0.0


def build(clock: Clock) -> App:
    """The ASGI app, with its fault switches; each call makes one with its own memory."""
    deliveries = Deliveries("stripe", clock, sandbox_webhooks.sign, sandbox_webhooks.RETRIES)
    vendor, faults = Vendor(clock, deliveries), Faults("stripe")
    clock.listen(vendor.moved)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["path"], scope["query_string"].decode()
        body = (await read_body(receive)).decode()
        if path.startswith("/_sandbox/stripe/"):
            status, shown = _control(vendor, faults, scope["method"], path.removeprefix("/_sandbox/stripe/"), body)
            await answer(send, status, json.dumps(shown).encode())
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        key = headers.get("idempotency-key", "")
        if scope["method"] == "POST" and key in vendor.in_use:
            await answer(send, CONFLICT, _dump({"error": KEY_IN_USE}))
            return
        if scope["method"] == "POST" and path == "/v1/refunds" and vendor.seconds:
            vendor.in_use.add(key)
            await asyncio.sleep(vendor.seconds)
            vendor.in_use.discard(key)
        status, raw = _call(vendor, scope["method"], path, query or body, headers)
        await answer(send, status, raw)

    return wrap(wrap_hooks(app, deliveries), faults)


def _call(vendor: Vendor, method: str, path: str, text: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """One call of the vendor's own API: its status and body."""
    try:
        _authorise(headers.get("authorization", ""))
        now = vendor.catch_up()
        form: Form = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            form.setdefault(name, []).append(value)
        if method == "POST":
            return _once(vendor, path, text, form, headers.get("idempotency-key", ""), now)
        return 200, _dump(_read(vendor, path, form))
    except ApiError as error:
        return error.status, _dump({"error": error.error})


def _once(vendor: Vendor, path: str, text: str, form: Form, key: str, now: int) -> tuple[int, bytes]:
    """Do a POST once for its key; a known key gets its stored answer."""
    if len(key) > LONGEST_KEY:
        raise invalid(f"The idempotency key is longer than {LONGEST_KEY} characters.")
    call, kept = f"{path}?{text}", vendor.kept.get(key)
    if key and kept and now - kept.at < KEY_KEPT_SECONDS:
        if kept.call != call:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            raise ApiError(400, {"message": message, "type": "idempotency_error"})
        return kept.status, kept.body
    parts = [unquote(part) for part in path.strip("/").split("/")]
    found = _effect(vendor, parts, form, key, now)
    if found is None:
        raise _no_path("POST", path)
    names, effect = found
    _known({name: value for name, value in form.items() if not name.startswith("metadata[")}, names)
    check_levels(form.get("expand[]", []))
    try:
        shown = vendor.account.shelves.expand(effect(), form.get("expand[]", []))
        status, raw = 200, _dump(shown)
    except ApiError as error:
        status, raw = error.status, _dump({"error": error.error})
    if key:
        vendor.kept[key] = Kept(call, now, status, raw)
    return status, raw


def _effect(
    vendor: Vendor, parts: list[str], form: Form, key: str, now: int
) -> tuple[frozenset[str], Callable[[], Json]] | None:
    """What a POST does, with the parameters that it takes; None where there is no such path."""
    account, deliveries = vendor.account, vendor.deliveries
    match parts:
        case ["v1", "invoices", id, "pay"]:
            return PAY, lambda: account.pay(id, form, key, now)
        case ["v1", "refunds"]:
            return sandbox_refunds.PARAMETERS, lambda: sandbox_refunds.create(account, form, key, now)
        case ["v1", "refunds", id, "cancel"]:
            return frozenset({"expand[]"}), lambda: sandbox_refunds.cancel(account, id, key, now)
        case ["v1", "webhook_endpoints"]:
            return sandbox_webhooks.CREATE, lambda: sandbox_webhooks.create(deliveries, form)
        case ["v1", "webhook_endpoints", id]:
            return sandbox_webhooks.UPDATE, lambda: sandbox_webhooks.update(deliveries, id, form)
    return None


def _read(vendor: Vendor, path: str, form: Form) -> Json:
    """A GET: one object or a list."""
    account = vendor.account
    parts = [unquote(part) for part in path.strip("/").split("/")]
    kind = parts[1] if len(parts) > 1 else ""
    if kind == "webhook_endpoints":
        return (
            sandbox_webhooks.find(vendor.deliveries, parts[2])
            if parts[2:]
            else sandbox_webhooks.show(vendor.deliveries)
        )
    if parts[0] != "v1" or kind not in account.shelves.kinds or len(parts) > 3:  # noqa: PLR2004
        raise _no_path("GET", path)
    check_levels(form.get("expand[]", []))
    if len(parts) == 3:  # noqa: PLR2004
        _known(form, frozenset({"expand[]"}))
        return account.shelves.expand(account.shelves.get(kind, parts[2]), form.get("expand[]", []))
    if kind not in FILTERS:
        raise _no_path("GET", path)
    _known(form, COMMON | FILTERS[kind].keys() | ({"types[]"} if kind == "events" else set()))
    return account.shelves.page(kind, form)


def _control(vendor: Vendor, faults: Faults, method: str, name: str, body: str) -> tuple[int, Any]:
    """The sandbox's own paths; wrong input is a 400 that says what is wrong."""
    if name == "effects" and method == "GET":
        vendor.catch_up()
        return 200, {"effects": vendor.account.effects, "refunds": vendor.account.refunds_made}
    do = CONTROL.get(name)
    if do is None or method != "POST":
        return 404, {"error": {"message": f"the pretended Stripe has no {method} {name}"}}
    try:
        do(vendor, json.loads(body or "{}"))
    except ApiError as error:
        return error.status, {"error": error.error}
    except (ValueError, KeyError, TypeError) as error:
        return 400, {"error": {"message": f"{type(error).__name__}: {error}"}}
    if name == "reset":
        faults.clear()
    return 200, {}


def _seed(vendor: Vendor, wanted: Json) -> None:
    sandbox_seed.seed(vendor.account, wanted, vendor.now())


def _act(vendor: Vendor, wanted: Json) -> None:
    if "webhook" in wanted:
        sandbox_webhooks.switch(vendor.deliveries, wanted["webhook"], on=wanted["on"])
        return
    about = wanted["payment"] if "payment" in wanted else wanted["renewal"]
    sandbox_people.act(vendor.account, about, wanted, vendor.catch_up())


def _refunds(vendor: Vendor, wanted: Json) -> None:
    if "fates" in wanted:
        vendor.account.fates[""] = [sandbox_refunds.fate(item) for item in wanted["fates"]]
    vendor.seconds = float(wanted.get("seconds", vendor.seconds))


def _clock(vendor: Vendor, wanted: Json) -> None:
    now = wanted["now"]
    vendor.clock.set(None) if now is None else vendor.clock.set_text(now)


def _reset(vendor: Vendor, wanted: Json) -> None:
    vendor.clear()


CONTROL: dict[str, Callable[[Vendor, Json], None]] = {
    "seed": _seed,
    "act": _act,
    "refunds": _refunds,
    "clock": _clock,
    "reset": _reset,
}


def _authorise(header: str) -> None:
    if not header.startswith(("Bearer sk_", "Bearer rk_")):
        raise ApiError(401, {"message": "Invalid API Key provided.", "type": "invalid_request_error"})


def _known(form: Form, names: frozenset[str] | set[str]) -> None:
    strange = set(form) - names
    if strange:
        name = sorted(strange)[0]
        raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _no_path(method: str, path: str) -> ApiError:
    return invalid(f"Unrecognized request URL ({method}: {path}).", status=404)


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
