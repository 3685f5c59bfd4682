"""What is committed says nothing of the machine it was made on, and the locks hold what pyproject asks for."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "a package registry's host": r"py[p]i\.org|python[h]osted|(?i:artifactory|devpi)|index-url *[=:]? *https?:",
    "a path of one machine": r"/(?:home|Users|root)/[a-z]|/w[o]rk/(?:main|shared)|/opt/py[p]i",
    "a secret": r"sk_live_[0-9A-Za-z]{16,}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY",
}
TEXT = {".py", ".toml", ".yaml", ".yml", ".md", ".txt", ".sh", ".cfg", ".ini", ".mako", ".json", ".csv", ""}
NOT_A_SECRET = {"tests/commands/test_settings.py"}


@cache
def committed() -> tuple[Path, ...]:
    """Every file that git knows, or would take."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(ROOT / name for name in listed if (ROOT / name).is_file())


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in committed()
        if file.suffix in TEXT and file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_nothing_that_is_made_or_private_is_committed() -> None:
    private = re.compile(r"(^|/)(\.venv|\.recoup|__pycache__|build)/|\.egg-info|recoup\.toml$|\.db(-wal|-shm)?$|\.env$")
    assert [str(file.relative_to(ROOT)) for file in committed() if private.search(str(file.relative_to(ROOT)))] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_is_hashed_and_complete(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    locked = {re.split(r"[=\[; ]", entry)[0].lower() for entry in entries}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    wanted += project["optional-dependencies"]["dev"] if "dev" in name else []
    asked = {re.split(r"[\[<>=; ]", each)[0].lower() for each in wanted}
    assert asked - locked == set(), "run: make lock"


def test_the_lock_keeps_away_from_versions_that_break_prefect() -> None:
    """2.1 of SQLAlchemy: no scheduled run is ever made. 0.150 of FastAPI: the server does not start."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    found = {name: re.search(rf"^{name}==(\d+)\.(\d+)", text, re.M) for name in ("sqlalchemy", "fastapi", "prefect")}
    versions = {name: (int(match[1]), int(match[2])) for name, match in found.items() if match}
    assert versions["sqlalchemy"] < (2, 1)
    assert versions["fastapi"] < (0, 150)
    assert versions["prefect"] == (3, 8)


def test_the_development_lock_holds_the_same_versions() -> None:
    def versions(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / name).read_text("utf-8"), re.M))

    runtime, development = versions("requirements.txt"), versions("requirements-dev.txt")
    assert {name: development.get(name) for name in runtime} == runtime


def test_the_makefile_offers_what_the_readme_promises() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.M))
    assert {"setup", "demo", "test", "up", "lint", "bench", "lock", "clean"} <= targets
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_prefect_yaml_says_who_owns_each_deployment_and_what_it_may_do() -> None:
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]:
        assert "Owner:" in deployment["description"], deployment["name"]
        assert re.search(r"[Ss]ends|[Ww]rites|charges", deployment["description"]), deployment["name"]
