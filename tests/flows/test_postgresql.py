"""The same flows on PostgreSQL: a case of every kind is lived through, from the failure to the write-off."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from integrations.sandbox import Addresses
from store.db import transaction
from store.leases import take
from store.tables import cases, leases
from tests.conftest import Database
from tests.flows.shop import DAY, HARD, REVOKED, SOFT, Shop, customer, open_shop, renewal, unsound

pytestmark = pytest.mark.anyio
FIRST = DAY - timedelta(days=12)


@pytest.fixture
async def shop(vendors: Addresses, postgresql_database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose tables and books are in PostgreSQL, under the application's role."""
    url = postgresql_database.app.url.render_as_string(hide_password=False)
    async with open_shop(vendors, tmp_path / "unused.db", changed={"RECOUP_DATABASE_URL": url}) as found:
        yield found


async def test_a_month_on_postgresql_ends_with_sound_books_and_no_effect_twice(shop: Shop) -> None:
    seeds = [
        renewal("paid", SOFT, "ok", on=FIRST), renewal("soft", SOFT, on=FIRST), renewal("hard", HARD, on=FIRST),
        renewal("gone", HARD, on=FIRST), renewal("no", REVOKED, on=FIRST), renewal("vip", HARD, on=FIRST),
        renewal("late", HARD, on=FIRST),
    ]  # fmt: skip
    people = [customer(item["customer"][4:]) for item in seeds]
    people[5]["metadata"] = {"vip": "yes"}
    shop.put(FIRST)
    shop.seed(*seeds, customers=people)
    for number in range(33):
        day = FIRST + timedelta(days=number)
        if number == 6:
            shop.act("cancels", "gone")
        if number == 14:
            shop.act("pays", "late")
        if number == 15:
            shop.act("refund", "paid")
        shop.reports += await shop.life.live(day)
    ended = {row.id: row.outcome for row in shop.rows(cases)}
    assert ended == {
        "in_paid": "written_off", "in_soft": "written_off", "in_hard": "written_off", "in_gone": "cancelled",
        "in_no": "written_off", "in_vip": "written_off", "in_late": "recovered",
    }  # fmt: skip
    # One refund was made by hand, so the cash of that renewal went out again.
    assert [line for line in unsound(shop.life.c.engine, shop.control, ended) if "were paid" not in line] == []
    assert shop.balance("Assets") == 4990
    assert [report.problems for report in shop.reports if report.problems] == []


def test_one_of_two_runs_that_ask_for_the_lease_at_once_gets_it(postgresql_database: Database) -> None:
    engine = postgresql_database.app
    answers, ready = list[bool](), Barrier(2)

    def ask() -> None:
        ready.wait()
        with transaction(engine) as connection:
            answers.append(take(connection, "dunning", datetime.now(UTC)))

    for _ in range(10):
        answers.clear()
        both = [Thread(target=ask) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert sorted(answers) == [False, True]
        with transaction(engine) as connection:
            connection.execute(leases.delete())
