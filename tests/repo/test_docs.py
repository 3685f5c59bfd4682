"""The documentation is true: its commands are run again, and everything that has to be documented is."""

import re
from pathlib import Path

import pytest

from tests.repo import documented

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", documented.PAGES)
def test_every_documented_command_still_prints_what_the_page_says(page: str) -> None:
    found = documented.examples(page)
    assert found, f"{page} has no command with its output"
    with documented.shop(page) as living:
        for example in found:
            printed = documented.run(living, example.command)
            assert documented.plain(printed) == documented.plain(example.output), (
                f"{page}: `{example.command}` prints something else now; "
                "if that is right: python -m tests.repo.documented --write"
            )


@pytest.mark.parametrize("stem", ["dunning", "refunds"])
def test_one_stem_names_an_operation_in_every_layer(stem: str) -> None:
    for path in (f"domain/{stem}.py", f"flows/{stem}.py", f"policies/{stem}.toml", f"docs/operations/{stem}.md"):
        assert (ROOT / path).is_file(), f"{path} is missing"
    assert list((ROOT / "tests").glob(f"*/test_{stem}.py"))


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md"]
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = [(ROOT / page).parent / name for name in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    folders = "domain|store|ledger|integrations|policies|tasks|flows|commands|tests|docs|deployments"
    named = [ROOT / name for name in re.findall(rf"`((?:{folders})/[a-z0-9_./-]+)", text)]
    missing = [str(path) for path in linked + named if not path.resolve().exists()]
    assert not missing, f"{page} names {missing}"


def test_every_make_target_and_command_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", text)) <= targets
    known = (ROOT / "commands/help.txt").read_text(encoding="utf-8")
    for command in set(re.findall(r"`recoup ([a-z]+)", text)):
        assert re.search(rf"^  {command}\b", known, re.MULTILINE), f"recoup {command} is not in the help"


def test_every_rule_of_a_decision_is_in_the_operations_page() -> None:
    from domain.dunning import RULES
    from domain.dunning_follow_up import RULES as FOLLOW_UP

    text = (ROOT / "docs/operations/dunning.md").read_text(encoding="utf-8")
    missing = [rule for rule in (*RULES, *FOLLOW_UP) if f"`{rule}`" not in text]
    assert not missing, f"docs/operations/dunning.md does not explain {missing}"


def test_every_rule_of_a_refund_is_in_the_operations_pages() -> None:
    from domain.exposure import RULES as EXPOSURE
    from domain.refund_rules import RULES

    for rules, page in ((RULES, "docs/operations/refunds.md"), (EXPOSURE, "docs/operations/refunds-differences.md")):
        text = (ROOT / page).read_text(encoding="utf-8")
        missing = [rule for rule in rules if f"`{rule}`" not in text]
        assert not missing, f"{page} does not explain {missing}"
