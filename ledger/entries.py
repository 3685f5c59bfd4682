"""Entries: frozen values that balance, and one builder for each thing that can happen. Pure.

An entry is what happened (kind, days, case, vendor and reference, postings) and who reported it (flow run,
policy version). It belongs to two months: `effective_on`'s month is when the money moved and where the P&L shows
it; `belongs_to` is the month in which the case failed, so that a cohort stays together whenever it is paid.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple, TypeVar

from domain.money import LARGEST_MINOR, Money
from ledger import accounts
from ledger.errors import BadEntry, ForbiddenAccount, NotReversible, Unbalanced, UnknownAccount

LONGEST_TEXT: Final = 300
"""Characters in any text of an entry; keys and references are short, and nothing else belongs here."""

FEWEST_POSTINGS: Final = 2

CONTENT: Final = (
    "kind", "occurred_at", "effective_on", "belongs_to", "operation", "case", "vendor", "vendor_ref",
    "postings", "reverses",
)  # fmt: skip
"""What happened. The same key must come with the same of these; flow run and policy version say who
reported it, and a second run may report the same thing."""

Value = TypeVar("Value")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_TEXTS = ("source_key", "kind", "operation", "case", "vendor", "vendor_ref", "flow_run", "policy_version", "reverses")


class Posting(NamedTuple):
    """One line of an entry: debit +, credit -, in minor units."""

    account: str
    minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every entry says besides its amounts. `key` becomes the entry's `source_key`."""

    key: str
    occurred_at: datetime
    effective_on: date
    belongs_to: str
    """`2026-01`: the month in which the case failed."""
    operation: str
    case: str
    vendor: str = ""
    vendor_ref: str = ""
    flow_run: str = ""
    policy_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booking. Made only by a builder or by reading it back; raises BadEntry where it cannot be."""

    source_key: str
    kind: str
    occurred_at: datetime
    effective_on: date
    belongs_to: str
    operation: str
    case: str
    vendor: str = ""
    vendor_ref: str = ""
    flow_run: str = ""
    policy_version: str = ""
    postings: tuple[Posting, ...]
    reverses: str = ""
    """The source key of the entry that this one takes back, whole (`reversal`) or in money (`refund`)."""

    def __post_init__(self) -> None:
        _check_texts(self)
        _check_postings(self)


def renewal_failed(about: Context, amount: Money) -> Entry:
    """A renewal failed: it enters the denominator of every rate, and is open."""
    return _entry(about, "renewal_failed", _move(accounts.FAILED, accounts.OPEN, amount))


def renewal_recovered(about: Context, paid: Money, failed: Money, phase: str, *, outside: bool = False) -> Entry:
    """A failed renewal was paid. `paid` is what the vendor confirms, `failed` what had failed.

    `phase` is a key of `accounts.RECOVERED_INCOME`: silent_retry, customer_action, message or support. `outside`
    says that the money came around the vendor, which so will never pay it out.
    """
    income = _one_of(accounts.RECOVERED_INCOME, phase, "phase")
    memo = _move(accounts.OPEN, accounts.RECOVERED_MEMO[phase], failed)
    return _entry(
        about, "renewal_recovered", (*_move(income, accounts.OUTSIDE if outside else accounts.CLEARING, paid), *memo)
    )


def renewal_lost(about: Context, failed: Money, why: str) -> Entry:
    """A failed renewal will not be paid. `why` is a key of `accounts.LOST_MEMO`."""
    lost = _one_of(accounts.LOST_MEMO, why, "why")
    return _entry(about, "renewal_lost", _move(accounts.OPEN, lost, failed))


def message_cost(about: Context, cost: Money, channel: str) -> Entry:
    """A message or ticket was used; `cost` is from the stored price list. `channel`: mail, sms or ticket."""
    expense = _one_of(accounts.MESSAGE_COSTS, channel, "channel")
    return _entry(about, "message_cost", _move(accounts.ACCRUED, expense, cost))


def money_back(original: Entry, about: Context, amount: Money, kind: str, already_back: Money | None = None) -> Entry:
    """Recovered money went back. `kind`: refund or chargeback. It is taken off the income in a contra account.

    `already_back` is what earlier refunds and chargebacks of the same payment took (`lookups.money_back`).
    Where nothing is left, the case is open again, at the amount that had failed; a part leaves it recovered.
    The writer refuses to take back more than was paid.
    """
    contra, reopened = _one_of(accounts.MONEY_BACK, kind, "kind")
    back = amount if already_back is None else amount + already_back
    postings: tuple[Posting, ...] = _move(accounts.CLEARING, contra, amount)
    if back.minor >= paid_in(original).minor:
        postings = (*postings, *_move(reopened, accounts.OPEN, _failed_in(original)))
    return _entry(about, kind, postings, reverses=original.source_key)


def reversal(original: Entry, about: Context) -> Entry:
    """The exact mirror of an entry that should not stand, e.g. a chargeback that was won. Never dated before it."""
    if about.effective_on < original.effective_on:
        raise NotReversible(
            f"{original.source_key} is of {original.effective_on}; its reversal cannot be of {about.effective_on}. "
            "Date it on or after that day."
        )
    return _entry(about, "reversal", mirror(original.postings), reverses=original.source_key)


def mirror(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    """The same lines with the signs turned."""
    return tuple(Posting(line.account, -line.minor, line.currency) for line in postings)


def paid_in(entry: Entry) -> Money:
    """What the entry moved through clearing: + came in, - went back."""
    for line in entry.postings:
        if line.account in (accounts.CLEARING, accounts.OUTSIDE):
            return Money(line.minor, line.currency)
    raise NotReversible(f"{entry.source_key} ({entry.kind}) moved no money, so none can go back.")


def content_differences(first: Entry, second: Entry) -> tuple[str, ...]:
    """The names of the fields in which two entries tell different things happened; empty for a replay."""
    return tuple(name for name in CONTENT if getattr(first, name) != getattr(second, name))


def _failed_in(recovered: Entry) -> Money:
    for line in recovered.postings:
        if line.account == accounts.OPEN:
            return Money(-line.minor, line.currency)
    raise NotReversible(f"{recovered.source_key} ({recovered.kind}) closed no case, so none can be reopened.")


def _move(credit: str, debit: str, amount: Money) -> tuple[Posting, Posting]:
    if amount.minor < 0:
        raise BadEntry(f"an amount here is never negative; {amount} is. Use the builder for the other direction.")
    return Posting(debit, amount.minor, amount.currency), Posting(credit, -amount.minor, amount.currency)


def _entry(about: Context, kind: str, postings: tuple[Posting, ...], reverses: str = "") -> Entry:
    return Entry(
        source_key=about.key,
        kind=kind,
        occurred_at=about.occurred_at,
        effective_on=about.effective_on,
        belongs_to=about.belongs_to,
        operation=about.operation,
        case=about.case,
        vendor=about.vendor,
        vendor_ref=about.vendor_ref,
        flow_run=about.flow_run,
        policy_version=about.policy_version,
        postings=postings,
        reverses=reverses,
    )


def _one_of(choices: dict[str, Value], name: str, what: str) -> Value:
    if name not in choices:
        raise BadEntry(f"{what} {name!r} is not known; use one of {', '.join(choices)}.")
    return choices[name]


def _check_texts(entry: Entry) -> None:
    for name in _TEXTS:
        value = getattr(entry, name)
        # Printable leaves out control, direction and surrogate characters, which show one key as another.
        if len(value) > LONGEST_TEXT or not value.isprintable():
            raise BadEntry(
                f"{name} must be at most {LONGEST_TEXT} printable characters; this one has {len(value)}"
                f"{'' if value.isprintable() else ', some not printable'}."
            )
    if not entry.source_key:
        raise BadEntry("an entry needs a source key: the key of the step that it books.")
    if entry.occurred_at.tzinfo is None:
        raise BadEntry(f"{entry.source_key}: occurred_at has no time zone.")
    if not _MONTH.match(entry.belongs_to):
        raise BadEntry(f"{entry.source_key}: belongs_to must be a month like 2026-01, not {entry.belongs_to!r}.")


def _check_postings(entry: Entry) -> None:
    key, kind = entry.source_key, entry.kind
    if kind not in accounts.KINDS:
        raise BadEntry(f"{key}: kind {kind!r} is not known; use one of {', '.join(accounts.KINDS)}.")
    if len(entry.postings) < FEWEST_POSTINGS:
        raise BadEntry(f"{key}: an entry has at least two postings; this one has {len(entry.postings)}.")
    allowed, seen = accounts.KINDS[kind], set()
    sums: dict[tuple[bool, str], int] = {}
    for account, minor, currency in entry.postings:
        if account not in allowed:
            raise _account_error(key, kind, account)
        if (account, currency) in seen:
            raise BadEntry(f"{key}: {account} stands twice in {currency}; one entry has one line per account.")
        seen.add((account, currency))
        _check_amount(key, account, minor, currency)
        book = account.startswith("Memo:"), currency
        sums[book] = sums.get(book, 0) + minor
    for (memo, currency), difference in sums.items():
        if difference:
            raise Unbalanced(_difference(key, difference, currency, memo))


def _check_amount(key: str, account: str, minor: int, currency: str) -> None:
    if type(minor) is not int or not minor:
        raise BadEntry(f"{key}: {account} needs a whole, non-zero amount of minor units, not {minor!r}.")
    if not -LARGEST_MINOR <= minor <= LARGEST_MINOR:
        raise BadEntry(f"{key}: {account} has an amount of {len(str(abs(minor)))} digits; at most 2^63-1 fits.")
    if not _CURRENCY.match(currency):
        raise BadEntry(f"{key}: currency must be three capital letters, like EUR, not {currency!r}.")


def _account_error(key: str, kind: str, account: str) -> BadEntry:
    if account in accounts.CHART:
        return ForbiddenAccount(f"{key}: an entry of kind {kind} may not touch {account}. Nothing was written.")
    near = accounts.nearest(account)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UnknownAccount(f"{key}: there is no account {account!r}.{hint} Nothing was written.")


def _difference(key: str, difference: int, currency: str, memo: bool) -> str:
    book = "memo postings" if memo else "postings"
    # A difference that nine divides is the mark of two digits that changed places.
    hint = " Nine divides it: look for two digits that changed places." if difference % 9 == 0 else ""
    return f"{key}: the {book} differ by {difference} minor units of {currency}.{hint} Nothing was written."
