"""What a test may need that a bare machine has not: a mark for each, whose reason names the command that brings it."""

import shutil

import pytest

chromium = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed: apt-get install chromium"
)
hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed: apt-get install hledger"
)
