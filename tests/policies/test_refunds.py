"""`policies/refunds.toml`: what it says as shipped, every mistake by file and line, and what makes a version."""

import re
from pathlib import Path

import pytest

from domain.refund_rules import RULES
from policies.findings import PolicyErrors
from policies.load import inspect
from policies.refunds import FILE, load_refunds
from tests.policies.conftest import Pages

POLICY = load_refunds().policy


def told(pages: Pages) -> list[str]:
    """What `recoup policy list` says of the files."""
    return [str(finding) for finding in inspect(pages.folder)[1]]


def test_the_policy_as_shipped_asks_before_much_is_open_and_never_after() -> None:
    for currency, cap in POLICY.order_cap_minor.items():
        assert cap <= POLICY.customer_cap_minor[currency] <= POLICY.shop_hour.sum_minor[currency]
        assert POLICY.shop_hour.sum_minor[currency] <= POLICY.shop_day.sum_minor[currency]
    assert set(POLICY.limits) == {"customer", "address", "card"}
    assert POLICY.lost_allowed == 0
    assert "no-early-refund" in POLICY.excluded_customer_tags
    assert POLICY.excluded_orders == {"b2b", "subscription", "draft"}


def test_the_page_names_only_rules_that_there_are(pages: Pages) -> None:
    named = set(re.findall(r"\b[EVSGBA]-\d\d\b", (pages.folder / FILE).read_text("utf-8")))
    assert named and named <= set(RULES)


MISTAKES = [
    ("grace_days = 30", "grace_dyas = 30", "did you mean grace_days?"),
    ("grace_days = 30", 'grace_days = "30"', 'is the text "30", must be a whole number'),
    ("grace_days = 30", "grace_days = -1", "is -1, must be from 0 to 730"),
    ('tags = ["VIP"]', 'tags = "VIP"', "must be a list in square brackets"),
    ('tags = ["VIP"]', 'tags = [" "]', "it would fit everything that has no name"),
    ("accept_portal_status = true", 'accept_portal_status = "yes"', "must be true or false, without quotes"),
    ("USD = 200000", "usd = 200000", "is no currency"),
    ("USD = 50000", "USD = 500.00", "is the number 500.0, must be a whole number"),
    (
        "[caps.customer]         # G-02\nUSD = 100000",
        "[caps.customer]\nUSD = 100",
        "the customer's cap is reached first",
    ),
    ("[caps.customer]         # G-02\nUSD = 100000\n", "[caps.customer]\n", "add USD to [caps.customer]"),
    ('per = "card"', 'per = "crad"', "did you mean card?"),
    ('per = "card"', 'per = "address"', "one limit for each number of days"),
    ("count = 200", "count = 20", "a day holds at least what an hour does"),
    ("sum = { USD = 2000000,", "sum = { USD = 2000,", "a day holds at least what an hour does"),
    ("sum = { USD = 500000, ", "sum = { ", "a person would be asked for every refund in it"),
    ("return_rate_percent = 50", "return_rate_percent = 500", "is 500, must be from 1 to 100"),
    ('["no-early-refund"]', '["vip"]', "which is a VIP tag"),
    ('"draft"]', '"drafts"]', "did you mean draft?"),
    ('senders = ["maya", "ines", "tom"]', 'senders = ["maja"]', "did you mean maya?"),
    ('senders = ["maya", "ines", "tom"]', 'senders = ["priya"]', "names nobody who consented"),
    ("[exposure]", "[expsoure]", "did you mean exposure?"),
    ("[guards]", "[guards", "cannot be read"),
]
"""(what stands there, what is written instead, what is told)."""


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[each[1] for each in MISTAKES])
def test_a_mistake_is_named_by_file_line_and_remedy(pages: Pages, old: str, new: str, said: str) -> None:
    first, last = pages.change(FILE, old, new)
    findings = [one for one in inspect(pages.folder)[1] if said in str(one)]
    assert findings, told(pages)
    assert {one.file for one in findings} == {FILE}
    table_header = 7
    assert first - table_header <= findings[0].line <= last + table_header, str(findings[0])
    with pytest.raises(PolicyErrors, match=re.escape(f"{FILE}:")):
        load_refunds(pages.folder)


def test_a_policy_that_makes_nobody_a_vip_is_told(pages: Pages) -> None:
    pages.change(FILE, 'tags = ["VIP"]', "tags = []")
    assert told(pages) == [], "lifetime spend still makes one"
    for amount in ("USD = 200000", "EUR = 200000", "GBP = 170000"):
        pages.change(FILE, amount + "\n", "\n")
    assert "nobody would be a VIP" in told(pages)[0]


def test_all_mistakes_are_told_at_once_and_a_wrong_number_only_once(pages: Pages) -> None:
    pages.change(FILE, "count = 200", "count = 0.5")
    pages.change(FILE, "slack_minutes = 10", "slack_minutes = true")
    assert len(told(pages)) == 2


def test_a_missing_file_is_named_and_refused(pages: Pages) -> None:
    (pages.folder / FILE).unlink()
    assert f"{FILE}: is missing → restore it: git checkout policies/{FILE}" in told(pages)
    with pytest.raises(PolicyErrors, match=re.escape(f"{FILE}: is missing")):
        load_refunds(pages.folder)


def test_a_version_is_the_same_for_other_comments_and_another_one_for_another_number(pages: Pages) -> None:
    before = load_refunds(pages.folder)
    assert re.fullmatch(r"r-[0-9a-f]{8}", before.version)
    pages.change(FILE, "grace_days = 30 ", "# The lead asked for this.\ngrace_days   =   30 ")
    assert load_refunds(pages.folder).version == before.version
    pages.change(FILE, "slack_minutes = 10", "slack_minutes = 11")
    assert load_refunds(pages.folder).version != before.version
    assert '"slack_minutes": 10' in before.body


def test_the_folder_may_be_another_one(pages: Pages, tmp_path: Path) -> None:
    assert load_refunds(pages.folder).version == load_refunds().version
    with pytest.raises(PolicyErrors):
        load_refunds(tmp_path / "nowhere")
