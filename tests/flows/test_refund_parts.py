"""A refund of which only a part went: what went is booked and told, the rest is a person's."""

from datetime import UTC, datetime

import pytest

from domain.money import Money
from domain.orders import RefundAnswer
from domain.people import Person
from store import cases
from store.db import reading
from tasks.performing import Job, Run
from tasks.refunding import settlement
from tests.flows.returns_shop import Returns, case_of, order
from tests.flows.shop import DAY, Shop

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 27, 17, tzinfo=UTC)


async def test_given_one_of_two_tenders_fails_then_the_other_is_booked_and_a_person_has_the_rest(shop: Shop) -> None:
    returns = Returns(shop)
    returns.seed(orders=[order(tenders=[{"gateway": "shopify_payments", "amount": "50.00", "refunds": "pending"}])])
    returns.act()
    await returns.run()
    key = f"refunds/{case_of()}"
    step = returns.step(key)
    with reading(returns.c.engine) as connection:
        case = cases.by_id(connection, [case_of()])[case_of()]
    job = Job(step, case, Person(id=case.customer), Run("refunds", DAY, NOW, ""))
    answer = RefundAnswer(state="failed", ref=step.vendor_ref, amount=Money(2000, "USD"), at=NOW, why="closed card")
    found = settlement(returns.c, job, answer)
    assert (found.state, found.amount) == ("done", Money(2000, "USD"))
    assert dict(found.case_changes)["failed_minor"] == 2000
    (entry,) = found.entries
    assert sum(line.minor for line in entry.postings if line.minor > 0) == 2000
    returns.c.writer.post([found])
    await returns.run()
    assert returns.step(f"{key}/person-failed").state == "done"
