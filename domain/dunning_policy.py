"""What a support lead may set for dunning: ladders, limits, senders. Loaded from `policies/dunning.toml`.

A case keeps the policy version it started with, so every value here belongs to one version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from domain.people import Sender

SILENT = "charge"
"""The action of a rung that nobody notices: a charge attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One place on a ladder: on or after `day` days from the failure, do `action`."""

    name: str
    day: int
    action: str
    """`charge`, `mail` or `sms`."""
    message: str = ""
    senders: tuple[str, ...] = ()
    """Ids of the senders to sign with; the first one who is there on the day signs."""
    required: bool = False
    """True for a notice that the law or the contract asks for: a control group gets it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The rungs for one kind of failure, by day; charges and messages apart because each catches up apart."""

    charges: tuple[Rung, ...]
    messages: tuple[Rung, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How often one card may be tried by one merchant, by every actor together."""

    per_day: int
    per_30_days: int
    spacing_days: int
    """Days between two tries: 36 hours are 2, 24 hours are 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One personal mail from the hand-over's ticket, `day` days after the hand-over."""

    name: str
    day: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningPolicy:
    """One version of the dunning policy. Days are calendar days in the shop's time zone."""

    version: str
    hand_over_day: int
    give_up_day: int
    message_gap_days: int
    max_charges: int
    """Charges per case in the whole window, the renewal's own and everybody's included."""
    pending_days: int
    """After so many days without a vendor's final answer a person is told."""
    attribution_days: int
    """How long a message or a support mail may claim the customer's payment."""
    minimum_minor: Mapping[str, int]
    """Per currency, the amount below which nothing is done."""
    ladders: Mapping[str, Ladder]
    """By treatment: `wait`, `soon`, `cautious`, `fix`, `never`."""
    beneath: tuple[Rung, ...]
    """Silent charges under the support phase."""
    beneath_treatments: frozenset[str]
    paydays: frozenset[int]
    """Days of the month that add a charge for `payday_treatments` without spending a rung."""
    payday_treatments: frozenset[str]
    budgets: Mapping[str, Budget]
    """By network; `default` is for every other one."""
    follow_ups: tuple[FollowUp, ...]
    follow_up_senders: tuple[str, ...]
    senders: Mapping[str, Sender]
    next_renewal: str
    """What happens to an old case when the next renewal fails too: `close_old` or `both`."""
    holdout_per_mille: int = 0
    holdout_salt: str = ""

    def budget(self, network: str) -> Budget:
        """The limits of a card network, the strict default where it is not listed."""
        return self.budgets.get(network) or self.budgets["default"]


def pick_sender(ids: tuple[str, ...], register: Mapping[str, Sender], today: date) -> str:
    """The first of `ids` who consented, has not left and is not away on `today`; empty where nobody is."""
    day = today.isoformat()
    for name in ids:
        sender = register.get(name)
        if sender is None or not sender.consent_on or sender.consent_on > day:
            continue
        if sender.left_on and sender.left_on <= day:
            continue
        if any(first <= day <= last for first, last in sender.away):
            continue
        return name
    return ""
