"""Where words go: data to stdout, the rest to stderr; no colour and no animation where nobody can see it."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from commands import output

ROOT = Path(__file__).resolve().parents[2]
SHOWS = """
from commands.output import animated, err, out, table
out().print("[red]data[/red]")
out().print(table("", ("name", "amount"), [("order [1]", "1.00")], right=("amount",)))
err().print("[red]hint[/red]")
err().print(f"animated {animated()}")
"""


def ran(code: str, terminal: bool = False, **env: str) -> tuple[str, str]:
    """stdout and stderr of the code in a process of its own; on a pretended terminal where asked."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM", "COLUMNS", "FORCE_COLOR")
    }
    if terminal:
        code = f"import sys; sys.stdout.isatty = sys.stderr.isatty = lambda: True\n{code}"
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **env}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ended.stdout, ended.stderr


def test_data_goes_to_stdout_and_the_rest_to_stderr_without_colour_in_a_pipe() -> None:
    data, rest = ran(SHOWS)
    assert data.startswith("data\n")
    assert rest == "hint\nanimated False\n"
    assert "\x1b" not in data + rest


def test_a_terminal_gets_colour_and_animation() -> None:
    data, rest = ran(SHOWS, terminal=True, TERM="xterm-256color")
    assert "\x1b[31mdata" in data
    assert "animated True" in rest


@pytest.mark.parametrize("env", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_a_terminal_that_wants_no_colour_gets_none(env: dict[str, str]) -> None:
    data, rest = ran(SHOWS, terminal=True, **env)
    assert "\x1b[31m" not in data + rest


def test_a_dumb_terminal_is_not_animated() -> None:
    assert "animated False" in ran(SHOWS, terminal=True, TERM="dumb")[1]


def test_the_width_is_what_columns_says_and_wide_where_nothing_says() -> None:
    code = "from commands.output import out; print(out().width)"
    assert ran(code, COLUMNS="57")[0] == "57\n"
    assert ran(code)[0] == f"{output.WIDTH_WITHOUT_TERMINAL}\n"


def test_a_cell_is_text_even_with_square_brackets() -> None:
    stream = io.StringIO()
    Console(file=stream, width=60).print(output.table("", ("name",), [("order [bold]1[/bold]",)]))
    assert "order [bold]1[/bold]" in stream.getvalue()


def test_at_most_three_next_commands_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    output.next_commands(*((f"recoup {number}", "why") for number in range(5)))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("recoup ") == 3


def test_fail_ends_the_command_with_its_code() -> None:
    with pytest.raises(output.Failure) as caught:
        output.fail("what", "why", "how", 3)
    assert (caught.value.what, caught.value.cause, caught.value.fix, caught.value.code) == ("what", "why", "how", 3)


def test_the_exit_codes_are_the_documented_ones() -> None:
    codes = (output.DONE, output.FAILED, output.WRONG_USE, output.FOUND, output.NOT_AUTHORISED)
    assert (*codes, output.LEDGER_BROKEN, output.INTERRUPTED) == (0, 1, 2, 3, 4, 5, 130)
