"""Filling the pretended Stripe from a seed: customers, and renewals with the script of their attempts.

    {"customers": [{"id", "name", "email", "phone", "language", "country", "state", "metadata": {…}}],
     "renewals": [{"id", "customer", "amount", "currency", "created",       (Stripe's minor units; ISO or Unix time)
                   "card": {"fingerprint", "network", "id"?, "on_subscription"?} or null,
                   "outcomes": ["insufficient_funds", …, "ok"],             (or objects: see sandbox_money.outcome)
                   "ok_from": instant, "vendor_retries": [instant], "subscription": id, "status": "draft",
                   "actions": [{"at": instant, "do": "pays" | "new_card" | "cancels" | …}]}],
     "payments": [see sandbox_payments]}

A renewal exists from its `created` on, when Stripe itself tries the card once; a `created` ahead of the clock waits.
"""

from datetime import datetime
from typing import Any

from integrations.stripe import sandbox_money, sandbox_objects, sandbox_payments, sandbox_people
from integrations.stripe.sandbox_account import Account, Script
from integrations.stripe.sandbox_objects import Json

FIELDS = frozenset(
    {
        "id",
        "customer",
        "amount",
        "currency",
        "created",
        "card",
        "outcomes",
        "ok_from",
        "vendor_retries",
        "subscription",
        "status",
        "actions",
    }
)


def seed(account: Account, wanted: Json, now: int) -> None:
    """Add what a seed holds and let happen what is due by now; a ValueError names the renewal and field."""
    for item in wanted.get("customers", []):
        account.shelves.add("customers", sandbox_objects.customer(item["id"], seconds(item.get("created", now)), item))
    for item in wanted.get("renewals", []):
        _plan(account, item)
    for item in wanted.get("payments", []):
        sandbox_payments.check(item)
        account.plan(seconds(item.get("created", now)), item["id"], {"do": "is_paid", "payment": item})
        for action in item.get("actions", []):
            account.plan(seconds(action["at"]), item["id"], action)
    sandbox_people.run_until(account, now)


def seconds(value: Any) -> int:
    """An instant from ISO text with a zone, or Unix seconds as they are."""
    if type(value) is int:
        return value
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {value!r} has none")
    return int(found.timestamp())


def _plan(account: Account, wanted: Json) -> None:
    strange = set(wanted) - FIELDS
    if strange:
        raise ValueError(f"renewal {wanted.get('id')!r}: unknown field {sorted(strange)[0]!r}")
    created = seconds(wanted["created"])
    outcomes = [sandbox_money.outcome(item) for item in wanted.get("outcomes") or ["ok"]]
    ok_from = seconds(wanted["ok_from"]) if wanted.get("ok_from") is not None else None
    retries = sorted(seconds(at) for at in wanted.get("vendor_retries", []))
    account.scripts[wanted["id"]] = Script(outcomes, ok_from, retries)
    account.plan(created, wanted["id"], {"do": "begins", "renewal": wanted})
    for at in retries:
        account.plan(at, wanted["id"], {"do": "vendor_retry"})
    for action in wanted.get("actions", []):
        account.plan(seconds(action["at"]), wanted["id"], action)
