"""The checks of `recoup doctor` about returns and webhooks: who could pay, who answers, what was heard, what waits.

A set-up in which two could pay the same refund is a failure: it shows in what the portal was seen to do.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from commands.findings import Finding, bad, ok, warn
from settings import Settings, is_set, need, variable

MOVER_NEEDS = {"storefront": "storefront.token", "payments": "payments.secret_key", "portal": "portal.api_key"}
PORTAL_PAID = "S-04"
"""The rule of a decision that found the portal had refunded by itself (domain.refund_rules)."""
LATELY = timedelta(days=30)
QUIET = timedelta(days=2)


async def refunds(settings: Settings) -> Sequence[Finding]:
    """Whether exactly one mover can pay, and what waits for a person."""
    keys = [key for key in ("portal.api_key", "storefront.token") if is_set(settings, key)]
    if not keys and not settings.refunds.mover:
        return []
    found = list(_set_up(settings, keys))
    found += await asyncio.to_thread(_seen, settings)
    return found or [ok("refunds", f"one mover: {settings.refunds.mover}")]


def _set_up(settings: Settings, keys: Sequence[str]) -> Sequence[Finding]:
    found = [
        bad("refunds", f"{key} is not set, so no return is looked at", f"Set {variable(key)}")
        for key in ("portal.api_key", "storefront.token", "storefront.url")
        if not is_set(settings, key)
    ]
    mover = settings.refunds.mover
    if not mover:
        text = "no mover is chosen: returns are decided, and no money goes back"
        found.append(warn("refunds", text, f"Set {variable('refunds.mover')} to storefront, payments or portal"))
    elif not is_set(settings, MOVER_NEEDS[mover]):
        found.append(bad("refunds", f"the mover is {mover}, and it has no key", f"Set {variable(MOVER_NEEDS[mover])}"))
    if not settings.refunds.home_country:
        text = "refunds.home_country is not set: where parcels go is not checked"
        found.append(warn("refunds", text, f"Set {variable('refunds.home_country')}, for example to US"))
    return found


def _seen(settings: Settings) -> Sequence[Finding]:
    from sqlalchemy import func, select

    from store import approvals, differences, switches
    from store.db import connect, reading
    from store.refund_tables import decisions

    if not _there(settings):
        return []
    engine = connect(settings.database_url)
    since = (datetime.now(UTC) - LATELY).isoformat()
    try:
        with reading(engine) as connection:
            by_portal = connection.execute(
                select(func.count()).where(decisions.c.rule == PORTAL_PAID, decisions.c.at > since)
            ).scalar_one()
            stopped = switches.stopped(connection, "refunds")
            asked = approvals.waiting(connection)
            open_ = differences.listing(connection)
    finally:
        engine.dispose()
    found: list[Finding] = []
    if by_portal and settings.refunds.mover != "portal":
        found.append(
            bad(
                "refunds",
                f"two could pay: the portal refunded {by_portal} labels by itself in the last 30 days",
                f"Switch off the portal's own early processing, or set {variable('refunds.mover')}=portal",
                f"The mover here is {settings.refunds.mover or 'not set'}",
            )
        )
    if stopped:
        found.append(warn("refunds", f"refunds are {stopped}", "recoup go refunds"))
    if asked:
        found.append(warn("refunds", f"{len(asked)} refunds wait for a person's yes", "recoup approvals"))
    if open_:
        found.append(warn("refunds", f"{len(open_)} differences are open", "recoup refunds differences"))
    return found


async def portal(settings: Settings) -> Sequence[Finding]:
    """The portal's list of webhooks."""
    from integrations.http import open_client
    from integrations.loop import ADDRESS
    from integrations.loop.client import LoopPortal

    if not is_set(settings, "portal.api_key"):
        return []
    address, started = settings.portal.url or ADDRESS, time.monotonic()
    async with open_client(address) as http:
        await LoopPortal(http, need(settings, "portal.api_key")).subscriptions()
    return [_answered("portal", address, started)]


async def storefront(settings: Settings) -> Sequence[Finding]:
    """The shop's name, currency and whether it is a test shop, which must fit the payments vendor's key."""
    from integrations.http import open_client
    from integrations.shopify.client import ShopifyStore

    if not is_set(settings, "storefront.url", "storefront.token"):
        return []
    started = time.monotonic()
    async with open_client(settings.storefront.url) as http:
        shop = await ShopifyStore(http, need(settings, "storefront.token")).shop()
    found = [_answered("storefront", f"{shop.name}, {shop.currency}", started)]
    if shop.currency != settings.shop.currency:
        text = f"the shop keeps its books in {shop.currency}, shop.currency is {settings.shop.currency}"
        found.append(bad("storefront", text, f"Set {variable('shop.currency')}={shop.currency}"))
    testing = settings.payments.secret_key.get_secret_value().startswith("sk_test_")
    if settings.refunds.mover == "payments" and is_set(settings, "payments.secret_key") and shop.test != testing:
        text = (
            f"the shop is {'a test shop' if shop.test else 'live'}, the payments key is {'test' if testing else 'live'}"
        )
        found.append(bad("storefront", text, "Use keys of one kind for both"))
    return found


async def webhooks(settings: Settings) -> Sequence[Finding]:
    """Who may send, who is switched off at the vendor, and how long ago something came."""
    return await asyncio.to_thread(_webhooks, settings)


def _webhooks(settings: Settings) -> Sequence[Finding]:
    from store import inbox_admin, watches
    from store.db import connect, reading
    from web.senders import read

    file = settings.home / "hooks.toml"
    rows = read(file).rows if file.exists() else ()
    if not rows and not is_set(settings, "portal.api_key"):
        return []
    found = (
        [] if rows else [warn("webhooks", "no sender is set up: events come with the poller only", "recoup hooks add")]
    )
    found += [
        bad("webhooks", f"{row.name} has no secret", f"recoup hooks rotate {row.name}")
        for row in rows
        if not row.secrets
    ]
    if not _there(settings):
        return found
    engine = connect(settings.database_url)
    try:
        with reading(engine) as connection:
            off = [row for row in watches.all_of(connection) if not row.ok]
            counts = inbox_admin.counts(connection)
    finally:
        engine.dispose()
    found += [warn("webhooks", f"{row.sender}: {row.said}", row.remedy) for row in off]
    stuck = {state: counts[state] for state in ("failed", "quarantined") if counts.get(state)}
    if stuck:
        said = ", ".join(f"{count} {state}" for state, count in stuck.items())
        found.append(warn("webhooks", f"events that need a look: {said}", "recoup inbox"))
    return found or [ok("webhooks", f"{len(rows)} senders, {sum(counts.values())} events kept")]


def _there(settings: Settings) -> bool:
    """Whether there is a database to look into; `database` says so where there is none."""
    from store import schema
    from store.db import connect

    url: Any = settings.database_url
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return False
    engine = connect(url)
    try:
        return not schema.check(engine)
    finally:
        engine.dispose()


def _answered(check: str, what: str, started: float) -> Finding:
    return ok(check, f"answers in {(time.monotonic() - started) * 1000:.0f} ms, login taken: {what}")
