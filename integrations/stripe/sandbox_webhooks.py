"""The pretended Stripe's webhooks: how a delivery is signed and repeated, and the endpoints as its API shows them."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from integrations.sandbox_hooks import Deliveries, Hook, Retries
from integrations.stripe.sandbox_objects import Json, listed
from integrations.stripe.sandbox_shelves import invalid

RETRIES = Retries(waits=(60, 300, 1800, 7200, 18_000, 36_000, 36_000))
"""Stripe tries for up to three days with growing waits and documents no table; this is of that kind."""
CREATE = frozenset({"url", "enabled_events[]", "description"})
UPDATE = frozenset({"disabled", "url", "enabled_events[]"})
CREATED = 1_767_225_600
"""Endpoints are as old as the year; nobody asks."""

Form = Mapping[str, list[str]]


def sign(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """Stripe's header for a body, dated now."""
    at = str(int(now.timestamp()))
    code = hmac.digest(secret.encode(), f"{at}.".encode() + body, sha256).hex()
    return {"stripe-signature": f"t={at},v1={code}"}


def show(deliveries: Deliveries) -> Json:
    """GET /v1/webhook_endpoints."""
    return listed("/v1/webhook_endpoints", [_shown(hook) for hook in reversed(deliveries.hooks.values())])


def find(deliveries: Deliveries, id: str) -> Json:
    """GET /v1/webhook_endpoints/{id}."""
    return _shown(_hook(deliveries, id))


def create(deliveries: Deliveries, form: Form) -> Json:
    """POST /v1/webhook_endpoints; the secret is shown this once."""
    number = len(deliveries.hooks) + 1
    topics = tuple(topic for topic in form.get("enabled_events[]", []) if topic != "*")
    secret = f"whsec_pretended{number}"
    hook = deliveries.register(form["url"][0], secret, topics, ident=f"we_sbx{number:012d}")
    return {**_shown(hook), "secret": secret}


def update(deliveries: Deliveries, id: str, form: Form) -> Json:
    """POST /v1/webhook_endpoints/{id}: on, off, other events, another address."""
    hook = _hook(deliveries, id)
    if "disabled" in form:
        switch(deliveries, id, on=form["disabled"][0] == "false")
    if "enabled_events[]" in form:
        hook.topics = tuple(topic for topic in form["enabled_events[]"] if topic != "*")
    hook.url = form.get("url", [hook.url])[0]
    return _shown(hook)


def switch(deliveries: Deliveries, id: str, *, on: bool) -> None:
    """Enable or disable an endpoint, as its owner or Stripe after days of failures."""
    hook = _hook(deliveries, id)
    hook.state, hook.failures = ("active" if on else "inactive"), 0


def _hook(deliveries: Deliveries, id: str) -> Hook:
    for hook in deliveries.hooks.values():
        if _shown(hook)["id"] == id or hook.id == id:
            return hook
    raise invalid(f"No such webhook endpoint: '{id}'", status=404, code="resource_missing", param="webhook_endpoint")


def _shown(hook: Hook) -> Json:
    return {
        "id": hook.id if hook.id.startswith("we_") else f"we_sbx{hook.id}",
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": CREATED,
        "description": None,
        "enabled_events": list(hook.topics) or ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled" if hook.state == "active" else "disabled",
        "url": hook.url,
    }
