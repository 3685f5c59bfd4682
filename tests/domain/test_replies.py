"""What a text back to us means: opt-outs in any reasonable wording, cancellations, and what is neither."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.replies import PER_SE, read_text

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
KEYWORDS = DATA / "sms_optout_keywords" / "keywords.json"
YES_NO = DATA / "ovos_yesno" / "all.tsv"
needs_keywords = pytest.mark.skipif(not KEYWORDS.exists(), reason="needs ../shared/data/sms_optout_keywords")
DIALOGUES = DATA / "sgd_yesno" / "sgd_user_replies.parquet"
needs_dialogues = pytest.mark.skipif(not DIALOGUES.exists(), reason="needs ../shared/data/sgd_yesno")
needs_yes_no = pytest.mark.skipif(not YES_NO.exists(), reason="needs ../shared/data/ovos_yesno")

OPT_OUTS = [
    *("STOP", "stop", " Stop. ", "STOP!!!", "Stooooop", "stop stop stop", "S T O P", "s.t.o.p", "STOPALL", "Stop all"),
    *("STOP PLEASE", "please stop", "Pls stop now", "ok stop", "No, stop", "Stop it", "stop this", "Can you stop"),
    *("STOP\nI paid yesterday", "Stop, I already paid this", "I said stop!", "“Stop”", "stop 🛑", "Stop \u2013 thanks"),
    *("quit", "END", "end it", "Revoke", "opt out", "OPT-OUT", "Optout", "unsubscribe", "Unsubscribe me", "unsub"),
    *("stpo", "sotp", "STOPP", "unsubscibe", "arrêt", "ARRETE", "No más", "basta", "Abmelden", "remove", "TD"),
    *("Stop texting me", "please stop sending me these messages", "stop the texts", "Stop all of these texts"),
    *("Don't text me again", "do not contact me", "dont send me any more texts", "never message me", "no more texts"),
    *("Take me off your list", "remove my number", "remove me from this list", "get me off this", "Lose my number"),
    *("I want to opt out", "how do I opt out of this?", "I revoke my consent", "leave me alone", "go away"),
    *("don't cancel it, just stop texting me", "why don't you stop texting me", "can't you stop sending me texts"),
    *("keine SMS mehr bitte", "no quiero más mensajes", "cancel these texts", "stop spamming", "Wrong number"),
]
NOT_OPT_OUTS = [
    *(
        "Please stop and read this message",
        "Stop Payments",
        "I'll stop by the store tomorrow",
        "don't stop",
        "STOP AND READ",
    ),
    *("please don't stop the order", "can't stop laughing", "We never stop eating these", "Don't stop texting me!"),
    *("I was at the bus stop", "Paid at the end of the month", "I get paid at month end", "when does it end?"),
    *("in the end it worked", "I quit my job so I can't pay until Friday", "I won't quit", "and", "shop", "step"),
    *("yes", "YES please process my order", "no", "No problem, yes", "ok", "thanks!", "👍", "", "   ", "?!"),
    *("I want to cancel my subscription", "cancel my order", "please don't cancel my subscription"),
    *("I do not want to opt out", "Please do not send my order to the old address", "get me my box", "who is this"),
    *("Liked “Hi Bo, your card was declined. Reply STOP to opt out”", 'Laughed at "Reply STOP to opt out"'),
    *(
        "new card added, try again",
        "can you call me",
        "I updated it this morning",
        "cancelled my old card, use the new one",
    ),
]


@pytest.mark.parametrize("body", OPT_OUTS)
def test_any_reasonable_wording_opts_out(body: str) -> None:
    reply = read_text(body)
    assert reply.opt_out, reply
    assert reply.reason
    assert not reply.opt_in


@pytest.mark.parametrize("body", NOT_OPT_OUTS)
def test_a_word_inside_a_sentence_opts_nobody_out(body: str) -> None:
    assert not read_text(body).opt_out, read_text(body)


@pytest.mark.parametrize(
    ("body", "opt_out"),
    [
        ("CANCEL", True),
        ("Please cancel", True),
        ("cancle", True),
        ("Cancel!! I don't want it", True),
        ("STOP and cancel my subscription", True),
        ("STOP. Cancel my subscription.", True),
        ("I want to cancel my subscription", False),
        ("cancel my order please", False),
        ("I already cancelled my subscription in March", False),
        ("How do I cancel?", False),
        ("stop charging my card", False),
        ("my subscription was cancelled weeks ago", False),
        ("Please end my membership", False),
        ("don't renew it", False),
        ("cancel my plan and stop texting me", True),
    ],
)
def test_a_cancellation_goes_to_a_person_and_the_bare_word_opts_out_too(body: str, opt_out: bool) -> None:
    reply = read_text(body)
    assert reply.cancel, reply
    assert reply.opt_out is opt_out


@pytest.mark.parametrize("body", ["don't cancel my subscription", "please do not cancel", "I never cancelled anything"])
def test_a_negated_cancellation_is_none(body: str) -> None:
    assert not read_text(body).cancel


@pytest.mark.parametrize("body", ["STOP", "quit", "stop texting me", "unsubscribe"])
def test_an_opt_out_alone_does_not_ask_to_cancel(body: str) -> None:
    assert not read_text(body).cancel


def test_start_opts_in_but_yes_is_left_to_a_person_because_it_is_also_an_answer() -> None:
    assert read_text("START").opt_in
    assert read_text("Unstop").opt_in
    assert not read_text("YES").opt_in
    assert read_text("YES").rule == "T-8"


def test_stop_wins_over_start_in_one_text() -> None:
    reply = read_text("start? no, STOP")
    assert (reply.opt_out, reply.opt_in) == (True, False)


@pytest.mark.parametrize("body", ["HELP", "info"])
def test_help_is_help(body: str) -> None:
    assert read_text(body).help


@given(st.sampled_from(sorted(PER_SE)), st.sampled_from(["", " ", "!", "...", "\n", "?? ", "\t"]), st.booleans())
def test_the_words_of_the_rule_always_opt_out_whatever_signs_stand_around_them(word: str, sign: str, up: bool) -> None:
    body = f"{sign}{word.upper() if up else word}{sign}"
    assert read_text(body).opt_out


@given(st.text(max_size=400))
def test_any_text_gets_a_rule_and_a_reason_and_never_an_opt_in_with_an_opt_out(body: str) -> None:
    reply = read_text(body)
    assert reply.rule and reply.reason
    assert not (reply.opt_out and reply.opt_in)


@needs_keywords
def test_every_published_opt_out_keyword_and_phrase_is_understood() -> None:
    lists = json.loads(KEYWORDS.read_text(encoding="utf-8"))
    words = [
        *lists["twilio_proxy_opt_out"]["words"],
        *lists["aws_end_user_messaging_opt_out"]["words"],
        *lists["braze"]["opt_out"],
        *lists["onesignal"]["opt_out"],
        *lists["fcc_47cfr64_1200_a_10"]["words"],
        *lists["multiword_phrases_not_auto_blocked"]["phrases"],
        "No Mas",
    ]
    assert [word for word in words if not read_text(word).opt_out] == []


@needs_keywords
def test_no_published_opt_in_or_help_keyword_is_taken_for_an_opt_out() -> None:
    lists = json.loads(KEYWORDS.read_text(encoding="utf-8"))
    words = [*lists["twilio_opt_in"]["words"], *lists["braze"]["opt_in"], *lists["braze"]["help"]]
    assert [word for word in words if read_text(word).opt_out] == []


@needs_yes_no
def test_no_plain_yes_or_no_in_seven_languages_is_taken_for_an_opt_out_or_a_cancellation() -> None:
    with YES_NO.open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    assert len(texts) > 200
    assert [text for text in texts if read_text(text)[:2] != (False, False)] == []


@needs_dialogues
def test_of_thirteen_thousand_ordinary_replies_next_to_none_is_taken_for_an_opt_out() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = parquet.read_table(DIALOGUES, columns=["user_text"]).column(0).to_pylist()[::5]
    found = [text for text in texts if read_text(text).opt_out]
    assert len(texts) > 13_000
    assert len(found) <= 3, found
