"""The demo's made-up store, its folder and its lines, without living through anything."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from commands import demo_home
from commands.demo_figures import Day, bar_line, day_line, head_line
from commands.demo_returns import PLAN, returns
from commands.demo_seed import CUSTOMERS, DECLINES, FIRST, LAST, store
from commands.output import Failure

SEEDS = range(1, 41)


def test_the_same_seed_is_the_same_store_and_another_is_another() -> None:
    assert store(7) == store(7)
    assert store(7).seed() != store(8).seed()


def test_the_month_lasts_until_the_last_case_has_ended_and_the_next_renewal_is_near() -> None:
    assert (FIRST.day, (LAST - FIRST).days + 1) == (15, 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_store_has_a_charge_whose_answer_is_lost_and_money_that_goes_back(seed: int) -> None:
    made = store(seed)
    renewals = {item["id"]: item for item in made.renewals}
    broken = renewals[made.broken]
    assert broken["outcomes"] == ["insufficient_funds"]
    assert "ok_from" in broken
    done = Counter(action["do"] for item in made.renewals for action in item["actions"])
    assert {"refund", "disputes", "cancels", "pays", "new_card"} <= set(done)
    assert (done["refund"], done["disputes"]) == (2, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_store_has_the_people_that_make_dunning_hard(seed: int) -> None:
    made = store(seed)
    people = made.customers
    assert {person["language"] for person in people} == {"en", "de", "fr"}
    assert any(person["metadata"].get("vip") for person in people)
    assert any(person["email"] is None for person in people)
    assert {person["metadata"]["sms_consent"] for person in people} == {"yes", "no"}
    assert max(Counter(item["customer"] for item in made.renewals).values()) == 2
    assert len(made.renewals) > CUSTOMERS == len(people)


def test_all_seeds_together_have_every_decline() -> None:
    seen = set()
    for seed in SEEDS:
        for item in store(seed).renewals:
            outcome = item["outcomes"][0]
            seen.add(outcome["code"] if isinstance(outcome, dict) else outcome)
    assert seen == {decline.code for decline in DECLINES}


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_in_the_store_can_be_a_real_person(seed: int) -> None:
    people = store(seed).customers
    assert all(person["email"] is None or person["email"].endswith("@example.com") for person in people)
    numbers = [person["phone"] for person in people if person["phone"]]
    assert len(numbers) == len(set(numbers))
    kept_for_films = re.compile(r"\+1\d{3}55501\d\d|\+493023125\d{3}|\+3319900\d{4}")
    assert [number for number in numbers if not kept_for_films.fullmatch(number)] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_every_store_has_every_kind_of_return_and_no_guard_fires_by_accident(seed: int) -> None:
    made = returns(seed)
    assert made == returns(seed)
    assert len(made.returns) == len(PLAN) == len(made.customers)
    assert set(made.cases) == {kind for _, kind in PLAN}
    tent = next(item["id"] for item in made.orders if item["lines"][0]["sku"] == "tent")
    assert next(f"loop-{item['id']}/" for item in made.returns if item["order"] == tent) in made.cases["above_cap"]
    ways = [(item["ship_to"]["address1"], item["tenders"][0]["card"]["number"]) for item in made.orders]
    assert len({street for street, _ in ways}) == len({card for _, card in ways}) == len(ways)
    for shopper, (_, kind) in zip(made.customers, PLAN, strict=True):
        vip = "VIP" in shopper["tags"] or float(shopper["spent"]) >= 2000
        assert (vip, shopper["orders"] >= 4) == (kind != "usual", True), kind


def test_a_day_stands_under_its_heads_and_a_loss_keeps_the_digits_in_place() -> None:
    lines = [
        head_line(),
        day_line(Day(date(2026, 6, 15), 104, 0, 26, 0, 0, 0, 1, 106, (-80, 0))),
        day_line(Day(date(2026, 6, 27), 0, 3, 0, 1, 50, 12, 0, 1234, (123456, 45982))),
    ]
    assert [line.rstrip() for line in lines] == [
        "  Day            failed  charged  written  recovered  handed over  refunds  held  entries  USD booked  EUR booked",  # noqa: E501
        "  Mon 2026-06-15    104        ·       26          ·            ·        ·     1      106       (0.80)       0.00",  # noqa: E501
        "  Sat 2026-06-27      ·        3        ·          1           50       12     ·    1,234    1,234.56      459.82",  # noqa: E501
    ]


@pytest.mark.parametrize(("done", "full"), [(0, 0), (15, 15), (30, 30)])
def test_the_bar_is_as_full_as_the_month(done: int, full: int) -> None:
    assert bar_line(done, 30, 12.3).count("█") == full


def test_a_folder_that_is_no_demos_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "recoup.db").write_text("somebody's books")
    with pytest.raises(Failure, match="is not a demo's folder"):
        demo_home.empty(tmp_path, 7)
    assert (tmp_path / "recoup.db").read_text() == "somebody's books"


def test_a_demos_folder_is_emptied_but_for_its_lock(tmp_path: Path) -> None:
    demo_home.empty(tmp_path, 7)
    (tmp_path / demo_home.LOCK).touch()
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "prefect.db").touch()
    (tmp_path / "recoup.db").touch()
    demo_home.empty(tmp_path, 8)
    assert {path.name for path in tmp_path.iterdir()} == {demo_home.MARKER, demo_home.LOCK}


def test_only_one_demo_has_the_folder(tmp_path: Path) -> None:
    with demo_home.taken(tmp_path), pytest.raises(Failure, match="Another demo is running"), demo_home.taken(tmp_path):
        pass
    with demo_home.taken(tmp_path):
        pass
