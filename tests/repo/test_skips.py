"""What was skipped is named with its remedy, and in .ci/run a skip is a failure unless ../shared is what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def ran(folder: Path, reason: str, nothing_skipped: bool) -> subprocess.CompletedProcess[str]:
    """A run of pytest, with the plugin, over one test that is skipped for this reason and one that is not."""
    text = f"import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_a(): ...\ndef test_b(): ...\n"
    (folder / "test_it.py").write_text(text)
    env = {name: value for name, value in os.environ.items() if name != "RECOUP_TEST_NOTHING_SKIPPED"}
    env |= {"RECOUP_TEST_NOTHING_SKIPPED": "1"} if nothing_skipped else {}
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.skips",
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
        str(folder),
    ]
    return subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("reason", "nothing_skipped", "code"),
    [
        ("chromium is not installed: apt-get install chromium", False, 0),
        ("chromium is not installed: apt-get install chromium", True, 1),
        ("needs ../shared/specs", True, 0),
        ("/srv/shared/data is absent", True, 0),
    ],
)
def test_a_skip_is_named_and_fails_only_where_nothing_may_be_skipped(
    tmp_path: Path, reason: str, nothing_skipped: bool, code: int
) -> None:
    ended = ran(tmp_path, reason, nothing_skipped)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert f"1  {reason}" in ended.stdout
