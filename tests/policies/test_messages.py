"""What the texts say: complete in every language, and never advertising, a secret, or a promise nobody planned."""

import pytest

from policies.findings import PolicyErrors
from policies.load import inspect, load_messages
from policies.messages import Source, placeholders
from policies.wording import check_words, says, sms_length
from tests.policies.conftest import Pages

MESSAGES = load_messages()
CUSTOMER_MAILS = [
    entry.name for entry in MESSAGES.entries.values() if entry.kind == "mail" and entry.name.startswith("dunning_")
]
REFUND_MAILS = ["refund_sent", "refund_pending", "refund_failed"]


def told(pages: Pages) -> list[str]:
    """What is told about the texts."""
    return [str(finding) for finding in inspect(pages.folder)[1]]


def test_every_text_is_there_in_every_language_with_the_same_values() -> None:
    assert {"en", "de"} <= set(MESSAGES.languages)
    for entry in MESSAGES.entries.values():
        used = {placeholders(MESSAGES.sources[entry.name, language]) for language in MESSAGES.languages}
        assert len(used) == 1, entry.name


def test_the_texts_as_shipped_say_nothing_they_must_not() -> None:
    assert check_words(MESSAGES) == []


@pytest.mark.parametrize("name", CUSTOMER_MAILS)
def test_every_mail_names_the_amount_the_day_a_way_to_pay_and_who_writes(name: str) -> None:
    assert {"greeting", "amount", "failed_on", "how_to_pay", "sender", "shop"} <= MESSAGES.entries[name].needs


@pytest.mark.parametrize("name", REFUND_MAILS)
def test_every_mail_about_a_refund_names_amount_order_and_writer_and_no_day(name: str) -> None:
    entry = MESSAGES.entries[name]
    assert {"greeting", "amount", "order", "sender", "shop"} == entry.needs | entry.may


def test_63_only_the_text_of_a_refund_that_went_says_that_it_went() -> None:
    said = {name: MESSAGES.sources[name, "en"].body for name in REFUND_MAILS}
    assert [name for name, text in said.items() if "have sent $amount" in text] == ["refund_sent"]
    assert [name for name, text in said.items() if "not finished it yet" in text] == ["refund_pending"]
    assert [name for name, text in said.items() if "did not go through" in text] == ["refund_failed"]


@pytest.mark.parametrize("name", ["dunning_soft_4", "dunning_hard_4"])
def test_the_final_notice_names_the_real_day_and_promises_no_charge(name: str) -> None:
    entry = MESSAGES.entries[name]
    assert "last_day" in entry.needs
    assert "what_next" not in entry.needs | entry.may


@pytest.mark.parametrize("name", [name for name in CUSTOMER_MAILS if name.startswith(("dunning_hard", "dunning_pers"))])
def test_no_charge_is_promised_where_the_ladder_has_none(name: str) -> None:
    assert "what_next" not in MESSAGES.entries[name].needs | MESSAGES.entries[name].may


@pytest.mark.parametrize("language", MESSAGES.languages)
@pytest.mark.parametrize("name", [entry.name for entry in MESSAGES.entries.values() if entry.kind == "sms"])
def test_a_text_message_is_short_plain_and_has_neither_name_nor_link(name: str, language: str) -> None:
    source = MESSAGES.sources[name, language]
    assert 0 < sms_length(source.body.replace("$shop", "A" * 28)) <= 160
    assert placeholders(source) == {"shop"}
    assert "http" not in source.body


@pytest.mark.parametrize("language", MESSAGES.languages)
def test_the_dunning_text_message_says_how_to_stop(language: str) -> None:
    assert "STOP" in MESSAGES.sources["dunning_sms", language].body


MAIL, SMS = "messages/dunning_soft_1/en.txt", "messages/dunning_sms/de.txt"

SPOILED = [
    (MAIL, "If anything is unclear", "Pay now and get a discount. If anything is unclear", 'says "discount"'),
    (MAIL, "If anything is unclear", "Get 20% off today. If anything is unclear", 'says "% off"'),
    (MAIL, "was declined by your bank", "was declined: the card is stolen", 'says "stolen"'),
    (MAIL, "was declined by your bank", "was declined for insufficient funds", 'says "insufficient"'),
    (MAIL, "$what_next ", "$what_next We will try again tomorrow. ", 'says "try again"'),
    (MAIL, "$what_next ", "", "$what_next: is missing"),
    (MAIL, "$amount", "$ammount", "did you mean amount?"),
    (MAIL, "$amount", "$pay_link", "$pay_link: is no value of this text"),
    (MAIL, "$amount", "$ 49", "a dollar sign itself $$"),
    (MAIL, "Subject: ", "", "has no subject"),
    (
        "messages/dunning_soft_2/de.txt",
        "$what_to_do",
        "",
        "the same values as messages/dunning_soft_2/en.txt: $wh",
    ),
    ("messages/dunning_hard_1/de.txt", "$what_to_do", "Die Karte ist gestohlen. $what_to_do", 'says "gestohlen"'),
    ("messages/dunning_personal_1/de.txt", "$how_to_pay", "$how_to_pay Mit Rabatt!", 'says "rabatt"'),
    ("messages/dunning_personal_3/fr.txt", "$how_to_pay", "$how_to_pay Un cadeau !", 'says "cadeau"'),
    (SMS, "hat nicht geklappt", "ist überfällig", 'says "überfällig"'),
    (SMS, "hat nicht geklappt", "hat nicht geklappt: https://a.example", 'says "http"'),
    (SMS, "hat nicht geklappt", "hat leider wieder einmal nicht geklappt, was wir sehr bedauern", "of 160 characters"),
    (SMS, "hat nicht geklappt", "hat nicht geklappt 😢", "which a text message cannot carry"),
    (SMS, "STOP", "ENDE", "does not say how to stop"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), SPOILED, ids=[each[3] for each in SPOILED])
def test_a_spoiled_text_is_found(pages: Pages, file: str, old: str, new: str, said: str) -> None:
    pages.change(file, old, new)
    assert any(said in finding for finding in told(pages)), told(pages)
    assert all(finding.startswith(file) for finding in told(pages))


def test_a_forbidden_word_is_found_on_its_line(pages: Pages) -> None:
    first, _ = pages.change(MAIL, "If anything is unclear", "There is a coupon. If anything is unclear")
    assert told(pages) == [
        f'{MAIL}:{first}: says "coupon" → '
        "that makes the mail advertising, with other consent and an opt-out; leave it out"
    ]


def test_a_missing_language_and_a_stray_text_are_found(pages: Pages) -> None:
    (pages.folder / "messages" / "dunning_sms" / "fr.txt").unlink()
    pages.write("messages/dunning_sotf_1/en.txt", "Hello")
    pages.write("messages/dunning_sms/it.txt", "Ciao $shop STOP")
    assert sorted(told(pages)) == [
        "messages/dunning_sms/fr.txt: is missing → every text exists in every language",
        'messages/dunning_sms/it.txt: "it" is not among the languages → see messages.toml: languages',
        "messages/dunning_sotf_1/en.txt: is not listed in messages.toml → did you mean dunning_soft_1?",
    ]
    with pytest.raises(PolicyErrors, match=r"dunning_sms/fr\.txt"):
        load_messages(pages.folder)


@pytest.mark.parametrize(
    ("text", "word", "said"),
    [
        ("A sale!", "sale", True),
        ("wholesale prices", "sale", False),
        ("SALES end", "sale", True),
        ("wholesale and a sale", "sale", True),
        ("20 % off", "% off", True),
    ],
)
def test_a_word_counts_from_its_start(text: str, word: str, said: bool) -> None:
    assert says(Source(file="", subject="", body=text), word) is said


@pytest.mark.parametrize(("text", "length"), [("abc", 3), ("1 €", 4), ("[x]", 5), ("é", 1), ("ç", -1), ("😢", -1)])
def test_the_length_of_a_text_message_counts_as_the_network_does(text: str, length: int) -> None:
    assert sms_length(text) == length


@pytest.mark.parametrize(
    ("wanted", "chain"),
    [
        ("de", ("de",)),
        ("de-AT", ("de-at", "de")),
        ("de_CH", ("de-ch", "de")),
        ("FR", ("fr",)),
        ("pt-BR", ("pt-br", "pt", "en")),
        ("", ("en",)),
    ],
)
def test_a_language_falls_back_in_an_order_that_is_told(wanted: str, chain: tuple[str, ...]) -> None:
    assert MESSAGES.chain(wanted) == chain
    assert MESSAGES.language_for(wanted) == chain[-1]
