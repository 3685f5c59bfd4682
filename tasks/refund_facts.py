"""Facts of refund cases, read fresh before every decision: a webhook is only a hint that something may have changed.

Per wave each return and each order is read once. A case whose facts cannot be read is left for the next look with
the reason; it stops no other.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy.exc import OperationalError

from domain.orders import Order, Quote
from domain.payment_refunds import PaymentRefund, unknown_to_shop
from domain.people import Person
from domain.refund_case import RefundFacts
from domain.refund_json import return_to_json
from domain.returns import Label, Return
from domain.scans import Scan
from integrations.errors import Refused, Unauthorised, Unreadable, VendorError
from integrations.http import CONNECTIONS
from store import merges, people, returns, scans
from store.db import reading, transaction
from tasks.connect import Connections
from tasks.mistakes import told

Value = TypeVar("Value")
Seen = Mapping[str, tuple[Return, datetime]]
"""Returns by the portal's id, as they were read, and when."""
JUST_SEEN: Final = timedelta(seconds=20)
"""A return that was read for an event is not read again for the decision that follows within this time: the portal
allows a few calls a second. Well below the age at which `tasks.refunding` acts on nothing any more."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """One case with what was read for it just now, and since when. `customer` is our id, `card` a fingerprint."""

    case: str
    facts: RefundFacts
    customer: str
    card: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class NotRead:
    """One case whose facts could not be read, and why. `gone` where its label is on the return no more."""

    case: str
    why: str
    gone: bool = False


async def read_return(c: Connections, portal_id: str) -> Return:
    """Read one return from the portal and keep it; its labels become known with it."""
    ret: Return = await c.portal.ret(portal_id)
    keep_returns(c, [ret])
    return ret


def keep_returns(c: Connections, read: Sequence[Return]) -> None:
    """Write returns as they were read, and what they say of their parcels."""
    with transaction(c.engine) as connection:
        # In one order everywhere, so that two runs with the same returns never wait for each other in a circle.
        ordered = sorted(read, key=lambda each: each.id)
        returns.remember(connection, [(ret, return_to_json(ret)) for ret in ordered], c.clock())
        scans.remember(connection, [scan for ret in read for scan in _label_scans(ret)], c.clock())


def _label_scans(ret: Return) -> list[Scan]:
    """The portal's own status of a label is a scan too, if a bare one."""
    return [
        Scan(
            tracking=label.tracking, carrier=label.carrier, meaning=label.status, at=label.updated_at,  # type: ignore[arg-type]
            source=ret.portal, words=label.status,
        )
        for label in ret.labels
        if label.tracking and label.status
    ]  # fmt: skip


async def gather(c: Connections, cases: Sequence[str], seen: Seen | None = None) -> list[Gathered | NotRead]:
    """Read the facts of these cases, many at once; a return that was `seen` a moment ago is not read again."""
    with reading(c.engine) as connection:
        rows = returns.labels_by_case(connection, cases)
        parents = returns.by_ids(connection, {row.return_id for row in rows.values()})
    known = [case for case in cases if case in rows]
    portal_ids = sorted({_portal_id(parents[rows[case].return_id]) for case in known})
    now = c.clock()
    known_now = {ident: at for ident, (_, at) in (seen or {}).items() if now - at <= JUST_SEEN}
    fresh = await read_each([ident for ident in portal_ids if ident not in known_now], c.portal.ret)
    keep_returns(c, [ret for ret in fresh.values() if isinstance(ret, Return)])
    read = fresh | {ident: (seen or {})[ident][0] for ident in portal_ids if ident in known_now}
    with reading(c.engine) as connection:
        heard = scans.of_numbers(connection, (row.tracking for row in rows.values()))
    wanted = sorted({ret.order for ret in read.values() if isinstance(ret, Return) and ret.order})
    orders = _remember_shoppers(c, await read_each(wanted, _reader(c)))
    gate = asyncio.Semaphore(CONNECTIONS)

    async def one(case: str) -> Gathered | NotRead:
        row = rows[case]
        ident = _portal_id(parents[row.return_id])
        ret = read[ident]
        if not isinstance(ret, Return):
            return NotRead(case, f"the return could not be read: {ret}")
        try:
            async with gate:
                found = await _facts(c, case, ret, orders.get(ret.order), heard.get(row.tracking, ()))
        except Exception as error:
            # One case that we stumble over must stop no other.
            return NotRead(case, told(error))
        return replace(found, read_at=known_now.get(ident, now)) if isinstance(found, Gathered) else found

    return list(await asyncio.gather(*map(one, known)))


async def _facts(
    c: Connections, case: str, ret: Return, order: Order | VendorError | None, heard: tuple[Scan, ...]
) -> Gathered | NotRead:
    label = next((label for label in ret.labels if case == f"{ret.id}/label-{label.id}"), None)
    if label is None:
        return NotRead(case, "the label is not on the return any more", gone=True)
    if isinstance(order, VendorError) and (isinstance(order, Unauthorised) or not isinstance(order, Refused)):
        return NotRead(case, f"the order could not be read: {order}")
    found = order if isinstance(order, Order) else None
    quote: Quote | None = None
    refused = ""
    if found is not None:
        try:
            quote = await _quote(c, ret, label, found)
        except Unauthorised as error:
            return NotRead(case, f"the shop gave no quote: {error}")
        except Refused as error:
            refused = error.message
        except VendorError as error:
            return NotRead(case, f"the shop gave no quote: {error}")
    facts = RefundFacts(
        case=case, ret=ret, label=label, scans=heard, order=found, quote=quote,
        quote_refused=refused, home_country=c.home_country, portal_pays_whole=c.mover_name == "portal",
    )  # fmt: skip
    customer = f"shop-{found.shopper.id}" if found else ""
    return Gathered(case, facts, customer, _card(found), c.clock())


async def _quote(c: Connections, ret: Return, label: Label, order: Order) -> Quote | None:
    """What the shop would refund for the label's lines, all of the return's where the portal pays; None without any."""
    pieces: Counter[str] = Counter()
    for line in ret.lines if c.mover_name == "portal" else ret.lines_of(label):
        # The portal may list every piece as a line of its own; at the shop they are one line.
        pieces[line.shop_line] += line.quantity if line.outcome == "refund" else 0
    wanted = [(line, quantity) for line, quantity in pieces.items() if quantity]
    if not wanted or not all(line for line, _ in wanted):
        return None
    quote: Quote = await c.storefront.quote(order, wanted)
    return quote


def _reader(c: Connections) -> Callable[[str], Awaitable[Order]]:
    async def read(order: str) -> Order:
        found: Order = await c.storefront.order(order)
        return await _as_payments_say(c, found) if c.mover_name == "payments" else found

    return read


async def _as_payments_say(c: Connections, order: Order) -> Order:
    """Where the payments vendor pays, its disputes count too, and so do refunds that the shop knows nothing of."""
    disputes, made = set(order.disputes), list[PaymentRefund]()
    for tender in order.tenders:
        if tender.payment and c.refunds_at_payments:
            try:
                left = await c.refunds_at_payments.payment(tender.payment)
            except Unauthorised:
                raise
            except Refused:
                continue  # Taken by somebody else, e.g. a gift card; the check of tenders looks at what is to be paid.
            disputes |= set(left.disputes)
            made += left.refunds
    return replace(order, disputes=tuple(sorted(disputes)), refunds=(*order.refunds, *unknown_to_shop(order, made)))


def _remember_shoppers(c: Connections, orders: Mapping[str, Order | VendorError]) -> dict[str, Order | VendorError]:
    """Write who the shoppers are, all at once; where one makes us stumble, each alone, and that one is not read."""
    named = {name: order for name, order in orders.items() if isinstance(order, Order) and order.shopper.id}
    try:
        _write_shoppers(c, list(named.values()))
        return dict(orders)
    except OperationalError:
        raise
    except Exception as error:
        if len(named) == 1:
            return dict(orders) | {name: Unreadable("recoup", f"keep order {name}", told(error)) for name in named}
    alone = [_remember_shoppers(c, {name: order}) for name, order in named.items()]
    return dict(orders) | {name: order for each in alone for name, order in each.items()}


def _write_shoppers(c: Connections, orders: Sequence[Order]) -> None:
    """In one order everywhere, so that two runs never wait for each other in a circle."""
    if not orders:
        return
    seen = {
        order.shopper.id: Person(
            id=f"shop-{order.shopper.id}", name=order.shopper.name, email=order.shopper.email,
            language=order.shopper.language or "en", country=order.ship_to.country, region=order.ship_to.region,
        )
        for order in orders
    }  # fmt: skip
    with transaction(c.engine) as connection:
        people.remember(connection, [seen[ident] for ident in sorted(seen)], c.clock())
        merges.take_over(connection, {order.id: f"shop-{order.shopper.id}" for order in orders})


def _card(order: Order | None) -> str:
    return next((tender.card for tender in order.tenders if tender.card), "") if order else ""


def _portal_id(row: Any) -> str:
    return str(row.id).removeprefix(f"{row.portal}-")


async def read_each(names: Iterable[str], read: Callable[[str], Awaitable[Value]]) -> dict[str, Value | VendorError]:
    """Read every one; a vendor's error stands in the place of what could not be read.

    As many at once as a client has connections: a call that waits here costs nothing, one that waits inside of the
    client is looked at with every answer.
    """
    gate = asyncio.Semaphore(CONNECTIONS)

    async def one(name: str) -> tuple[str, Value | VendorError]:
        async with gate:
            try:
                return name, await read(name)
            except VendorError as error:
                return name, error
            except Exception as error:
                return name, Unreadable("recoup", f"read {name}", told(error))

    return dict(await asyncio.gather(*map(one, names)))
