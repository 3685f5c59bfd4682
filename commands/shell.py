"""The commands by name, and the one place where their errors end as `✗ what → cause → fix` and an exit code."""

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from commands.failures import bug, failure_of
from commands.output import DONE, WRONG_USE, Failure, show

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError


class Command(NamedTuple):
    """One command: the words that call it, the function behind it, and its line in the help."""

    words: str
    target: str
    help: str


COMMANDS = (
    Command("demo", "commands.demo:demo", "Live through a billing month and book the result. No accounts needed."),
    Command("up", "commands.up:up", "Start Prefect and the worker on this machine. Sends and charges on schedule."),
    Command("web", "commands.web:web", "Receive webhooks and wake what they are for. Moves money by them."),
    Command("doctor", "commands.doctor:doctor", "Check installation, settings, connections and ledger. Read-only."),
    Command("plan", "commands.plan:plan", "Show what would be done and why. Changes nothing."),
    Command("run", "commands.run:run", "Do what a plan says. Sends messages and charges cards."),
    Command("approvals", "commands.approvals:approvals", "Show the refunds that wait for a person's yes."),
    Command("approve", "commands.approvals:approve", "Say yes or no to a refund above a cap."),
    Command("stop", "commands.approvals:stop", "Stop an operation at once: no new money leaves."),
    Command("go", "commands.approvals:go", "Let a stopped operation go on."),
    Command("explain", "commands.explain:explain", "Tell the whole story of a case, a customer or a step."),
    Command("hooks add", "commands.hooks:add", "Let a vendor send us webhooks; prints the address to paste there."),
    Command("hooks list", "commands.hooks:list_hooks", "The senders, and what each of their secrets was used for."),
    Command("hooks rotate", "commands.hooks:rotate", "A new secret for a sender; the old one stays valid for a while."),
    Command("inbox", "commands.inbox:inbox", "Show events that wait, failed or are quarantined; replay one."),
    Command(
        "import failed-payments",
        "commands.importing:failed_payments",
        "Take failed renewals in from a CSV export; bad rows are quarantined.",
    ),
    Command("ledger statement", "commands.ledger:statement", "The month in one page."),
    Command("ledger verify", "commands.ledger:verify", "Prove balance, sequence, chain and roll-up again."),
    Command("ledger trace", "commands.ledger:trace", "From an entry to its step, vendor reference and flow run."),
    Command("refunds exposure", "commands.refund_lists:exposure", "What was refunded early and is not back yet."),
    Command("refunds settle", "commands.refund_settling:settle", "Say how a refunded line ends. Books it."),
    Command("refunds differences", "commands.refund_lists:differences", "Where four sides differ, and what to do."),
    Command("automations apply", "commands.automations:apply", "Put three automations on the Prefect server."),
    Command("policy list", "commands.policy:list_policies", "The policies in force, with their versions."),
    Command("policy try", "commands.policy_try:try_policy", "Decide the past again with a changed policy. No effects."),
)

GROUPS = {
    "hooks": "Who may send us webhooks.",
    "import": "Take data in from files.",
    "ledger": "The books.",
    "refunds": "What was refunded before the goods were in.",
    "policy": "The rules that decide.",
    "automations": "What Prefect tells people by itself.",
}
"""What the commands of two words have in common."""

EXIT_CODES = """\
  0    done, or nothing to do
  1    failed; nothing more was done after the failure
  2    wrong use or settings
  3    worked, and found something: doctor, a partly done run, differences
  4    a vendor or a server refused our credentials
  5    the ledger does not prove itself
  130  interrupted
"""


def run(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code. Nothing is raised but SystemExit."""
    words, debug = _without_general_options(arguments)
    if words == ["exit-codes"]:
        sys.stdout.write(EXIT_CODES)
        return DONE
    try:
        _check_words(words)
        return _code(app()(words, exit_on_error=False, print_error=False, result_action="return_value"))
    except BrokenPipeError:
        return _reader_went_away()
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        failure = _of_usage(error) or failure_of(error) or bug(error, _home(), " ".join(words[:2]))
        show(failure)
        return failure.code


def app() -> "App":
    """The cyclopts application; commands are named as text, so building it imports none of them."""
    import cyclopts

    root = cyclopts.App(name="recoup", help_format="plaintext", help_formatter="plain", version_flags=())
    groups = {
        name: cyclopts.App(name=name, help=text, help_format="plaintext", help_formatter="plain", version_flags=())
        for name, text in GROUPS.items()
    }
    for group in groups.values():
        root.command(group)
    for command in COMMANDS:
        group_name, _, name = command.words.rpartition(" ")
        (groups[group_name] if group_name else root).command(command.target, name=name, help=command.help)
    return root


def _without_general_options(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` and `--no-color` may stand anywhere; what is left are the command's own words."""
    if "--no-color" in arguments:
        os.environ["NO_COLOR"] = "1"
    return [word for word in arguments if word not in ("--debug", "--no-color")], "--debug" in arguments


def _check_words(words: Sequence[str]) -> None:
    """Refuse a command that there is not, with the nearest one; cyclopts would import them all to say it."""
    names = {command.words.split()[0] for command in COMMANDS}
    group = ""
    if words and words[0] in GROUPS:
        group = words[0] + " "
        names = {command.words.removeprefix(group) for command in COMMANDS if command.words.startswith(group)}
    word = words[1:2] if group else words[:1]
    if not word or word[0].startswith("-") or word[0] in names:
        return
    close = difflib.get_close_matches(word[0], sorted(names), n=1)
    fix = f"Did you mean: recoup {group}{close[0]}?" if close else f"recoup {group}--help lists them"
    raise Failure(f"There is no command: recoup {group}{word[0]}", "", fix, WRONG_USE, "Nothing was done.")


def _code(result: object) -> int:
    return result if isinstance(result, int) and not isinstance(result, bool) else DONE


def _of_usage(error: BaseException) -> Failure | None:
    """Wrong use of a command: cyclopts says what was wrong and what was probably meant."""
    import cyclopts

    if not isinstance(error, cyclopts.CycloptsError):
        return None
    return Failure(" ".join(str(error).split()), "", _help_for(error), WRONG_USE, "Nothing was done.")


def _help_for(error: "CycloptsError") -> str:
    words = [word for word in (error.command_chain or ()) if word != "recoup"]
    return f"recoup {' '.join(words)} --help" if words else "recoup --help"


def _home() -> Path:
    """Where the traceback of a bug is kept; the settings themselves may be what is broken."""
    from settings import home_folder

    return home_folder()


def _reader_went_away() -> int:
    """`recoup … | head` closed the pipe: nobody reads on, which is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE
