"""Loading the policies: what they say as shipped, what is told about a mistake, and what makes a version."""

from datetime import date
from time import perf_counter

import pytest

from domain.dunning_policy import pick_sender
from domain.money import Money
from policies.load import (
    inspect,
    load_body,
    load_costs,
    load_dunning,
    load_messages,
    load_quiet_hours,
    load_senders,
    version_of,
)
from tests.policies.conftest import Pages

POLICY = load_dunning().policy


def test_the_policies_as_shipped_are_in_order(pages: Pages) -> None:
    assert inspect(pages.folder) == (load_dunning().version, ())


def test_the_window_is_the_storys_twelve_days() -> None:
    assert (POLICY.hand_over_day, POLICY.give_up_day) == (12, 28)
    assert [mail.day for mail in POLICY.follow_ups] == [0, 2, 4]
    assert [rung.day for rung in POLICY.beneath] == [13, 16, 18]


@pytest.mark.parametrize("treatment", ["wait", "soon", "cautious"])
def test_a_soft_refusal_is_retried_first_and_written_about_later(treatment: str) -> None:
    ladder = POLICY.ladders[treatment]
    assert ladder.charges[0].day < ladder.messages[0].day == 3
    assert all(1 <= rung.day <= 10 for rung in ladder.charges)
    assert 1 + len(ladder.charges) <= 6


@pytest.mark.parametrize("treatment", ["fix", "never"])
def test_a_hard_refusal_is_written_about_at_once_and_never_retried(treatment: str) -> None:
    ladder = POLICY.ladders[treatment]
    assert ladder.charges == ()
    assert ladder.messages[0].day == 0


def test_every_ladder_has_one_text_and_ends_with_the_required_notice_before_the_hand_over() -> None:
    for ladder in POLICY.ladders.values():
        assert [rung.action for rung in ladder.messages].count("sms") == 1
        assert ladder.messages[-1].required
        assert ladder.messages[-1].day < POLICY.hand_over_day
        assert len({rung.senders[0] for rung in ladder.messages if rung.senders}) > 1


def test_the_budgets_are_the_stricter_ones_of_those_that_are_published() -> None:
    assert POLICY.budget("visa").per_30_days == 15
    assert (POLICY.budget("mastercard").per_day, POLICY.budget("mastercard").per_30_days) == (10, 35)
    assert (POLICY.budget("mastercard").spacing_days, POLICY.budget("visa").spacing_days) == (1, 2)
    assert POLICY.budget("elo") == POLICY.budget("default")


def test_charges_in_the_whole_window_fit_into_the_strictest_budget() -> None:
    assert POLICY.max_charges <= POLICY.budget("visa").per_30_days


def test_only_who_agreed_and_is_here_signs() -> None:
    senders = load_senders()
    assert pick_sender(("jonas", "maya"), senders, date(2026, 6, 29)) == "jonas"
    assert pick_sender(("jonas", "maya"), senders, date(2026, 6, 30)) == "maya"
    assert pick_sender(("tom", "ines"), senders, date(2026, 12, 24)) == "ines"
    assert pick_sender(("tom", "ines"), senders, date(2027, 1, 3)) == "tom"
    assert pick_sender(("priya",), senders, date(2026, 11, 23)) == ""


def test_a_price_counts_from_its_day_on_and_the_past_keeps_the_older_one(pages: Pages) -> None:
    pages.write(
        "costs.toml",
        '[[cost]]\nchannel = "sms"\nfrom = 2026-01-01\nUSD = 2\n'
        '[[cost]]\nchannel = "sms"\nfrom = 2026-06-01\nUSD = 3\n',
    )
    costs = load_costs(pages.folder)
    assert costs.of("sms", "USD", date(2026, 5, 31)) == Money(2, "USD")
    assert costs.of("sms", "USD", date(2026, 6, 1)) == Money(3, "USD")
    assert costs.of("sms", "USD", date(2025, 12, 31)) is None
    assert costs.of("sms", "EUR", date(2026, 6, 1)) is None
    assert costs.of("ticket", "USD", date(2026, 6, 1)) is None


def test_a_version_is_the_same_for_other_comments_and_another_layout(pages: Pages) -> None:
    before = load_dunning(pages.folder).version
    pages.change("dunning.toml", "hand_over_day = 12 ", "\n# The lead asked for this.\nhand_over_day   =   12 ")
    assert load_dunning(pages.folder).version == before
    assert before.startswith("d-")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dunning.toml", "give_up_day = 28", "give_up_day = 29"),
        ("declines.toml", 'codes = ["insufficient_funds"]', 'codes = ["insufficient_funds", "odd"]'),
        ("declines.toml", "wait_hours = 72", "wait_hours = 73"),
    ],
)
def test_whatever_decides_makes_another_version(pages: Pages, file: str, old: str, new: str) -> None:
    before = load_dunning(pages.folder).version
    pages.change(file, old, new)
    assert load_dunning(pages.folder).version != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("senders.toml", "left_on = 2026-06-30", "left_on = 2026-05-31"),
        ("costs.toml", "USD = 2", "USD = 3"),
        ("messages/dunning_soft_1/en.txt", "answer this mail", "just answer this mail"),
    ],
)
def test_what_counts_as_it_is_today_makes_no_version(pages: Pages, file: str, old: str, new: str) -> None:
    before = load_dunning(pages.folder).version
    pages.change(file, old, new)
    assert load_dunning(pages.folder).version == before


def test_a_kept_body_gives_the_same_policy_back() -> None:
    loaded = load_dunning()
    assert version_of(loaded.body) == loaded.version
    assert load_body(loaded.body, load_senders()) == loaded


def test_a_running_case_keeps_its_ladder_while_a_leaver_signs_nothing(pages: Pages) -> None:
    body = load_dunning(pages.folder).body
    pages.change("dunning.toml", "day = 5\n", "day = 6\n")
    pages.change("dunning.toml", 'senders = ["ines", "maya", "tom"]', 'senders = ["maya", "tom"]')
    pages.change("dunning.toml", "day = 7\n", "day = 8\n")
    pages.change("dunning.toml", "day = 9\n", "day = 10\n")
    pages.change("dunning.toml", "message_gap_days = 2 ", "message_gap_days = 1 ")
    senders = {name: sender for name, sender in load_senders(pages.folder).items() if name != "ines"}
    kept = load_body(body, senders).policy
    assert [rung.day for rung in kept.ladders["wait"].messages] == [3, 5, 7, 9, 11]
    assert [rung.day for rung in load_dunning(pages.folder).policy.ladders["wait"].messages] == [3, 6, 8, 10, 11]
    assert pick_sender(kept.ladders["wait"].messages[2].senders, kept.senders, date(2026, 11, 23)) == "maya"


def test_everything_is_loaded_within_tens_of_milliseconds() -> None:
    best = min(_seconds() for _ in range(5))
    assert best < 0.5, "about 0.03 on an idle machine"


def _seconds() -> float:
    start = perf_counter()
    load_dunning(), load_senders(), load_costs(), load_messages(), load_quiet_hours()
    return perf_counter() - start
