"""Entries of refunds on first scan: the money, the goods that are to come back, and what became of them. Pure.

The money is booked when the vendor says that it has gone, in the vendor's amount; while a refund is pending nothing
is booked, and what it commits is counted from `commitments`. One entry a line tells of its goods, in two books at
once: the refunded amount in the memo book (exposure), the goods at cost in the money book. Every entry carries the
vendor's refund id; where several of one kind do, the line's entry adds its own key's end to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from domain.money import Money, total
from domain.orders import Share, Tender
from ledger import accounts
from ledger.entries import Context, Entry, Posting, reversal
from ledger.errors import BadEntry

MOVERS: Final = ("payments", "storefront", "portal")
Place = Literal["new", "open", "received", "lost", "withdrawn"]

KIND_OF: Final[Mapping[tuple[Place, Place], str]] = {
    ("new", "open"): "returns_expected",
    ("open", "received"): "returns_received",
    ("lost", "received"): "returns_received",
    ("received", "open"): "returns_reopened",
    ("lost", "open"): "returns_reopened",
    ("open", "lost"): "returns_lost",
    ("received", "lost"): "returns_lost",
    ("open", "withdrawn"): "returns_withdrawn",
    ("lost", "withdrawn"): "returns_withdrawn",
}
"""Which move is which kind of entry; no other is possible."""


def vip_refund(
    about: Context, amount: Money, *, mover: str, shares: Sequence[Share] = (), tenders: Sequence[Tender] = ()
) -> tuple[Entry, ...]:
    """Money went back to a VIP: `amount` is the vendor's, and `mover` the key of `accounts.REFUND_WAYS` that sent it.

    `shares` of the quote and `tenders` of the order say what of it went to gift cards and store credit; without
    them all of it left by the mover. Raises BadEntry where there is no reference, no amount, or a negative one.
    """
    if not about.vendor_ref:
        raise BadEntry(f"{about.key}: a refund is booked with the vendor's refund id; this one has none.")
    if amount.minor <= 0:
        raise BadEntry(f"{about.key}: a refund is more than nothing; this one is {amount}.")
    if mover not in MOVERS:
        raise BadEntry(f"{about.key}: mover {mover!r} is not known; use one of {', '.join(MOVERS)}.")
    left = tuple(
        Posting(accounts.REFUND_WAYS[way], -part.minor, part.currency)
        for way, part in ways(amount, mover, shares, tenders)
    )
    return (_entry(about, "vip_refund", (Posting(accounts.VIP_REFUNDS, amount.minor, amount.currency), *left)),)


def ways(
    amount: Money, mover: str, shares: Sequence[Share], tenders: Sequence[Tender]
) -> tuple[tuple[str, Money], ...]:
    """How the vendor's `amount` left: what the quote says goes to gift cards and store credit, the rest by the mover.

    Where the vendor moved less than was quoted, the mover's part is the one that is smaller. The payments vendor
    itself can only refund to the card, whatever was quoted.
    """
    kinds = {tender.id: tender.kind for tender in tenders}
    left, parts = amount, list[tuple[str, Money]]()
    for way in ("gift_card", "store_credit") if mover != "payments" else ():
        quoted = total((share.amount for share in shares if kinds.get(share.tender) == way), amount.currency)
        part = min(quoted, left)
        if part.minor > 0:
            parts.append((way, part))
            left = left - part
    return (*parts, (mover, left)) if left else tuple(parts)


def moved(about: Context, was: Place, now: Place, refunded: Money, cost: Money | None = None) -> Entry | None:
    """A refunded line, or a part of it, went from one place to another: `open` to `received`, `lost`, …

    `refunded` is the line's part of the refund, `cost` what its goods cost the shop, in whatever currency the shop
    keeps its books. None where both are nothing, for then there is nothing to book.
    """
    kind = KIND_OF.get((was, now))
    if kind is None:
        raise BadEntry(f"{about.key}: a returned line cannot go from {was} to {now}.")
    amounts = (refunded, cost or Money(0, refunded.currency))
    postings: list[Posting] = []
    for source, target, amount in zip(accounts.RETURNS[was], accounts.RETURNS[now], amounts, strict=True):
        if amount.minor < 0:
            raise BadEntry(f"{about.key}: an amount here is never negative; {amount} is. Move it the other way.")
        if amount and source != target:
            postings += [
                Posting(target, amount.minor, amount.currency), Posting(source, -amount.minor, amount.currency)
            ]  # fmt: skip
    return _entry(about, kind, tuple(postings)) if postings else None


def expected(about: Context, lines: Sequence[tuple[str, Money, Money | None]]) -> tuple[Entry, ...]:
    """The goods of a refund are to come back: one entry a line (its id, its part of the refund, its cost or None)."""
    found = (moved(line_context(about, line), "new", "open", refunded, cost) for line, refunded, cost in lines)
    return tuple(entry for entry in found if entry is not None)


def refund_failed(refund: Entry, about: Context) -> Entry:
    """A refund that was booked did not arrive: its exact mirror, linked to it, possible once.

    The goods are another matter: `moved` from `open` to `withdrawn`, for what has not come back yet.
    """
    if refund.kind != "vip_refund":
        raise BadEntry(f"{about.key}: {refund.source_key} is a {refund.kind}, no refund that could fail.")
    return reversal(refund, about)


def line_context(about: Context, end: str) -> Context:
    """The context of one line's entry beside others of its kind: its key and its reference end in `end`."""
    ref = f"{about.vendor_ref}/{end}" if about.vendor_ref else ""
    return replace(about, key=f"{about.key}/{end}", vendor_ref=ref)


def _entry(about: Context, kind: str, postings: tuple[Posting, ...]) -> Entry:
    return Entry(
        source_key=about.key, kind=kind, occurred_at=about.occurred_at, effective_on=about.effective_on,
        belongs_to=about.belongs_to, operation=about.operation, case=about.case, vendor=about.vendor,
        vendor_ref=about.vendor_ref, flow_run=about.flow_run, policy_version=about.policy_version, postings=postings,
    )  # fmt: skip
