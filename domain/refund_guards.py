"""Who is a VIP, and what even a VIP is not paid without a person: checks `V-…`, `G-…`, `B-…` and `A-…`. Pure.

Caps look at what is open (refunded and not yet received), windows at what went out. Above a cap a person is asked,
never refused and never forgotten; a budget of the shop makes the case wait until the window frees.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.evidence import Evidence
from domain.money import Money
from domain.orders import Shopper
from domain.refund_amount import lines_to_pay
from domain.refund_case import Check, RefundFacts, Window
from domain.refund_policy import Limit, RefundPolicy, ShopBudget, Who
from domain.refund_rules import check, listed, passed

HOUR_AGAIN, DAY_AGAIN, STOP_AGAIN = timedelta(minutes=5), timedelta(minutes=30), timedelta(minutes=5)
"""When a budget that is used up, or a stop, is looked at again: both windows slide, so some of it may be free then."""


class Looked(NamedTuple):
    """A check, and when to look again where it makes the case wait."""

    check: Check
    until: datetime | None = None


def check_vip(
    facts: RefundFacts, policy: RefundPolicy, evidence: Evidence, now: datetime
) -> tuple[tuple[Check, Check], bool]:
    """(V-01 by tag or spend, V-02 by grace), and whether one of them makes a VIP at the instant of the scan.

    Before anything was heard of the parcel a customer who is no VIP yet may still become one.
    """
    scanned = (evidence.scan.at or now) if evidence.scan else None
    now_vip, grace = _by_now(facts, policy, scanned), _by_grace(facts, policy, scanned or now)
    if now_vip.result == "pass":
        return (now_vip, check("V-02", "off", "not needed")), True
    if facts.order is not None and grace.result == "pass":
        return (check("V-01", "off", now_vip.said), grace), True
    if now_vip.result == "never" and not evidence.spoken:
        now_vip = check("V-01", "wait", f"{now_vip.said}; it counts at the scan")
    return (now_vip, grace), False


def check_guards(facts: RefundFacts, policy: RefundPolicy, amount: Money | None, now: datetime) -> list[Check]:
    """Every guard of the policy; `amount` is what would be paid, None where it is not known yet."""
    history, shopper = facts.history, facts.order.shopper if facts.order else None
    return [
        _cap("G-01", "of this order", history.order_open_minor, policy.order_cap_minor, amount),
        _cap("G-02", "of this customer", history.customer_open_minor, policy.customer_cap_minor, amount),
        _windows("G-03", "customer", history.by_customer, policy, amount),
        _windows("G-04", "address", history.by_address, policy, amount),
        _windows("G-05", "card", history.by_card, policy, amount),
        _return_rate(facts, shopper, policy),
        _lost(facts, policy),
        _account_age(shopper, policy, now),
        _earlier_orders(shopper, policy),
        _goods(facts, policy),
        _customer_tags(shopper, policy),
    ]


def check_budgets(facts: RefundFacts, policy: RefundPolicy, amount: Money | None, now: datetime) -> list[Looked]:
    """The stop and the shop's two budgets, read in the transaction that will write the intent."""
    history = facts.history
    if history.stopped:
        stopped = Looked(check("B-01", "wait", f"refunds are stopped: {history.stopped}"), now + STOP_AGAIN)
    else:
        stopped = Looked(passed("B-01", "refunds are not stopped"))
    hour = _budget("B-02", history.shop_hour_count, history.shop_hour_minor, policy.shop_hour, amount)
    day = _budget("B-03", history.shop_day_count, history.shop_day_minor, policy.shop_day, amount)
    return [
        stopped,
        Looked(hour, now + HOUR_AGAIN if hour.result == "wait" else None),
        Looked(day, now + DAY_AGAIN if day.result == "wait" else None),
    ]


def check_approval(facts: RefundFacts, amount: Money | None) -> Check:
    """What a person said. A yes holds for its amount and not above; it never lifts a hold."""
    said = facts.approval
    if said is None:
        return check("A-01", "off", "nobody was asked, or nobody has answered")
    if said.decision == "rejected":
        return check("A-01", "never", f"rejected on {_at(said.at)}")
    if amount is None:
        return check("A-01", "wait", "the amount is not known yet")
    if amount.currency != said.amount.currency or amount.minor > said.amount.minor:
        return check("A-01", "approve", f"{said.amount} was approved on {_at(said.at)}, and this is {amount}")
    return passed("A-01", f"up to {said.amount} approved on {_at(said.at)}")


def _by_now(facts: RefundFacts, policy: RefundPolicy, scanned: datetime | None) -> Check:
    """By what the shop says now, unless our own records say that it was otherwise after the scan."""
    if facts.order is None:
        return check("V-01", "wait", "the order could not be read, so nobody knows who bought")
    seen = facts.history.not_vip_seen
    if scanned and seen and seen >= scanned:
        said = f"no VIP when we looked at {_at(seen)}, after the scan; a tag that comes later does not count"
        return check("V-01", "never", said)
    if why := _vip(facts.order.shopper, policy):
        return passed("V-01", why)
    return check("V-01", "never", f"not a VIP ({_inputs(facts.order.shopper)}): the usual inspection")


def _by_grace(facts: RefundFacts, policy: RefundPolicy, at: datetime) -> Check:
    seen = facts.history.vip_seen
    if seen is None:
        return check("V-02", "off", "we never saw a VIP here")
    if seen + timedelta(days=policy.grace_days) >= at:
        return passed("V-02", f"a VIP when we looked on {_at(seen)}; {policy.grace_days} days of grace")
    return check("V-02", "off", f"last seen as a VIP on {_at(seen)}, more than {policy.grace_days} days before")


def _vip(shopper: Shopper, policy: RefundPolicy) -> str:
    """Why somebody is a VIP just now; empty where they are not."""
    tags = sorted({tag.strip().lower() for tag in shopper.tags} & policy.vip_tags)
    if tags:
        return f"VIP by the tag {tags[0]}"
    spent = shopper.spent
    if spent and spent.currency in policy.vip_spend_minor:
        needed = Money(policy.vip_spend_minor[spent.currency], spent.currency)
        if spent.minor >= needed.minor:
            return f"VIP by a lifetime spend of {spent}; {needed} are needed"
    return ""


def _inputs(shopper: Shopper) -> str:
    return f"{len(shopper.tags)} tags, spent {shopper.spent or 'nothing known'}"


def _cap(rule: str, whose: str, open_minor: int, caps: Mapping[str, int], amount: Money | None) -> Check:
    if amount is None:
        return check(rule, "wait", "the amount is not known yet")
    cap = caps.get(amount.currency)
    if cap is None:
        return check(rule, "approve", f"no cap is set for {amount.currency}")
    would = f"{Money(open_minor + amount.minor, amount.currency)} {whose} would be open"
    most = Money(cap, amount.currency)
    if open_minor + amount.minor > cap:
        return check(rule, "approve", f"{would}; the cap is {most}")
    return passed(rule, f"{would}; the cap is {most}")


def _windows(rule: str, who: Who, seen: Sequence[Window], policy: RefundPolicy, amount: Money | None) -> Check:
    limits = policy.limits.get(who, ())
    if not limits:
        return check(rule, "off", f"the policy has no limit per {who}")
    if amount is None:
        return check(rule, "wait", "the amount is not known yet")
    for limit in limits:
        # A policy that is tried may ask for other days than our books were asked for: a longer window is stricter.
        window = min((one for one in seen if one.days >= limit.days), key=lambda one: one.days, default=None)
        if against := _over(limit, window, who, amount):
            return check(rule, "approve", against)
    return passed(rule, f"within {len(limits)} limits per {who}")


def _over(limit: Limit, window: Window | None, who: str, amount: Money) -> str:
    if window is None:
        return f"it is not known what went back to this {who} in {limit.days} days"
    if window.count + 1 > limit.count:
        return f"{window.count + 1} refunds per {who} in {limit.days} days; {limit.count} are allowed"
    most = limit.sum_minor.get(amount.currency)
    if most is not None and window.minor + amount.minor > most:
        total = Money(window.minor + amount.minor, amount.currency)
        return f"{total} per {who} in {limit.days} days; {Money(most, amount.currency)} are allowed"
    return ""


def _return_rate(facts: RefundFacts, shopper: Shopper | None, policy: RefundPolicy) -> Check:
    if shopper is None:
        return check("G-06", "wait", "it is not known who bought")
    returns, orders = facts.history.returns, max(shopper.orders, 1)
    said = f"{returns} of {shopper.orders} orders came back"
    if max(shopper.orders, returns) < policy.return_rate_from_orders:
        return passed("G-06", f"{said}; it counts from {policy.return_rate_from_orders} orders on")
    if returns * 100 > policy.return_rate_percent * orders:
        return check("G-06", "never", f"{said}; {policy.return_rate_percent} % are allowed, for a VIP too")
    return passed("G-06", f"{said}; {policy.return_rate_percent} % are allowed")


def _lost(facts: RefundFacts, policy: RefundPolicy) -> Check:
    lost = facts.history.lost
    said = f"{lost} parcels that were refunded early never came, or came short, wrong or empty"
    if lost > policy.lost_allowed:
        return check("G-07", "never", f"{said}; {policy.lost_allowed} are allowed")
    return passed("G-07", said)


def _account_age(shopper: Shopper | None, policy: RefundPolicy, now: datetime) -> Check:
    if shopper is None:
        return check("G-08", "wait", "it is not known who bought")
    if shopper.since is None:
        return check("G-08", "approve", "it is not known how old the account is")
    days = (now - shopper.since).days
    said = f"the account is {days} days old; {policy.account_days} are needed"
    return passed("G-08", said) if days >= policy.account_days else check("G-08", "approve", said)


def _earlier_orders(shopper: Shopper | None, policy: RefundPolicy) -> Check:
    if shopper is None:
        return check("G-09", "wait", "it is not known who bought")
    said = f"{shopper.orders} orders; {policy.earlier_orders} are needed"
    return passed("G-09", said) if shopper.orders >= policy.earlier_orders else check("G-09", "approve", said)


def _goods(facts: RefundFacts, policy: RefundPolicy) -> Check:
    lines = lines_to_pay(facts)
    mine = {line.shop_line for line in lines}
    ordered = [line for line in (facts.order.lines if facts.order else ()) if line.id in mine]
    named = (*(line.category for line in lines), *(line.category for line in ordered))
    categories = {category.strip().lower() for category in named}
    tags = {tag.strip().lower() for line in ordered for tag in line.tags}
    excluded = sorted((categories & policy.excluded_categories) | (tags & policy.excluded_product_tags))
    if excluded:
        return check("G-10", "never", f"{listed(excluded)} goods are not refunded before they are seen")
    return passed("G-10", "no goods that are excluded")


def _customer_tags(shopper: Shopper | None, policy: RefundPolicy) -> Check:
    if shopper is None:
        return check("G-11", "wait", "it is not known who bought")
    excluded = sorted({tag.strip().lower() for tag in shopper.tags} & policy.excluded_customer_tags)
    if excluded:
        return check("G-11", "never", f"the customer has the tag {excluded[0]}")
    return passed("G-11", "no tag that excludes the customer")


def _budget(rule: str, count: int, minor: int, budget: ShopBudget, amount: Money | None) -> Check:
    if amount is None:
        return check(rule, "wait", "the amount is not known yet")
    most = budget.sum_minor.get(amount.currency)
    if most is None:
        return check(rule, "approve", f"no budget is set for {amount.currency}")
    if amount.minor > most:
        # It would wait for ever: the window never frees as much.
        return check(rule, "approve", f"{amount} is more than the whole budget of {Money(most, amount.currency)}")
    said = (
        f"with this {count + 1} refunds and {Money(minor + amount.minor, amount.currency)}; "
        f"{budget.count} and {Money(most, amount.currency)} are allowed"
    )
    over = count + 1 > budget.count or minor + amount.minor > most
    return check(rule, "wait", said) if over else passed(rule, said)


def _at(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
