"""Two workers that die anywhere, events doubled, late, reordered and lost, vendors that fail after they have paid.

Each trial: every kind of refund at once, two processes beside each other that are gone at a random line of ours, make
a mistake there, or are killed from outside, twice; then everybody is well and days go by. In the end no label was
refunded twice, no order more than it was paid, every refund is in the books once, nothing is left unknown, no event is
lost, the customer was told once what is true, and the budget was kept; and it ends as if nothing had gone wrong.
RECOUP_TEST_REFUND_TRIALS says how many trials a test has (1), RECOUP_TEST_SEED repeats one run.
"""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.flows.refund_trials import MOVERS, NOON, TRIALS, Trial, at


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(TRIALS))
@pytest.mark.parametrize("mover", MOVERS)
def test_two_workers_that_die_anywhere_pay_every_label_once(
    mover: str, number: int, begin: Callable[..., Trial], sqlite_engine: Engine
) -> None:
    trial = begin(mover, sqlite_engine, number)
    assert trial.lived_through() == [], trial


def test_a_trial_in_which_nothing_goes_wrong_has_every_kind_of_end(
    begin: Callable[..., Trial], sqlite_engine: Engine
) -> None:
    trial = begin("storefront", sqlite_engine, 0)
    trial.scan()
    trial.hear(("501", "509"), NOON)
    ((status, lines),) = trial.live({"acts": at(NOON, "inbox"), "at": 0})
    assert (status, lines > 1000) == (0, True)
    trial.recover()
    assert trial.wrong() == []
