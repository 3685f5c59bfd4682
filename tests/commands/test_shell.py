"""The command line as it is called: help at once, wrong use explained, every error in one shape, exit codes."""

import importlib
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import cli
from commands import help as help_page
from commands.shell import COMMANDS, EXIT_CODES, GROUPS, app, run

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "alembic", "cyclopts", "fastapi", "httpx", "openpyxl", "pandas", "polars", "prefect", "pyarrow", "pydantic", "rich",
    "sqlalchemy",
}  # fmt: skip
ONLY_WITH_PREFECT = {"fastapi", "pandas", "prefect"}
HELP_MAY_TAKE = 4.0
"""Times a bare `python -c pass`. Measured 1.1; a single heavy import makes it 8 or more."""


def recoup(
    *words: str, home: Path | None = None, flags: tuple[str, ...] = (), cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(home)} if home else {}
    return subprocess.run(
        [sys.executable, *flags, str(ROOT / "cli.py"), *words],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def imported(ended: subprocess.CompletedProcess[str]) -> set[str]:
    """The top-level packages that a process with `-X importtime` imported."""
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in ended.stderr.splitlines() if line.count("|") == 2}


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",), ("help",), ("--version",)], ids=" ".join)
def test_help_and_version_import_nothing(words: tuple[str, ...]) -> None:
    ended = recoup(*words, flags=("-X", "importtime"))
    assert ended.returncode == 0
    assert ended.stdout.startswith("recoup")
    assert imported(ended) & {*HEAVY, "commands", "settings"} == set()


@pytest.mark.parametrize(
    "words", [("ledger", "--help"), ("doctor", "--help"), ("exit-codes",), ("plann",)], ids=" ".join
)
def test_what_does_no_work_imports_nothing_that_only_work_needs(words: tuple[str, ...]) -> None:
    found = imported(recoup(*words, flags=("-X", "importtime")))
    assert found & (HEAVY - {"cyclopts", "rich", "pydantic"}) == set()


@pytest.mark.parametrize(
    "words",
    [("policy", "list"), ("ledger", "verify"), ("plan", "dunning"), ("explain", "in_1"), ("doctor",)],
    ids=" ".join,
)
def test_a_command_that_only_reads_never_imports_prefect(words: tuple[str, ...], tmp_path: Path) -> None:
    assert imported(recoup(*words, home=tmp_path, flags=("-X", "importtime"))) & ONLY_WITH_PREFECT == set()


@pytest.mark.slow
def test_help_takes_hardly_longer_than_python_itself() -> None:
    def best(*command: str) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, check=True)
            times.append(time.perf_counter() - started)
        return min(times)

    assert best("cli.py", "--help") / best("-c", "pass") < HELP_MAY_TAKE


def test_the_help_page_is_the_one_that_the_commands_make() -> None:
    assert help_page.FILE.read_text("utf-8") == help_page.text(), "run: python -m commands.help"
    assert recoup("--help").stdout == help_page.text()


def test_the_help_page_fits_a_small_terminal_and_names_every_command() -> None:
    text = help_page.text()
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) <= 36
    named = [name for _, names in help_page.SECTIONS for name in names]
    assert sorted(named) == sorted({command.words.split()[0] for command in COMMANDS})
    assert all(command.words.split()[-1] in text for command in COMMANDS)


def test_commands_that_act_say_so_in_their_first_line() -> None:
    acting = {command.words: command.help for command in COMMANDS if command.words in ("up", "run")}
    assert all(re.search("[Ss]ends .* charges", text) for text in acting.values())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_command_has_a_function_behind_it(command: object) -> None:
    module, _, name = command.target.partition(":")  # type: ignore[attr-defined]
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_command_explains_itself(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.words.split(), "--help"]) == 0  # type: ignore[attr-defined]
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Usage: recoup {command.words}")  # type: ignore[attr-defined]
    assert "│" not in shown.out


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert recoup("--version").stdout == f"recoup {cli.VERSION}\n"
    assert project["version"] == cli.VERSION


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["plann"], ["There is no command: recoup plann", "Did you mean: recoup plan?"]),
        (
            ["ledger", "statment"],
            ["There is no command: recoup ledger statment", "Did you mean: recoup ledger statement?"],
        ),
        (["xyzzy"], ["There is no command: recoup xyzzy", "recoup --help"]),
        (["doctor", "--onli", "disk"], ["--onli", "--only", "recoup doctor --help"]),
        (["doctor", "--within", "soon"], ["--within", "soon", "recoup doctor --help"]),
        (["doctor", "--only", "disc"], ["There is no check disc", "disk"]),
    ],
)
def test_wrong_use_ends_with_2_and_names_the_remedy(
    words: list[str], says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("✗ ")
    assert [part for part in says if part not in shown.err] == []
    assert "Traceback" not in shown.err


def test_a_typing_mistake_imports_no_command() -> None:
    ended = recoup("plann", flags=("-X", "importtime"))
    assert ended.returncode == 2
    assert not re.search(r"commands\.(plan|up|run|ledger)\b", ended.stderr)


def test_broken_settings_end_with_2_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_text("[shop]\nnmae = 'x'\n")
    ended = recoup("policy", "list", home=tmp_path)
    assert ended.returncode == 2
    assert f"✗ {tmp_path}/recoup.toml:2: shop.nmae" in ended.stderr
    assert "Nothing was sent or booked" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_text("[shop]\nnmae = 'x'\n")
    ended = recoup("--debug", "policy", "list", home=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "✗ " in ended.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    code = f"import cli, sys; sys.argv = ['recoup', 'doctor']; sys.path[:0] = ['{ROOT}']; cli.main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "RECOUP_HOME": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert b"BrokenPipe" not in said
    assert b"Traceback" not in said


def test_the_exit_codes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exit-codes"]) == 0
    assert capsys.readouterr().out == EXIT_CODES
    assert [line.split()[0] for line in EXIT_CODES.splitlines()] == ["0", "1", "2", "3", "4", "5", "130"]


def test_every_group_has_commands_and_every_pair_of_words_a_group() -> None:
    groups = {command.words.split()[0] for command in COMMANDS if " " in command.words}
    assert groups == set(GROUPS)
    assert app() is not None


def test_help_works_from_any_folder(tmp_path: Path) -> None:
    assert recoup("--help", cwd=tmp_path).stdout == help_page.text()
