"""Rendered texts: complete or refused, with the sentences that fit what is known, and nothing smuggled in by a name."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from policies.formats import format_date, format_money
from policies.load import load_dunning, load_messages
from policies.render import RenderError, render

MESSAGES = load_messages()
VALUES = {
    "name": "Bo Larsen",
    "shop": "Northwind",
    "amount": "$49.90",
    "failed_on": "September 15, 2026",
    "last_day": "September 27, 2026",
    "sender": "Maya Lindqvist",
    "reason": "the card was refused",
    "pay_link": "https://pay.example/in_1",
    "retry_on": "September 20, 2026",
    "remedy": "",
    "order": "#1001",
    "case": "loop-98765/label-4",
    "next_action": "Approve or reject",
}


@pytest.mark.parametrize("language", MESSAGES.languages)
@pytest.mark.parametrize("name", [name for name, entry in MESSAGES.entries.items() if entry.kind != "part"])
def test_every_text_can_be_rendered_and_leaves_no_value_open(name: str, language: str) -> None:
    text = render(MESSAGES, name, language, VALUES)
    assert "$" not in (text.subject + text.body).replace("$49.90", "")
    assert text.language == language
    assert bool(text.subject) is (MESSAGES.entries[name].kind != "sms")


def test_a_mail_reads_as_one_text() -> None:
    text = render(MESSAGES, "dunning_hard_1", "en", VALUES | {"remedy": "authenticate"})
    assert text.subject == "Your Northwind payment needs you"
    assert text.body == (
        "Hello Bo Larsen,\n\n"
        "the payment of $49.90 for your subscription, due on September 15, 2026, did not go through.\n\n"
        "Your bank would like you to confirm this payment yourself. Your card is fine and you can keep it. "
        "It takes a minute here:\nhttps://pay.example/in_1\n\n"
        "If anything is unclear, answer this mail. It comes to me.\n\n"
        "Maya Lindqvist\nNorthwind"
    )


@pytest.mark.parametrize("language", MESSAGES.languages)
def test_a_charge_is_only_promised_where_one_is_planned(language: str) -> None:
    planned = render(MESSAGES, "dunning_soft_1", language, VALUES).body
    assert "September 20, 2026" in planned
    unplanned = render(MESSAGES, "dunning_soft_1", language, VALUES | {"retry_on": ""}).body
    assert MESSAGES.sources["part_no_retry", language].body in unplanned
    for word in MESSAGES.words["promise"][language]:
        assert word not in unplanned.lower()


@pytest.mark.parametrize("language", MESSAGES.languages)
def test_a_mail_still_goes_out_where_there_is_no_pay_link(language: str) -> None:
    text = render(MESSAGES, "dunning_hard_1", language, VALUES | {"pay_link": ""})
    assert MESSAGES.sources["part_pay_reply", language].body in text.body
    assert "http" not in text.body


def test_somebody_without_a_name_is_greeted_all_the_same() -> None:
    assert render(MESSAGES, "dunning_hard_1", "en", VALUES | {"name": ""}).body.startswith("Hello,\n")
    assert "Customer: (not known)" in render(MESSAGES, "staff_ours", "en", VALUES | {"name": ""}).body


@pytest.mark.parametrize("treatment", ["fix", "never", "cautious", "wait", "soon"])
def test_every_remedy_of_the_declines_has_its_sentence(treatment: str) -> None:
    remedies = {rule.remedy for rule in load_dunning().declines.rules() if rule.treatment == treatment}
    assert remedies
    for remedy in remedies:
        render(MESSAGES, "dunning_soft_1", "de", VALUES | {"remedy": remedy})


def test_who_must_confirm_is_not_asked_for_another_card() -> None:
    body = render(MESSAGES, "dunning_hard_1", "en", VALUES | {"remedy": "authenticate"}).body
    assert "confirm" in body
    assert "another card" not in body.lower()


@pytest.mark.parametrize(
    ("missing", "named"),
    [("amount", r"dunning_soft_1/en\.txt: the value \$amount was not given"), ("remedy", r"\$remedy was not given")],
)
def test_a_value_that_was_not_given_is_an_error_with_file_and_name(missing: str, named: str) -> None:
    values = {key: value for key, value in VALUES.items() if key != missing}
    with pytest.raises(RenderError, match=named):
        render(MESSAGES, "dunning_soft_1", "en", values)


def test_an_empty_value_never_leaves_a_blank() -> None:
    with pytest.raises(RenderError, match=r"\$amount is empty; nothing was sent"):
        render(MESSAGES, "dunning_soft_1", "en", VALUES | {"amount": " "})


@pytest.mark.parametrize("name", ["dunning_soft_9", "part_do_dance"])
def test_a_text_that_is_not_there_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(RenderError, match=f"{name}/en.txt is missing"):
        render(MESSAGES, name, "en", VALUES)
    with pytest.raises(RenderError, match=r"part_do_dance/en\.txt is missing"):
        render(MESSAGES, "dunning_hard_1", "en", VALUES | {"remedy": "dance"})


def test_the_language_that_was_asked_for_is_kept_beside_the_one_that_was_used() -> None:
    text = render(MESSAGES, "dunning_sms", "de-AT", VALUES)
    assert (text.language, text.asked) == ("de", ("de-at", "de"))


@given(st.text(max_size=200))
def test_no_name_adds_a_line_a_header_or_a_value(name: str) -> None:
    text = render(MESSAGES, "dunning_hard_1", "en", VALUES | {"name": name})
    plain = render(MESSAGES, "dunning_hard_1", "en", VALUES)
    assert text.body.count("\n") == plain.body.count("\n")
    assert text.subject == plain.subject
    assert len(text.body) < len(plain.body) + 200


@pytest.mark.parametrize("name", ["Win at http://a.example", "www.a.example", "bo@a.example", "a/b"])
def test_a_name_with_an_address_in_it_is_not_repeated(name: str) -> None:
    assert render(MESSAGES, "dunning_hard_1", "en", VALUES | {"name": name}).body.startswith("Hello,\n")


def test_a_name_with_a_dollar_sign_is_only_a_name() -> None:
    assert "Hello $amount," in render(MESSAGES, "dunning_hard_1", "en", VALUES | {"name": "$amount"}).body


def test_a_shop_whose_name_no_text_message_can_carry_or_hold_is_refused() -> None:
    with pytest.raises(RenderError, match="cannot carry"):
        render(MESSAGES, "dunning_sms", "en", VALUES | {"shop": "Šoku 😀"})
    with pytest.raises(RenderError, match="of 160 characters"):
        render(MESSAGES, "dunning_sms", "en", VALUES | {"shop": "Shop" * 30})


@pytest.mark.parametrize(
    ("language", "day", "text"),
    [
        ("en", date(2026, 9, 15), "September 15, 2026"),
        ("de-AT", date(2026, 3, 1), "1. März 2026"),
        ("fr", date(2026, 3, 1), "1er mars 2026"),
        ("fr", date(2026, 8, 2), "2 août 2026"),
        ("pt", date(2026, 2, 28), "February 28, 2026"),
    ],
)
def test_a_date_reads_one_way_only(language: str, day: date, text: str) -> None:
    assert format_date(day, language) == text


@pytest.mark.parametrize(
    ("language", "money", "text"),
    [
        ("en", Money(123450, "USD"), "$1,234.50"),
        ("en", Money(-99, "EUR"), "-€0.99"),
        ("en", Money(4990, "JPY"), "4,990 JPY"),
        ("en", Money(1234, "KWD"), "1.234 KWD"),
        ("de", Money(123450, "EUR"), "1.234,50 €"),
        ("de", Money(4990, "CHF"), "49,90 CHF"),
        ("fr", Money(123456789, "EUR"), "1 234 567,89 €"),
    ],
)
def test_money_reads_as_in_the_language(language: str, money: Money, text: str) -> None:
    assert format_money(money, language) == text
