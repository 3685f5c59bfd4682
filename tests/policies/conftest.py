"""A copy of the shop's policies to spoil, one thing at a time."""

import shutil
from pathlib import Path

import pytest

from policies.load import FOLDER


class Pages:
    """The policy files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def change(self, file: str, old: str, new: str) -> tuple[int, int]:
        """Replace a text that has to be there, everywhere it is; the lines of the first place."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} no longer says {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        first = text.count("\n", 0, text.index(old)) + 1
        return first, first + new.count("\n")

    def write(self, file: str, text: str) -> None:
        """Write a whole file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def line_of(self, file: str, text: str) -> int:
        """The 1-based line on which a text first stands."""
        lines = (self.folder / file).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    """A copy of the policies as they are in the repository."""
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return Pages(folder)
