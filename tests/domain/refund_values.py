"""Small values for refund tests: one VIP's return that is paid, changed field by field in each test."""

from dataclasses import replace as replaced
from datetime import UTC, datetime, timedelta

from domain.money import Money
from domain.orders import Order, OrderLine, Quote, Share, Shopper, Tender
from domain.refund_case import Approval, History, RefundFacts, Verdict, Window
from domain.refund_policy import Limit, RefundPolicy, ShopBudget
from domain.refunds import decide
from domain.returns import Label, Return, ReturnLine
from domain.scans import Place, Scan

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SCANNED = NOW - timedelta(minutes=2)
MADE = NOW - timedelta(days=3)
HOME, AWAY = Place(country="US", region="NJ", postal="07102"), Place(country="US", region="NY", postal="10001")


def usd(minor: int) -> Money:
    return Money(minor, "USD")


POLICY = RefundPolicy(
    version="r-test",
    vip_tags=frozenset({"vip"}),
    vip_spend_minor={"USD": 200_000},
    grace_days=30,
    accept_portal_status=True,
    place_needed=False,
    postal_prefix=3,
    slack_minutes=10,
    oldest_scan_days=14,
    order_cap_minor={"USD": 50_000},
    customer_cap_minor={"USD": 100_000},
    limits={
        "customer": (Limit(days=30, count=3, sum_minor={"USD": 80_000}),),
        "address": (Limit(days=30, count=4),),
        "card": (Limit(days=30, count=4),),
    },
    shop_hour=ShopBudget(count=20, sum_minor={"USD": 500_000}),
    shop_day=ShopBudget(count=100, sum_minor={"USD": 2_000_000}),
    return_rate_percent=50,
    return_rate_from_orders=4,
    lost_allowed=0,
    account_days=90,
    earlier_orders=3,
    excluded_categories=frozenset({"jewellery"}),
    excluded_product_tags=frozenset({"final-sale"}),
    excluded_customer_tags=frozenset({"no-early-refund"}),
    excluded_orders=frozenset({"b2b", "subscription", "draft"}),
    other_lines_may_be_refunded=True,
    payment_days=60,
    approval_hours=24,
    exposure_days=21,
    senders=("maya",),
)
LINE = ReturnLine(id="rl-1", shop_line="ol-1", sku="BOOT", category="boots")
OTHER_LINE = ReturnLine(id="rl-2", shop_line="ol-2", sku="SOCK", category="socks")
LABEL = Label(
    id="4", tracking="1Z999", carrier="ups", status="label", made_at=MADE, updated_at=MADE, lines=("rl-1",),
    origin=AWAY, destination=HOME,
)  # fmt: skip
RETURN = Return(
    id="loop-98765", portal="loop", portal_id="98765", state="open", order="1001", order_name="#1001", created_at=MADE,
    edited_at=MADE, currency="USD", cash=usd(12_000), lines=(LINE,), labels=(LABEL,),
)  # fmt: skip
SCAN = Scan(
    tracking="1Z999", carrier="ups", meaning="accepted", at=SCANNED, source="easypost", physical=True, place=AWAY
)
STATUS = replaced(SCAN, physical=False, source="loop", place=Place(), words="in_transit", meaning="moving")
SHOPPER = Shopper(id="c-1", tags=("VIP", "newsletter"), spent=usd(90_000), orders=12, since=NOW - timedelta(days=900))
ORDER = Order(
    id="1001", name="#1001", at=NOW - timedelta(days=10), currency="USD", presentment="USD", shopper=SHOPPER,
    lines=(OrderLine(id="ol-1", quantity=1, category="boots"), OrderLine(id="ol-2", quantity=1, category="socks")),
    tenders=(Tender(id="t-1", gateway="shopify_payments", kind="card", captured=usd(15_000), refundable=usd(15_000),
                    card="card-1", at=NOW - timedelta(days=10)),),
    captured=usd(15_000), outstanding=usd(0), ship_to=AWAY, address="a-1",
)  # fmt: skip
QUOTE = Quote(
    order="1001", lines=(("ol-1", 1),), amount=usd(12_000), most=usd(15_000),
    shares=(Share(tender="t-1", gateway="shopify_payments", amount=usd(12_000)),),
)  # fmt: skip
HISTORY = History(
    by_customer=(Window(30, 0, 0),), by_address=(Window(30, 0, 0),), by_card=(Window(30, 0, 0),), returns=1,
)  # fmt: skip
FACTS = RefundFacts(
    case="loop-98765/label-4", ret=RETURN, label=LABEL, scans=(SCAN,), order=ORDER, quote=QUOTE, history=HISTORY,
    home_country="US",
)  # fmt: skip


def facts(**changes: object) -> RefundFacts:
    """The paid case with changes by part: `label={…}`, `ret={…}`, `order={…}`, `shopper={…}`, `quote={…}`,
    `history={…}` change fields of that part; anything else replaces the fact itself."""
    found = dict(changes)
    label = replaced(FACTS.label, **found.pop("label", {}))  # type: ignore[arg-type]
    labels = (label,) if len(FACTS.ret.labels) == 1 else FACTS.ret.labels
    ret = replaced(FACTS.ret, **({"labels": labels} | found.pop("ret", {})))  # type: ignore[operator]
    shopper = replaced(SHOPPER, **found.pop("shopper", {}))  # type: ignore[arg-type]
    order = found.pop("order", {})
    order = order if order is None else replaced(ORDER, **({"shopper": shopper} | order))  # type: ignore[operator]
    quote = found.pop("quote", {})
    quote = quote if quote is None else replaced(QUOTE, **quote)  # type: ignore[arg-type]
    history = replaced(HISTORY, **found.pop("history", {}))  # type: ignore[arg-type]
    return replaced(FACTS, label=label, ret=ret, order=order, quote=quote, history=history, **found)  # type: ignore[arg-type]


def scan(**changes: object) -> Scan:
    """The first checkpoint, changed."""
    return replaced(SCAN, **changes)  # type: ignore[arg-type]


def verdict(policy: RefundPolicy = POLICY, now: datetime = NOW, **changes: object) -> Verdict:
    """What is decided of the paid case with these changes."""
    return decide(facts(**changes), policy, now)


def said(found: Verdict) -> str:
    """`hold E-09`: the outcome and the rule that decided."""
    return f"{found.outcome} {found.rule}"


def result(found: Verdict, rule: str) -> str:
    """What one rule said of it."""
    return next(check.result for check in found.checks if check.rule == rule)


def approval(minor: int, decision: str = "approved") -> Approval:
    """What a person said just now."""
    return Approval(decision=decision, by="lead", at=NOW, amount=usd(minor))  # type: ignore[arg-type]
