"""What the portal's returns tell: money twice, by hand before any scan, or not at all, and scans not heard. Pure.

One part of the nightly comparison, `domain.refund_checks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from domain.differences import Difference, OurRefund, Told, difference, is_ours
from domain.orders import Order, Refunded
from domain.returns import Return, case_id
from domain.scans import IN_CARRIER_HANDS


def on_returns(told: Told, orders: Mapping[str, Order], now: datetime) -> Iterator[Difference]:
    """The portal's returns: refunds before any scan, closed without money, and scans that never reached us."""
    by_case = {ours.case: ours for ours in told.ours}
    refs = {ours.ref for ours in told.ours}
    directly = {refund.order for refund in told.payments if refund.state != "failed"}
    for ret in told.returns:
        order = orders.get(ret.order)
        live = [refund for refund in order.refunds if refund.state != "failed"] if order else []
        cases = [case_id(ret, label) for label in ret.labels] or [ret.id]
        paid = [by_case[case] for case in cases if case in by_case and by_case[case].state in ("done", "unknown")]
        wants_money = ret.cash is not None and ret.cash.minor > 0
        if order is not None and told.shop_read and ret.state == "closed" and wants_money:
            settled = ret.edited_at is None or now - ret.edited_at >= told.settle
            if settled and not live and not paid and not ret.refunds and ret.order not in directly:
                said = f"the portal closed {ret.id} with {ret.cash} to refund, and nobody refunded anything"
                yield difference("portal_closed_without_refund", cases[0], ret.order, said)
        if ret.state in ("open", "review"):
            yield from _by_hand(ret, cases, live, refs, told)
        if paid and told.mover != "portal":
            yield from _by_portal(ret, paid[0], order, refs)
        yield from _missed(ret, told, now)


def _by_portal(ret: Return, ours: OurRefund, order: Order | None, refs: set[str]) -> Iterator[Difference]:
    """We paid, and the portal processed the return as well."""
    known = refs | {refund.id for refund in (order.refunds if order else ()) if is_ours(refund.key)}
    for refund in ret.refunds:
        if refund.ref and refund.ref not in known and refund.amount:
            said = f"{ours.ref or ours.key} is ours, and the portal refunded {refund.amount} as {refund.ref}"
            yield difference("double_refund", ours.case, f"{ret.order}/{refund.ref}", said)


def _by_hand(
    ret: Return, cases: Sequence[str], live: Sequence[Refunded], refs: set[str], told: Told
) -> Iterator[Difference]:
    moving = any(label.tracking in told.scanned or label.status in IN_CARRIER_HANDS for label in ret.labels)
    lines = {line.shop_line for line in ret.lines}
    for refund in live:
        foreign = not is_ours(refund.key) and refund.id not in refs
        before = refund.at is not None and ret.created_at is not None and refund.at < ret.created_at
        about = not refund.shop_lines or bool(lines & set(refund.shop_lines))
        if foreign and about and not before and not moving:
            said = f"{refund.id} of {refund.amount} was made by somebody else while no parcel of {ret.id} was scanned"
            yield difference("refund_without_scan", cases[0], f"{ret.order}/{refund.id}", said)


def _missed(ret: Return, told: Told, now: datetime) -> Iterator[Difference]:
    for label in ret.labels:
        young = label.updated_at is not None and now - label.updated_at < told.settle
        if label.status in IN_CARRIER_HANDS and label.tracking and label.tracking not in told.scanned and not young:
            said = f"the portal says {label.status} of a label of {ret.id}; we never heard a scan of it"
            yield difference("missed_event", case_id(ret, label), f"{ret.order}/{label.id}", said)
