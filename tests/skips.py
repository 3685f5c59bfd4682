"""A pytest plugin: says at the end what was skipped and what brings it; fails where nothing may be skipped.

Loaded by `make test` (`-p tests.skips`). With RECOUP_TEST_NOTHING_SKIPPED (set by .ci/run) a skip is a failure,
unless its reason names ../shared: that folder does not come with the project.
"""

import os
import re
from collections import Counter

import pytest

NOT_OURS = re.compile(r"(\.\./|/)shared\b")


def reasons(reporter: pytest.TerminalReporter) -> Counter[str]:
    """How many tests were skipped for which reason."""
    skipped = reporter.stats.get("skipped", [])
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The list, most frequent first; a reason says itself which command brings the test."""
    found = reasons(terminalreporter)
    if found:
        terminalreporter.section("skipped, and what brings them")
    for reason, count in found.most_common():
        terminalreporter.write_line(f"{count:>5}  {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run that skipped something into a failed one, where nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("RECOUP_TEST_NOTHING_SKIPPED"):
        return
    if any(not NOT_OURS.search(reason) for reason in reasons(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
