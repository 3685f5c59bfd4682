"""What a refund decision is made of, and what it is. Frozen values; `domain.refunds.decide` turns one into the other.

Everything here can be stored as JSON and decided again later with another policy (`recoup policy try refunds`),
so there is no personal data in it: customers, addresses and cards are ids or keyed hashes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from domain.money import Money
from domain.orders import Order, Quote
from domain.returns import Label, Return
from domain.scans import Scan

CheckResult = Literal["pass", "wait", "hold", "approve", "never", "off"]
"""`wait`: looked at again later by itself. `hold`: a person has to find out something. `approve`: a person may say
yes. `never`: no early refund for this label, whatever anybody says. `off`: the policy does not use this guard."""


class Check(NamedTuple):
    """One named rule with its result, as it is stored and shown."""

    rule: str
    """The rule's id: `E-…` evidence, `V-…` VIP, `S-…` state of return and order, `G-…` guards, `B-…` budgets,
    `A-…` approval. `domain.refund_rules` names them all."""
    name: str
    result: CheckResult
    said: str
    """A sentence with the values that were compared; no personal data."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was refunded early within the last `days` days: how often, and how much in the quote's currency."""

    days: int
    count: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What our own books say at the moment of the decision, in minor units of the quote's currency.

    Read in the same transaction that writes the intent, so that two decisions cannot use the same budget.
    Everything that is reserved or spent counts; what was released does not.
    """

    customer_open_minor: int = 0
    """Refunded early to this customer and not yet received back."""
    order_open_minor: int = 0
    order_taken_minor: int = 0
    """Ever refunded early on this order by us, received or not, other labels included."""
    return_taken_minor: int = 0
    """The same for this return only."""
    lines_taken: tuple[tuple[str, int], ...] = ()
    """(the shop's line, pieces) of this order that we refunded early for other labels, of whatever return."""
    by_customer: tuple[Window, ...] = ()
    by_address: tuple[Window, ...] = ()
    by_card: tuple[Window, ...] = ()
    shop_hour_minor: int = 0
    shop_day_minor: int = 0
    shop_hour_count: int = 0
    shop_day_count: int = 0
    returns: int = 0
    """Orders of this customer with a return, in our books."""
    lost: int = 0
    """Labels of this customer refunded early that never came, or came short, wrong or empty."""
    stopped: str = ""
    """Why all refunds are stopped; empty where they are not."""
    vip_seen: datetime | None = None
    """When a decision of ours last found this customer a VIP; what the grace period counts from."""
    not_vip_seen: datetime | None = None
    """When a decision of ours last found them none; after the scan it means that a tag came too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person said about one case. It holds for the amount it was given for, and not above."""

    decision: Literal["approved", "rejected"]
    by: str
    at: datetime
    amount: Money
    note: str = ""
    lifts: tuple[str, ...] = ()
    """The rules that asked when it was given: what nobody was shown is not lifted. Empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts:
    """Everything one decision sees. `order` and `quote` are None where the shop could not be read."""

    case: str
    ret: Return
    label: Label
    scans: tuple[Scan, ...]
    """All scans of this tracking number that we hold, oldest first."""
    order: Order | None
    quote: Quote | None
    history: History = History()
    approval: Approval | None = None
    home_country: str = ""
    """Where the shop's returns go to."""
    quote_refused: str = ""
    """Why the shop would not say what these lines come to, e.g. because they were refunded; empty where it did."""
    portal_pays_whole: bool = False
    """The mover is the portal, which can only process a return as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done with one label now, and every check behind it."""

    outcome: Literal["pay", "wait", "hold", "approve", "never"]
    rule: str
    """The id of the check that decided; `R-01` for pay."""
    reason: str
    """One sentence for a person."""
    amount: Money | None
    vip: bool
    checks: tuple[Check, ...]
    until: datetime | None = None
    """When a `wait` is looked at again; None: with the next news or sweep."""
    owner: str = ""
    """Who has to act on a `hold` or `approve`: a role such as `support lead`, `fraud`, `finance`."""
    next_action: str = ""
    policy_version: str = ""
