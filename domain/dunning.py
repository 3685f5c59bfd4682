"""Dunning: which one step, if any, is due for a failed renewal today. Pure; the clock is an argument.

`next_step` looks, in this order, at: facts that a person must see, answers still missing, endings, the
hand-over, a new card, and the ladder (charges first, then messages). After an outage only the newest rung
of each kind is taken, and never two messages at once. `RULES` names every rule; each decision carries one.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from domain.decisions import Decision, Hold, Step
from domain.dunning_case import Case
from domain.dunning_policy import DunningPolicy, Ladder, Rung, pick_sender
from domain.holdout import in_control

RULES = {
    "D-01": "A person has to look first: dispute, chargeback, revocation, complaint, or our own fault",
    "D-02": "An earlier call has no answer yet; the vendor is asked before anything else is done",
    "D-03": "The subscription was cancelled, so dunning ends",
    "D-04": "The next renewal failed too; only the newest is collected",
    "D-05": "The window is over and the amount is written off",
    "D-06": "Nothing is left to pay, or less than the minimum",
    "D-07": "Hand over to support",
    "D-08": "A new card is on file: one charge at once",
    "D-09": "Charge on the ladder's day",
    "D-10": "Charge on a payday, beside the ladder",
    "D-11": "The network's budget for this card, or the window's limit of charges, is used up",
    "D-12": "Too soon after the last attempt, or before the day the network named",
    "D-13": "The payments vendor retries by itself; two systems never own one failure",
    "D-14": "Charging is switched off for this customer, or there is no card",
    "D-15": "Message on the ladder's day",
    "D-16": "Too soon after the last message",
    "D-17": "The customer cannot be reached on this channel, or asked us not to",
    "D-18": "No sender is there to sign",
    "D-19": "Control group: only the required notice is sent",
    "D-20": "VIP: a robot does not write; the senior concierge does",
    "D-21": "The ladder's next rung is not due yet, or none is left",
    "D-22": "With support: follow-up mails go out from the ticket",
    "D-24": "Another invoice of the same customer is charged first",
    "D-25": "It is night at the recipient; the message waits for their daytime",
}

CANCEL_INTENTS = frozenset({"revoked", "cancel_request"})
"""Why a person has a case that ends with the subscription: they did what the customer wanted."""

PERSON_TREATMENTS = {
    "revoked": "the customer revoked the authorisation, which is an intent to cancel",
    "ours": "the decline is our own fault or set-up, not the customer's",
}


def next_step(case: Case, policy: DunningPolicy, today: date) -> Decision:
    """The one step due for `case` on `today`, or the reason to hold."""
    if case.trouble or case.treatment in PERSON_TREATMENTS:
        return _person(case, policy, today)
    if case.waiting_for_answer:
        return Hold(case.id, "D-02", "an earlier call has no answer yet; reconcile asks the vendor first")
    day = (today - case.failed_on).days
    if ending := _ending(case, policy, day):
        return ending
    if day < 0:
        return Hold(case.id, "D-21", f"the failure is dated {case.failed_on}", until=case.failed_on.isoformat())
    if case.state == "open" and day >= policy.hand_over_day and "hand-over" not in case.taken:
        reason = f"still unpaid on day {day}; support follows up personally"
        return Step(f"dunning/{case.id}/hand-over", case.id, "hand_over", "hand-over", "D-07", reason)
    charge = _charge(case, policy, today, day)
    if isinstance(charge, Step):
        return charge
    if case.state != "open":
        return Hold(case.id, "D-22", "with support", until=charge.until if charge else "")
    message = _message(case, policy, today, day)
    if isinstance(message, Step) or charge is None:
        return message
    return charge if charge.rule != "D-21" else message


def planned_retry(case: Case, policy: DunningPolicy, today: date) -> date | None:
    """The day of the next charge that is really planned after `today`, so that no text promises another."""
    ladder = policy.ladders.get(case.treatment)
    budget = policy.budget(case.network)
    spent = case.charges >= policy.max_charges or case.card_month >= budget.per_30_days
    if ladder is None or spent or not case.card or not case.auto_charge or case.vendor_retry_on:
        return None
    earliest = max(today + timedelta(days=1), _free_on(case, budget.spacing_days) or today)
    # A rung that an outage skipped is never made up for once a later one is taken.
    passed = max((place for place, rung in enumerate(ladder.charges, 1) if rung.name in case.taken), default=0)
    for rung in ladder.charges[max(case.vendor_retries, passed) :]:
        due = max(case.failed_on + timedelta(days=rung.day), earliest)
        if due < case.failed_on + timedelta(days=policy.hand_over_day):
            return due
    return None


def _person(case: Case, policy: DunningPolicy, today: date) -> Decision:
    why = case.trouble or case.treatment
    reason = PERSON_TREATMENTS.get(why, f"{why.replace('_', ' ')}: a person decides what happens next")
    rung = f"person-{why}"
    if rung in case.taken and why in CANCEL_INTENTS and case.subscription_status == "cancelled":
        return _close(case, "cancelled", "D-03", f"{reason}; the subscription was cancelled for them")
    if rung in case.taken and (today - case.failed_on).days >= policy.give_up_day:
        return _close(case, "written_off", "D-05", f"{reason}; nobody settled it within {policy.give_up_day} days")
    if rung in case.taken:
        return Hold(case.id, "D-01", reason, person=True)
    return Step(f"dunning/{case.id}/{rung}", case.id, "person", rung, "D-01", reason)


def _ending(case: Case, policy: DunningPolicy, day: int) -> Decision | None:
    if case.subscription_status == "cancelled":
        return _close(case, "cancelled", "D-03", "the subscription was cancelled; nobody is chased after that")
    if case.newer_case and policy.next_renewal == "close_old":
        return _close(case, "superseded", "D-04", "the next renewal failed too; only the newest is collected")
    if day >= policy.give_up_day:
        return _close(case, "written_off", "D-05", f"unpaid on day {day}; the window is {policy.give_up_day} days")
    if case.remaining_minor < max(1, policy.minimum_minor.get(case.currency, 1)):
        return Hold(case.id, "D-06", f"{case.remaining_minor} minor units {case.currency} are left to pay")
    return None


def _close(case: Case, outcome: str, rule: str, reason: str) -> Decision:
    """The end of the case. One that was closed, paid after all and refunded ends again, under a key of its own."""
    first = f"close-{outcome}"
    before = sum(rung == first or rung.startswith(f"{first}-") for rung in case.taken)
    if before and case.waiting_for_answer:
        return Hold(case.id, "D-02", "its end was begun and has no answer yet")
    rung = f"{first}-{before + 1}" if before else first
    return Step(f"dunning/{case.id}/{rung}", case.id, "close", rung, rule, reason, outcome=outcome)


def _charge(case: Case, policy: DunningPolicy, today: date, day: int) -> Step | Hold | None:
    """The charge due today, the reason against it, or None where charging is no subject at all."""
    rung, rule, reason = _charge_rung(case, policy, today, day)
    if not rung:
        return Hold(case.id, rule, reason, until=_due_on(case, policy, day)) if rule else None
    if against := _against_charge(case, policy, today, untried=rule == "D-08" and not case.card_month):
        return against
    return Step(f"dunning/{case.id}/{rung}", case.id, "charge", rung, rule, reason)


def _charge_rung(case: Case, policy: DunningPolicy, today: date, day: int) -> tuple[str, str, str]:
    """(rung, rule, reason) of the charge that today asks for; an empty rung where it asks for none."""
    new_card = f"new-card-{case.card}"
    if case.card and case.card_failed and case.card != case.card_failed and new_card not in case.taken:
        return new_card, "D-08", "a card that was not refused yet is on file"
    rungs = _charge_rungs(case, policy)
    due = [rung for rung in rungs[case.vendor_retries :] if rung.day <= day]
    if due and due[-1].name not in case.taken:
        return due[-1].name, "D-09", f"{due[-1].name} is due from day {due[-1].day}; today is day {day}"
    payday = f"payday-{today.isoformat()}"
    on_payday = today.day in policy.paydays and case.treatment in policy.payday_treatments
    if on_payday and rungs and day > 0 and payday not in case.taken:
        return payday, "D-10", f"the {today.day}. is a payday; the ladder's rungs stay as they are"
    if not rungs:
        # The card refuses for good, or a person talks to the customer: the messages say what comes next.
        return "", "", ""
    return "", "D-21", "the next charge is not due yet"


def _charge_rungs(case: Case, policy: DunningPolicy) -> tuple[Rung, ...]:
    if case.state == "open":
        ladder = policy.ladders.get(case.treatment)
        return ladder.charges if ladder else ()
    if case.answered or case.treatment not in policy.beneath_treatments:
        return ()
    return policy.beneath


def _against_charge(case: Case, policy: DunningPolicy, today: date, *, untried: bool) -> Hold | None:
    """The named reason why no charge may be tried today, whatever the ladder says.

    A card that is `untried` need not keep the distance to a refusal of another card.
    """
    budget = policy.budget(case.network)
    if not case.card:
        return Hold(case.id, "D-14", "no payment method is on file")
    if not case.auto_charge:
        return Hold(case.id, "D-14", "charging is switched off for this customer; the charge is parked")
    if case.vendor_retry_on and case.vendor_retry_on >= today.isoformat():
        reason = f"the payments vendor retries by itself on {case.vendor_retry_on}"
        return Hold(case.id, "D-13", reason, until=case.vendor_retry_on)
    if case.charges >= policy.max_charges:
        return Hold(case.id, "D-11", f"{case.charges} charges were tried; the window allows {policy.max_charges}")
    if case.card_day >= budget.per_day:
        return Hold(case.id, "D-11", f"{case.card_day} tries on this card in 24 hours; {budget.per_day} are allowed")
    if case.card_month >= budget.per_30_days:
        reason = f"{case.card_month} tries on this card in 30 days; {budget.per_30_days} are allowed"
        return Hold(case.id, "D-11", reason)
    free_on = _free_on(case, budget.spacing_days)
    if free_on and free_on > today and not untried:
        return Hold(case.id, "D-12", f"the next try may come on {free_on}", until=free_on.isoformat())
    return None


def _free_on(case: Case, spacing_days: int) -> date | None:
    """The first day on which spacing and the network's own advice allow another try; None means any."""
    days = [date.fromisoformat(case.not_before)] if case.not_before else []
    if case.last_charge_on:
        days.append(case.last_charge_on + timedelta(days=spacing_days))
    return max(days, default=None)


def _message(case: Case, policy: DunningPolicy, today: date, day: int) -> Decision:
    """The message due today or the reason against it."""
    ladder = policy.ladders.get(case.treatment)
    due = [rung for rung in ladder.messages if rung.day <= day] if ladder else []
    if not due or due[-1].name in case.taken:
        return Hold(case.id, "D-21", _waits_for(case, ladder, day), until=_due_on(case, policy, day))
    rung = due[-1]
    if case.vip:
        return _concierge(case)
    if against := _against_message(case, policy, rung, today):
        return against
    sender = pick_sender(rung.senders, policy.senders, today)
    if rung.action == "mail" and not sender:
        return Hold(case.id, "D-18", f"none of {', '.join(rung.senders)} is there to sign", person=True)
    promised = planned_retry(case, policy, today)
    return Step(
        f"dunning/{case.id}/{rung.name}", case.id, rung.action, rung.name, "D-15",
        f"{rung.name} is due from day {rung.day}; today is day {day}",
        rung.message, sender, promised.isoformat() if promised else "",
    )  # fmt: skip


def _against_message(case: Case, policy: DunningPolicy, rung: Rung, today: date) -> Hold | None:
    held_out = policy.holdout_per_mille and not rung.required
    if held_out and in_control(case.customer, policy.holdout_salt, policy.holdout_per_mille):
        return Hold(case.id, "D-19", "control group: only the required notice is sent")
    if case.last_message_on:
        free_on = case.last_message_on + timedelta(days=policy.message_gap_days)
        if free_on > today:
            return Hold(
                case.id,
                "D-16",
                f"the last message went out on {case.last_message_on}",
                until=free_on.isoformat(),
            )
    unreachable = case.mail if rung.action == "mail" else case.sms
    if unreachable:
        return Hold(case.id, "D-17", f"{rung.name} is skipped: {unreachable}")
    return None


def _concierge(case: Case) -> Decision:
    if "concierge" in case.taken:
        return Hold(case.id, "D-20", "the senior concierge writes to this VIP", person=True)
    reason = "VIP: the senior concierge writes personally"
    return Step(f"dunning/{case.id}/concierge", case.id, "person", "concierge", "D-20", reason)


def _waits_for(case: Case, ladder: Ladder | None, day: int) -> str:
    rungs = (*ladder.charges, *ladder.messages) if ladder else ()
    later = sorted((rung.day, rung.name) for rung in rungs if rung.day > day)
    return (
        f"{later[0][1]} comes on day {later[0][0]}" if later else "the ladder has no further rung before the hand-over"
    )


def _due_on(case: Case, policy: DunningPolicy, day: int) -> str:
    ladder = policy.ladders.get(case.treatment)
    rungs = (*ladder.charges, *ladder.messages) if ladder and case.state == "open" else policy.beneath
    later = [rung.day for rung in rungs if rung.day > day]
    if case.state == "open":
        later.append(max(policy.hand_over_day, day + 1))
    return (case.failed_on + timedelta(days=min(later))).isoformat() if later else ""


def decide_customer(cases: list[Case], policies: Mapping[str, DunningPolicy], today: date) -> list[Decision]:
    """Decide all cases of one customer together: at most one charge and one message a day among them.

    Every case is decided under the policy version that it started with.
    """
    decisions: list[Decision] = []
    charged, told = False, any(case.told_today for case in cases)
    for case in cases:
        decision = next_step(case, policies[case.policy_version], today)
        if isinstance(decision, Step) and decision.action == "charge":
            if charged:
                decision = Hold(case.id, "D-24", "another invoice of the same customer is charged first")
            charged = True
        elif isinstance(decision, Step) and decision.action in ("mail", "sms"):
            if told:
                decision = Hold(case.id, "D-16", "the same customer gets another message today")
            told = True
        decisions.append(decision)
    return decisions
