"""May this order's money go back by itself? Checks over order, quote and tenders. Pure.

Amounts are compared in the currency that the customer paid in; where two currencies meet that cannot be compared,
a person looks. A refund that is pending counts as spent: the shop's own total leaves it out.
"""

from collections import Counter
from datetime import datetime

from domain.money import Money
from domain.orders import Order, Quote, Share, Tender
from domain.refund_amount import lines_to_pay
from domain.refund_case import Check, RefundFacts
from domain.refund_policy import RefundPolicy
from domain.refund_rules import check, listed, passed

STILL_COUNTS = ("succeeded", "pending")


def check_order(facts: RefundFacts, order: Order, policy: RefundPolicy) -> list[Check]:
    """Every check of an order that was read."""
    checks = [_kind(order, policy), _cancelled(order), _captured(order), _full(order), _disputes(order)]
    return [*checks, _others(facts, order, policy), _ours(facts, order)]


def check_quote(facts: RefundFacts, policy: RefundPolicy, now: datetime) -> list[Check]:
    """Whether the quote fits the lines, what is left of the order and its tenders."""
    order, quote = facts.order, facts.quote
    checks = [_quoted(facts)]
    if order is not None and quote is not None:
        checks += [_left(facts, order, quote), _tenders(facts, order, quote), _age(order, quote, policy, now)]
    return checks


def _kind(order: Order, policy: RefundPolicy) -> Check:
    if order.test:
        return check("S-09", "never", "a test order")
    kinds = {"b2b": order.b2b, "subscription": order.subscription, "draft": order.draft}
    excluded = [kind for kind, is_one in kinds.items() if is_one and kind in policy.excluded_orders]
    if excluded:
        return check("S-09", "never", f"{listed(excluded)} orders are excluded by the policy")
    return passed("S-09", "an ordinary order")


def _cancelled(order: Order) -> Check:
    if order.cancelled:
        return check("S-10", "hold", "the order was cancelled")
    return passed("S-10", "not cancelled")


def _captured(order: Order) -> Check:
    captured = _paid(order)
    if captured is None:
        return check("S-11", "hold", "the order's payments are in several currencies, or none is known")
    if captured.minor <= 0:
        why = "only authorised, not captured" if order.outstanding else "no payment was captured"
        return check("S-11", "hold", why)
    return passed("S-11", f"{captured} captured")


def _full(order: Order) -> Check:
    captured = _paid(order)
    spent = _spent(order)
    if captured and captured.minor > 0 and spent is not None and spent >= captured.minor:
        pending = any(refund.state == "pending" for refund in order.refunds)
        how = "refunded in full already, a part of it still pending" if pending else "refunded in full already"
        return check("S-12", "never", f"{captured} {how}")
    return passed("S-12", "not refunded in full")


def _disputes(order: Order) -> Check:
    if order.disputes:
        return check("S-13", "hold", f"{len(order.disputes)} open disputes or inquiries")
    return passed("S-13", "no dispute is open")


def _others(facts: RefundFacts, order: Order, policy: RefundPolicy) -> Check:
    """A refund that somebody else made: on these lines, on no line at all, or on others."""
    mine = {line.shop_line for line in lines_to_pay(facts)}
    foreign = [refund for refund in order.refunds if refund.state in STILL_COUNTS and not refund.key]
    for refund in foreign:
        if not refund.shop_lines:
            said = f"{refund.amount} was refunded by somebody else and is tied to no line"
            return check("S-14", "hold", said)
        if mine & set(refund.shop_lines) or not policy.other_lines_may_be_refunded:
            return check("S-14", "hold", f"{refund.amount} was refunded by somebody else")
    if foreign:
        return passed("S-14", f"{len(foreign)} earlier refunds, all of other lines")
    return passed("S-14", "nobody else has refunded anything")


def _ours(facts: RefundFacts, order: Order) -> Check:
    key = f"refunds/{facts.case}"
    if any(refund.key == key and refund.state in STILL_COUNTS for refund in order.refunds):
        return check("S-15", "never", "this label was refunded by us already")
    if facts.portal_pays_whole and facts.history.return_taken_minor:
        return check("S-15", "never", "the portal was asked to pay the whole return for another of its labels")
    if _again(facts, order):
        said = "what is in this parcel was refunded by us already, under another label or return"
        return check("S-15", "never", said)
    return passed("S-15", "not refunded by us")


def _again(facts: RefundFacts, order: Order) -> bool:
    """Whether pieces would be refunded that were before: a label gets a new number, a return is made once more."""
    ordered = {line.id: line.quantity for line in order.lines}
    pieces: Counter[str] = Counter()
    for line in lines_to_pay(facts):
        pieces[line.shop_line] += line.quantity
    return any(
        line in pieces and taken + pieces[line] > ordered.get(line, 0) for line, taken in facts.history.lines_taken
    )


def _quoted(facts: RefundFacts) -> Check:
    if facts.quote is None and facts.quote_refused:
        return check("S-16", "hold", f"the shop does not say what these lines come to: {facts.quote_refused}")
    if facts.quote is None:
        return check("S-16", "wait", "the shop has not said yet what these lines come to")
    if facts.order is not None and facts.quote.amount.currency != facts.order.presentment:
        said = f"the quote is in {facts.quote.amount.currency}, the customer paid in {facts.order.presentment}"
        return check("S-16", "hold", said)
    wanted: Counter[str] = Counter()
    for line in lines_to_pay(facts):
        wanted[line.shop_line] += line.quantity
    quoted: Counter[str] = Counter()
    for shop_line, quantity in facts.quote.lines:
        quoted[shop_line] += quantity
    if wanted and wanted != quoted:
        return check("S-16", "wait", "the quote is for other lines than the return has now; it is asked for again")
    return passed("S-16", f"the shop says {facts.quote.amount}")


def _left(facts: RefundFacts, order: Order, quote: Quote) -> Check:
    """What went back is added up here: pending refunds, and ours that the shop does not show yet."""
    if quote.most.currency != quote.amount.currency or quote.amount.minor > quote.most.minor:
        said = f"the quote of {quote.amount} is above the {quote.most} that the shop would refund"
        return check("S-17", "hold", said)
    captured, spent = _paid(order), _spent(order)
    if captured is None or spent is None or captured.currency != quote.amount.currency:
        return check("S-17", "hold", "payments and refunds of the order are in several currencies")
    shown = sum(one.amount.minor for one in order.refunds if one.key and one.state in STILL_COUNTS)
    on_its_way = max(0, facts.history.order_taken_minor - shown)
    left = captured.minor - spent - on_its_way
    if quote.amount.minor > left:
        remaining = Money(left, captured.currency)
        return check("S-17", "hold", f"{quote.amount} is more than the {remaining} that is left of {captured}")
    return passed("S-17", f"{Money(left, captured.currency)} is left of {captured}")


def _tenders(facts: RefundFacts, order: Order, quote: Quote) -> Check:
    tenders = {tender.id: tender for tender in order.tenders}
    total: Counter[str] = Counter()
    for share in quote.shares:
        total[share.tender] += share.amount.minor
        tender = tenders.get(share.tender)
        if share.amount.currency != quote.amount.currency:
            return check("S-18", "hold", f"a part of the quote is in {share.amount.currency}")
        if tender is None:
            return check("S-18", "hold", "the quote names a payment that the order does not have")
        if _by_hand(tender, share, facts):
            return check("S-18", "hold", f"{share.gateway or tender.gateway} cannot be refunded by itself")
        if total[share.tender] > tender.refundable.minor or tender.refundable.currency != share.amount.currency:
            return check("S-18", "hold", f"{share.amount} is more than {tender.refundable} left on {tender.gateway}")
    if sum(total.values()) != quote.amount.minor:
        return check("S-18", "hold", "the parts of the quote do not add up to it")
    return passed("S-18", f"split over {len(total)} tenders")


def _by_hand(tender: Tender, share: Share, facts: RefundFacts) -> bool:
    said_by_portal = {refund.gateway.lower() for refund in facts.ret.refunds if not refund.amount.minor}
    return "manual" in (tender.kind, share.gateway.lower(), tender.gateway.lower()) or "manual" in said_by_portal


def _age(order: Order, quote: Quote, policy: RefundPolicy, now: datetime) -> Check:
    used = {share.tender for share in quote.shares}
    oldest = min((tender.at or order.at for tender in order.tenders if tender.id in used), default=order.at)
    days = (now - oldest).days
    if days > policy.payment_days:
        return check("S-19", "hold", f"paid {days} days ago; {policy.payment_days} are allowed")
    return passed("S-19", f"paid {days} days ago")


def _paid(order: Order) -> Money | None:
    """What was captured, in the currency that the customer paid in; None where that cannot be said."""
    if order.captured is not None:
        return order.captured if order.captured.currency == order.presentment else None
    if not order.tenders or any(tender.captured.currency != order.presentment for tender in order.tenders):
        return None
    return Money(sum(tender.captured.minor for tender in order.tenders), order.presentment)


def _spent(order: Order) -> int | None:
    counted = [refund.amount for refund in order.refunds if refund.state in STILL_COUNTS]
    if any(amount.currency != order.presentment for amount in counted):
        return None
    return sum(amount.minor for amount in counted)
