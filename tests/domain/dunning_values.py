"""Small values for dunning tests: one policy and one case, changed field by field in each test."""

from datetime import date, timedelta

from domain.dunning_case import Case
from domain.dunning_policy import Budget, DunningPolicy, FollowUp, Ladder, Rung
from domain.people import Sender

FAILED_ON = date(2026, 1, 15)
MAYA = Sender(id="maya", name="Maya Lind", email="maya@shop.example", consent_on="2025-01-02")
TOM = Sender(id="tom", name="Tom Reed", email="tom@shop.example", consent_on="2025-01-02", left_on="2026-01-20")


def charge(name: str, day: int) -> Rung:
    return Rung(name=name, day=day, action="charge")


def mail(name: str, day: int, *, required: bool = False) -> Rung:
    return Rung(name=name, day=day, action="mail", message=f"text_{name}", senders=("tom", "maya"), required=required)


SOFT = Ladder(
    charges=(charge("retry-1", 1), charge("retry-2", 4), charge("retry-3", 7), charge("retry-4", 10)),
    messages=(
        mail("mail-1", 3),
        mail("mail-2", 5),
        mail("mail-3", 8),
        Rung(name="sms-1", day=9, action="sms", message="text_sms"),
        mail("mail-4", 11, required=True),
    ),
)
HARD = Ladder(charges=(), messages=(mail("mail-1", 0), mail("mail-2", 4), mail("mail-3", 11, required=True)))
POLICY = DunningPolicy(
    version="d-test",
    hand_over_day=12,
    give_up_day=28,
    message_gap_days=2,
    max_charges=6,
    pending_days=3,
    attribution_days=7,
    minimum_minor={"EUR": 50},
    ladders={"wait": SOFT, "soon": SOFT, "cautious": SOFT, "fix": HARD, "never": HARD},
    beneath=(charge("beneath-1", 13), charge("beneath-2", 16)),
    beneath_treatments=frozenset({"wait", "soon", "cautious"}),
    paydays=frozenset({1, 15}),
    payday_treatments=frozenset({"wait"}),
    budgets={
        "default": Budget(per_day=10, per_30_days=15, spacing_days=2),
        "mastercard": Budget(per_day=10, per_30_days=35, spacing_days=1),
    },
    follow_ups=tuple(FollowUp(name=f"follow-up-{n}", day=2 * (n - 1), message=f"personal_{n}") for n in (1, 2, 3)),
    follow_up_senders=("maya",),
    senders={"maya": MAYA, "tom": TOM},
    next_renewal="close_old",
)
CASE = Case(
    id="in_1",
    customer="cus_1",
    state="open",
    failed_on=FAILED_ON,
    remaining_minor=4990,
    currency="EUR",
    treatment="cautious",
    policy_version="d-test",
    network="visa",
    card="card-a",
    card_failed="card-a",
    last_charge_on=FAILED_ON,
)


def day(number: int) -> date:
    """The day `number` days after the failure."""
    return FAILED_ON + timedelta(days=number)
