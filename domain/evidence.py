"""What the scans of one label prove. Pure; every check has an id `E-…` and a sentence with what was compared.

Enough is a physical checkpoint of the carrier's, made after the label, on a label that the portal issued, at a
plausible place and to the right destination. `label created` is no scan even where it names a place, and a word
that nobody knows proves nothing. A later status never takes back an earlier one; the scan is kept all the same.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, cast, get_args

from domain.refund_case import Check, RefundFacts
from domain.refund_policy import RefundPolicy
from domain.refund_rules import check, passed
from domain.scans import IN_CARRIER_HANDS, NOWHERE, RANK, Meaning, Place, Scan, tracking_number

AGAINST = frozenset({"returning", "returned", "lost", "damaged"})
"""A parcel that is going back to the shopper, or nowhere. A later `delivered` may then be at the shopper's door."""

AT_THE_END = frozenset({"out_for_delivery", "attempt", "delivered"})
"""Scanned near the destination, however far away the parcel began."""

AHEAD = timedelta(days=1)
"""Carriers write local times as if they were UTC, so a scan may seem to lie ahead; more than a day is an error."""

AGES_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Evidence(NamedTuple):
    """What is proved, and every check behind it."""

    checks: tuple[Check, ...]
    scan: Scan | None
    """The first scan that shows the parcel in the carrier's hands; None where there is none."""
    grade: Literal["checkpoint", "status", "none"]
    stage: str
    """How far the parcel is: the meaning with the highest rank; empty where nothing was heard."""

    @property
    def spoken(self) -> bool:
        """Whether anything was heard that asks for a decision; else there is nothing to do but wait."""
        return self.scan is not None or any(found.result in ("hold", "never") for found in self.checks)


def grade(facts: RefundFacts, policy: RefundPolicy, now: datetime) -> Evidence:
    """Judge the scans of `facts.label` at `now`; scans of other numbers are not looked at."""
    label = facts.label
    heard = _heard(facts)
    counted = [scan for scan in heard if _after_label(scan, facts, policy) and not _far_ahead(scan, now)]
    proofs = [scan for scan in counted if scan.meaning in IN_CARRIER_HANDS]
    physical = [scan for scan in proofs if scan.physical and scan.at]
    contradicted = not physical and any(one.physical and one.meaning not in IN_CARRIER_HANDS for one in counted)
    trusted = physical or ([] if contradicted or not policy.accept_portal_status else proofs)
    scan = min(trusted, key=lambda one: one.at or now, default=None)
    checks = (
        _number(facts),
        _issuer(facts),
        _in_force(facts, heard),
        _handed_over(scan, proofs, contradicted),
        _grade(scan, proofs, contradicted),
        _not_recycled(facts, heard, counted, policy),
        _on_its_way(counted),
        _known(counted, scan),
        _place(facts, scan, trusted, policy),
        _destination(facts, counted, policy),
        _drop_off(facts),
        _recent(scan, policy, now),
    )
    stage = max((one.meaning for one in counted), key=lambda meaning: RANK.get(meaning, -1), default="")
    shown: Literal["checkpoint", "status", "none"] = "checkpoint" if physical else "status" if scan else "none"
    return Evidence(checks, scan if tracking_number(label.tracking) else None, shown, stage)


def _heard(facts: RefundFacts) -> list[Scan]:
    """Every scan of this label's number, the portal's own status of the label as one of them."""
    label = facts.label
    number = tracking_number(label.tracking)
    found = [scan for scan in facts.scans if number and scan.tracking == number]
    if number and label.status:
        meaning = cast(Meaning, label.status if label.status in get_args(Meaning) else "unknown")
        found.append(
            Scan(tracking=number, carrier=label.carrier, meaning=meaning, at=label.updated_at,
                 source=facts.ret.portal, words=label.status)
        )  # fmt: skip
    return found


def _floor(facts: RefundFacts) -> datetime | None:
    """Before this instant the number belonged to somebody else's parcel."""
    return facts.label.made_at or facts.ret.created_at


def _after_label(scan: Scan, facts: RefundFacts, policy: RefundPolicy) -> bool:
    floor = _floor(facts)
    return floor is None or scan.at is None or scan.at >= floor - timedelta(minutes=policy.slack_minutes)


def _far_ahead(scan: Scan, now: datetime) -> bool:
    return scan.at is not None and scan.at > now + AHEAD


def _number(facts: RefundFacts) -> Check:
    if tracking_number(facts.label.tracking):
        return passed("E-01", "the label has a tracking number")
    return check("E-01", "wait", "the label has no tracking number yet, so no scan can be matched with it")


def _issuer(facts: RefundFacts) -> Check:
    if facts.label.issued_by == "portal":
        return passed("E-02", "the label was issued by the portal")
    if facts.label.issued_by == "shopper":
        return check("E-02", "never", "the tracking number is the shopper's own; it never counts as evidence")
    return check("E-02", "hold", "nobody says who issued the label")


def _in_force(facts: RefundFacts, heard: Sequence[Scan]) -> Check:
    if facts.label.voided or any(scan.meaning == "cancelled" for scan in heard):
        return check("E-03", "hold", "the label was voided")
    return passed("E-03", "the label was not voided")


def _handed_over(scan: Scan | None, proofs: Sequence[Scan], contradicted: bool) -> Check:
    if scan:
        return passed("E-04", f"{scan.meaning} on {_when(scan)}, told by {scan.source}")
    if contradicted and proofs:
        said = f"{proofs[0].source} says {proofs[0].meaning}, and the carrier knows no more than the label"
        return check("E-04", "wait", said)
    if proofs:
        return check("E-04", "wait", f"only {proofs[0].source}'s status says {proofs[0].meaning}; no checkpoint yet")
    return check("E-04", "wait", "no carrier has scanned the parcel; a label that was made is no scan")


def _grade(scan: Scan | None, proofs: Sequence[Scan], contradicted: bool) -> Check:
    if scan and scan.physical:
        return passed("E-05", "a checkpoint of the carrier's")
    if scan:
        return passed("E-05", f"weaker: the status of {scan.source}, which the policy accepts; no carrier feed spoke")
    why = "the carrier's own history contradicts the status" if contradicted and proofs else "nothing was scanned"
    return check("E-05", "wait", why)


def _not_recycled(facts: RefundFacts, heard: Sequence[Scan], counted: Sequence[Scan], policy: RefundPolicy) -> Check:
    if _floor(facts) is None:
        return check("E-06", "hold" if counted else "wait", "nobody says when the label was made")
    older = sum(not _after_label(scan, facts, policy) for scan in heard)
    if not older:
        return passed("E-06", "nothing was scanned before the label was made")
    said = f"{older} scans are older than the label and are not counted; the carrier uses the number again"
    proved = any(scan.meaning in IN_CARRIER_HANDS for scan in counted)
    return passed("E-06", said) if proved else check("E-06", "wait", said)


def _on_its_way(counted: Sequence[Scan]) -> Check:
    bad = next((scan for scan in counted if scan.meaning in AGAINST), None)
    if bad:
        return check("E-07", "hold", f"the parcel is {bad.meaning}, said {bad.source} on {_when(bad)}")
    return passed("E-07", "nothing says that it turned back or was lost")


def _known(counted: Sequence[Scan], scan: Scan | None) -> Check:
    """An unknown word holds unless the carrier has said something clear since."""
    odd = [one for one in counted if one.meaning == "unknown"]
    clear = [one.at for one in counted if one.meaning in IN_CARRIER_HANDS and one.at]
    newest = max(clear, default=None)
    open_ones = [one for one in odd if scan is None or one.at is None or newest is None or one.at >= newest]
    if open_ones:
        said = f'{open_ones[0].source} says "{open_ones[0].words[:40]}", a word that nobody here knows'
        return check("E-08", "hold", said)
    return passed("E-08", "every status that counts is known")


def _place(facts: RefundFacts, scan: Scan | None, trusted: Sequence[Scan], policy: RefundPolicy) -> Check:
    """Forged tracking is scanned near the shop, not near the shopper (FTID)."""
    if scan is None:
        return check("E-09", "wait", "no scan yet")
    begin = facts.label.origin if facts.label.origin.country else facts.order.ship_to if facts.order else NOWHERE
    begun = [one for one in trusted if one.meaning not in AT_THE_END]
    first = min(begun, key=lambda one: (one.at is None, one.at or AGES_AGO), default=None)
    if first is None:
        return passed("E-09", "only the end of its way was scanned; the destination speaks for it")
    if not first.place.country:
        said = "the carrier does not say where it was scanned"
        return check("E-09", "hold", said) if policy.place_needed else passed("E-09", said)
    if not begin.country:
        return passed("E-09", f"scanned in {first.place.country}; it is not known where it starts")
    if first.place.country != begin.country:
        return check("E-09", "hold", f"scanned first in {first.place.country}, but it starts in {begin.country}")
    goes = _target(facts)
    if _elsewhere(first.place, begin, goes):
        said = f"scanned first in {first.place.region}, where it is to go, but it starts in {begin.region}"
        return check("E-09", "hold", said)
    return passed("E-09", f"scanned first in {first.place.country}, where it starts")


def _elsewhere(place: Place, begin: Place, goes: Place) -> bool:
    """In one large country: scanned first at the destination's end, though the shopper lives in another region."""
    known = place.region and begin.region and goes.region and begin.country == goes.country
    return bool(known) and place.region == goes.region != begin.region


def _destination(facts: RefundFacts, counted: Sequence[Scan], policy: RefundPolicy) -> Check:
    goes = _target(facts)
    told = [scan.destination for scan in counted if scan.destination.known]
    told += [scan.place for scan in counted if scan.meaning == "delivered" and scan.place.known]
    for place in told:
        if place.country and goes.country and place.country != goes.country:
            return check("E-10", "hold", f"the carrier takes it to {place.country}, not to {goes.country}")
        size = policy.postal_prefix
        if size and place.postal and goes.postal and _prefix(place, size) != _prefix(goes, size):
            said = f"the carrier takes it to postal area {_prefix(place, size)}, not to {_prefix(goes, size)}"
            return check("E-10", "hold", said)
    if not told or not goes.known:
        return passed("E-10", "the carrier does not say where it goes, so there is nothing to compare")
    return passed("E-10", f"goes to {goes.country or _prefix(goes, policy.postal_prefix)}, as the label says")


def _target(facts: RefundFacts) -> Place:
    return facts.label.destination if facts.label.destination.known else Place(country=facts.home_country)


def _drop_off(facts: RefundFacts) -> Check:
    if not tracking_number(facts.label.tracking) and facts.label.status in IN_CARRIER_HANDS:
        said = "handed in without a label of its own; the scan of a box does not prove what is in it"
        return check("E-11", "hold", said)
    return passed("E-11", "no drop-off without a label")


def _recent(scan: Scan | None, policy: RefundPolicy, now: datetime) -> Check:
    if scan is None or scan.at is None:
        return passed("E-12", "no scan with a time")
    age = (now - scan.at).days
    if age > policy.oldest_scan_days:
        return check("E-12", "hold", f"scanned {age} days ago; {policy.oldest_scan_days} are allowed")
    return passed("E-12", f"scanned {max(0, age)} days ago")


def _prefix(place: Place, size: int) -> str:
    return "".join(letter for letter in place.postal.upper() if letter.isalnum())[:size]


def _when(scan: Scan) -> str:
    return scan.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if scan.at else "a day that was not said"
