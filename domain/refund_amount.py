"""How much may go back for one label. Pure: the shop's quote, the portal's handling fee and cash, nothing recomputed.

The fee of a return with several labels is split over them by pieces, so that the parts are the fee again.
"""

from typing import NamedTuple

from domain.money import Money, allocate
from domain.orders import Quote, Share
from domain.refund_case import Check, CheckResult, RefundFacts
from domain.refund_rules import check
from domain.returns import ReturnLine


class Payable(NamedTuple):
    """What may go back for one label; None where that cannot be known yet."""

    amount: Money | None
    said: str


def lines_to_pay(facts: RefundFacts) -> tuple[ReturnLine, ...]:
    """The lines that this decision is about: the label's, or the whole return's where the portal pays it whole."""
    return facts.ret.lines if facts.portal_pays_whole else facts.ret.lines_of(facts.label)


def payable(facts: RefundFacts) -> Payable:
    """The shop's quote less the portal's handling fee, and never more cash than the portal grants the return."""
    quote, ret = facts.quote, facts.ret
    if quote is None:
        return Payable(None, "the shop has not said yet what these lines come to")
    minor, said = quote.amount.minor, f"the shop says {quote.amount}"
    fee = _fee(facts)
    if fee and fee.currency == quote.amount.currency:
        minor -= max(0, fee.minor)
        said += f", less {fee} for handling"
    if ret.cash is not None and ret.cash.currency == quote.amount.currency:
        left = max(0, ret.cash.minor - facts.history.return_taken_minor)
        said += f"; the portal grants {Money(left, ret.cash.currency)} in cash" if left < minor else ""
        minor = min(minor, left)
    return Payable(Money(max(0, minor), quote.amount.currency), said)


def reduce(quote: Quote, amount: Money) -> Quote:
    """The quote over a smaller amount: what is taken off comes from the last tender first, so a gift card stays first.

    Raises ValueError where the amount is larger or of another currency.
    """
    off = (quote.amount - amount).minor
    if off < 0:
        raise ValueError(f"{amount} is more than the quote of {quote.amount}")
    shares: list[Share] = []
    for share in reversed(quote.shares):
        taken = min(off, share.amount.minor)
        off -= taken
        if share.amount.minor > taken:
            left = Money(share.amount.minor - taken, share.amount.currency)
            shares.insert(0, Share(tender=share.tender, gateway=share.gateway, amount=left))
    return Quote(order=quote.order, lines=quote.lines, amount=amount, shares=tuple(shares), most=quote.most)


def check_amount(facts: RefundFacts) -> Check:
    """Whether something is left to pay after the fee, in a currency in which that can be said."""
    amount = payable(facts).amount
    if amount is None:
        return check("S-21", "wait", "the amount is not known yet")
    fee = facts.ret.handling_fee
    if fee and fee.currency != amount.currency:
        return check("S-21", "hold", f"the handling fee is in {fee.currency}, the refund in {amount.currency}")
    result: CheckResult = "pass" if amount.minor else "never"
    return check("S-21", result, payable(facts).said + ("" if amount.minor else ": nothing to pay"))


def _fee(facts: RefundFacts) -> Money | None:
    """This label's part of the handling fee, by pieces; the parts of all labels are the fee again."""
    fee = facts.ret.handling_fee
    labels = facts.ret.labels
    if not fee or facts.portal_pays_whole or len(labels) <= 1:
        return fee
    pieces = [sum(line.quantity for line in facts.ret.lines_of(label)) for label in labels]
    place = next((number for number, label in enumerate(labels) if label.id == facts.label.id), None)
    if place is None or not sum(pieces) or min(pieces) < 0:
        return fee
    return allocate(fee, pieces)[place]
