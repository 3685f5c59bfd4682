"""A real shop's sales (UCI Online Retail, CC BY 4.0) as one billing day: every customer renews what they bought last.

Rules, in this order: exact duplicates count once; a row without a customer, a credit note (C…) or a bad debt (A…), and
a row with no positive quantity or price is left out and counted; ids lose the `.0` that the files carry; an amount
is a customer's last invoice, to the penny.
"""

import csv
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from integrations.csv_reading import read_id

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
SALES = SHARED / "data" / "online_retail" / "online_retail.parquet"
DECLINES = SHARED / "data" / "active_merchant_declines" / "gateway_code_to_standard.csv"
BODIES = SHARED / "data" / "active_merchant_declines" / "failure_responses.jsonl"
EVENTS = SHARED / "data" / "stripe_event_fixtures" / "lib" / "stripe_mock" / "webhook_fixtures"

BILLED_AT = "2026-01-15T01:00:00+00:00"
COUNTRIES = {"United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES", "Belgium": "BE",
             "Switzerland": "CH", "Netherlands": "NL", "USA": "US", "Canada": "CA", "Australia": "AU"}  # fmt: skip
LANGUAGES = {"DE": "de", "CH": "de", "FR": "fr", "BE": "fr"}
NETWORKS = ("visa", "mastercard", "visa", "amex")
LEAST_MINOR = 100


class Sale(NamedTuple):
    """A customer's last invoice."""

    customer: str
    country: str
    minor: int


class Sales(NamedTuple):
    """What was read, and how many rows were left out for which reason."""

    sales: tuple[Sale, ...]
    rows: int
    left_out: Counter[str]


def read_sales() -> Sales:
    """Every customer's last invoice, by customer."""
    from pyarrow import parquet  # type: ignore[import-untyped]

    table = parquet.read_table(SALES).to_pylist()
    left_out: Counter[str] = Counter()
    totals: dict[str, dict[tuple[Any, str], Decimal]] = {}
    countries: dict[str, str] = {}
    seen: set[tuple[Any, ...]] = set()
    for row in table:
        if reason := _reason(row, seen):
            left_out[reason] += 1
            continue
        customer = read_id(str(row["CustomerID"]))
        countries[customer] = row["Country"]
        invoice = row["InvoiceDate"], row["InvoiceNo"]
        invoices = totals.setdefault(customer, {})
        invoices[invoice] = invoices.get(invoice, Decimal(0)) + row["Quantity"] * Decimal(str(row["UnitPrice"]))
    sales = [
        Sale(customer, COUNTRIES.get(countries[customer], ""), _minor(invoices[max(invoices)]))
        for customer, invoices in sorted(totals.items())
    ]
    return Sales(tuple(sale for sale in sales if sale.minor >= LEAST_MINOR), len(table), left_out)


def _reason(row: dict[str, Any], seen: set[tuple[Any, ...]]) -> str:
    whole = tuple(row.values())
    if whole in seen:
        return "the same row again"
    seen.add(whole)
    if row["CustomerID"] is None or row["CustomerID"] != row["CustomerID"]:
        return "no customer"
    if not str(row["InvoiceNo"]).isdigit():
        return "a credit note or bad debt"
    return "" if row["Quantity"] > 0 and row["UnitPrice"] > 0 else "nothing sold or no price"


def _minor(amount: Decimal) -> int:
    return int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


def standard_reasons() -> list[str]:
    """The decline reasons that 27 gateways' codes stand for, as often as they are there."""
    with DECLINES.open(encoding="utf-8", newline="") as file:
        return [row["standard_code"] for row in csv.DictReader(file) if row["standard_code"]]


def billing_day(sales: tuple[Sale, ...], reasons: list[str], failures: int) -> dict[str, Any]:
    """The pretended vendors' seed: all renew, about `failures` are refused, each for the next of the real reasons.

    What people do then is drawn from a hash of their id, so it is the same in every run: of ten, four have the
    money within ten days, one pays after a mail, one changes the card, and four do nothing.
    """
    customers, renewals = [], []
    chosen = {sale.customer for sale in sorted(sales, key=lambda sale: _draw(sale.customer, "fails"))[:failures]}
    place = 0
    for sale in sales:
        number = int(sale.customer)
        country, fails = sale.country, sale.customer in chosen
        customers.append(
            {"id": f"cus_{sale.customer}", "name": f"Customer {sale.customer}",
             "email": f"c{sale.customer}@example.com", "phone": f"+44790{number:07}",
             "country": country, "language": LANGUAGES.get(country, "en"),
             "metadata": {"sms_consent": "yes" if number % 3 else "no"}}
        )  # fmt: skip
        renewal = {
            "id": f"in_{sale.customer}", "customer": f"cus_{sale.customer}", "amount": sale.minor, "currency": "gbp",
            "created": BILLED_AT,
            "card": {"fingerprint": f"fp_{sale.customer}", "network": NETWORKS[number % len(NETWORKS)]},
            "outcomes": [reasons[place % len(reasons)]] if fails else ["ok"],
        }  # fmt: skip
        renewals.append(renewal | (_behaves(sale.customer) if fails else {}))
        place += fails
    return {"stripe": {"customers": customers, "renewals": renewals}}


def _behaves(customer: str) -> dict[str, Any]:
    kind, day = _draw(customer, "behaves") % 10, 2 + _draw(customer, "day") % 9
    at = f"2026-01-{15 + day:02}T20:00:00+00:00"
    if kind < 4:
        return {"ok_from": at}
    if kind == 4:
        return {"actions": [{"at": at, "do": "pays"}]}
    if kind == 5:
        card = {"fingerprint": f"fp_{customer}_new", "network": "visa"}
        return {"actions": [{"at": at, "do": "new_card", "card": card, "outcomes": ["ok"]}]}
    return {}


def _draw(customer: str, what: str) -> int:
    return int(sha256(f"{customer}/{what}".encode()).hexdigest()[:8], 16)
