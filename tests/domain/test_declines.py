"""Every known code, what it means; the tables here were written apart from the policy."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.declines import RETRYING, Classified, classify
from domain.payments import DeclineCodes
from policies.load import load_dunning

TABLE = load_dunning().declines
TODAY = date(2026, 11, 23)
DATA = Path(__file__).parents[2].parent / "shared" / "data"

DECLINE_CODES = {
    "authentication_required": "fix",
    "authentication_not_handled": "fix",
    "mobile_device_authentication_required": "fix",
    "incorrect_number": "fix",
    "lost_card": "never",
    "stolen_card": "never",
    "pickup_card": "never",
    "revocation_of_authorization": "revoked",
    "revocation_of_all_authorizations": "revoked",
    "highest_risk_level": "ours",
    "transaction_not_allowed": "never",
    "stop_payment_order": "revoked",
    "fraudulent": "never",
    "merchant_blacklist": "ours",
    "blocklist": "ours",
    "security_violation": "never",
    "restricted_card": "never",
    "invalid_account": "never",
    "do_not_try_again": "never",
    "card_not_supported": "never",
    "currency_not_supported": "ours",
    "not_permitted": "never",
    "service_not_allowed": "cautious",
    "pin_try_exceeded": "cautious",
    "live_mode_test_card": "ours",
    "testmode_decline": "ours",
    "expired_card": "fix",
    "incorrect_cvc": "fix",
    "invalid_cvc": "fix",
    "invalid_expiry_month": "fix",
    "invalid_expiry_year": "fix",
    "invalid_number": "fix",
    "incorrect_zip": "fix",
    "incorrect_address": "fix",
    "new_account_information_available": "fix",
    "insufficient_funds": "wait",
    "card_velocity_exceeded": "wait",
    "withdrawal_count_limit_exceeded": "wait",
    "try_again_later": "soon",
    "processing_error": "soon",
    "reenter_transaction": "soon",
    "issuer_not_available": "soon",
    "approve_with_id": "soon",
    "do_not_honor": "cautious",
    "generic_decline": "cautious",
    "call_issuer": "cautious",
    "no_action_taken": "cautious",
    "duplicate_transaction": "ours",
    "invalid_amount": "ours",
    "elevated_risk_level": "ours",
    "rule": "ours",
    "requested_block_on_incorrect_cvc": "ours",
    "previously_declined_do_not_retry": "never",
    "card_decline_rate_limit_exceeded": "wait",
    "payment_intent_unexpected_state": "ours",
    "incorrect_pin": "ours",
    "invalid_pin": "ours",
    "offline_pin_required": "ours",
    "online_or_offline_pin_required": "ours",
    "no_payment_method": "fix",
    "resource_missing": "fix",
    "parameter_missing": "fix",
    "missing": "fix",
    "card_declined": "cautious",
    "amount_too_small": "ours",
    "amount_too_large": "ours",
    "test_mode_live_card": "ours",
}

NOT_SENT_WITHOUT_A_NEW_CARD = (
    *("authentication_required", "incorrect_number", "lost_card", "stolen_card", "pickup_card"),
    *("revocation_of_authorization", "revocation_of_all_authorizations", "highest_risk_level"),
    "transaction_not_allowed",
)
"""The nine that the payments vendor itself does not send again."""

VISA = {
    **dict.fromkeys(["12", "14", "15", "46", "57", "78"], "never"),
    **dict.fromkeys(["04", "07", "41", "43", "62", "93"], "never"),
    **dict.fromkeys(["R0", "R1", "R3"], "revoked"),
    "03": "ours",
    **dict.fromkeys(["51", "61", "65", "N3", "N4"], "wait"),
    **dict.fromkeys(["19", "91", "96"], "soon"),
    **dict.fromkeys(["59", "75", "86"], "cautious"),
    **dict.fromkeys(["54", "55", "82", "1A", "N7", "6P", "70"], "fix"),
    **dict.fromkeys(["05", "01", "02", "13", "30", "Z9"], "cautious"),
}
CATEGORY_1 = ["03", "04", "07", "12", "14", "15", "41", "43", "46", "57", "62", "78", "93", "R0", "R1", "R3"]

MASTERCARD = {
    "01": ("fix", 0),
    "02": ("wait", 72),
    "03": ("never", 0),
    "04": ("ours", 0),
    "21": ("revoked", 0),
    "22": ("ours", 0),
    "24": ("soon", 1),
    "25": ("wait", 24),
    "26": ("wait", 48),
    "27": ("wait", 96),
    "28": ("wait", 144),
    "29": ("wait", 192),
    "30": ("wait", 240),
    "40": ("fix", 0),
    "41": ("fix", 0),
    "42": ("ours", 0),
    "99": ("never", 0),
}


def classified(on: date = TODAY, **codes: Any) -> Classified:
    """What the table makes of these codes."""
    return classify(DeclineCodes(**codes), TABLE, on)


@pytest.mark.parametrize(("code", "treatment"), DECLINE_CODES.items())
def test_every_decline_code_has_its_treatment_rule_and_reason(code: str, treatment: str) -> None:
    found = classified(code=code)
    assert (found.treatment, found.code, found.known) == (treatment, code, True)
    assert found.rule.startswith("C-")
    assert found.reason


@pytest.mark.parametrize("code", NOT_SENT_WITHOUT_A_NEW_CARD)
def test_what_the_vendor_does_not_send_again_is_never_retried(code: str) -> None:
    assert classified(code=code).treatment not in RETRYING


@pytest.mark.parametrize(("code", "treatment"), VISA.items())
def test_every_visa_code_has_its_treatment(code: str, treatment: str) -> None:
    found = classified(network="visa", network_code=code)
    assert (found.treatment, found.known) == (treatment, True)


@pytest.mark.parametrize("code", CATEGORY_1)
def test_visa_category_1_forbids_whatever_the_vendor_advises(code: str) -> None:
    for told in (DeclineCodes(code="insufficient_funds"), DeclineCodes(advice="try_again_later")):
        codes = DeclineCodes(code=told.code, advice=told.advice, network="visa", network_code=code)
        assert classify(codes, TABLE, TODAY).treatment not in RETRYING


@pytest.mark.parametrize(("advice", "expected"), MASTERCARD.items())
def test_every_mastercard_advice_has_its_treatment_and_hours(advice: str, expected: tuple[str, int]) -> None:
    found = classified(network="mastercard", network_advice=advice, code="generic_decline")
    assert (found.treatment, found.wait_hours) == expected
    assert found.code == advice


@pytest.mark.parametrize(
    ("codes", "treatment", "remedy"),
    [
        ({"network_code": "79", "network_advice": "01"}, "fix", "new_card"),
        ({"network_code": "82", "network_advice": "03"}, "never", "new_card"),
        ({"network_code": "83", "network_advice": "01"}, "fix", "authenticate"),
        ({"network_code": "83", "network_advice": "03"}, "never", "new_card"),
        ({"network_code": "83"}, "cautious", ""),
        ({"network_code": "79"}, "cautious", "call_bank"),
    ],
)
def test_mastercards_advice_means_more_beside_its_response_code(
    codes: dict[str, Any], treatment: str, remedy: str
) -> None:
    found = classified(network="mastercard", **codes)
    assert (found.treatment, found.remedy) == (treatment, remedy)


def test_the_vendors_published_codes_are_all_known() -> None:
    path = DATA / "stripe_decline_codes" / "errors" / "stripe-decline-codes.yml"
    if not path.exists():
        pytest.skip(f"{path.parent} is absent: the published list of codes to compare with")
    yaml = pytest.importorskip("yaml", reason="PyYAML is absent; make test brings it")
    published = yaml.safe_load(path.read_text(encoding="utf-8"))
    codes = [entry["code"] for entry in published["decline_codes"]]
    assert len(codes) > 40
    assert [code for code in codes if code not in TABLE.decline_codes] == []
    assert [code for code in published["mask_as_generic"] if classified(code=code).reveal] == []


def test_the_peers_standard_reasons_for_the_same_codes_do_not_contradict() -> None:
    path = DATA / "active_merchant_declines" / "gateway_code_to_standard.csv"
    if not path.exists():
        pytest.skip(f"{path.parent} is absent: other gateways' codes to compare with")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gateway"] == "stripe"]
    assert rows
    allowed = {
        "expired_card": {"fix"},
        "pickup_card": {"never"},
        "processing_error": {"soon"},
        "call_issuer": {"cautious"},
        "card_declined": {"cautious"},
        "incorrect_number": {"fix"},
        "invalid_number": {"fix"},
        "invalid_expiry_date": {"fix"},
        "invalid_cvc": {"fix"},
        "incorrect_cvc": {"fix"},
        "incorrect_zip": {"fix"},
        "incorrect_pin": {"ours"},
        "test_mode_live_card": {"ours"},
        "invalid_amount": {"ours"},
    }
    for row in rows:
        code = row["gateway_code"]
        assert classified(code=code).treatment in allowed[row["standard_code"]], code
