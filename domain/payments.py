"""What a payments vendor tells us, in our words. Every vendor's folder maps its answers to these values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from domain.money import Money
from domain.people import Person

RenewalStatus = Literal["draft", "open", "paid", "void", "uncollectible"]
AttemptOutcome = Literal["succeeded", "failed", "pending", "blocked"]
ChargeState = Literal["paid", "already_paid", "declined", "pending", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineCodes:
    """The raw codes of one refusal, kept as the vendor sent them: issuer, network and vendor speak apart."""

    code: str = ""
    """The vendor's decline code, e.g. `insufficient_funds`."""
    advice: str = ""
    """The vendor's advice, e.g. `do_not_try_again`."""
    network: str = ""
    """`visa`, `mastercard`, `amex`, `discover`, … in lower case, empty where unknown."""
    network_code: str = ""
    """The issuer's response as the network carried it, e.g. `51`."""
    network_advice: str = ""
    """Mastercard's merchant advice code or its like, e.g. `03`."""
    blocked: bool = False
    """True where the vendor itself refused and nothing reached the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A stored payment method; `fingerprint` is the same for the same card number under any id."""

    id: str
    fingerprint: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to charge a card, by anybody: us, the vendor's own retries, support, the customer."""

    id: str
    renewal: str
    customer: str
    amount: Money
    at: datetime
    outcome: AttemptOutcome
    card: Card | None = None
    codes: DeclineCodes = field(default_factory=DeclineCodes)
    step_key: str = ""
    """Our key where the attempt was ours, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A confirmed payment of a renewal: the vendor's own reference and amount."""

    ref: str
    amount: Money
    at: datetime
    step_key: str = ""
    """Our key where our step earned it, else empty: the vendor's own retry or the customer."""
    by_customer: bool = False
    """True where the customer acted: a pay page, a new card they entered."""
    outside: bool = False
    """True where the money came around the vendor, e.g. by bank transfer, and the vendor was only told of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A subscription's invoice as the vendor knows it now."""

    id: str
    customer: Person
    subscription: str
    status: RenewalStatus
    amount_due: Money
    amount_remaining: Money
    created_at: datetime
    attempt_count: int
    next_vendor_attempt: datetime | None = None
    """When the vendor itself plans a retry, so that two systems never own one failure."""
    auto_charge: bool = True
    subscription_status: str = "active"
    """`active`, `past_due`, `paused`, `cancelled` or `none`."""
    cancelled_at: datetime | None = None
    card: Card | None = None
    pay_link: str = ""
    payment: Payment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """A refund or a chargeback of a payment, as the vendor confirms it.

    A chargeback won carries the `ref` of the chargeback that it takes back; `ref` and `kind` are unique together.
    """

    ref: str
    payment_ref: str
    renewal: str
    kind: Literal["refund", "chargeback", "chargeback_won"]
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeResult:
    """What became of one charge attempt. A declined card is a value, not an exception."""

    state: ChargeState
    ref: str = ""
    """The vendor's reference of the payment or of the failed charge."""
    amount: Money | None = None
    """What the vendor says it took; only where `state` is `paid` or `already_paid`."""
    at: datetime | None = None
    codes: DeclineCodes = field(default_factory=DeclineCodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFailure:
    """A failed renewal as a file tells it, before the vendor was asked. `line` is where its record starts."""

    id: str
    """The invoice, so that the vendor's own answer about it meets the same case."""
    customer: Person
    subscription: str
    amount: Money
    """What is left to pay."""
    failed_at: datetime
    codes: DeclineCodes
    line: int
    card: Card | None = None


class BadRow(NamedTuple):
    """A record of a file that cannot be taken in: where, which column, why, and the record as it stands there."""

    line: int
    column: str
    reason: str
    raw: str


class LeftOut(NamedTuple):
    """A record of a file that is no failed renewal, and why: paid, void, no invoice."""

    line: int
    reason: str
