"""The import rule: what import-linter checks, and what it cannot take because it is a module and no package."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("commands", "deployments", "domain", "flows", "integrations", "ledger", "policies", "store", "tasks", "web")


def imports(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_every_contract_is_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "0 broken" in ended.stdout


def test_the_contracts_cover_every_package() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    linted = config["tool"]["importlinter"]["root_packages"]
    packaged = [name.rstrip("*") for name in config["tool"]["setuptools"]["packages"]["find"]["include"]]
    there = sorted(
        file.parent.name for file in ROOT.glob("*/__init__.py") if file.parent.name not in ("tests", "benchmarks")
    )
    assert sorted(linted) == sorted(packaged) == there == sorted(PACKAGES)


def test_the_entry_point_imports_only_sys_and_the_shell() -> None:
    assert imports(ROOT / "cli.py") == {"sys", "commands.shell"}


def test_settings_import_nothing_of_ours() -> None:
    files = [ROOT / name for name in ("settings.py", "settings_file.py", "settings_groups.py")]
    ours = {name.split(".")[0] for file in files for name in imports(file)}
    assert ours & set(PACKAGES) == set()


def test_the_domain_imports_the_standard_library_only() -> None:
    found = {name.split(".")[0] for file in (ROOT / "domain").rglob("*.py") for name in imports(file)}
    assert found - set(sys.stdlib_module_names) == {"domain"}


@pytest.mark.parametrize("layer", ["flows", "tasks"])
def test_nobody_but_the_edge_and_the_composition_root_reads_settings(layer: str) -> None:
    """Flows may load them to open their connections; tasks get what is open."""
    readers = {file.name for file in (ROOT / layer).rglob("*.py") if "settings" in imports(file)}
    assert readers <= {"flows": {"work.py"}, "tasks": {"connect.py"}}[layer]
