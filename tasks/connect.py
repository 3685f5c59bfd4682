"""The composition root: settings become a database, a writer and vendor clients, opened once per run.

Clients and secrets are never arguments of Prefect tasks (Prefect hashes arguments), so the open connections
are found through a context variable: `current()`. Nothing here is opened at import.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from integrations.aftership import ADDRESS as AFTERSHIP_ADDRESS
from integrations.aftership import client as aftership_vendor
from integrations.easypost import ADDRESS as EASYPOST_ADDRESS
from integrations.easypost import client as easypost_vendor
from integrations.gorgias import client as helpdesk_vendor
from integrations.http import PATIENCE_SECONDS, open_client
from integrations.loop import ADDRESS as PORTAL_ADDRESS
from integrations.loop import client as portal_vendor
from integrations.mail import client as mail_vendor
from integrations.shopify import client as storefront_vendor
from integrations.stripe import ADDRESS as PAYMENTS_ADDRESS
from integrations.stripe import client as payments_vendor
from integrations.stripe.refunds import StripeRefunds
from integrations.twilio import ADDRESS as TEXTS_ADDRESS
from integrations.twilio import client as texts_vendor
from ledger.posting import Writer
from tasks.database import open_database
from tasks.movers import Mover, choose
from tasks.rules import Rules, load_rules

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Vendors:
    """The names under which steps and entries remember who was called."""

    payments: str = payments_vendor.VENDOR
    texts: str = texts_vendor.VENDOR
    helpdesk: str = helpdesk_vendor.VENDOR
    mail: str = mail_vendor.VENDOR


@dataclass(slots=True)
class Connections:
    """Everything a run may touch, open. `zone` is the shop's IANA time zone, `clock` gives aware instants."""

    engine: Engine
    writer: Writer
    vendors: Vendors
    payments: payments_vendor.StripePayments
    texts: texts_vendor.TwilioTexts
    helpdesk: helpdesk_vendor.GorgiasHelpdesk
    mailer: mail_vendor.Mailer
    rules: Rules
    clock: Clock
    zone: str
    shop: str
    home: Path
    currency: str
    texts_configured: bool
    """False where the shop sends no SMS: then no SMS is due and no reply is looked for."""
    portal: portal_vendor.LoopPortal
    storefront: storefront_vendor.ShopifyStore
    refunds_at_payments: StripeRefunds | None
    """None where the shop has no key at the payments vendor."""
    feeds: tuple[aftership_vendor.AftershipFeed | easypost_vendor.EasypostFeed, ...]
    """The carrier feeds that have a key."""
    mover_name: str
    mover: Mover | None
    """Who moves a refund's money; None where none is chosen, and then none moves."""
    home_country: str
    refunds_configured: bool
    """False where portal or shop have no key: then returns are not looked at."""
    keep_bodies_days: int
    """How long the body of an event is kept once it is done."""
    portal_name: str = portal_vendor.VENDOR
    concurrency: int = 32
    """Steps in flight at once per vendor."""
    locked_out: set[str] = field(default_factory=set)
    """Vendors that refused our credentials in this run."""


_CURRENT: ContextVar[Connections] = ContextVar("recoup_connections")


def current() -> Connections:
    """The connections of this run; a LookupError outside of `opened`."""
    return _CURRENT.get()


@asynccontextmanager
async def opened(
    load: Callable[[], Any], *, clock: Clock | None = None, timeout_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[Connections]:
    """Open everything for one run and close it again; inside another `opened` the outer one is used.

    `load` gives the settings; it is only called where nothing is open yet. A vendor that does not answer within
    `timeout_seconds` has given no answer.
    """
    outer = _CURRENT.get(None)
    if outer is not None:
        yield outer
        return
    async with AsyncExitStack() as stack:
        connections = await _open(load(), clock or _utc_now, timeout_seconds, stack)
        token = _CURRENT.set(connections)
        try:
            yield connections
        finally:
            _CURRENT.reset(token)


async def _open(settings: Any, clock: Clock, timeout_seconds: float, stack: AsyncExitStack) -> Connections:
    engine = open_database(settings)
    stack.callback(engine.dispose)
    writer = stack.enter_context(Writer(engine, clock=clock))
    rules = load_rules(engine, settings.policies_dir)
    rules.remember(clock())

    async def client(url: str) -> Any:
        return await stack.enter_async_context(open_client(url, timeout=timeout_seconds))

    refunds = await _refunds(settings, client)
    payments, texts, helpdesk, mail = settings.payments, settings.texts, settings.helpdesk, settings.mail
    password = _secret(mail.password)
    server = mail_vendor.Server(mail.host, mail.port, mail.security, mail.user, password, timeout=timeout_seconds)
    return Connections(
        engine=engine,
        writer=writer,
        vendors=Vendors(),
        payments=payments_vendor.StripePayments(
            await client(payments.url or PAYMENTS_ADDRESS), _secret(payments.secret_key)
        ),
        texts=texts_vendor.TwilioTexts(
            await client(texts.url or TEXTS_ADDRESS), texts.account_sid, _secret(texts.auth_token), texts.sender
        ),
        helpdesk=helpdesk_vendor.GorgiasHelpdesk(await client(helpdesk.url), helpdesk.user, _secret(helpdesk.api_key)),
        mailer=await stack.enter_async_context(mail_vendor.Mailer(server)),
        rules=rules,
        clock=clock,
        zone=settings.shop.time_zone,
        shop=settings.shop.name,
        home=settings.home,
        texts_configured=bool(texts.account_sid),
        currency=settings.shop.currency,
        **refunds,
    )


async def _refunds(settings: Any, client: Callable[[str], Awaitable[Any]]) -> dict[str, Any]:
    """What only refunds need: portal, shop, the payments vendor's refunds, carrier feeds, and the one mover."""
    portal, shop, feeds, payments = settings.portal, settings.storefront, settings.feeds, settings.payments
    at_portal = portal_vendor.LoopPortal(await client(portal.url or PORTAL_ADDRESS), _secret(portal.api_key))
    storefront = storefront_vendor.ShopifyStore(
        await client(shop.url),
        _secret(shop.token),
        address_key=_secret(settings.refunds.address_key) or settings.shop.name,
    )
    at_payments = None
    if key := _secret(payments.secret_key):
        at_payments = StripeRefunds(await client(payments.url or PAYMENTS_ADDRESS), key)
    found: list[Any] = []
    if key := _secret(feeds.aftership_key):
        found.append(aftership_vendor.AftershipFeed(await client(feeds.aftership_url or AFTERSHIP_ADDRESS), key))
    if key := _secret(feeds.easypost_key):
        found.append(easypost_vendor.EasypostFeed(await client(feeds.easypost_url or EASYPOST_ADDRESS), key))
    return {
        "portal": at_portal,
        "storefront": storefront,
        "refunds_at_payments": at_payments,
        "feeds": tuple(found),
        "mover_name": settings.refunds.mover,
        "mover": choose(settings.refunds.mover, storefront=storefront, refunds=at_payments, portal=at_portal),
        "home_country": settings.refunds.home_country,
        "keep_bodies_days": settings.web.keep_bodies_days,
        "refunds_configured": bool(_secret(portal.api_key) and _secret(shop.token)),
    }


def _secret(value: Any) -> str:
    """The secret itself, only here, where a client is made with it."""
    text: str = value.get_secret_value()
    return text


def _utc_now() -> datetime:
    return datetime.now(UTC)
