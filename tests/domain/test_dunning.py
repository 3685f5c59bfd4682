"""The dunning decision: the ladder, its limits and its exceptions, as tables and as properties."""

from dataclasses import replace as replaced
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decisions import Decision, Hold, Step
from domain.dunning import RULES, decide_customer, next_step, planned_retry
from domain.dunning_case import Case
from tests.domain.dunning_values import CASE, POLICY, day


def said(decision: Decision) -> str:
    """The rung of a step, or the rule of a hold."""
    return decision.rung if isinstance(decision, Step) else decision.rule


@pytest.mark.parametrize(
    ("treatment", "number", "taken", "last_charge", "expected"),
    [
        ("cautious", 0, set(), 0, "D-21"),  # a soft decline is neither charged nor told on its own day
        ("cautious", 1, set(), 0, "D-12"),  # visa wants 36 hours, so day 1 is too soon
        ("cautious", 2, set(), 0, "retry-1"),
        ("cautious", 3, {"retry-1"}, 2, "mail-1"),
        ("cautious", 4, {"retry-1", "mail-1"}, 2, "retry-2"),
        ("cautious", 5, {"retry-1", "mail-1", "retry-2"}, 4, "mail-2"),
        ("cautious", 6, {"retry-1", "mail-1", "retry-2", "mail-2"}, 4, "D-21"),
        ("cautious", 9, {"retry-3", "mail-3"}, 7, "sms-1"),
        ("cautious", 11, {"retry-4", "sms-1"}, 10, "mail-4"),
        ("cautious", 12, set(), 10, "hand-over"),
        ("never", 0, set(), 0, "mail-1"),  # a hard decline is told at once and never charged again
        ("never", 1, {"mail-1"}, 0, "D-21"),
        ("never", 4, {"mail-1"}, 0, "mail-2"),
        ("fix", 0, set(), 0, "mail-1"),
        ("never", 12, {"mail-1"}, 0, "hand-over"),
    ],
)
def test_the_ladder_day_by_day(treatment: str, number: int, taken: set[str], last_charge: int, expected: str) -> None:
    case = CASE._replace(treatment=treatment, taken=frozenset(taken), last_charge_on=day(last_charge))
    assert said(next_step(case, POLICY, day(number))) == expected


def test_after_an_outage_only_the_newest_rung_is_taken_and_never_two_messages_at_once() -> None:
    case = CASE._replace(last_charge_on=day(0))
    first = next_step(case, POLICY, day(8))
    assert said(first) == "retry-3"
    after = case._replace(taken=frozenset({"retry-3"}), last_charge_on=day(8))
    second = next_step(after, POLICY, day(8))
    assert said(second) == "mail-3"
    told = after._replace(taken=frozenset({"retry-3", "mail-3"}), last_message_on=day(8))
    assert isinstance(next_step(told, POLICY, day(8)), Hold)
    assert said(next_step(told, POLICY, day(9))) == "D-16", "the SMS of day 9 keeps its distance to the late mail"


def test_given_no_payment_method_then_dunning_still_runs_and_nothing_is_charged() -> None:
    case = CASE._replace(card="", last_charge_on=None)
    assert said(next_step(case, POLICY, day(2))) == "D-14"
    assert said(next_step(case, POLICY, day(3))) == "mail-1"


def test_given_a_new_card_saved_then_the_pending_retry_uses_it_at_once() -> None:
    hard = CASE._replace(treatment="never", card="card-b", last_charge_on=None)
    decision = next_step(hard, POLICY, day(1))
    assert isinstance(decision, Step)
    assert (decision.action, decision.rule, decision.key) == ("charge", "D-08", "dunning/in_1/new-card-card-b")
    done = hard._replace(taken=frozenset({"new-card-card-b"}))
    assert said(next_step(done, POLICY, day(2))) != "new-card-card-b", "one charge per new card, not one a day"


def test_given_a_hard_decline_on_one_card_and_another_on_file_then_the_flow_goes_on_with_the_other() -> None:
    case = CASE._replace(treatment="never", card="card-b", card_failed="card-a", last_charge_on=None)
    assert said(next_step(case, POLICY, day(0))) == "new-card-card-b"


def test_given_an_unanswered_call_then_no_charge_and_no_message_until_the_vendor_was_asked() -> None:
    for number in range(28):
        decision = next_step(CASE._replace(waiting_for_answer=True), POLICY, day(number))
        assert said(decision) == "D-02"


def test_given_the_vendor_retries_itself_then_two_systems_never_own_one_failure() -> None:
    case = CASE._replace(vendor_retry_on=day(4).isoformat())
    assert said(next_step(case, POLICY, day(2))) == "D-13"


def test_given_the_vendor_used_part_of_the_ladder_then_ours_starts_after_it() -> None:
    case = CASE._replace(charges=3, vendor_retries=2, last_charge_on=day(4))
    assert said(next_step(case, POLICY, day(6))) == "mail-2", "two rungs are spent and the third is not due"
    assert said(next_step(case, POLICY, day(7))) == "retry-3"


def test_given_attempts_at_the_cap_then_the_ladder_starts_spent() -> None:
    assert said(next_step(CASE._replace(charges=6), POLICY, day(2))) == "D-11"


@pytest.mark.parametrize(
    ("network", "month", "expected"),
    [("visa", 15, "D-11"), ("visa", 14, "retry-1"), ("mastercard", 15, "retry-1"), ("mastercard", 35, "D-11")],
)
def test_the_budget_is_per_card_and_network_over_30_days(network: str, month: int, expected: str) -> None:
    assert said(next_step(CASE._replace(network=network, card_month=month), POLICY, day(2))) == expected


def test_the_budget_of_a_day_counts_every_actor() -> None:
    assert said(next_step(CASE._replace(card_day=10), POLICY, day(2))) == "D-11"


def test_the_networks_own_advice_to_wait_wins_over_the_ladder() -> None:
    case = CASE._replace(not_before=day(9).isoformat())
    decision = next_step(case, POLICY, day(2))
    assert said(decision) == "D-12"
    assert isinstance(decision, Hold)
    assert decision.until == day(9).isoformat()


def test_given_charging_switched_off_then_the_charge_is_parked_and_runs_once_when_it_is_back() -> None:
    parked = CASE._replace(auto_charge=False)
    assert said(next_step(parked, POLICY, day(2))) == "D-14"
    back = parked._replace(auto_charge=True)
    assert said(next_step(back, POLICY, day(6))) == "retry-2"
    assert said(next_step(back._replace(taken=frozenset({"retry-2"})), POLICY, day(6))) != "retry-2"


@pytest.mark.parametrize("trouble", ["dispute", "chargeback", "complaint", "pending", "cancel_request"])
def test_trouble_goes_to_a_person_once_and_nothing_else_happens(trouble: str) -> None:
    case = CASE._replace(trouble=trouble)
    first = next_step(case, POLICY, day(3))
    assert isinstance(first, Step)
    assert first.action == "person"
    second = next_step(case._replace(taken=frozenset({first.rung})), POLICY, day(5))
    assert isinstance(second, Hold)
    assert second.person
    last = next_step(case._replace(taken=frozenset({first.rung})), POLICY, day(28))
    assert isinstance(last, Step)
    assert last.outcome == "written_off", "nothing stays open for ever, not even with a person"


def test_a_revocation_is_an_intent_to_cancel_so_no_dunning_but_a_person() -> None:
    decision = next_step(CASE._replace(treatment="revoked"), POLICY, day(0))
    assert isinstance(decision, Step)
    assert decision.action == "person"
    assert "intent to cancel" in decision.reason


def test_given_the_subscription_was_cancelled_then_dunning_ends_without_an_error_on_the_last_day_too() -> None:
    for number in (0, 5, 12, 27):
        decision = next_step(CASE._replace(subscription_status="cancelled"), POLICY, day(number))
        assert isinstance(decision, Step)
        assert (decision.action, decision.outcome) == ("close", "cancelled")


def test_given_the_next_renewal_failed_while_the_old_case_is_open_then_the_declared_rule_applies() -> None:
    case = CASE._replace(newer_case=True)
    decision = next_step(case, POLICY, day(27))
    assert isinstance(decision, Step)
    assert decision.outcome == "superseded"
    both = replaced(POLICY, next_renewal="both")
    assert said(next_step(case._replace(state="handed_over"), both, day(17))) != "close-superseded"


def test_given_nothing_left_to_pay_then_no_call_is_made() -> None:
    assert said(next_step(CASE._replace(remaining_minor=0), POLICY, day(2))) == "D-06"
    assert said(next_step(CASE._replace(remaining_minor=49), POLICY, day(2))) == "D-06"


def test_the_window_ends_and_the_amount_is_written_off() -> None:
    decision = next_step(CASE._replace(state="handed_over"), POLICY, day(28))
    assert isinstance(decision, Step)
    assert decision.outcome == "written_off"


def test_a_case_that_was_written_off_paid_after_all_and_refunded_ends_again_under_another_key() -> None:
    again = CASE._replace(trouble="refund", state="person", taken=frozenset({"person-refund", "close-written_off"}))
    decision = next_step(again, POLICY, day(40))
    assert isinstance(decision, Step)
    assert (decision.key, decision.outcome) == ("dunning/in_1/close-written_off-2", "written_off")
    begun = next_step(again._replace(waiting_for_answer=True), POLICY, day(40))
    assert said(begun) == "D-02", "two ends at once would book the loss twice"


def test_given_the_anchor_moves_then_the_schedule_moves_with_it_and_no_rung_is_skipped() -> None:
    moved = CASE._replace(failed_on=day(3), last_charge_on=None)
    assert said(next_step(moved, POLICY, day(3))) == "D-21"
    assert said(next_step(moved, POLICY, day(4))) == "retry-1"
    assert said(next_step(moved._replace(taken=frozenset({"retry-1"})), POLICY, day(6))) == "mail-1"


def test_given_a_payday_and_a_rung_on_the_same_day_then_one_attempt_and_the_rung_is_taken() -> None:
    case = CASE._replace(treatment="wait", failed_on=date(2026, 1, 28), last_charge_on=date(2026, 1, 28))
    on_both = case._replace(failed_on=date(2026, 1, 28), taken=frozenset({"retry-1"}), last_charge_on=date(2026, 1, 29))
    assert said(next_step(on_both, POLICY, date(2026, 2, 1))) == "retry-2"


def test_given_a_payday_before_a_rung_then_it_adds_a_charge_and_spends_no_rung() -> None:
    case = CASE._replace(treatment="wait", failed_on=date(2026, 1, 30), last_charge_on=date(2026, 1, 30))
    case = case._replace(taken=frozenset({"retry-1"}))
    decision = next_step(case, POLICY, date(2026, 2, 1))
    assert said(decision) == "payday-2026-02-01"
    after = case._replace(taken=case.taken | {"payday-2026-02-01"}, last_charge_on=date(2026, 2, 1))
    assert said(next_step(after, POLICY, date(2026, 2, 3))) == "retry-2"


def test_a_vip_hears_from_the_concierge_and_not_from_a_robot() -> None:
    vip = CASE._replace(vip=True, taken=frozenset({"retry-1"}))
    decision = next_step(vip, POLICY, day(3))
    assert isinstance(decision, Step)
    assert (decision.action, decision.rung) == ("person", "concierge")
    assert said(next_step(vip._replace(taken=vip.taken | {"concierge"}), POLICY, day(3))) == "D-20"


def test_an_opt_out_or_a_missing_address_skips_the_message_and_says_why() -> None:
    case = CASE._replace(taken=frozenset({"retry-1"}), mail="no e-mail address is known")
    decision = next_step(case, POLICY, day(3))
    assert isinstance(decision, Hold)
    assert decision.rule == "D-17"
    assert "no e-mail address" in decision.reason


def test_a_sender_who_left_never_signs() -> None:
    case = CASE._replace(taken=frozenset({"retry-1"}))
    before = next_step(case, POLICY, day(3))
    assert isinstance(before, Step)
    assert before.sender == "tom"
    after = next_step(case._replace(taken=frozenset({"retry-2"})), POLICY, day(5))
    assert isinstance(after, Step)
    assert after.sender == "maya", "Tom's last day was the 20th"
    alone = replaced(POLICY, senders={"tom": POLICY.senders["tom"]})
    assert said(next_step(case._replace(taken=frozenset({"retry-2"})), alone, day(5))) == "D-18"


def test_given_no_further_retry_is_planned_then_the_text_promises_none() -> None:
    promising = next_step(CASE._replace(taken=frozenset({"retry-1"}), last_charge_on=day(2)), POLICY, day(3))
    assert isinstance(promising, Step)
    assert promising.retry_on == day(4).isoformat()
    hard = next_step(CASE._replace(treatment="never"), POLICY, day(4))
    assert isinstance(hard, Step)
    assert hard.retry_on == ""
    last = next_step(CASE._replace(taken=frozenset({"retry-4"}), last_charge_on=day(10)), POLICY, day(11))
    assert isinstance(last, Step)
    assert last.retry_on == ""
    skipped = next_step(CASE._replace(taken=frozenset({"retry-2"}), last_charge_on=day(4)), POLICY, day(5))
    assert isinstance(skipped, Step)
    assert skipped.retry_on == day(7).isoformat(), "retry-1 was skipped by an outage and does not come any more"


@pytest.mark.parametrize(
    ("taken", "since"), [(set(), 0), ({"retry-1"}, 1), ({"retry-2"}, 4), ({"retry-1", "retry-3"}, 7), ({"retry-4"}, 10)]
)
def test_a_promised_charge_is_decided_on_the_day_that_was_promised_and_not_before(taken: set[str], since: int) -> None:
    for number in range(since, 12):
        case = CASE._replace(taken=frozenset(taken), last_charge_on=day(max(number - 1, 0)))
        promised = planned_retry(case, POLICY, day(number))
        later = [day(one) for one in range(number + 1, 12) if decided_charge(case, day(one))]
        assert promised == min(later, default=None)


def decided_charge(case: Case, today: date) -> bool:
    """Whether the case is charged on that day if nothing else happens until then."""
    decision = next_step(case, POLICY, today)
    return isinstance(decision, Step) and decision.action == "charge"


def test_a_new_card_is_charged_at_once_though_the_old_one_was_refused_yesterday_and_told_us_to_wait() -> None:
    fresh = CASE._replace(card="card-b", card_failed="card-a", last_charge_on=day(3), not_before=day(9).isoformat())
    assert said(next_step(fresh, POLICY, day(4))) == "new-card-card-b"
    elsewhere = fresh._replace(card_month=1, card_day=1, taken=frozenset({"mail-1"}))
    assert said(next_step(elsewhere, POLICY, day(4))) == "D-12", "that card was tried for another renewal"


def test_the_control_group_gets_the_required_notice_only_and_stays_the_same_in_every_cycle() -> None:
    policy = replaced(POLICY, holdout_per_mille=1000, holdout_salt="winter")
    case = CASE._replace(taken=frozenset({"retry-1"}), last_charge_on=day(2))
    assert said(next_step(case, policy, day(3))) == "D-19"
    later = case._replace(id="in_2", failed_on=date(2026, 2, 15), taken=frozenset({"retry-1"}))
    assert said(next_step(later, policy, date(2026, 2, 18))) == "D-19", "the same customer, another cycle, the same arm"
    assert said(next_step(case._replace(taken=frozenset({"retry-4"})), policy, day(11))) == "mail-4"


def test_beneath_support_silent_charges_go_on_until_the_customer_answers() -> None:
    handed = CASE._replace(state="handed_over", last_charge_on=day(10))
    assert said(next_step(handed, POLICY, day(13))) == "beneath-1"
    assert said(next_step(handed._replace(answered=True), POLICY, day(13))) == "D-22"
    assert said(next_step(handed._replace(treatment="never"), POLICY, day(13))) == "D-22"


def test_given_three_unpaid_invoices_of_one_customer_then_one_is_charged_and_one_message_goes_out_a_day() -> None:
    cases = [CASE._replace(id=f"in_{n}") for n in (1, 2, 3)]
    assert [said(found) for found in decide_customer(cases, {"d-test": POLICY}, day(2))] == ["retry-1", "D-24", "D-24"]
    told = [case._replace(taken=frozenset({"retry-1"}), last_charge_on=day(2)) for case in cases]
    assert [said(found) for found in decide_customer(told, {"d-test": POLICY}, day(3))] == ["mail-1", "D-16", "D-16"]
    earlier = [case._replace(told_today=True) for case in told]
    assert {said(found) for found in decide_customer(earlier, {"d-test": POLICY}, day(3))} == {"D-16"}


def test_running_cases_keep_the_policy_version_they_started_with() -> None:
    slower = replaced(POLICY, version="d-new", hand_over_day=20)
    old, new = CASE, CASE._replace(id="in_2", policy_version="d-new")
    found = decide_customer([old, new], {"d-test": POLICY, "d-new": slower}, day(12))
    assert said(found[0]) == "hand-over"
    assert said(found[1]) != "hand-over"


TAKEN = [rung.name for ladder in POLICY.ladders.values() for rung in (*ladder.charges, *ladder.messages)]
CASES = st.builds(
    CASE._replace,
    state=st.sampled_from(["open", "handed_over", "person"]),
    treatment=st.sampled_from(["wait", "soon", "cautious", "fix", "never", "revoked", "ours"]),
    remaining_minor=st.integers(0, 10_000),
    card=st.sampled_from(["", "card-a", "card-b"]),
    network=st.sampled_from(["visa", "mastercard", ""]),
    auto_charge=st.booleans(),
    charges=st.integers(1, 8),
    vendor_retries=st.integers(0, 5),
    card_month=st.integers(0, 40),
    last_charge_on=st.one_of(st.none(), st.integers(0, 12).map(day)),
    last_message_on=st.one_of(st.none(), st.integers(0, 12).map(day)),
    taken=st.frozensets(st.sampled_from([*TAKEN, "hand-over", "concierge"])),
    waiting_for_answer=st.booleans(),
    vip=st.booleans(),
    trouble=st.sampled_from(["", "", "", "dispute"]),
    subscription_status=st.sampled_from(["active", "active", "past_due", "cancelled"]),
)


@given(CASES, st.integers(-3, 60))
def test_every_decision_has_a_known_rule_a_reason_and_never_repeats_a_rung(case, number) -> None:  # type: ignore[no-untyped-def]
    decision = next_step(case, POLICY, day(number))
    assert decision.rule in RULES
    assert decision.reason
    assert decision.case == case.id
    if isinstance(decision, Step):
        assert decision.rung not in case.taken
        assert decision.key == f"dunning/{case.id}/{decision.rung}"


@given(CASES, st.integers(0, 27))
def test_no_charge_is_ever_decided_against_a_hard_decline_a_budget_or_an_unanswered_call(case, number) -> None:  # type: ignore[no-untyped-def]
    decision = next_step(case, POLICY, day(number))
    if not isinstance(decision, Step) or decision.action != "charge":
        return
    assert not case.waiting_for_answer
    assert not case.trouble
    assert case.auto_charge
    assert case.card
    assert case.charges < POLICY.max_charges
    assert case.card_month < POLICY.budget(case.network).per_30_days
    assert case.treatment not in ("fix", "never", "revoked", "ours") or case.card != case.card_failed
    assert case.subscription_status != "cancelled"


@given(CASES, st.integers(0, 27))
def test_a_promised_retry_is_one_that_can_be_made(case, number) -> None:  # type: ignore[no-untyped-def]
    promised = planned_retry(case, POLICY, day(number))
    if promised is None:
        return
    assert promised > day(number)
    assert promised < day(POLICY.hand_over_day)
    assert case.treatment in ("wait", "soon", "cautious")
    assert case.charges < POLICY.max_charges
