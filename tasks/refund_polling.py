"""Polling: what webhooks missed is found in the vendors' own lists, and a webhook that is switched off is seen.

Each source has its cursor, which moves only after what was read is decided and done, and reads some minutes again,
because lists lag. One that does not answer is a problem of the run and stops no other.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from domain.news import DisputeTouched, News, RefundTouched
from domain.returns import Return
from domain.scans import Scan
from integrations.errors import Refused, Unauthorised, VendorError
from integrations.pages import Page
from store import cursors, inbox_admin, merges, returns, scans, watches
from store.db import reading, transaction
from tasks.connect import Connections
from tasks.reading import Read, keep_unreadable
from tasks.refund_events import TakenIn, touched
from tasks.refund_facts import keep_returns
from tasks.report import Report

OVERLAP: Final = timedelta(minutes=10)
FIRST_LOOK: Final = timedelta(days=7)
"""How far back a source is read that never was."""
EVERY: Final = timedelta(minutes=5)
"""How often the vendors' lists are read: webhooks bring the news within a second, this is for what they miss."""
FOLLOWED_AT_ONCE: Final = 200
WATCH_EVERY: Final = timedelta(minutes=15)

Keep = Callable[[Any], None]


async def poll(c: Connections, report: Report) -> TakenIn:
    """Read every source whose time has come; return what is to be decided because of it.

    The cursors are moved afterwards, with `move`: a run that dies in between leaves all of it to the next.
    """
    found = TakenIn()
    if _due(c, "poll returns", EVERY):
        await _read(c, report, found, "poll returns", c.portal.returns, lambda page: _returns(c, page, found))
    for feed in c.feeds:
        if _due(c, f"poll {feed.VENDOR}", EVERY):
            await _read(c, report, found, f"poll {feed.VENDOR}", feed.updated, lambda page: _scans(c, page, found))
    if c.refunds_at_payments and _due(c, "poll payments", EVERY):
        await _read(c, report, found, "poll payments", c.refunds_at_payments.events, lambda page: _news(page, found))
    await _orders(c, report, found)
    return found


async def follow_labels(c: Connections, report: Report) -> None:
    """Ask the carrier feeds to follow new labels: they tell of no number that nobody asked for."""
    if not c.feeds:
        return
    with reading(c.engine) as connection:
        rows = returns.to_watch(connection, FOLLOWED_AT_ONCE)
    followed: list[str] = []
    for row in rows:
        try:
            for feed in c.feeds:
                await feed.watch(row.tracking, row.carrier)
        except Unauthorised as error:
            report.problems.append(f"labels are not followed yet: {error}")
            break
        except Refused as error:
            report.problems.append(f"{row.case_id}: {error}")
        except VendorError as error:
            report.problems.append(f"labels are not followed yet: {error}")
            break
        followed.append(row.case_id)
    with transaction(c.engine) as connection:
        returns.set_watched(connection, followed)


async def _orders(c: Connections, report: Report, found: TakenIn) -> None:
    """Orders that changed: a refund by hand, a dispute, a cancellation. Only those with a return matter."""
    if not _due(c, "poll orders", EVERY):
        return

    def known(ids: Sequence[str]) -> set[str]:
        with reading(c.engine) as connection:
            return returns.orders_known(connection, ids)

    def keep(page: Any) -> None:
        with transaction(c.engine) as connection:
            named = [order for order in page.items if order.shopper.id]
            merges.take_over(connection, {order.id: f"shop-{order.shopper.id}" for order in named})
        found.cases += touched(c, (), (), [order.id for order in page.items])
        found.refunds += [RefundTouched(c.storefront.VENDOR, "", order=order.id) for order in page.items]
        found.disputes += [
            DisputeTouched(c.storefront.VENDOR, ref, order=order.id) for order in page.items for ref in order.disputes
        ]

    await _read(c, report, found, "poll orders", partial(c.storefront.orders_touched, only=known), keep)


async def watch(c: Connections, report: Report) -> None:
    """Look at every vendor's subscriptions; one that is off is written down with its remedy and reported."""
    if not _due(c, "watchdog", WATCH_EVERY):
        return
    for vendor in (c.portal, c.storefront, c.refunds_at_payments, *c.feeds):
        if vendor is None or not getattr(vendor, "LISTS_WEBHOOKS", True):
            continue
        try:
            subscriptions = await vendor.subscriptions()
        except VendorError as error:
            report.problems.append(f"the webhooks at {vendor.VENDOR} could not be looked at: {error}")
            continue
        _write_watch(c, vendor, subscriptions, report)
    move(c, {"watchdog": c.clock()})


def _write_watch(c: Connections, asked: Any, subscriptions: list[Any], report: Report) -> None:
    """Write what was seen. A vendor may remove a webhook altogether, so what should be there is compared too."""
    vendor = asked.VENDOR
    off = [f"{each.topic or each.url}: {each.said or 'off'}" for each in subscriptions if not each.active]
    heard = {topic.strip() for each in subscriptions if each.active for topic in each.topic.split(",")}
    missing = [topic for topic in getattr(asked, "TOPICS", ()) if subscriptions and not heard & {topic, "*"}]
    said, remedy = f"{len(subscriptions)} on", ""
    if not subscriptions:
        said, remedy = "no webhook is set up", f"recoup hooks add {vendor}"
    elif off or missing:
        said = "; ".join([*off, *(f"{topic}: not subscribed" for topic in missing)])
        remedy = f"Switch it on again at {vendor}; meanwhile its events come with the poller, minutes late"
        report.problems.append(f"a webhook at {vendor} is off: {said}")
    with transaction(c.engine) as connection:
        watches.put(connection, vendor, ok=not remedy, said=said, remedy=remedy, at=c.clock())


def purge(c: Connections) -> int:
    """Empty the bodies of events that are done and older than the set time, once a day; fingerprints stay."""
    if not _due(c, "purge inbox", timedelta(days=1)):
        return 0
    now = c.clock()
    with transaction(c.engine) as connection:
        purged = inbox_admin.purge(connection, now - timedelta(days=c.keep_bodies_days), now)
        cursors.move(connection, "purge inbox", now)
    return purged


def _returns(c: Connections, page: Page[Return], found: TakenIn) -> None:
    keep_returns(c, page.items)
    found.cases += touched(c, (), [ret.portal_id for ret in page.items], ())


def _scans(c: Connections, page: Page[Scan], found: TakenIn) -> None:
    with transaction(c.engine) as connection:
        scans.remember(connection, page.items, c.clock())
    # All of them and not only what is new: a run that died may have kept these scans and decided nothing.
    found.cases += touched(c, [scan.tracking for scan in page.items], (), ())


def _news(page: Page[News], found: TakenIn) -> None:
    found.refunds += [news for news in page.items if isinstance(news, RefundTouched)]
    found.disputes += [news for news in page.items if isinstance(news, DisputeTouched)]


async def _read(
    c: Connections, report: Report, found: TakenIn, name: str, pages: Callable[[datetime], AsyncIterator[Any]],
    keep: Keep,
) -> None:  # fmt: skip
    """Read one source from its cursor on, keep what it says, and note how far it was read."""
    began = c.clock()
    with reading(c.engine) as connection:
        since = cursors.at(connection, name)
    unread = Read()
    try:
        async for page in pages(since - OVERLAP if since else began - FIRST_LOOK):
            keep(page)
            keep_unreadable(c, page.unreadable, unread, began)
    except VendorError as error:
        report.problems.append(f"{name}: {error}")
        return
    report.problems += unread.problems
    found.read[name] = began


def move(c: Connections, read: Mapping[str, datetime]) -> None:
    """Move the cursors to where these sources were read."""
    with transaction(c.engine) as connection:
        for name, to in sorted(read.items()):
            cursors.move(connection, name, to)


def _due(c: Connections, name: str, every: timedelta) -> bool:
    with reading(c.engine) as connection:
        last = cursors.at(connection, name)
    return last is None or c.clock() - last >= every
