"""Is this return one that is refunded early? Checks over the return, its labels and lines. Pure."""

from collections import Counter
from datetime import datetime, timedelta

from domain.refund_amount import check_amount, lines_to_pay, payable
from domain.refund_case import Check, RefundFacts
from domain.refund_order import check_order, check_quote
from domain.refund_policy import RefundPolicy
from domain.refund_rules import check, listed, passed
from domain.scans import IN_CARRIER_HANDS


def check_state(facts: RefundFacts, policy: RefundPolicy, now: datetime, scanned: datetime | None) -> list[Check]:
    """Every check of return, order and quote; `scanned` is the instant of the first scan, None where there is none."""
    checks = [
        _read(facts),
        _open(facts, scanned),
        _flag(facts),
        _portal_refunds(facts),
        _edited(facts, policy, scanned),
    ]
    checks += [_lines(facts), _outcome(facts), _gift(facts)]
    if facts.order is not None:
        checks += check_order(facts, facts.order, policy)
    return [*checks, *check_quote(facts, policy, now), _whole(facts), check_amount(facts)]


def _read(facts: RefundFacts) -> Check:
    if facts.order is None:
        return check("S-01", "wait", "the order could not be read at the shop")
    return passed("S-01", f"order {facts.order.id}")


def _open(facts: RefundFacts, scanned: datetime | None) -> Check:
    state = facts.ret.state
    if state == "open":
        return passed("S-02", "the return is open")
    if state == "closed":
        return check("S-02", "never", "the portal has closed the return, so it has been settled there")
    if state in ("cancelled", "expired"):
        if scanned is None:
            return check("S-02", "never", f"the return is {state}")
        return check("S-02", "hold", f"the return is {state}, and its parcel was scanned")
    said = "under review in the portal" if state == "review" else "in a state that nobody here knows"
    return check("S-02", "hold", f"the return is {said}")


def _flag(facts: RefundFacts) -> Check:
    if facts.ret.flagged:
        return check("S-03", "hold", "the return is flagged in the portal")
    return passed("S-03", "not flagged")


def _portal_refunds(facts: RefundFacts) -> Check:
    """A refund that the portal made itself, e.g. because its own early processing is on as well."""
    ours = {refund.id for refund in (facts.order.refunds if facts.order else ()) if refund.key}
    made = [one for one in facts.ret.refunds if one.amount.minor and one.ref not in ours]
    if made:
        said = f"the portal has refunded {made[0].amount} through {made[0].gateway or 'an unnamed gateway'} itself"
        return check("S-04", "never", said)
    return passed("S-04", "the portal has refunded nothing")


def _edited(facts: RefundFacts, policy: RefundPolicy, scanned: datetime | None) -> Check:
    edited = facts.ret.edited_at
    if edited and scanned and edited > scanned + timedelta(minutes=policy.slack_minutes):
        return check("S-05", "hold", "the return was edited after its parcel was scanned")
    return passed("S-05", "not edited since the scan")


def _lines(facts: RefundFacts) -> Check:
    ret, lines = facts.ret, lines_to_pay(facts)
    if not lines:
        return check("S-06", "hold", "the portal does not say which lines are in this parcel")
    elsewhere = {line for other in ret.labels if other.id != facts.label.id for line in other.lines}
    shared = [line for line in facts.label.lines if line in elsewhere]
    if shared and not facts.portal_pays_whole:
        return check("S-06", "hold", f"line {shared[0]} is said to be in two parcels")
    missing = set(facts.label.lines) - {line.id for line in ret.lines}
    if missing:
        return check("S-06", "hold", f"the label names {len(missing)} lines that the return does not have")
    return passed("S-06", f"{sum(line.quantity for line in lines)} pieces in {len(lines)} lines")


def _outcome(facts: RefundFacts) -> Check:
    ret = facts.ret
    wanted = Counter(line.outcome for line in lines_to_pay(facts))
    other = sorted(outcome for outcome in wanted if outcome != "refund")
    if wanted and not wanted["refund"] and "unknown" not in wanted:
        return check("S-07", "never", f"the customer chose {listed(other)}, not their money back")
    if other:
        return check("S-07", "hold", f"refund and {listed(other)} in one parcel")
    elsewhere = [name for name, amount in (("exchange", ret.exchange), ("store credit", ret.credit)) if amount]
    if elsewhere and ret.cash is not None and not ret.cash:
        return check("S-07", "never", f"the portal grants {listed(elsewhere)} and no cash")
    if elsewhere:
        return check("S-07", "hold", f"the portal grants cash and {listed(elsewhere)} together")
    return passed("S-07", "every line is to be refunded")


def _gift(facts: RefundFacts) -> Check:
    if facts.ret.gift:
        return check("S-08", "never", "a gift return: who sends it back is not who paid")
    return passed("S-08", "no gift return")


def _whole(facts: RefundFacts) -> Check:
    """The portal pays the whole return, and by its own sum: all parcels have to move, and the sums have to agree."""
    if not facts.portal_pays_whole:
        return passed("S-20", "this label can be paid by itself")
    amount, cash = payable(facts).amount, facts.ret.cash
    # Both round discounts and taxes, each line its own way; a piece may make a difference of one smallest unit.
    slack = sum(line.quantity for line in facts.ret.lines)
    if amount and cash and cash.currency == amount.currency and cash.minor > amount.minor + slack:
        return check("S-20", "hold", f"the portal would pay {cash}, and {payable(facts).said}")
    others = [label for label in facts.ret.labels if label.id != facts.label.id]
    waiting = [label for label in others if label.status not in IN_CARRIER_HANDS]
    if waiting:
        said = f"the portal pays the whole return at once, and {len(waiting)} of its parcels are not on their way"
        return check("S-20", "wait", said)
    return passed("S-20", "every parcel of the return is on its way")
