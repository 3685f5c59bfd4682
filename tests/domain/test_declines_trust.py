"""Which of several codes is believed, what is never told, and that the entry of the day decides."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import RETRYING, TREATMENTS, DeclineRule, DeclineTable, classify
from domain.payments import DeclineCodes
from tests.domain.test_declines import DECLINE_CODES, MASTERCARD, TABLE, TODAY, VISA, classified


@pytest.mark.parametrize(
    ("codes", "treatment", "because"),
    [
        ({"network": "mastercard", "network_advice": "03", "advice": "try_again_later"}, "never", "C-93"),
        ({"network": "mastercard", "network_advice": "02", "advice": "do_not_try_again"}, "wait", "C-92"),
        ({"network": "mastercard", "network_advice": "30", "code": "expired_card"}, "wait", "C-103"),
        ({"advice": "do_not_try_again", "code": "insufficient_funds"}, "never", "C-51"),
        ({"advice": "try_again_later", "code": "expired_card"}, "wait", "C-50"),
        ({"advice": "confirm_card_data", "code": "do_not_honor"}, "fix", "C-52"),
        ({"advice": "try_again_later", "code": "processing_error"}, "soon", "C-33"),
        ({"advice": "try_again_later", "code": "generic_decline"}, "wait", "C-50"),
        ({"network": "visa", "network_code": "51", "code": "generic_decline"}, "wait", "C-70"),
        ({"network": "visa", "network_code": "54", "code": "do_not_honor"}, "fix", "C-74"),
        ({"network": "visa", "network_code": "05", "code": "insufficient_funds"}, "wait", "C-30"),
        ({"network": "visa", "network_code": "51", "code": "expired_card"}, "fix", "C-20"),
    ],
)
def test_the_most_trusted_exact_word_decides(codes: dict[str, Any], treatment: str, because: str) -> None:
    found = classified(**codes)
    assert (found.treatment, found.rule) == (treatment, because)


@given(
    advice=st.sampled_from(["", "try_again_later", "confirm_card_data"]),
    network_advice=st.sampled_from(["", *MASTERCARD]),
    code=st.sampled_from(["lost_card", "stolen_card", "pickup_card", "fraudulent", "duplicate_transaction"]),
)
def test_no_advice_loosens_a_refusal_for_good(advice: str, network_advice: str, code: str) -> None:
    found = classified(code=code, advice=advice, network="mastercard", network_advice=network_advice)
    assert found.treatment not in RETRYING
    assert found.wait_hours == 0


@pytest.mark.parametrize(
    "codes",
    [
        {"code": "revocation_of_authorization", "network": "mastercard", "network_advice": "03"},
        {"code": "lost_card", "network": "visa", "network_code": "R1"},
        {"code": "generic_decline", "network": "mastercard", "network_advice": "21", "network_code": "51"},
        {"code": "stop_payment_order", "blocked": True},
    ],
)
def test_a_revocation_comes_before_everything_else(codes: dict[str, Any]) -> None:
    assert classified(**codes).treatment == "revoked"


def test_a_blocked_try_is_never_repeated_even_where_the_code_sounds_soft() -> None:
    found = classified(code="generic_decline", blocked=True)
    assert (found.treatment, found.rule) == ("never", TABLE.blocked.id)
    assert classified(code="insufficient_funds", advice="try_again_later", blocked=True).treatment == "never"


def test_a_blocked_try_with_a_code_that_says_why_keeps_that_reason() -> None:
    assert classified(code="rule", blocked=True).treatment == "ours"
    assert classified(code="authentication_required", blocked=True).remedy == "authenticate"
    assert classified(code="previously_declined_do_not_retry", blocked=True).rule == "C-19"


def test_an_unknown_code_is_cautious_and_reported() -> None:
    found = classified(code="brand_new_code")
    assert (found.treatment, found.known, found.unknown_codes) == ("cautious", False, ("brand_new_code",))
    assert classified().treatment == "cautious"
    assert not classified().known


def test_an_unknown_code_beside_a_known_one_is_reported_and_the_known_one_decides() -> None:
    found = classified(code="insufficient_funds", advice="something_new")
    assert (found.treatment, found.known, found.unknown_codes) == ("wait", False, ("something_new",))


def test_the_networks_delay_wins_over_the_codes_own() -> None:
    assert classified(code="card_velocity_exceeded").wait_hours == 24
    assert classified(code="card_velocity_exceeded", network="mastercard", network_advice="02").wait_hours == 72
    assert classified(code="card_velocity_exceeded", advice="try_again_later").wait_hours == 24


def test_codes_are_recognised_however_they_are_written() -> None:
    assert classified(code=" Insufficient_Funds ").treatment == "wait"
    assert classified(network="VISA", network_code="5").rule == classified(network="visa", network_code="05").rule
    assert classified(network="visa", network_code="1a").remedy == "authenticate"
    assert classified(network="mastercard", network_advice="3").treatment == "never"


def test_advice_that_forbids_counts_for_a_network_that_is_not_known() -> None:
    assert classified(network_advice="03", code="insufficient_funds").treatment == "never"
    assert classified(network="jcb", network_advice="21").treatment == "revoked"


@pytest.mark.parametrize(
    "codes",
    [
        *({"code": code} for code in ("lost_card", "stolen_card", "pickup_card", "fraudulent", "restricted_card")),
        *({"code": code} for code in ("merchant_blacklist", "blocklist", "highest_risk_level", "security_violation")),
        *({"network": "visa", "network_code": code} for code in ["04", "07", "41", "43", "59", "62", "93"]),
        {"network": "mastercard", "network_code": "83", "network_advice": "03"},
        {"code": "generic_decline", "network": "visa", "network_code": "41"},
        {"code": "stolen_card", "network": "mastercard", "network_advice": "03"},
    ],
)
def test_what_must_not_be_told_is_not_revealed(codes: dict[str, Any]) -> None:
    assert not classified(**codes).reveal


def test_an_ordinary_reason_may_be_told() -> None:
    assert classified(code="expired_card").reveal


def test_the_entry_that_was_valid_on_the_day_decides() -> None:
    old = DeclineRule(id="C-1", treatment="cautious", reason="before", since="2020-01-01", until="2026-06-01")
    new = DeclineRule(id="C-2", treatment="never", reason="after", since="2026-06-01")
    unknown = DeclineRule(id="C-0", treatment="cautious", reason="unknown")
    table = DeclineTable(blocked=unknown, unknown=unknown, decline_codes={"odd": (old, new)})
    asked = [date(2019, 12, 31), date(2026, 5, 31), date(2026, 6, 1)]
    assert [classify(DeclineCodes(code="odd"), table, day).rule for day in asked] == ["C-0", "C-1", "C-2"]


def test_the_networks_advice_has_no_say_before_it_existed() -> None:
    found = classified(on=date(2021, 1, 1), network="mastercard", network_advice="25", code="insufficient_funds")
    assert (found.rule, found.known) == ("C-30", False)


@given(
    st.builds(
        DeclineCodes,
        code=st.sampled_from([*DECLINE_CODES, "", "odd"]),
        advice=st.sampled_from(["", "try_again_later", "do_not_try_again", "confirm_card_data", "odd"]),
        network=st.sampled_from(["", "visa", "mastercard", "amex"]),
        network_code=st.sampled_from(["", *VISA, "79", "83"]),
        network_advice=st.sampled_from(["", *MASTERCARD, "77"]),
        blocked=st.booleans(),
    )
)
def test_every_mixture_of_codes_gets_one_treatment_with_a_rule_of_the_table(codes: DeclineCodes) -> None:
    found = classify(codes, TABLE, TODAY)
    rule = TABLE.rule(found.rule)
    assert rule is not None
    assert found.treatment == rule.treatment
    assert found.treatment in TREATMENTS
    assert not codes.blocked or found.treatment not in RETRYING
    assert found.treatment in RETRYING or found.wait_hours == 0
