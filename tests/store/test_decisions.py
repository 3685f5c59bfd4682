"""Stored decisions: once each, with facts that can be read again, and what they say of a customer's being a VIP."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert

from domain.refund_case import RefundFacts, Verdict
from domain.refund_json import facts_from_json
from domain.refunds import decide
from store import decisions
from store.db import transaction
from store.tables import cases
from tests.domain.refund_values import FACTS, MADE, NOW, POLICY, SCANNED, facts
from tests.store.test_cases import row


def record(connection: Connection, found: RefundFacts, at: object = NOW) -> bool:
    """Decide and store, as a run does."""
    verdict: Verdict = decide(found, POLICY, at)  # type: ignore[arg-type]
    return bool(decisions.record(connection, [decisions.Made(verdict, found)], at, "run-1"))  # type: ignore[arg-type]


def vip_seen(connection: Connection, customer: str) -> tuple[datetime | None, datetime | None]:
    """When one customer was last found a VIP, and when none."""
    return decisions.vip_seen(connection, [customer]).get(customer, (None, None))


def test_a_repetition_is_not_stored_and_a_change_is(engine: Engine) -> None:
    waiting = facts(scans=())
    with transaction(engine) as connection:
        assert record(connection, waiting)
        assert not record(connection, waiting, NOW + timedelta(minutes=5))
        assert record(connection, FACTS, NOW + timedelta(minutes=6))
        assert record(connection, waiting, NOW + timedelta(minutes=7)), "only the last one is compared with"
        rows = decisions.of_cases(connection, [FACTS.case])[FACTS.case]
    assert [found.outcome for found in rows] == ["wait", "pay", "wait"]


def test_two_decisions_of_one_instant_are_both_kept_in_order(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert record(connection, facts(scans=()))
        assert record(connection, FACTS)
        rows = list(decisions.since(connection, NOW))
    assert [found.outcome for found in rows] == ["wait", "pay"]


def test_the_facts_are_read_again_as_they_were_and_hold_no_personal_data(engine: Engine) -> None:
    named = facts(shopper={"email": "ana@example.com", "name": "Ana Lopez"}, ret={"contact": "ana@example.com"})
    with transaction(engine) as connection:
        record(connection, named)
        stored = next(decisions.since(connection, NOW))
        paid = decisions.paid_for(connection, named.case)
    assert "ana" not in (stored.facts + stored.checks + stored.reason).lower()
    assert facts_from_json(stored.facts) == FACTS == paid


def test_reading_in_pages_leaves_nothing_out(engine: Engine) -> None:
    with transaction(engine) as connection:
        for number in range(decisions.PAGE + 3):
            record(connection, replace(FACTS, case=f"loop-{number}/label-1"))
        found = [one.case_id for one in decisions.since(connection, NOW)]
    assert len(found) == len(set(found)) == decisions.PAGE + 3


def test_70_71_only_a_tag_or_spend_that_was_looked_at_renews_a_vip_and_only_after_a_scan_denies_one(
    engine: Engine,
) -> None:
    no_tag = {"tags": ()}
    with transaction(engine) as connection:
        connection.execute(insert(cases), [row(cases, id=FACTS.case, customer="shop-c-1")])
        record(connection, facts(scans=(), shopper=no_tag), MADE)
        assert vip_seen(connection, "shop-c-1") == (None, None), "before the scan nobody is denied"
        record(connection, FACTS, SCANNED)
        record(connection, facts(shopper=no_tag, history={"vip_seen": SCANNED}), NOW)
        assert vip_seen(connection, "shop-c-1") == (SCANNED, None), "grace does not renew itself"
        record(connection, facts(shopper=no_tag), NOW + timedelta(minutes=1))
        assert vip_seen(connection, "shop-c-1") == (SCANNED, NOW + timedelta(minutes=1))
        assert vip_seen(connection, "shop-c-2") == (None, None)
