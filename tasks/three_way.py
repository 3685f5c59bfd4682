"""The nightly comparison: reads portal, shop and payments vendor again, sets our books beside them, keeps what differs.

Reads only, and writes only `differences`. A side that could not be read to the end is never called wrong, and in such
a night nothing is resolved.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from domain.differences import Difference, OurRefund, Told
from domain.instants import from_text
from domain.money import Money
from domain.orders import Order
from domain.payment_refunds import PaymentRefund
from domain.refund_checks import compare
from domain.scans import IN_CARRIER_HANDS
from integrations.errors import Refused, Unreadable, VendorError
from integrations.pages import Page
from ledger import accounts, lookups
from ledger.reversals import stands
from store import differences, refund_steps, scans
from store.db import reading, transaction
from store.differences import Taken
from tasks.connect import Connections
from tasks.performing import Run

LOOK_BACK: Final = timedelta(days=14)
"""How far back everything is compared; what is open already is looked at again however old it is."""
AT_ONCE: Final = 8

Item = TypeVar("Item")


@dataclass(slots=True)
class Compared:
    """One night's comparison. `problems` are sides, or single things, that could not be read."""

    found: tuple[Difference, ...] = ()
    taken: Taken = field(default_factory=lambda: Taken(0, 0, 0))
    orders: int = 0
    ours: int = 0
    problems: list[str] = field(default_factory=list)


async def compare_all(c: Connections, run: Run) -> Compared:
    """Gather, compare, keep. Everything that could not be read is a problem and hides nothing else."""
    done = Compared()
    told, whole = await gather(c, run.now, done)
    done.found = compare(told, run.now)
    done.orders, done.ours = len(told.orders), len(told.ours)
    looked_at = {order.id for order in told.orders} if whole else set()
    with transaction(c.engine) as connection:
        done.taken = differences.take(connection, done.found, looked_at, run.now)
    return done


async def gather(c: Connections, now: datetime, done: Compared) -> tuple[Told, bool]:
    """What everybody says; False where a side could not be read to the end."""
    since = now - LOOK_BACK
    returns, portal_read = await _all(c.portal.returns(since), "the portal's returns", done)
    payments, payments_read = list[PaymentRefund](), c.refunds_at_payments is not None
    if c.refunds_at_payments is not None:
        payments, payments_read = await _all(
            c.refunds_at_payments.refunds(since), "the payments vendor's refunds", done
        )
    with reading(c.engine) as connection:
        open_before = differences.open_orders(connection)
        # A return that moved lately may have been refunded long before: its order is compared whole.
        ours = _ours(connection, since, open_before | {ret.order for ret in returns})
        told = scans.of_numbers(connection, {label.tracking for ret in returns for label in ret.labels})
    wanted = {each.order for each in ours} | {ret.order for ret in returns} | open_before
    orders, shop_read = await _orders(c, sorted(wanted - {""}), done)
    known = {name for refund in payments for name in refund.names}
    if payments_read:
        known |= await _known_payments(c, orders, ours, known, done)
    return (
        Told(
            ours=tuple(ours),
            returns=tuple(returns),
            orders=tuple(orders),
            payments=tuple(payments),
            scanned=frozenset(
                number for number, heard in told.items() if any(scan.meaning in IN_CARRIER_HANDS for scan in heard)
            ),
            known_payments=frozenset(known),
            mover=c.mover_name,
            shop_read=shop_read,
            payments_read=payments_read,
        ),
        portal_read and shop_read and (payments_read or c.refunds_at_payments is None),
    )


def _ours(connection: Any, since: datetime, orders: Iterable[str]) -> list[OurRefund]:
    """Our own refunds of the time and of these orders, with what the books say of each."""
    rows = {row.key: (row, order) for row, order in differences.refunds_since(connection, since)}
    for order in sorted(orders):
        rows |= {row.key: (row, of) for row, of in refund_steps.of_order(connection, order)}
    booked = lookups.entries(connection, list(rows))
    takers = lookups.takers(connection, list(booked))
    found = []
    for key, (row, order) in rows.items():
        entry = booked.get(key)
        back = entry is not None and not stands(key, takers)
        amounts = [line for line in entry.entry.postings if line.account == accounts.VIP_REFUNDS] if entry else []
        found.append(
            OurRefund(
                case=row.case_id, key=key, order=order, state=row.state, ref=row.vendor_ref,
                at=from_text(row.settled_at or row.intended_at),
                amount=Money(row.amount_minor, row.currency) if row.currency else None,
                booked=Money(amounts[0].minor, amounts[0].currency) if amounts and not back else None,
                taken_back=back,
            )
        )  # fmt: skip
    return found


async def _all(pages: AsyncIterator[Page[Item]], what: str, done: Compared) -> tuple[list[Item], bool]:
    """Every item of a list; False where it broke off or held something that cannot be read."""
    found: list[Item] = []
    whole = True
    try:
        async for page in pages:
            found += page.items
            for item in page.unreadable:
                whole = False
                done.problems.append(f"{what}: {item.id or 'one item'} cannot be read: {item.problem}")
    except VendorError as error:
        done.problems.append(f"{what} could not be read to the end: {error}")
        return found, False
    return found, whole


async def _orders(c: Connections, wanted: Sequence[str], done: Compared) -> tuple[list[Order], bool]:
    """These orders as the shop has them now; one that it does not have, or cannot tell, is left out."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(ident: str) -> Order | VendorError:
        async with gate:
            try:
                order: Order = await c.storefront.order(ident)
            except VendorError as error:
                return error
            return order

    answers = await asyncio.gather(*map(one, wanted))
    for ident, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, VendorError):
            done.problems.append(f"order {ident} could not be read: {answer}")
    broken = any(isinstance(answer, VendorError) and not isinstance(answer, Refused | Unreadable) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Order)], not broken


async def _known_payments(
    c: Connections, orders: Sequence[Order], ours: Sequence[OurRefund], seen: set[str], done: Compared
) -> set[str]:
    """Which payments behind our own refunds the payments vendor has: only there can a refund be missing."""
    assert c.refunds_at_payments is not None
    sent = {each.order for each in ours if each.state == "done"}
    names = {tender.payment for order in orders if order.id in sent for tender in order.tenders if tender.payment}
    found: set[str] = set()
    for name in sorted(names - seen):
        try:
            await c.refunds_at_payments.payment(name)
        except (Refused, Unreadable):
            # The shop was paid through somebody else, whose refunds are not here.
            continue
        except VendorError as error:
            done.problems.append(f"the payments vendor could not be asked about payments: {error}")
            break
        found.add(name)
    return found
