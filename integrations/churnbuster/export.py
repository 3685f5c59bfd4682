"""Churn Buster's failed payments as a CSV file: the fields of its API, one payment a row, amounts in cents.

No description of the file is public; the columns follow the body of `POST /v1/failed_payments`
(churnbuster.io/docs/failed-payments-api-endpoint) and of its webhooks' campaign object, nested names joined by
an underscore or a dot. A campaign that is won, lost or stopped is no open failure and is left out.
"""

from datetime import datetime

from domain.payments import DeclineCodes, ImportedFailure, LeftOut
from domain.people import Person
from integrations.csv_reading import read_id
from integrations.csv_values import read_currency, read_instant, read_mail, read_minor, read_phone
from integrations.export_rows import CellError, Kind, Reading, Row, need

OVER = frozenset({"won", "lost", "stopped", "canceled", "cancelled", "recovered", "paid"})
RUNNING = frozenset({"", "active", "started", "scheduled", "running", "failed", "open"})


def read_failed_payment(row: Row, reading: Reading) -> ImportedFailure | LeftOut:
    """One failed payment. Raises CellError."""
    state = row.text("state").lower()
    if state in OVER:
        return LeftOut(row.record.line, f"the campaign is {state}")
    if state not in RUNNING:
        raise CellError(row.name("state"), f'"{state}" is no state that is known')
    currency = row.read("currency", lambda text: read_currency(text, reading.currency))

    def instant(text: str) -> datetime:
        return read_instant(text, reading.date_order)

    return ImportedFailure(
        id=row.read("id", lambda text: need(read_id(text))),
        customer=Person(
            id=row.read("customer", lambda text: need(read_id(text))),
            name=f"{row.text('first_name')} {row.text('last_name')}".strip(),
            email=row.read("email", read_mail),
            phone=row.read("phone", read_phone),
            country=row.text("country").upper(),
        ),
        subscription=row.read("subscription", read_id),
        amount=row.read("amount", lambda text: read_minor(text, currency)),
        failed_at=row.read("failed_at", instant),
        codes=DeclineCodes(code=row.text("decline").lower().replace(" ", "_")),
        line=row.record.line,
    )


def _nested(*path: str) -> tuple[str, ...]:
    """Both ways of writing a nested name in one column."""
    return "_".join(path), ".".join(path)


FAILED_PAYMENTS = Kind(
    name="Churn Buster, failed payments",
    columns={
        "id": _nested("payment", "source_id"),
        "amount": (*_nested("payment", "amount_in_cents"), "amount_in_cents", *_nested("amount", "cents")),
        "currency": (*_nested("payment", "currency"), "currency", *_nested("amount", "currency")),
        "customer": _nested("customer", "source_id"),
        "email": (*_nested("customer", "email"), "email"),
        "first_name": (*_nested("customer", "properties", "first_name"), "first_name"),
        "last_name": (*_nested("customer", "properties", "last_name"), "last_name"),
        "phone": (*_nested("customer", "properties", "phone_number"), "phone_number"),
        "country": (*_nested("customer", "properties", "country_code"), "country_code"),
        "subscription": _nested("subscription", "source_id"),
        "failed_at": ("failed_at", "started_at", *_nested("campaign", "started_at")),
        "decline": ("decline_code", "decline_reason", *_nested("payment", "properties", "decline_code")),
        "state": ("state", "status", *_nested("campaign", "state")),
    },
    needs=("id", "amount", "customer", "failed_at"),
    dates="failed_at",
    read_row=read_failed_payment,
)
