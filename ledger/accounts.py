"""The chart of accounts, and which kind of entry may touch which account.

Two books in one ledger. The accounts under `Assets`, `Liabilities`, `Income` and `Expenses` are the support
department's money. The accounts under `Memo` are statistics in money and count: what failed, what became of
it. Each book balances by itself. Sign: debit +, credit -, so income is negative in an account and positive in
a report.
"""

from difflib import get_close_matches
from typing import Final

CLEARING: Final = "Assets:Clearing:Payments"
OUTSIDE: Final = "Assets:Clearing:Outside"
ACCRUED: Final = "Liabilities:Accrued:Messages"
REFUNDS: Final = "Income:Contra:Dunning:Refunds"
CHARGEBACKS: Final = "Income:Contra:Dunning:Chargebacks"
SHOP_CLEARING: Final = "Assets:Clearing:Shop"
GIFT_CARDS: Final = "Liabilities:GiftCards"
STORE_CREDIT: Final = "Liabilities:StoreCredit"
VIP_REFUNDS: Final = "Income:Contra:Returns:VipRefunds"
FAILED: Final = "Memo:Dunning:Failed"
OPEN: Final = "Memo:Dunning:Open"
REOPENED_BY_REFUND: Final = "Memo:Dunning:MoneyBack:Refunds"
REOPENED_BY_CHARGEBACK: Final = "Memo:Dunning:MoneyBack:Chargebacks"

RECOVERED_INCOME: Final = {
    "silent_retry": "Income:Recovered:Dunning:SilentRetry",
    "customer_action": "Income:Recovered:Dunning:CustomerAction",
    "message": "Income:Recovered:Dunning:Message",
    "support": "Income:Recovered:Dunning:Support",
}
"""By the phase that earned the money."""

RECOVERED_MEMO: Final = {
    "silent_retry": "Memo:Dunning:Recovered:SilentRetry",
    "customer_action": "Memo:Dunning:Recovered:CustomerAction",
    "message": "Memo:Dunning:Recovered:Message",
    "support": "Memo:Dunning:Recovered:Support",
}

LOST_MEMO: Final = {
    "cancelled": "Memo:Dunning:Lost:Cancelled",
    "voided": "Memo:Dunning:Lost:Voided",
    "written_off": "Memo:Dunning:Lost:WrittenOff",
    "superseded": "Memo:Dunning:Lost:Superseded",
    "uncollectible": "Memo:Dunning:Lost:Uncollectible",
}
"""By the reason why the renewal will not be paid."""

MESSAGE_COSTS: Final = {
    "mail": "Expenses:Messages:Mail",
    "sms": "Expenses:Messages:Sms",
    "ticket": "Expenses:Helpdesk:Tickets",
}
"""By the channel that was used."""

MONEY_BACK: Final = {
    "refund": (REFUNDS, REOPENED_BY_REFUND),
    "chargeback": (CHARGEBACKS, REOPENED_BY_CHARGEBACK),
}
"""By the kind of entry: the contra account, and the memo account that reopens the case."""

REFUND_WAYS: Final = {
    "payments": CLEARING,
    "storefront": SHOP_CLEARING,
    "portal": SHOP_CLEARING,
    "gift_card": GIFT_CARDS,
    "store_credit": STORE_CREDIT,
}
"""By the way a refund leaves: the mover whose balance it comes out of, or what we then owe the customer instead.
A portal holds no money: it has the shop pay."""

RETURNS: Final = {
    "new": ("Memo:Refunds:Early", "Expenses:Goods:Returned"),
    "open": ("Memo:Refunds:Exposure:Open", "Assets:ExpectedReturns"),
    "received": ("Memo:Refunds:Exposure:Received", "Assets:Stock:Returned"),
    "lost": ("Memo:Refunds:Exposure:Lost", "Expenses:Refunds:LostGoods"),
    "withdrawn": ("Memo:Refunds:Exposure:Withdrawn", "Expenses:Goods:Returned"),
}
"""By what became of a refunded line: where its refunded amount stands in the memo book, and its goods at cost.

The goods follow ASC 606-10-55-27 and IFRS 15.B21: what is to come back is an asset, and the cost of goods sold
falls by as much, until it is in the stock, or is known to be lost."""

CHART: Final[dict[str, str]] = {
    CLEARING: "Money the payments vendor took for us and has not paid out yet.",
    OUTSIDE: "Money that came around the payments vendor, e.g. by bank transfer, as the vendor was told of it.",
    ACCRUED: "Messages and tickets already used, whose bill has not come yet.",
    RECOVERED_INCOME["silent_retry"]: "Renewals paid by a retry of the stored card that nobody was told of.",
    RECOVERED_INCOME["customer_action"]: "Renewals the customer paid unasked: a new card, the pay page.",
    RECOVERED_INCOME["message"]: "Renewals the customer paid after one of our mails or texts.",
    RECOVERED_INCOME["support"]: "Renewals paid after the hand-over, while support followed up in person.",
    REFUNDS: "Recovered money that was given back, taken off the income.",
    CHARGEBACKS: "Recovered money that a bank took back, taken off the income.",
    MESSAGE_COSTS["mail"]: "What the mails cost, by the stored price list.",
    MESSAGE_COSTS["sms"]: "What the texts cost, by the stored price list.",
    MESSAGE_COSTS["ticket"]: "What the helpdesk tickets cost, by the stored price list.",
    FAILED: "Every renewal that failed; the denominator of every rate, never reduced by what became of it.",
    OPEN: "Failed renewals of which it is not yet known how they end.",
    RECOVERED_MEMO["silent_retry"]: "Failed renewals recovered by a silent retry, at the amount that failed.",
    RECOVERED_MEMO["customer_action"]: "Failed renewals recovered by the customer unasked.",
    RECOVERED_MEMO["message"]: "Failed renewals recovered after a message.",
    RECOVERED_MEMO["support"]: "Failed renewals recovered by support.",
    LOST_MEMO["cancelled"]: "Failed renewals whose subscription the customer cancelled.",
    LOST_MEMO["voided"]: "Failed renewals whose invoice was voided.",
    LOST_MEMO["written_off"]: "Failed renewals given up at the end of the follow-up.",
    LOST_MEMO["superseded"]: "Failed renewals given up because the next renewal of the same subscription failed too.",
    LOST_MEMO["uncollectible"]: "Failed renewals that the payments vendor marked as uncollectible.",
    REOPENED_BY_REFUND: "Recovered renewals that are open again because all of the money was refunded.",
    REOPENED_BY_CHARGEBACK: "Recovered renewals that are open again because a bank took the money back.",
    SHOP_CLEARING: "Money that the shop's own payments took for us, before it is paid out.",
    GIFT_CARDS: "Gift cards that customers have not used yet; a refund to one is owed again.",
    STORE_CREDIT: "Store credit that customers have not used yet.",
    VIP_REFUNDS: "Returned sales refunded to VIPs on the first scan, taken off the revenue.",
    RETURNS["new"][0]: "Every line that was refunded early; the denominator, never reduced by what became of it.",
    RETURNS["open"][0]: "Refunded early, and the goods have not been received.",
    RETURNS["received"][0]: "Refunded early, and the goods came back.",
    RETURNS["lost"][0]: "Refunded early, and the goods were given up.",
    RETURNS["withdrawn"][0]: "Was to be refunded early; the refund failed afterwards, so nothing is at risk.",
    RETURNS["open"][1]: "Goods on their way back, at what they cost, where the shop tells it.",
    RETURNS["received"][1]: "Goods that came back, at what they cost.",
    RETURNS["lost"][1]: "Goods that were refunded early and never came back, at what they cost.",
    RETURNS["new"][1]: "Cost of goods sold, reduced by the goods that come back.",
}
"""Every account with what it holds. An account that is not here cannot be posted to."""

KINDS: Final[dict[str, frozenset[str]]] = {
    "renewal_failed": frozenset({FAILED, OPEN}),
    "renewal_recovered": frozenset({CLEARING, OUTSIDE, OPEN, *RECOVERED_INCOME.values(), *RECOVERED_MEMO.values()}),
    "renewal_lost": frozenset({OPEN, *LOST_MEMO.values()}),
    "message_cost": frozenset({ACCRUED, *MESSAGE_COSTS.values()}),
    "refund": frozenset({CLEARING, OPEN, *MONEY_BACK["refund"]}),
    "chargeback": frozenset({CLEARING, OPEN, *MONEY_BACK["chargeback"]}),
    "vip_refund": frozenset({VIP_REFUNDS, *REFUND_WAYS.values()}),
    "returns_expected": frozenset({*RETURNS["new"], *RETURNS["open"]}),
    "returns_received": frozenset({*RETURNS["open"], *RETURNS["lost"], *RETURNS["received"]}),
    "returns_reopened": frozenset({*RETURNS["received"], *RETURNS["lost"], *RETURNS["open"]}),
    "returns_lost": frozenset({*RETURNS["open"], *RETURNS["received"], *RETURNS["lost"]}),
    "returns_withdrawn": frozenset({*RETURNS["open"], *RETURNS["lost"], *RETURNS["withdrawn"]}),
    "reversal": frozenset(CHART),
}
"""Which accounts each kind of entry may touch. A reversal may touch what the entry it mirrors touched."""


def nearest(name: str) -> tuple[str, ...]:
    """Up to three accounts whose names are like `name`, the likeliest first."""
    return tuple(get_close_matches(name, CHART, n=3, cutoff=0.5))


def is_memo(account: str) -> bool:
    """True for the statistical book, whose amounts are no money of ours."""
    return account.startswith("Memo:")
