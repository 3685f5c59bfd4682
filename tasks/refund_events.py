"""Events of the refund operation: from waiting inbox rows to what has to be read and decided again. No money here.

What a row says is kept first: scans in `scans`, returns re-read from the portal. It is `close`d when everything that
it asks for was decided and done, so a run that dies in between loses nothing: the next one takes the row again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from domain.news import DisputeTouched, News, Nothing, OrderTouched, ProcessingFailed, RefundTouched, ReturnTouched
from domain.returns import Return
from domain.scans import Scan
from domain.strict_json import UnreadableJson
from integrations.errors import Refused, Unauthorised, Unreadable, VendorError
from integrations.senders import SENDERS
from store import inbox, returns, scans
from store.db import reading, transaction
from tasks.connect import Connections
from tasks.mistakes import told
from tasks.refund_facts import keep_returns, read_each

UNUSED: Final = ("label", "cancelled")
"""What is told of a label that nobody has used: made, and voided again. There is nothing to decide about it."""
UNREADABLE: Final = "unreadable"
BACKOFF: Final = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""When an event whose facts could not be read is tried again, by how often it failed; the last one repeats."""


@dataclass(slots=True)
class TakenIn:
    """What a batch of events asks for. `outcomes` are the rows that are done, with a sentence each.

    `read` is how far each list of a vendor was read, by the name of its cursor; `seen` are the returns that were read.
    """

    cases: list[str] = field(default_factory=list)
    refunds: list[RefundTouched] = field(default_factory=list)
    disputes: list[DisputeTouched] = field(default_factory=list)
    failures: list[ProcessingFailed] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    failed: list[tuple[Any, str]] = field(default_factory=list)
    read: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, tuple[Return, datetime]] = field(default_factory=dict)


async def take_in(c: Connections, rows: Sequence[Any]) -> TakenIn:
    """Understand the rows, keep what they say, and tell what is to be decided; `close` marks them afterwards."""
    taken, said = TakenIn(), {}
    for row in rows:
        try:
            said[row.id] = SENDERS[row.vendor].news(inbox.document(row), row.id)
        except (Unreadable, UnreadableJson) as error:
            taken.failed.append((row, f"{UNREADABLE}: {error}"))
        except Exception as error:
            # One event that we stumble over must stop no other.
            taken.failed.append((row, f"{UNREADABLE}: {told(error)}"))
    wanted = sorted({news.portal_id for found in said.values() for news in found if isinstance(news, ReturnTouched)})
    began = c.clock()
    read = await read_each(wanted, c.portal.ret)
    taken.seen = {ident: (ret, began) for ident, ret in read.items() if isinstance(ret, Return)}
    keep_returns(c, [ret for ret in read.values() if isinstance(ret, Return)])
    heard = [news for found in said.values() for news in found if isinstance(news, Scan)]
    with transaction(c.engine) as connection:
        scans.remember(connection, heard, c.clock())
    for row in rows:
        if row.id in said:
            _sort(row, said[row.id], read, taken)
    taken.cases = touched(c, (scan.tracking for scan in heard), wanted, _orders(said.values()))
    return taken


def touched(c: Connections, numbers: Iterable[str], portal_ids: Sequence[str], orders: Iterable[str]) -> list[str]:
    """The cases that these parcels, returns and orders concern and that are worth a decision: somebody scanned them."""
    with reading(c.engine) as connection:
        rows = list(returns.labels_by_number(connection, numbers))
        ids = [f"{c.portal_name}-{portal_id}" for portal_id in portal_ids]
        ids += [row.id for order in sorted(set(orders)) for row in returns.of_order(connection, order)]
        rows += returns.labels_of(connection, ids)
        told = scans.of_numbers(connection, (row.tracking for row in rows))
    scanned = {number for number, found in told.items() if any(scan.meaning not in UNUSED for scan in found)}
    return list(dict.fromkeys(row.case_id for row in rows if row.tracking in scanned))


def _sort(row: Any, said: Sequence[News], read: dict[str, Return | VendorError], taken: TakenIn) -> None:
    """What one event asks for; it is not done where its return could not be read."""
    for news in said:
        match news:
            case ReturnTouched():
                found = read.get(news.portal_id)
                # Refused is an answer: there is no such return. Refused credentials say nothing about it.
                answered = isinstance(found, Refused) and not isinstance(found, Unauthorised)
                if isinstance(found, VendorError) and not answered:
                    taken.failed.append((row, str(found)))
                    return
            case RefundTouched():
                taken.refunds.append(news)
            case OrderTouched():
                # The shop tells of a refund that arrives or fails later only as of an order that changed.
                taken.refunds.append(RefundTouched("", "", order=news.order))
            case DisputeTouched():
                taken.disputes.append(news)
            case ProcessingFailed():
                taken.failures.append(news)
            case _:
                pass
    taken.outcomes[row.id] = "; ".join(dict.fromkeys(_sentence(news) for news in said)) or "says nothing"


def _sentence(news: News) -> str:
    match news:
        case Scan():
            return f"scan: {news.meaning}"
        case Nothing():
            return news.why
        case ReturnTouched():
            return f"return {news.portal_id} read again"
        case OrderTouched():
            return f"order {news.order} looked at again"
        case RefundTouched():
            return f"refund {news.ref} looked at again"
        case DisputeTouched():
            return f"dispute {news.ref} looked at"
        case ProcessingFailed():
            return f"the portal could not process return {news.portal_id}"


def _orders(said: Iterable[Sequence[News]]) -> list[str]:
    kinds = (OrderTouched, DisputeTouched, RefundTouched)
    return [news.order for found in said for news in found if isinstance(news, kinds) and news.order]


def close(c: Connections, taken: TakenIn) -> None:
    """Mark the rows, once what they ask for is done; one whose facts could not be read comes again."""
    now = c.clock()
    with transaction(c.engine) as connection:
        inbox.done(connection, taken.outcomes, now)
        for row, why in taken.failed:
            # What cannot be read now never can be; a person may replay it with a newer version.
            wait = None if why.startswith(UNREADABLE) else BACKOFF[min(row.tries, len(BACKOFF)) - 1]
            inbox.failed(connection, row.id, why, now, now + wait if wait else None)
