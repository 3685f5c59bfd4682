"""Real volume and real bodies: a shop's customers, 27 gateways' decline reasons, 918 refusals, Stripe's events.

The data is not ours and does not come with the project; without ../shared these tests are skipped.
`RECOUP_TEST_VOLUME` is how many renewals fail (400 where it is not set).
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from domain.declines import RETRYING, TREATMENTS, classify
from domain.payments import DeclineCodes
from integrations.errors import VendorError
from integrations.fields import at
from integrations.http import json_object
from integrations.pages import read_page
from integrations.sandbox import Addresses
from integrations.stripe import charges, mapping
from ledger.checks import verify
from ledger.reports import statement
from policies.load import load_dunning
from settings import load
from store.db import connect, reading
from tests.scenarios import invariants, real_sales
from tests.scenarios.living import Lived, Vendors, live_through

FIRST_DAY, HAND_OVER = date(2026, 1, 15), date(2026, 1, 27)
SHOP = ("Gift House", "Europe/London", "GBP")
ON = date(2026, 1, 15)

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not real_sales.SALES.exists(), reason="../shared is absent: it has the real sales and refusals"),
]


def test_twelve_days_of_dunning_for_a_real_shops_customers(addresses: Addresses, tmp_path: Any) -> None:
    found = real_sales.read_sales()
    assert len(found.sales) > 4_000
    failures = int(os.environ.get("RECOUP_TEST_VOLUME", "400"))
    seed = real_sales.billing_day(found.sales, real_sales.standard_reasons(), failures)
    lived = asyncio.run(live_through(addresses, tmp_path, seed, (FIRST_DAY, HAND_OVER), shop=SHOP))
    owner = {item["id"]: item["customer"] for item in seed["stripe"]["renewals"]}
    addressed = {who[key]: who["id"] for who in seed["stripe"]["customers"] for key in ("email", "phone")}
    vendors, engine = Vendors(addresses), connect(lived.settings.database_url)
    try:
        tried, told = vendors.charges(), vendors.messages()
        failed = {charge.renewal: charge for charge in tried if not charge.paid}
        assert invariants.effects_more_than_once(vendors) == []
        assert invariants.two_messages_on_one_day(told, addressed, SHOP[1]) == []
        assert invariants.messages_after_payment(told, tried, addressed, owner) == []
        assert invariants.cards_above_budget(tried, load_dunning(load().policies_dir).policy.budgets) == []
        with reading(engine) as connection:
            assert verify(connection).first is None
            assert invariants.unexplained_money(connection, tried, vendors.money_back()) == ""
            (book,) = statement(connection, "2026-01").books
    finally:
        vendors.close()
        engine.dispose()
    amounts = {item["id"]: item["amount"] for item in seed["stripe"]["renewals"]}
    assert (book.cohort.failed.count, book.cohort.failed.minor) == (failures, sum(amounts[each] for each in failed))
    parts = (*book.cohort.recovered, *book.cohort.lost, book.cohort.open)
    assert sum(line.count for line in parts) == failures
    assert lived.problems == []
    assert lived.done("hand_over", HAND_OVER) > 0
    _print_rates(found, failures, lived)


def _print_rates(found: real_sales.Sales, failures: int, lived: Lived) -> None:
    print(f"\n{found.rows:,} rows read; left out: {dict(found.left_out)}")
    print(f"{'renewals':>10}{'failed':>10}{'steps':>10}{'seconds':>10}{'steps/s':>10}")
    rate = lived.steps / lived.seconds
    print(f"{len(found.sales):>10,}{failures:>10,}{lived.steps:>10,}{lived.seconds:>10.1f}{rate:>10.1f}")


def test_every_gateways_reason_has_a_treatment_and_an_unknown_one_is_tried_with_caution_and_reported() -> None:
    table = load_dunning(load().policies_dir).declines
    reasons = set(real_sales.standard_reasons())
    found = {reason: classify(DeclineCodes(code=reason), table, ON) for reason in reasons}
    assert {each.treatment for each in found.values()} <= set(TREATMENTS)
    for reason, each in found.items():
        if not each.known:
            assert (each.treatment, each.unknown_codes) == ("cautious", (reason,))
    assert found["expired_card"].treatment not in RETRYING
    assert found["pickup_card"].treatment not in RETRYING


def test_every_recorded_refusal_is_read_as_a_value_or_as_an_error_of_ours() -> None:
    table = load_dunning(load().policies_dir).declines
    ends: Counter[str] = Counter()
    lines = real_sales.BODIES.read_text(encoding="utf-8").splitlines()
    for line in lines:
        recorded = json.loads(line)
        ends[_end(recorded["body"], table)] += 1
    print(f"\n{dict(ends)}")
    assert sum(ends.values()) == len(lines) == 918
    assert ends["declined"] >= 10
    assert ends["not readable"] >= 500


def _end(body: str, table: Any) -> str:
    """How a call that was answered with this body would end."""
    try:
        answer = json_object("stripe", "a recorded refusal", httpx.Response(402, content=body.encode()))
        result = charges.result_of_error(at(answer, "error"))
        for read in READERS.values():
            _all_read([answer], read)
    except VendorError:
        return "not readable"
    except ValueError:
        return "damaged"
    if result is None:
        return "no refusal of a card"
    assert classify(result.codes, table, ON).treatment in TREATMENTS
    return "declined"


READERS: dict[str, Callable[[Any], Any]] = {
    "invoice": mapping.read_renewal,
    "charge": lambda raw: charges.read_attempt(raw, {}),
    "refund": lambda raw: charges.read_refund(raw, {}),
    "dispute": lambda raw: charges.read_dispute(raw, {}),
    "customer": mapping.read_person,
    "payment_method": mapping.read_card,
}


def test_every_object_in_stripes_events_is_read_left_out_or_quarantined_with_its_reason() -> None:
    files = sorted(real_sales.EVENTS.glob("*.json"))
    assert len(files) > 80
    ends: dict[str, Counter[str]] = {kind: Counter() for kind in READERS}
    for file in files:
        item = at(json.loads(file.read_text(encoding="utf-8")), "data.object")
        kind = at(item, "object")
        if kind in READERS:
            ends[kind].update(_all_read([item], READERS[kind]))
    print(f"\n{ {kind: dict(counted) for kind, counted in ends.items()} }")
    for kind in ("invoice", "charge", "dispute"):
        assert ends[kind].total() > 0, kind
    assert ends["charge"]["read"] > 0


def _all_read(raw: list[Any], read: Callable[[Any], Any]) -> Counter[str]:
    """Read, left out or quarantined, each item counted once; what is quarantined is whole and says why."""
    page = read_page("stripe", "object", raw, read)
    for kept in page.unreadable:
        assert kept.problem
        assert json.loads(kept.raw) in raw
    found = Counter({"read": len(page.items), "quarantined": len(page.unreadable)})
    return found + Counter({"left out": len(raw) - found.total()})
