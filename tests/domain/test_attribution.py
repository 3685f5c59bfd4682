"""Which phase earned a payment: the last thing that can have caused it."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.attribution import earned_by

PAID = datetime(2026, 1, 30, 12, tzinfo=UTC)


def days_before(days: float | None) -> datetime | None:
    return None if days is None else PAID - timedelta(days=days)


@pytest.mark.parametrize(
    ("acted", "message", "support", "phase"),
    [
        (False, None, None, "silent_retry"),
        (False, 1, 1, "silent_retry"),  # an automatic charge of the old card is nobody's persuasion
        (True, None, None, "customer_action"),
        (True, 3, None, "message"),
        (True, 8, None, "customer_action"),  # outside the window the message may not claim it
        (True, 3, 1, "support"),
        (True, 1, 3, "message"),  # the later of the two claims it
        (True, 2, 2, "support"),
        (True, None, 6.9, "support"),
        (True, None, 7.1, "customer_action"),
        (True, -1, None, "customer_action"),  # what comes after the payment did not cause it
    ],
)
def test_the_phase_that_earned_it(acted: bool, message: float | None, support: float | None, phase: str) -> None:
    earned = earned_by(
        paid_at=PAID,
        customer_acted=acted,
        last_message_at=days_before(message),
        last_support_at=days_before(support),
        window_days=7,
    )
    assert earned.phase == phase
    assert earned.reason
