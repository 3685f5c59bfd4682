"""`recoup`: the command line. Help answers without importing anything; every error ends in one place.

The commands are named as text, so that only the one that is called is imported. The root help is a file, made by
`python -m commands.help` and compared with the commands in a test.
"""

import sys

VERSION = "0.1.0"
"""The same as in pyproject.toml, which a test compares; reading the package's metadata would take longer."""


def main() -> None:
    """Entry point of the `recoup` command; ends the process with the exit code."""
    arguments = sys.argv[1:]
    if not arguments or arguments in (["-h"], ["--help"], ["help"]):
        with open(__file__.rpartition("cli.py")[0] + "commands/help.txt", encoding="utf-8") as text:
            sys.stdout.write(text.read())
        return
    if arguments == ["--version"]:
        sys.stdout.write(f"recoup {VERSION}\n")
        return
    from commands.shell import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
