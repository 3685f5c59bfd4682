"""Returns: what a customer sends back, as the returns portal tells it. Pure values, no personal data.

One return has one or more labels; a label is one parcel with the lines that travel in it. A scan is about one
label, so money goes back for that label's lines only.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.money import Money
from domain.scans import NOWHERE, Place

ReturnState = Literal["open", "review", "closed", "cancelled", "expired", "unknown"]
Outcome = Literal["refund", "exchange", "store_credit", "keep", "unknown"]
Condition = Literal["", "good", "worn", "wrong", "empty", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """One line that comes back. `shop_line` is the shop's own id of the order line."""

    id: str
    shop_line: str
    quantity: int = 1
    sku: str = ""
    title: str = ""
    category: str = ""
    outcome: Outcome = "refund"
    reason: str = ""
    received: int | None = None
    """How many pieces the inspection counted; None where nobody has looked yet, or the portal does not say."""
    condition: Condition = ""
    """What the inspection found; empty where it says nothing against the goods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One return label. `lines` are ids of `ReturnLine`; empty where the portal does not tie them to labels."""

    id: str
    tracking: str
    carrier: str = ""
    status: str = ""
    """A `Meaning` of `domain.scans`, as the portal says."""
    made_at: datetime | None = None
    updated_at: datetime | None = None
    lines: tuple[str, ...] = ()
    issued_by: Literal["portal", "shopper", "unknown"] = "portal"
    voided: bool = False
    origin: Place = NOWHERE
    """Where the shopper sends it from."""
    destination: Place = NOWHERE
    """Where it is to go; empty where the portal does not say, then the shop's own returns address counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRefund:
    """A refund that the portal has made or knows of."""

    gateway: str
    amount: Money
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """One return as last read from the portal. `id` is `<portal>-<the portal's id>`, e.g. `loop-98765`."""

    id: str
    portal: str
    portal_id: str
    state: ReturnState
    order: str
    """The shop's own id of the order, without any prefix of its API."""
    order_name: str = ""
    created_at: datetime | None = None
    edited_at: datetime | None = None
    currency: str = ""
    """The currency of the amounts below: the shop's, not the customer's."""
    cash: Money | None = None
    """What the portal says goes back to the customer's card, after fees; None where it does not say."""
    credit: Money | None = None
    exchange: Money | None = None
    handling_fee: Money | None = None
    gift: bool = False
    flagged: bool = False
    refunds: tuple[PortalRefund, ...] = ()
    lines: tuple[ReturnLine, ...] = ()
    labels: tuple[Label, ...] = ()
    contact: str = field(default="", repr=False)
    """The customer's mail address, for the people table only."""

    def label(self, ident: str) -> Label | None:
        """The label with this id."""
        return next((label for label in self.labels if label.id == ident), None)

    def lines_of(self, label: Label) -> tuple[ReturnLine, ...]:
        """The lines that travel under a label: those it names, or all of them where it is the only label."""
        if not label.lines:
            return self.lines if len(self.labels) == 1 else ()
        return tuple(line for line in self.lines if line.id in label.lines)


def case_id(ret: Return, label: Label) -> str:
    """The case of one label: `loop-98765/label-4`."""
    return f"{ret.id}/label-{label.id}"
