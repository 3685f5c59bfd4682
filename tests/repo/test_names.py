"""Our top-level names are plain words; each must resolve inside this repository, or a dependency has taken it."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NAMES = sorted(
    {path.parent.name for path in ROOT.glob("*/__init__.py")} | set(PROJECT["tool"]["setuptools"]["py-modules"])
)


@pytest.mark.parametrize("name", NAMES)
def test_a_top_level_name_is_ours(name: str) -> None:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).is_relative_to(ROOT)
    assert ".venv" not in Path(found.origin).parts


def test_every_folder_with_python_is_a_regular_package() -> None:
    """A regular package elsewhere on the path beats a namespace package of the same name."""
    folders = {file.parent for name in NAMES for file in (ROOT / name).rglob("*.py")}
    assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} - scripts() == set()


def scripts() -> set[str]:
    """Alembic runs these files by path; they are no package."""
    return {str(folder) for folder in (ROOT / "store" / "migrations").rglob("*") if folder.is_dir()} | {
        str(ROOT / "store" / "migrations")
    }


def test_everything_that_runs_is_installed() -> None:
    listed = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    listed |= set(PROJECT["tool"]["setuptools"]["py-modules"])
    assert set(NAMES) - listed == {"benchmarks", "tests"}
