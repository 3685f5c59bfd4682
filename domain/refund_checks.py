"""The nightly comparison: our refunds against the portal's returns, the shop's refunds and the payments vendor's. Pure.

Everything is compared by reference and key; what is nobody's is only reported where a return of ours is on the order.
A difference says what was found, what is to be done about it and by whom; nothing is repaired here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.differences import Difference, OurRefund, Told, difference, is_ours
from domain.money import Money
from domain.orders import Order, Refunded
from domain.payment_refunds import PaymentRefund
from domain.return_checks import on_returns
from domain.returns import Return, case_id

SKEW: Final = timedelta(hours=1)
"""Clocks of two sides may differ so much."""


class _Found(NamedTuple):
    """One of our refunds with what the other sides have of it."""

    ours: OurRefund
    shop: Refunded | None
    paid: PaymentRefund | None


def compare(told: Told, now: datetime) -> tuple[Difference, ...]:
    """Every difference, each once, in a fixed order."""
    orders = {order.id: order for order in told.orders}
    found = [*_ours(told, orders, now), *_vendors(told, orders, now), *on_returns(told, orders, now)]
    # One thing seen from two sides is one difference: the first that was found says it.
    return tuple(sorted({(each.kind, each.case, each.subject): each for each in reversed(found)}.values()))


def _ours(told: Told, orders: Mapping[str, Order], now: datetime) -> Iterator[Difference]:
    """Each of our refunds against what the shop and the payments vendor have of it."""
    index: dict[str, list[PaymentRefund]] = defaultdict(list)
    for refund in told.payments:
        for name in {refund.id, refund.key, *refund.names} - {""}:
            index[name].append(refund)
    for ours in told.ours:
        order = orders.get(ours.order)
        names = [name for name in (ours.key, ours.ref, *sorted(_payments_of(order))) if name]
        near = [refund for name in names for refund in index.get(name, ())]
        found = _Found(ours, _at_shop(ours, order), _at_payments(ours, near))
        subject = f"{ours.order}/{ours.ref or ours.key}"
        young = now - ours.at < told.settle
        if ours.state == "done" and not ours.taken_back:
            yield from _done(found, subject, told, order, young)
        elif not young:
            yield from _not_done(found, subject, told, now)


def _done(found: _Found, subject: str, told: Told, order: Order | None, young: bool) -> Iterator[Difference]:
    ours = found.ours
    if ours.booked is None:
        yield difference("missing_in_books", ours.case, subject, f"{ours.key} is done and nothing is booked for it")
    if not young and order is not None and found.shop is None and told.shop_read and told.mover != "payments":
        yield difference("missing_in_shop", ours.case, subject, f"the shop has no refund {ours.ref} on the order")
    if not young and found.paid is None and _belongs_at_payments(told, order):
        yield difference(
            "missing_in_payments", ours.case, subject, f"the payments vendor has no refund for {ours.ref or ours.key}"
        )
    for who, side in (("the shop", found.shop), ("the payments vendor", found.paid)):
        if side is None:
            continue
        if side.state == "failed":
            yield difference("failed_late", ours.case, subject, f"{who} says that {side.id} failed; booked as sent")
        elif ours.booked and side.amount.currency != ours.booked.currency:
            # A shop that tells its own currency beside the customer's is compared where both are the same.
            yield difference("currency_differs", ours.case, subject, f"booked {ours.booked}, {who} says {side.amount}")
        elif ours.booked and side.amount != ours.booked and _one_side(found, side):
            yield difference("amount_differs", ours.case, subject, f"booked {ours.booked}, {who} says {side.amount}")


def _not_done(found: _Found, subject: str, told: Told, now: datetime) -> Iterator[Difference]:
    ours = found.ours
    sides = [side for side in (found.shop, found.paid) if side is not None and side.state != "failed"]
    arrived = [side for side in sides if side.state == "succeeded"]
    if arrived and not ours.taken_back:
        yield difference(
            "missing_in_books", ours.case, subject,
            f"{ours.key} is {ours.state} in our books, and {arrived[0].id} of {arrived[0].amount} went out",
        )  # fmt: skip
    elif ours.state in ("intended", "unknown") and now - ours.at > timedelta(days=told.pending_days):
        days = (now - ours.at).days
        yield difference("stuck_pending", ours.case, subject, f"{ours.key} has had no final answer for {days} days")


def _vendors(told: Told, orders: Mapping[str, Order], now: datetime) -> Iterator[Difference]:
    """What shop and payments vendor have that we do not, and what went out twice."""
    cases = _cases_by_order(told.returns)
    keys = {ours.key: ours for ours in told.ours}
    returns = told.return_of()
    by_order: dict[str, list[OurRefund]] = defaultdict(list)
    for ours in told.ours:
        by_order[ours.order].append(ours)
    for order in orders.values():
        yield from _on_order(order, by_order[order.id], cases.get(order.id, ""), returns)
        yield from _pending(order, by_order[order.id], cases.get(order.id, ""), told, now)
        for refund in order.refunds:
            if is_ours(refund.key) and refund.key not in keys and refund.state != "failed":
                yield difference(
                    "missing_in_books", refund.key.removeprefix("refunds/"), f"{order.id}/{refund.id}",
                    f"the shop has {refund.id} of {refund.amount} with our key {refund.key}, which we do not know",
                )  # fmt: skip
    yield from _twice_at_payments(told, keys)


def _on_order(
    order: Order, ours: Sequence[OurRefund], case: str, returns: Mapping[str, Return]
) -> Iterator[Difference]:
    live = [refund for refund in order.refunds if refund.state != "failed"]
    case = ours[0].case if ours else case
    if not case:
        return
    doubled = [key for key, count in Counter(refund.key for refund in live if is_ours(refund.key)).items() if count > 1]
    for key in doubled:
        refs = ", ".join(sorted(refund.id for refund in live if refund.key == key))
        yield difference("double_refund", key.removeprefix("refunds/"), f"{order.id}/{key}", f"refunded by {refs}")
    yield from _same_lines(order, ours, live, returns)
    if order.captured is None:
        return
    back = sum(refund.amount.minor for refund in live if refund.amount.currency == order.captured.currency)
    if back > order.captured.minor:
        said = f"{Money(back, order.captured.currency)} went back of {order.captured} that were paid"
        yield difference("over_refunded", case, order.id, said)


def _same_lines(
    order: Order, ours: Sequence[OurRefund], live: Sequence[Refunded], returns: Mapping[str, Return]
) -> Iterator[Difference]:
    """A refund by somebody else of a line that we refunded too, unless the order had several pieces of it."""
    single = {line.id for line in order.lines if line.quantity == 1}
    refs, keys = {each.ref for each in ours if each.ref}, {each.key for each in ours}
    for each in ours:
        if each.state not in ("done", "unknown") or each.taken_back:
            continue
        at_shop = _at_shop(each, order)
        lines = set(at_shop.shop_lines) if at_shop else set()
        ret = returns.get(each.case)
        label = ret.label(each.case.removeprefix(f"{ret.id}/label-")) if ret else None
        lines |= {line.shop_line for line in ret.lines_of(label)} if ret and label else set()
        for other in live:
            if other.id not in refs and other.key not in keys and lines & set(other.shop_lines) & single:
                said = f"{each.ref or each.key} is ours, and {other.id} of {other.amount} is for the same lines"
                yield difference("double_refund", each.case, f"{order.id}/{other.id}", said)


def _pending(order: Order, ours: Sequence[OurRefund], case: str, told: Told, now: datetime) -> Iterator[Difference]:
    for refund in order.refunds:
        mine = next((each for each in ours if refund.id == each.ref or refund.key == each.key), None)
        late = refund.at is not None and now - refund.at > timedelta(days=told.pending_days)
        if (mine or is_ours(refund.key)) and refund.state == "pending" and late:
            said = f"{refund.id} is pending for more than {told.pending_days} days"
            yield difference("stuck_pending", mine.case if mine else case, f"{order.id}/{refund.id}", said)


def _twice_at_payments(told: Told, keys: Mapping[str, OurRefund]) -> Iterator[Difference]:
    by_key: dict[str, list[PaymentRefund]] = {}
    # A list that moves while it is read names one refund on two of its pages.
    for refund in {refund.id: refund for refund in told.payments}.values():
        if is_ours(refund.key) and refund.state != "failed":
            by_key.setdefault(refund.key, []).append(refund)
    for key, refunds in by_key.items():
        ours = keys.get(key)
        case, order = key.removeprefix("refunds/"), ours.order if ours else refunds[0].order
        named = ", ".join(sorted(refund.id for refund in refunds))
        if len(refunds) > 1:
            yield difference("double_refund", case, f"{order}/{key}", f"refunded at the payments vendor by {named}")
        if ours is None:
            yield difference(
                "missing_in_books", case, f"{order}/{refunds[0].id}",
                f"the payments vendor has {named} with our key {key}, which we do not know",
            )  # fmt: skip


def _belongs_at_payments(told: Told, order: Order | None) -> bool:
    """Whether the payments vendor would show our refund: it moved it, or it has a payment that the shop names."""
    if not told.payments_read:
        return False
    return told.mover == "payments" or bool(_payments_of(order) & told.known_payments)


def _payments_of(order: Order | None) -> set[str]:
    return {tender.payment for tender in order.tenders if tender.payment} if order else set()


def _at_shop(ours: OurRefund, order: Order | None) -> Refunded | None:
    """Ours by reference, else by key: a refund that failed and was made anew carries the same key twice."""
    refunds = order.refunds if order else ()
    by_ref = next((each for each in refunds if ours.ref and each.id == ours.ref), None)
    return by_ref or next((each for each in refunds if each.key == ours.key), None)


def _at_payments(ours: OurRefund, refunds: Sequence[PaymentRefund]) -> PaymentRefund | None:
    """Ours by reference or key; where the shop moved it, one of its payments' that came then, best of that size."""
    sure = [each for each in refunds if ours.ref and each.id == ours.ref]
    sure += [each for each in refunds if each.key == ours.key]
    if sure:
        return sure[0]
    near = [each for each in refunds if not each.key and each.at >= ours.at - SKEW]
    return next((each for each in near if each.amount == ours.booked), near[0] if near else None)


def _one_side(found: _Found, side: Refunded | PaymentRefund) -> bool:
    """A refund over several tenders stands in parts at the payments vendor; the shop has the whole."""
    return side is found.shop or found.shop is None or found.ours.ref == side.id


def _cases_by_order(returns: Iterable[Return]) -> dict[str, str]:
    """By order, the first case of a return of it."""
    return {ret.order: case_id(ret, ret.labels[0]) if ret.labels else ret.id for ret in returns if ret.order}
