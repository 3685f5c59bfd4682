"""Vendors' exports: known by their header, every record accounted for, a bad row told by line and column."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.payments import DeclineCodes
from integrations.csv_reading import UnreadableFile
from integrations.exports import Export, read_export

INVOICE = {
    "id": "in_1",
    "Amount Due": "49.90",
    "Amount Remaining": "49.90",
    "Currency": "usd",
    "Customer": "cus_1",
    "Customer Name": "Larsen, Bo",
    "Customer Email": "bo@example.com",
    "Date (UTC)": "2026-09-15 08:00",
    "Status": "open",
    "Subscription": "sub_1",
}
PAYMENT = {
    "id": "pi_1",
    "Created date (UTC)": "2026-09-15 08:00",
    "Amount": "49.90",
    "Currency": "usd",
    "Status": "Failed",
    "Decline Reason": "insufficient_funds",
    "Customer ID": "cus_1",
    "Customer Email": "bo@example.com",
    "Invoice ID": "in_1",
    "Card Fingerprint": "fp_1",
    "Card ID": "card_1",
    "Card Brand": "Visa",
}
CAMPAIGN = {
    "payment_source_id": "in_1",
    "payment_amount_in_cents": "4990",
    "currency": "USD",
    "customer_source_id": "cus_1",
    "email": "bo@example.com",
    "first_name": "Bo",
    "last_name": "Larsen",
    "phone_number": "+12035550142",
    "country_code": "us",
    "subscription_source_id": "sub_1",
    "started_at": "2026-09-15T08:00:00Z",
    "decline_code": "expired_card",
    "state": "active",
}
FAILED_AT = datetime(2026, 9, 15, 8, tzinfo=UTC)


def table(first: dict[str, str], *changes: dict[str, str], end: str = "\r\n") -> bytes:
    """A CSV file of the first row changed once for each change; no change gives the row as it is."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(first), lineterminator=end)
    writer.writeheader()
    for change in changes or ({},):
        writer.writerow(first | change)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def test_an_invoice_of_stripe_is_a_failed_renewal_without_a_reason() -> None:
    export = read_export(table(INVOICE))
    (failure,) = export.failures
    assert export.kind == "Stripe, Invoices"
    assert (failure.id, failure.subscription, failure.line) == ("in_1", "sub_1", 2)
    assert (failure.amount, failure.failed_at) == (Money(4990, "USD"), FAILED_AT)
    assert (failure.customer.id, failure.customer.name, failure.customer.email) == (
        "cus_1",
        "Larsen, Bo",
        "bo@example.com",
    )
    assert failure.codes == DeclineCodes()


def test_what_remains_is_asked_for_and_not_what_was_due() -> None:
    export = read_export(table(INVOICE, {"Amount Remaining": "20.00"}, {"id": "in_2", "Amount Remaining": ""}))
    assert [failure.amount.minor for failure in export.failures] == [2000, 4990]


def test_a_payment_of_stripe_brings_its_code_and_card() -> None:
    (failure,) = read_export(table(PAYMENT)).failures
    assert failure.id == "in_1"
    assert (failure.codes.code, failure.codes.network) == ("insufficient_funds", "visa")
    assert failure.card is not None
    assert (failure.card.fingerprint, failure.card.network) == ("fp_1", "visa")


def test_a_campaign_of_churn_buster_is_read_in_cents() -> None:
    export = read_export(table(CAMPAIGN))
    (failure,) = export.failures
    assert export.kind == "Churn Buster, failed payments"
    assert (failure.amount, failure.failed_at) == (Money(4990, "USD"), FAILED_AT)
    assert (failure.customer.name, failure.customer.phone, failure.customer.country) == (
        "Bo Larsen",
        "+12035550142",
        "US",
    )
    assert failure.codes.code == "expired_card"


def test_dotted_names_are_the_same_columns() -> None:
    dotted = {
        name.replace("payment_", "payment.").replace("customer_", "customer."): value
        for name, value in CAMPAIGN.items()
    }
    assert len(read_export(table(dotted)).failures) == 1


@pytest.mark.parametrize(
    ("row", "change", "why"),
    [
        (INVOICE, {"Status": "paid"}, "the invoice is paid"),
        (INVOICE, {"Status": "Void"}, "the invoice is void"),
        (INVOICE, {"Status": "draft"}, "the invoice is draft"),
        (INVOICE, {"Status": "uncollectible"}, "the invoice is uncollectible"),
        (PAYMENT, {"Status": "Paid"}, "the payment is paid"),
        (PAYMENT, {"Status": "Refunded"}, "the payment is refunded"),
        (PAYMENT, {"Invoice ID": ""}, "the payment belongs to no invoice, so it is no renewal"),
        (CAMPAIGN, {"state": "won"}, "the campaign is won"),
    ],
)
def test_what_is_no_failure_is_left_out_with_its_line(row: dict[str, str], change: dict[str, str], why: str) -> None:
    export = read_export(table(row, change))
    assert (export.failures, export.bad) == ((), ())
    assert export.left_out == ((2, why),)


@pytest.mark.parametrize(
    ("row", "change", "column", "said"),
    [
        (INVOICE, {"id": ""}, "id", "is empty"),
        (INVOICE, {"id": "1.5E+15"}, "id", "shortened by a spreadsheet"),
        (INVOICE, {"Customer": ""}, "Customer", "is empty"),
        (INVOICE, {"Amount Remaining": "49,90"}, "Amount Remaining", "is not an amount like 1234.50"),
        (INVOICE, {"Amount Remaining": "0.00"}, "Amount Remaining", "nothing to collect"),
        (INVOICE, {"Currency": ""}, "Currency", "--currency USD"),
        (INVOICE, {"Date (UTC)": "9/5/2026"}, "Date (UTC)", "--date-format"),
        (INVOICE, {"Date (UTC)": "42059.48"}, "Date (UTC)", "a spreadsheet's day number"),
        (INVOICE, {"Customer Email": "bo@"}, "Customer Email", "is no e-mail address"),
        (INVOICE, {"Status": "odd"}, "Status", '"odd" is no status'),
        (PAYMENT, {"Status": ""}, "Status", "is empty"),
        (CAMPAIGN, {"payment_amount_in_cents": "49.90"}, "payment_amount_in_cents", "a whole number of cents"),
        (CAMPAIGN, {"phone_number": "203 555 0142"}, "phone_number", "is no international number"),
        (CAMPAIGN, {"state": "odd"}, "state", "is no state"),
    ],
)
def test_a_bad_row_is_told_by_line_and_column_and_the_rest_is_read(
    row: dict[str, str], change: dict[str, str], column: str, said: str
) -> None:
    identity = "id" if row is INVOICE else "Invoice ID" if row is PAYMENT else "payment_source_id"
    export = read_export(table(row, {}, {identity: "in_2"} | change, {identity: "in_3"}))
    assert [failure.id for failure in export.failures] == ["in_1", "in_3"]
    (bad,) = export.bad
    assert (bad.line, bad.column) == (3, column)
    assert said in bad.reason
    assert change[column] in bad.raw


def test_a_file_whose_dates_show_their_order_needs_no_help() -> None:
    export = read_export(
        table(INVOICE, {"Date (UTC)": "9/5/2026 08:00"}, {"id": "in_2", "Date (UTC)": "9/15/2026 08:00"})
    )
    assert [failure.failed_at.date().isoformat() for failure in export.failures] == ["2026-09-05", "2026-09-15"]


def test_the_date_format_that_was_said_decides() -> None:
    data = table(INVOICE, {"Date (UTC)": "9/5/2026"})
    assert read_export(data, date_format="d/m/Y").failures[0].failed_at.date().isoformat() == "2026-05-09"
    assert read_export(data, date_format="m/d/Y").failures[0].failed_at.date().isoformat() == "2026-09-05"


def test_na_as_a_name_and_a_number_as_an_id_are_kept() -> None:
    (failure,) = read_export(table(INVOICE, {"Customer": "17850.0", "Customer Name": "NA"})).failures
    assert (failure.customer.id, failure.customer.name) == ("17850", "NA")


def test_several_tries_of_one_invoice_are_one_failure_with_the_first_day_and_the_latest_reason() -> None:
    export = read_export(
        table(
            PAYMENT,
            {"Created date (UTC)": "2026-09-17 08:00", "Decline Reason": "expired_card"},
            {"Created date (UTC)": "2026-09-15 08:00", "Decline Reason": "insufficient_funds"},
            {"Created date (UTC)": "2026-09-16 08:00", "Decline Reason": "do_not_honor"},
        )
    )
    (failure,) = export.failures
    assert (failure.failed_at, failure.codes.code) == (FAILED_AT, "expired_card")
    assert [left.line for left in export.left_out] == [3, 4]


def test_a_file_that_is_no_known_export_says_what_it_lacks_and_what_is_known() -> None:
    with pytest.raises(UnreadableFile, match=r"for Stripe, Invoices it lacks Customer, Status\. Known are: .*Churn"):
        read_export(b"id,Amount Due,Currency,Date (UTC)\nin_1,1,usd,2026-09-15\n")


FIELDS = st.sampled_from(
    ["", "open", "paid", "NA", "42059.48", "9/5/2026", "2026-09-15", "49.90", "-1", 'a "b', "x\ny"]
)


@given(st.lists(st.fixed_dictionaries({name: FIELDS for name in INVOICE}), max_size=8))
def test_every_record_is_accounted_for_whatever_it_holds(changes: list[dict[str, Any]]) -> None:
    rows = [change | {"id": f"in_{number}"} for number, change in enumerate(changes)]
    export: Export = read_export(table(INVOICE, {"id": "in_first"}, *rows))
    assert len(export.failures) + len(export.bad) + len(export.left_out) == export.records == len(rows) + 1
