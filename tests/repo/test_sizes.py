"""Files and functions stay small enough to be read in one go."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 300
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 10
LITERALS = {"integrations/stripe/sandbox_objects.py:invoice": "one object of the vendor's, field by field"}
"""Functions that are one long literal and decide nothing."""
LEFT_OUT = (".venv", "build", ".git")


def files() -> Iterator[Path]:
    """Every Python file of the project."""
    yield from (file for file in ROOT.rglob("*.py") if not set(LEFT_OUT) & set(file.relative_to(ROOT).parts))


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Every function's name and its lines without its docstring."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files()}
    code = {name: length for name, length in lengths.items() if not name.startswith("tests/")}
    assert {name: length for name, length in code.items() if length > LONGEST_FILE} == {}
    assert len(code) > 50


def test_no_function_is_longer_than_60_lines() -> None:
    found = {f"{file.relative_to(ROOT)}:{name}": length for file in files() for name, length in functions(file)}
    assert {name: length for name, length in found.items() if length > LONGEST_FUNCTION and name not in LITERALS} == {}
    assert statistics.median(found.values()) <= MEDIAN_FUNCTION


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in files()
        if file.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert silent == []
