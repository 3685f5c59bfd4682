"""How `recoup run` ends: a failure is told however many steps went well before it."""

from commands.output import FOUND
from commands.run import finish
from tasks.performing import Outcome
from tasks.report import ROWS, Report


def test_a_step_that_failed_after_many_that_did_not_is_named() -> None:
    report = Report("dunning", "2026-01-27")
    report.add_outcomes(Outcome(f"dunning/in_{number}/mail-1", "mail", "done", "sent") for number in range(ROWS))
    report.add_outcomes([Outcome("dunning/in_last/mail-1", "mail", "void", "nothing happened")])
    assert finish(report) == FOUND
    assert report.rows[0].key == "dunning/in_last/mail-1"
    assert len(report.rows) == ROWS
