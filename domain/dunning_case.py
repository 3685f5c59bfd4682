"""The facts about one failed renewal that a dunning decision needs. Gathered before, frozen, no vendor word."""

from datetime import date
from typing import NamedTuple


class Case(NamedTuple):
    """One failed renewal: the facts of today, gathered before. Dates are days in the shop's zone."""

    id: str
    customer: str
    state: str
    failed_on: date
    remaining_minor: int
    currency: str
    treatment: str
    policy_version: str
    network: str = ""
    card: str = ""
    """Fingerprint of the card on file, empty where there is none."""
    card_failed: str = ""
    not_before: str = ""
    """ISO date before which the network does not want another try, else empty."""
    auto_charge: bool = True
    vendor_retry_on: str = ""
    subscription_status: str = "active"
    trouble: str = ""
    newer_case: bool = False
    taken: frozenset[str] = frozenset()
    """Names of the rungs already taken, whatever came of them."""
    waiting_for_answer: bool = False
    charges: int = 1
    """Charge attempts on this renewal by every actor, the first one included."""
    vendor_retries: int = 0
    """How many of them were the vendor's own automatic retries: they spend the ladder's first rungs."""
    last_charge_on: date | None = None
    card_day: int = 0
    """Attempts on this card in the last 24 hours, all renewals and actors."""
    card_month: int = 0
    """The same over 30 days."""
    last_message_on: date | None = None
    told_today: bool = False
    """The customer got a message of ours today already, about whatever."""
    mail: str = ""
    """Why a mail cannot be sent, empty where it can."""
    sms: str = ""
    """Why an SMS cannot be sent, empty where it can."""
    vip: bool = False
    answered: bool = False
    """The customer wrote back on the ticket, or a support agent took it."""
