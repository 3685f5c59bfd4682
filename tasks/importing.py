"""Importing: failed renewals from a file become cases, and what cannot be read goes into the quarantine.

Safe to run twice: a case is booked and inserted under the invoice's id, as when the vendor reports it, so the
same file again and the vendor's own answer later meet the same case. A case that is known is left as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from domain.declines import classify
from domain.instants import day_in, to_text
from domain.payments import BadRow, ImportedFailure
from integrations.stripe.client import VENDOR
from ledger.errors import AlreadyBooked, Conflict, LedgerError
from ledger.posting import Writer
from policies.load import LoadedPolicy
from store import cases, people, policy_versions, quarantine
from store.db import reading, transaction
from tasks.opening import opened
from tasks.rules import STEM

CHUNK = 500
RUN = "import"


class Imported(NamedTuple):
    """How many failed renewals were new, how many were known before, and the codes that no list knows."""

    new: int
    known: int
    unknown_codes: tuple[str, ...]


def take_in(
    engine: Engine, policy: LoadedPolicy, failures: Sequence[ImportedFailure], *, source: str, zone: str, now: datetime
) -> Imported:
    """Book and insert the failures that are not known yet. Raises LedgerError where the books cannot be written."""
    with transaction(engine) as connection:
        policy_versions.remember(connection, STEM, policy.version, policy.body, now)
    writer, new = Writer(engine, clock=lambda: now), 0
    for chunk in _chunks(failures):
        with reading(engine) as connection:
            known = set(cases.by_id(connection, [failure.id for failure in chunk]))
        fresh = [failure for failure in chunk if failure.id not in known]
        rows = [_row(policy, failure, source, zone, now) for failure in fresh]
        for result in writer.post([opened(VENDOR, row, RUN) for row in rows]):
            # After a crash the case was booked before and only the row is missing.
            if isinstance(result, LedgerError) and not isinstance(result, Conflict | AlreadyBooked):
                raise result
        with transaction(engine) as connection:
            _remember_people(connection, fresh, now)
            new += len(cases.insert_cases(connection, rows))
    codes = {code for one in failures for code in classify(one.codes, policy.declines, now.date()).unknown_codes}
    return Imported(new, len(failures) - new, tuple(sorted(codes)))


def keep_bad(engine: Engine, bad: Sequence[BadRow], *, source: str, now: datetime) -> None:
    """Put what cannot be read into the quarantine, whole and with its reason; the same rows again change nothing."""
    with transaction(engine) as connection:
        for row in bad:
            quarantine.keep(
                connection, source=source, line=row.line, field=row.column, reason=row.reason, raw=row.raw, at=now
            )


def _chunks(failures: Sequence[ImportedFailure]) -> Iterator[list[ImportedFailure]]:
    rest = iter(failures)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _remember_people(connection: Connection, failures: Sequence[ImportedFailure], now: datetime) -> None:
    """Only people who are not known yet: what the vendor said of the others is newer than any file."""
    seen = {failure.customer.id: failure.customer for failure in failures}
    known = people.by_ids(connection, seen)
    people.remember(connection, [person for name, person in seen.items() if name not in known], now)


def _row(policy: LoadedPolicy, failure: ImportedFailure, source: str, zone: str, now: datetime) -> dict[str, Any]:
    """The case as the vendor's own report would open it, with what the file knows."""
    failed_on = day_in(failure.failed_at, zone)
    found = classify(failure.codes, policy.declines, failed_on)
    wait_until = failure.failed_at + timedelta(hours=found.wait_hours)
    card = failure.card
    return {
        "id": failure.id,
        "operation": STEM,
        "customer": failure.customer.id,
        "subscription": failure.subscription,
        "state": "open",
        "outcome": "",
        "opened_on": failed_on.isoformat(),
        "closed_on": "",
        "failed_at": to_text(failure.failed_at),
        "currency": failure.amount.currency,
        "failed_minor": failure.amount.minor,
        "remaining_minor": failure.amount.minor,
        "treatment": found.treatment,
        "decline_rule": found.rule,
        "decline_code": found.code,
        "remedy": found.remedy,
        "not_before": day_in(wait_until, zone).isoformat() if found.wait_hours else "",
        "card": card.fingerprint if card else "",
        "card_failed": card.fingerprint if card else "",
        "network": card.network if card else failure.codes.network,
        "auto_charge": 1,
        "vendor_retry_on": "",
        "subscription_status": "active",
        "pay_link": "",
        "trouble": "",
        "policy_version": policy.version,
        "ticket": "",
        "answered_at": "",
        "source": source,
        "read_at": to_text(now),
    }
