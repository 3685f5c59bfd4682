"""The root help as text, made from the table of commands: `python -m commands.help` writes commands/help.txt.

It is a file because `recoup --help` must answer at once; a test makes it again and compares.
"""

from pathlib import Path

from commands.shell import COMMANDS, GROUPS

FILE = Path(__file__).with_name("help.txt")

SECTIONS = (
    ("Start here", ("demo", "up", "web", "doctor")),
    ("Daily work", ("plan", "run", "explain", "inbox", "import")),
    ("Yours to decide", ("approvals", "approve", "stop", "go")),
    ("Money", ("ledger", "refunds")),
    ("Rules", ("policy", "hooks", "automations")),
)

EXAMPLES = (
    "recoup plan dunning --on 2026-01-27 --out today.plan",
    "recoup explain dunning/in_123/retry-1",
    "recoup ledger statement --month 2026-01",
)


def text() -> str:
    """The whole page; every command is in exactly one section."""
    lines = ["recoup: support as a profit centre, with a ledger to prove it", ""]
    for title, names in SECTIONS:
        lines += [title, *(f"  {name:<12} {_line(name)}" for name in names), ""]
    lines += ["Examples", *(f"  {example}" for example in EXAMPLES), ""]
    lines += ["Everywhere: --debug for tracebacks, --no-color. More: recoup COMMAND --help · recoup exit-codes"]
    return "\n".join(lines) + "\n"


def _line(name: str) -> str:
    if name in GROUPS:
        inner = [command.words.split()[1] for command in COMMANDS if command.words.startswith(f"{name} ")]
        return f"{GROUPS[name]} {' · '.join(inner)}"
    return next(command.help for command in COMMANDS if command.words == name)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
