"""Stripe's own CSV exports: Invoices, and Payments with their decline reasons. Amounts are in major units, times UTC.

Column names are those of the Dashboard's exports as remembered, with older ones beside them; they are not
documented. An invoice that is paid, void or a draft is no failure and is left out, with its line.
"""

from datetime import datetime

from domain.payments import Card, DeclineCodes, ImportedFailure, LeftOut
from domain.people import Person
from integrations.csv_reading import read_id
from integrations.csv_values import read_amount, read_currency, read_instant, read_mail
from integrations.export_rows import CellError, Kind, Reading, Row, need

UNPAID = frozenset({"open", "past_due", "past due"})
NOT_UNPAID = frozenset({"paid", "draft", "void", "voided", "uncollectible", "deleted"})
FAILED = frozenset({"failed", "requires_payment_method", "declined", "blocked"})
NOT_FAILED = frozenset(
    {
        *("paid", "succeeded", "refunded", "partially refunded", "canceled", "cancelled", "disputed"),
        *("uncaptured", "pending", "processing", "incomplete", "requires_action", "early fraud warning"),
    }
)


def read_invoice(row: Row, reading: Reading) -> ImportedFailure | LeftOut:
    """A row of the Invoices export. Raises CellError."""
    status = row.text("status").lower()
    if status in NOT_UNPAID:
        return LeftOut(row.record.line, f"the invoice is {status}")
    if status not in UNPAID:
        raise CellError(row.name("status"), f'"{status}" is no status that is known' if status else "is empty")
    return _failure(row, reading, "remaining" if row.text("remaining") else "due", DeclineCodes())


def read_payment(row: Row, reading: Reading) -> ImportedFailure | LeftOut:
    """A row of the Payments export. Raises CellError."""
    status = row.text("status").lower()
    if status in NOT_FAILED:
        return LeftOut(row.record.line, f"the payment is {status}")
    if status not in FAILED:
        raise CellError(row.name("status"), f'"{status}" is no status that is known' if status else "is empty")
    if not row.text("id"):
        return LeftOut(row.record.line, "the payment belongs to no invoice, so it is no renewal")
    code = row.text("decline").lower().replace(" ", "_")
    codes = DeclineCodes(code=code, network=_network(row), blocked=status == "blocked")
    return _failure(row, reading, "due", codes)


def _failure(row: Row, reading: Reading, amount: str, codes: DeclineCodes) -> ImportedFailure:
    currency = row.read("currency", lambda text: read_currency(text, reading.currency))

    def instant(text: str) -> datetime:
        return read_instant(text, reading.date_order)

    return ImportedFailure(
        id=row.read("id", lambda text: need(read_id(text))),
        customer=Person(
            id=row.read("customer", lambda text: need(read_id(text))),
            name=row.text("name"),
            email=row.read("email", read_mail),
        ),
        subscription=row.read("subscription", read_id),
        amount=row.read(amount, lambda text: read_amount(text, currency)),
        failed_at=row.read("failed_at", instant),
        codes=codes,
        line=row.record.line,
        card=_card(row),
    )


def _card(row: Row) -> Card | None:
    fingerprint = row.text("fingerprint")
    return Card(id=row.text("card"), fingerprint=fingerprint, network=_network(row)) if fingerprint else None


def _network(row: Row) -> str:
    return row.text("brand").lower().replace("american express", "amex").replace(" ", "_")


INVOICES = Kind(
    name="Stripe, Invoices",
    columns={
        "id": ("id", "Invoice ID"),
        "due": ("Amount Due",),
        "remaining": ("Amount Remaining",),
        "currency": ("Currency",),
        "customer": ("Customer", "Customer ID"),
        "name": ("Customer Name",),
        "email": ("Customer Email",),
        "subscription": ("Subscription", "Subscription ID"),
        "failed_at": ("Date (UTC)", "Created (UTC)", "Created date (UTC)", "Finalized At (UTC)"),
        "status": ("Status",),
        "fingerprint": ("Card Fingerprint",),
        "card": ("Card ID",),
        "brand": ("Card Brand",),
    },
    needs=("id", "due", "currency", "customer", "failed_at", "status"),
    dates="failed_at",
    read_row=read_invoice,
)

PAYMENTS = Kind(
    name="Stripe, Payments",
    columns={
        "id": ("Invoice ID",),
        "due": ("Amount",),
        "currency": ("Currency",),
        "customer": ("Customer ID",),
        "name": ("Customer Name", "Card Name"),
        "email": ("Customer Email",),
        "subscription": ("Subscription ID", "Subscription"),
        "failed_at": ("Created date (UTC)", "Created (UTC)"),
        "status": ("Status",),
        "decline": ("Decline Reason",),
        "fingerprint": ("Card Fingerprint",),
        "card": ("Card ID",),
        "brand": ("Card Brand",),
    },
    needs=("id", "due", "currency", "customer", "failed_at", "status", "decline"),
    dates="failed_at",
    read_row=read_payment,
)
