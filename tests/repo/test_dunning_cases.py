"""Which test holds which case of ../shared/cases/dunning.md. Every case has one, and every test named here exists.

Where a case speaks of something that recoup does in another way, the test says how in its docstring, or the note
here does.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "cases" / "dunning.md"
DOMAIN, CHARGING, RETRIES = "domain/test_dunning.py", "flows/test_dunning_charging.py", "flows/test_dunning_retries.py"
STATE, MESSAGES, FAULTS = "flows/test_dunning_state.py", "flows/test_dunning_messages.py", "flows/test_faults.py"

HELD: dict[int, tuple[tuple[str, str], ...]] = {
    1: ((CHARGING, "test_01_"), (DOMAIN, "test_given_an_unanswered_call_then_no_charge_and_no_message")),
    2: ((CHARGING, "test_02_"),),
    3: ((CHARGING, "test_03_"),),
    5: ((CHARGING, "test_05_"),),
    6: ((CHARGING, "test_06_"),),
    7: ((CHARGING, "test_07_"), ("flows/test_crash.py", "test_a_crash_at_any_line_")),
    9: ((CHARGING, "test_09_"),),
    10: ((CHARGING, "test_10_"), (FAULTS, "test_no_fault_makes_a_second_effect_or_loses_a_case")),
    11: ((CHARGING, "test_11_"),),
    13: ((CHARGING, "test_13_"),),
    14: ((CHARGING, "test_14_"), ("flows/test_leases.py", "test_a_run_beside_another_does_nothing_")),
    15: ((CHARGING, "test_15_"), (CHARGING, "test_21_")),
    17: ((CHARGING, "test_17_"),),
    18: ((CHARGING, "test_18_"),),
    19: ((CHARGING, "test_19_"),),
    21: ((CHARGING, "test_21_"),),
    22: ((DOMAIN, "test_given_nothing_left_to_pay_then_no_call_is_made"), (CHARGING, "test_23_")),
    23: ((CHARGING, "test_23_"),),
    25: ((CHARGING, "test_25_"),),
    26: ((CHARGING, "test_26_27_"),),
    27: ((CHARGING, "test_26_27_"),),
    29: ((RETRIES, "test_29_43_"), (DOMAIN, "test_given_a_hard_decline_on_one_card_and_another_on_file_")),
    30: ((RETRIES, "test_30_"),),
    31: ((RETRIES, "test_31_"), (DOMAIN, "test_given_the_vendor_used_part_of_the_ladder_"),
         (DOMAIN, "test_given_attempts_at_the_cap_then_the_ladder_starts_spent")),
    33: ((DOMAIN, "test_given_a_payday_and_a_rung_on_the_same_day_then_one_attempt_"),),
    34: ((DOMAIN, "test_given_a_payday_before_a_rung_then_it_adds_a_charge_and_spends_no_rung"),),
    35: ((RETRIES, "test_35_"), (DOMAIN, "test_the_budget_is_per_card_and_network_over_30_days")),
    37: ((MESSAGES, "test_37_given_three_"), (DOMAIN, "test_given_three_unpaid_invoices_of_one_customer_")),
    38: ((RETRIES, "test_38_"),),
    39: ((RETRIES, "test_39_"), (DOMAIN, "test_the_ladder_day_by_day")),
    41: ((RETRIES, "test_41_"), (DOMAIN, "test_given_no_payment_method_then_dunning_still_runs_")),
    42: ((RETRIES, "test_42_"),),
    43: ((RETRIES, "test_29_43_"), (DOMAIN, "test_given_a_new_card_saved_then_the_pending_retry_uses_it_at_once")),
    45: ((STATE, "test_45_"), (DOMAIN, "test_given_the_subscription_was_cancelled_then_dunning_ends_")),
    46: ((STATE, "test_46_"), (DOMAIN, "test_given_charging_switched_off_then_the_charge_is_parked_")),
    47: ((STATE, "test_47_"),),
    49: ((STATE, "test_49_"),),
    50: ((STATE, "test_50_"),),
    51: ((STATE, "test_51_"),),
    53: ((STATE, "test_53_"),),
    54: ((DOMAIN, "test_given_the_anchor_moves_then_the_schedule_moves_with_it_"),),
    55: ((STATE, "test_55_"), (DOMAIN, "test_after_an_outage_only_the_newest_rung_is_taken_")),
    57: ((STATE, "test_57_"),),
    58: ((DOMAIN, "test_running_cases_keep_the_policy_version_they_started_with"),),
    59: ((STATE, "test_59_"),),
    61: ((MESSAGES, "test_61_"), ("policies/test_render.py", "test_a_mail_still_goes_out_where_there_is_no_pay_link")),
    62: ((MESSAGES, "test_62_given_no_further_"), (MESSAGES, "test_62_given_no_address_"),
         (DOMAIN, "test_given_no_further_retry_is_planned_then_the_text_promises_none")),
    63: ((MESSAGES, "test_63_given_a_text_"), (MESSAGES, "test_63_given_the_case_closed_")),
    65: ((MESSAGES, "test_65_given_the_reply_cancel_"), (MESSAGES, "test_65_given_stop_")),
    66: ((MESSAGES, "test_66_given_a_payment_between_"), (MESSAGES, "test_66_given_a_payment_or_an_answer_")),
    67: ((STATE, "test_67_"),),
    69: ((DOMAIN, "test_the_control_group_gets_the_required_notice_only_and_stays_the_same_in_every_cycle"),),
    70: ((STATE, "test_70_"),),
    71: (("flows/test_plan_offline.py", "test_a_plan_makes_no_call_at_all_and_writes_nothing"),
         ("flows/test_plan_offline.py", "test_a_plan_decides_the_same_steps_as_a_live_run_on_the_same_facts")),
    73: ((STATE, "test_73_"), ("flows/test_crash.py", "test_a_crash_at_any_line_")),
    74: ((STATE, "test_74_"), (DOMAIN, "test_given_the_next_renewal_failed_while_the_old_case_is_open_")),
}  # fmt: skip
"""Case -> (file below tests/, how the test's name begins).

15, 25: there is no receiver yet and no lock round a payment; what is read is of our own account. 33, 34: the dates of
the cases' model are our paydays. 47: recoup keeps no overdue state that could be cleared; it is computed each time.
"""


def names_in(file: str) -> list[str]:
    """The names of the tests in a file below tests/."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.skipif(not CASES.is_file(), reason="../shared/cases/dunning.md is not there; it does not come with us")
def test_every_case_is_held_and_no_other_is_named() -> None:
    numbers = {int(number) for number in re.findall(r"^(\d+)\. ", CASES.read_text("utf-8"), re.MULTILINE)}
    assert len(numbers) > 50
    assert set(HELD) == numbers


@pytest.mark.parametrize("number", HELD)
def test_the_tests_that_hold_a_case_exist(number: int) -> None:
    for file, name in HELD[number]:
        found = [test for test in names_in(file) if test.startswith(name)]
        assert len(found) == 1, f"{file} has {len(found)} tests that begin with {name}"
