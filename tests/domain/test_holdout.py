"""The control group: sticky, keyed, and of the size that was asked for."""

from hypothesis import given
from hypothesis import strategies as st

from domain.holdout import in_control


@given(st.text(), st.text(max_size=64), st.integers(0, 1000))
def test_the_same_person_and_experiment_always_get_the_same_arm(person: str, salt: str, share: int) -> None:
    assert in_control(person, salt[:16], share) == in_control(person, salt[:16], share)


def test_the_share_is_what_was_asked_for_and_another_experiment_is_another_draw() -> None:
    people = [f"cus_{number}" for number in range(20_000)]
    winter = {person for person in people if in_control(person, "winter", 100)}
    spring = {person for person in people if in_control(person, "spring", 100)}
    assert 1_800 < len(winter) < 2_200
    assert len(winter & spring) < 320, "about a tenth of a tenth"


def test_nobody_and_everybody() -> None:
    assert not any(in_control(str(number), "s", 0) for number in range(1000))
    assert all(in_control(str(number), "s", 1000) for number in range(1000))
