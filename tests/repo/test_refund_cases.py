"""Which test holds which case of ../shared/cases/refunds.md. Every case has one, and every test named here exists.

Where a case speaks of something that recoup does in another way, the test says how in its docstring, or the note
here does.
"""

import re

import pytest

from tests.repo.test_dunning_cases import ROOT, names_in

CASES = ROOT.parent / "shared" / "cases" / "refunds.md"
DOMAIN, PROOFS, SCANS = "domain/test_refunds.py", "domain/test_refund_properties.py", "domain/test_evidence.py"
DELIVERY, EVIDENCE = "flows/test_refunds_delivery.py", "flows/test_refunds_evidence.py"
STATE, MONEY, POLICY = "flows/test_refunds_state.py", "flows/test_refunds_money.py", "flows/test_refunds_policy.py"
AFTER, MOVERS, WATCH = "flows/test_refunds_after.py", "flows/test_refunds_movers.py", "flows/test_refunds_watch.py"
HOOKS, FUZZ, SIGNED = "web/test_hooks.py", "web/test_hooks_fuzz.py", "integrations/test_signatures.py"
INBOX, SHOP = "store/test_inbox.py", "integrations/test_shopify.py"
STRIPE = "integrations/test_stripe_refunds_property.py"

HELD: dict[int, tuple[tuple[str, str], ...]] = {
    1: ((DELIVERY, "test_01_given_the_same_event_"), (DELIVERY, "test_01_given_later_news_"),
        (HOOKS, "test_a_signed_delivery_is_kept_and_wakes_"), (INBOX, "test_a_second_delivery_counts_")),
    2: ((DELIVERY, "test_82_"), (INBOX, "test_two_at_once_never_get_the_same_event"),
        (POLICY, "test_75_given_one_customer_splits_")),
    3: ((DELIVERY, "test_03_"), (SCANS, "test_03_"),
        ("integrations/test_scans_agree.py", "test_the_same_first_scan_by_webhook_and_by_a_look_is_one")),
    5: ((DELIVERY, "test_05_06_"), (SCANS, "test_05_")),
    6: ((DELIVERY, "test_05_06_"), (SCANS, "test_06_"),
        ("integrations/test_aftership.py", "test_a_parcel_that_regresses_keeps_every_scan")),
    7: ((DELIVERY, "test_07_"),),
    9: ((SIGNED, "test_whatever_arrives_is_not_signed_"), (FUZZ, "test_whatever_is_not_signed_is_4xx_")),
    10: ((SIGNED, "test_while_a_secret_is_rotated_both_fit_"), (HOOKS, "test_a_new_secret_ends_the_one_before_")),
    11: ((SIGNED, "test_without_an_active_secret_nothing_passes"), (HOOKS, "test_without_an_active_secret_")),
    13: ((SIGNED, "test_a_signed_time_is_bounded_"), (SIGNED, "test_only_plain_digits_are_a_time")),
    14: ((SIGNED, "test_another_body_or_another_secret_is_refused"), (FUZZ, "test_whatever_is_not_signed_is_4xx_")),
    15: ((HOOKS, "test_a_body_beyond_the_limit_"), (HOOKS, "test_a_body_that_never_ends_")),
    17: ((HOOKS, "test_an_event_for_another_shop_"),),
    18: ((DELIVERY, "test_18_"), ("integrations/test_loop_events.py", "test_a_receiver_that_fails_too_often_")),
    19: ((EVIDENCE, "test_19_"), (SCANS, "test_19_")),
    21: ((EVIDENCE, "test_21_"), (SCANS, "test_21_given_an_unknown_status_"), (SCANS, "test_21_given_an_unknown_w")),
    22: ((EVIDENCE, "test_22_"), (STATE, "test_22_given_the_number_changes_"), (STATE, "test_22_given_a_label_"),
         (SCANS, "test_22_given_no_usable_"), (SCANS, "test_22_given_the_shoppers_own_")),
    23: ((EVIDENCE, "test_23_"), (SCANS, "test_23_given_a_checkpoint_"), (SCANS, "test_23_given_nobody_says_")),
    25: ((EVIDENCE, "test_25_"), (SCANS, "test_25_given_the_first_scan_"), (SCANS, "test_25_given_the_carriers_"),
         (SCANS, "test_25_given_it_was_delivered_")),
    26: ((EVIDENCE, "test_26_"), (SCANS, "test_26_")),
    27: ((STATE, "test_27_"), (MOVERS, "test_27_"), (DOMAIN, "test_27_given_two_labels_then_only_"),
         (SCANS, "test_27_")),
    29: ((EVIDENCE, "test_29_"), (SCANS, "test_29_")),
    30: ((WATCH, "test_30_"),),
    31: ((WATCH, "test_31_"), (EVIDENCE, "test_31_"), (SCANS, "test_31_")),
    33: ((STATE, "test_33_"), (DOMAIN, "test_33_given_a_return_that_"), (DOMAIN, "test_33_given_it_is_cancelled_")),
    34: ((STATE, "test_34_given_an_item_"), (STATE, "test_34_given_the_return_"), (DOMAIN, "test_34_given_an_item_")),
    35: ((STATE, "test_35_37_"), (DOMAIN, "test_35_37_"), (DOMAIN, "test_35_given_refund_and_exchange_")),
    37: ((STATE, "test_35_37_"), (DOMAIN, "test_35_37_")),
    38: ((MONEY, "test_38_"), (DOMAIN, "test_38_given_a_handling_fee_above_"),
         (DOMAIN, "test_38_given_several_labels_")),
    39: ((STATE, "test_39_"), (DOMAIN, "test_39_")),
    41: ((STATE, "test_41_"), (DOMAIN, "test_41_")),
    42: ((MOVERS, "test_42_given_the_portal_"), (MOVERS, "test_42_given_an_answer_"),
         ("integrations/test_loop_mapping.py", "test_an_error_behind_a_200_is_a_refusal_")),
    43: ((MOVERS, "test_43_given_the_portal_"), (MOVERS, "test_43_given_the_news_")),
    45: ((MONEY, "test_45_"), (DOMAIN, "test_45_"), (WATCH, "test_45_and_63_")),
    46: ((MONEY, "test_46_given_staff_refunded_all_"), (MONEY, "test_46_given_staff_refunded_this_"),
         (DOMAIN, "test_46_given_it_is_"), (DOMAIN, "test_46_given_we_")),
    47: ((MONEY, "test_47_"), (DOMAIN, "test_47_"), (SHOP, "test_pending_money_counts_with_us_")),
    49: ((MONEY, "test_49_"), (DOMAIN, "test_49_given_two_returns_"), (STRIPE, "test_whatever_happens_no_more_")),
    50: ((MONEY, "test_50_"), (MOVERS, "test_50_"), (DOMAIN, "test_50_given_gift_card_"),
         (SHOP, "test_a_gift_card_is_filled_first_")),
    51: ((MONEY, "test_51_"), (DOMAIN, "test_51_")),
    53: ((MONEY, "test_53_given_a_currency_"), (MONEY, "test_53_given_the_customer_"),
         (DOMAIN, "test_53_given_a_zero_")),
    54: ((MONEY, "test_54_"), (DOMAIN, "test_54_")),
    55: ((AFTER, "test_55_61_"), (AFTER, "test_55_given_the_call_"), (MOVERS, "test_55_61_given_the_payments_"),
         (MOVERS, "test_55_61_given_the_portal_")),
    57: ((AFTER, "test_57_"), (MOVERS, "test_57_"), (SHOP, "test_a_key_is_forgotten_after_a_day_")),
    58: ((SHOP, "test_a_key_used_for_something_else_"), (SHOP, "test_a_key_that_failed_is_our_error_"),
         (AFTER, "test_58_")),
    59: ((AFTER, "test_59_"), (SHOP, "test_used_up_points_are_waited_for"),
         (SHOP, "test_points_that_do_not_come_back_")),
    61: ((AFTER, "test_55_61_"), (AFTER, "test_61_")),
    62: ((AFTER, "test_62_"),),
    63: ((AFTER, "test_63_given_pending_"), (AFTER, "test_63_given_a_refund_"), (MOVERS, "test_63_given_the_payments_"),
         (WATCH, "test_45_and_63_")),
    65: ((AFTER, "test_65_"), (MOVERS, "test_65_given_a_dispute_at_the_payments_vendor_before_"),
         (MOVERS, "test_65_given_a_dispute_at_the_payments_vendor_after_"), (DOMAIN, "test_65_")),
    66: ((DOMAIN, "test_66_"), (MONEY, "test_66_")),
    67: ((DOMAIN, "test_67_"), (MONEY, "test_67_")),
    69: ((STATE, "test_69_"), (DOMAIN, "test_69_given_a_kind_"), (DOMAIN, "test_69_given_a_test_order_")),
    70: ((POLICY, "test_70_"), (DOMAIN, "test_70_")),
    71: ((POLICY, "test_71_"), (DOMAIN, "test_71_given_the_tag_")),
    73: ((POLICY, "test_73_"),),
    74: ((DOMAIN, "test_74_"),),
    75: ((POLICY, "test_75_given_one_customer_splits_"), (DOMAIN, "test_75_"), (PROOFS, "test_75_")),
    77: ((POLICY, "test_77_given_the_switch_is_on_"), (POLICY, "test_77_given_the_switch_is_put_"),
         (DOMAIN, "test_77_"), (PROOFS, "test_77_")),
    78: ((WATCH, "test_78_"), (DOMAIN, "test_78_")),
    79: ((WATCH, "test_79_"), ("domain/test_exposure.py", "test_short_by_one_moves_the_two_")),
    81: (("commands/test_doctor.py", "test_the_clock_is_compared_with_the_vendors"),),
    82: ((DELIVERY, "test_82_"), (DOMAIN, "test_82_"), (WATCH, "test_a_sweep_that_ran_twice_")),
}  # fmt: skip
"""Case -> (file below tests/, how the test's name begins).

26: the portal's event of a box names no label, and a box proves no goods, so nothing is paid for it. 41: what the
portal's own processing did is seen at every decision; its settings cannot be read. 81: all windows are by the clock of
the machine that decides, and of several machines each writes its own instants; the doctor compares it with the
vendors', and a window of an hour bears what it allows.
"""


@pytest.mark.skipif(not CASES.is_file(), reason="../shared/cases/refunds.md is not there; it does not come with us")
def test_every_case_is_held_and_no_other_is_named() -> None:
    numbers = {int(number) for number in re.findall(r"^(\d+)\. ", CASES.read_text("utf-8"), re.MULTILINE)}
    assert len(numbers) > 50
    assert set(HELD) == numbers


@pytest.mark.parametrize("number", HELD)
def test_the_tests_that_hold_a_case_exist(number: int) -> None:
    for file, name in HELD[number]:
        found = [test for test in names_in(file) if test.startswith(name)]
        assert len(found) == 1, f"{file} has {len(found)} tests that begin with {name}"
