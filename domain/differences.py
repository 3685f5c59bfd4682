"""Differences between portal, shop, payments vendor and our books: their kinds, what to do about each, and who does.

Beside them what is compared: what everybody says of the same orders, as one value. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from domain.money import Money
from domain.orders import Order
from domain.payment_refunds import PaymentRefund
from domain.returns import Return, case_id

Kind = Literal[
    "double_refund",
    "over_refunded",
    "refund_without_scan",
    "missing_in_shop",
    "missing_in_payments",
    "missing_in_books",
    "amount_differs",
    "currency_differs",
    "stuck_pending",
    "failed_late",
    "portal_closed_without_refund",
    "missed_event",
]

REMEDIES: Final[dict[Kind, tuple[str, str]]] = {
    "double_refund": (
        "finance",
        "Stop refunds (recoup stop refunds), compare both references with the payments vendor, and ask the customer "
        "for the second payment or accept it as a loss.",
    ),
    "over_refunded": (
        "finance",
        "More went back than was paid: find the last refund on the order, and who made it, and claim the difference.",
    ),
    "refund_without_scan": (
        "support lead",
        "Somebody refunded by hand before the parcel moved: ask who and why; recoup pays nothing more on these lines.",
    ),
    "missing_in_shop": (
        "support lead",
        "The shop does not show our refund: look it up at the payments vendor, then record it in the shop, or nobody "
        "there knows that it was paid.",
    ),
    "missing_in_payments": (
        "finance",
        "The shop shows our refund and the payments vendor does not: ask the vendor by its reference; until then the "
        "customer may have nothing.",
    ),
    "missing_in_books": (
        "finance",
        "A refund with our key is not booked: run reconcile; if it stays, recoup explain the key and book it.",
    ),
    "amount_differs": (
        "finance",
        "Booked is what the vendor answered; if its statement says otherwise, correct the entry by a reversal.",
    ),
    "currency_differs": (
        "finance",
        "The refund went out in another currency than was booked: reverse the entry and book the vendor's.",
    ),
    "stuck_pending": (
        "finance",
        "Ask the payments vendor why it is pending, often too little balance there, and tell the customer.",
    ),
    "failed_late": (
        "support lead",
        "The customer was told of money that did not arrive: run refunds once more, then pay them another way.",
    ),
    "portal_closed_without_refund": (
        "support lead",
        "The portal closed the return and no refund is known anywhere: pay the customer, or note why not.",
    ),
    "missed_event": (
        "operations",
        "The portal knows of a scan that never reached us: recoup doctor says whether its webhook is on.",
    ),
}
"""What to do about each kind, and who: the runbook, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurRefund:
    """One refund as our own steps and books have it."""

    case: str
    key: str
    order: str
    state: Literal["intended", "unknown", "done", "refused", "void", "dropped"]
    at: datetime
    """When it was intended; settled ones when they were."""
    ref: str = ""
    amount: Money | None = None
    booked: Money | None = None
    """What the books say went back; None where nothing is booked, or it was taken back."""
    taken_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What everybody says about the orders that are compared."""

    ours: tuple[OurRefund, ...] = ()
    returns: tuple[Return, ...] = ()
    orders: tuple[Order, ...] = ()
    payments: tuple[PaymentRefund, ...] = ()
    scanned: frozenset[str] = frozenset()
    """Tracking numbers of which we hold a scan by a carrier."""
    known_payments: frozenset[str] = frozenset()
    """References of payments that the payments vendor has, where it was asked about them one by one."""
    mover: str = ""
    """Who moves our refunds: storefront, payments or portal."""
    shop_read: bool = True
    payments_read: bool = True
    """False where that side could not be read to the end: then nothing is called missing there."""
    pending_days: int = 3
    settle: timedelta = timedelta(hours=2)
    """A refund younger than this may not have reached every side yet."""

    def return_of(self) -> Mapping[str, Return]:
        """The return of each case."""
        return {case_id(ret, label): ret for ret in self.returns for label in ret.labels}


class Difference(NamedTuple):
    """One place where two sides say different things. `subject` is `<order>` or `<order>/<reference>`."""

    kind: Kind
    case: str
    subject: str
    said: str
    remedy: str
    owner: str


def difference(kind: Kind, case: str, subject: str, said: str) -> Difference:
    """A difference with its remedy."""
    owner, remedy = REMEDIES[kind]
    return Difference(kind, case, subject, said, remedy, owner)


def is_ours(key: str) -> bool:
    """Whether a key that was left in a refund is of this operation."""
    return key.startswith("refunds/")
