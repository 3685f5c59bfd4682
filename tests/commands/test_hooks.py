"""`recoup hooks` and `recoup inbox` as they are called: addresses, secrets that are never shown, and trying again."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import db, inbox
from store.inbox import Heard
from web.senders import read

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-nobody"
AT = datetime(2026, 11, 1, 8, tzinfo=UTC)


def recoup(home: Path, *words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the real command in a process of its own, with this home folder and this on stdin."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    env |= {"RECOUP_HOME": str(home), "COLUMNS": "200"}
    command = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(command, input=told, capture_output=True, text=True, env=env, cwd=ROOT, check=False)


def test_a_sender_is_added_listed_and_given_a_new_secret_without_showing_any(tmp_path: Path) -> None:
    file = tmp_path / "hooks.toml"
    url = ("--public-url", "https://hooks.example.com/")
    added = recoup(tmp_path, "hooks", "add", "loop", "--shop-id", "9876", "--option", "php_form=yes", *url, told=SECRET)
    assert added.returncode == 0, added.stderr
    (row,) = read(file).rows
    assert added.stdout.strip() == f"https://hooks.example.com/hooks/loop/{row.tenant}"
    assert (row.name, row.shop_id, row.options) == ("loop", "9876", {"php_form": "yes"})
    assert [(secret.value, secret.until) for secret in row.secrets] == [(SECRET, None)]

    newer = tmp_path / "secret.txt"
    newer.write_text("newer-secret\n")
    rotated = recoup(tmp_path, "hooks", "rotate", "loop", "--until", "2026-12-01", "--secret-file", str(newer))
    assert rotated.returncode == 0, rotated.stderr
    (row,) = read(file).rows
    kept = [(secret.value, secret.until) for secret in row.secrets]
    assert kept == [("newer-secret", None), (SECRET, datetime(2026, 12, 1, tzinfo=UTC))]
    assert len({secret.name for secret in row.secrets}) == 2

    listed = recoup(tmp_path, "hooks", "list", "--json")
    assert [sender["name"] for sender in json.loads(listed.stdout)["senders"]] == ["loop", "loop"]
    with_urls = recoup(tmp_path, "hooks", "list", "--urls")
    assert row.tenant in with_urls.stdout and row.tenant not in listed.stdout
    for ended in (added, rotated, listed, with_urls):
        assert SECRET not in ended.stdout + ended.stderr and "newer-secret" not in ended.stdout + ended.stderr


def test_a_secret_that_is_made_here_is_printed_once(tmp_path: Path) -> None:
    made = recoup(tmp_path, "hooks", "add", "easypost", "--make-secret")
    assert made.returncode == 0, made.stderr
    _, secret = made.stdout.split()
    assert read(tmp_path / "hooks.toml").rows[0].secrets[0].value == secret
    assert "--public-url" in made.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "lop"), "lop is no sender we know"),
        (("add", "loop", "--option", "php_form"), "an option is written NAME=VALUE"),
        (("add", "loop", "--option", "phpform=yes"), "Did you mean php_form?"),
        (("add", "loop"), "the secret is empty"),
        (("rotate", "loop"), "there is no sender loop"),
        (("rotate", "loop", "--until", "soon"), "there is no sender loop"),
    ],
)
def test_wrong_use_says_what_to_do_and_writes_nothing(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    ended = recoup(tmp_path, "hooks", *words, told="" if says == "the secret is empty" else SECRET)
    assert ended.returncode == 2
    assert says in ended.stderr and "Traceback" not in ended.stderr
    assert read(tmp_path / "hooks.toml").rows == ()


def keep(home: Path, *items: Heard) -> None:
    engine = db.connect(f"sqlite:///{home / 'recoup.db'}")
    with db.transaction(engine) as connection:
        inbox.keep(connection, items, AT)
    engine.dispose()


def test_the_inbox_lists_what_is_not_over_and_tries_one_again(sqlite_file: Path) -> None:
    home = sqlite_file.parent
    label = json.dumps({"topic": "label", "trigger": "label.updated", "shop_id": "1", "return_id": "7"}).encode()
    usual = Heard("loop", "loop", "refunds", "label", "a", label, "key-1", "waiting")
    other = usual._replace(identity="b", operation="", state="quarantined", outcome="The event is for another shop.")
    broken = other._replace(identity="c", topic="", body=b'{"a":1,"a":2}', outcome="The body cannot be read.")
    keep(home, usual, other, broken, usual._replace(identity="d", state="unrouted", operation=""))

    listed = recoup(home, "inbox", "--json")
    assert listed.returncode == 3
    document = json.loads(listed.stdout)
    assert document["counts"] == {"waiting": 1, "quarantined": 2, "unrouted": 1}
    ids = {event["identity"]: event["id"] for event in document["events"]}
    assert set(ids) == {"a", "b", "c"}
    assert len(json.loads(recoup(home, "inbox", "--all", "--json").stdout)["events"]) == 4

    again = recoup(home, "inbox", "replay", ids["b"][:10])
    assert (again.returncode, "It waits for refunds" in again.stdout) == (0, True), again.stderr
    still = recoup(home, "inbox", "replay", ids["c"])
    assert still.returncode == 3 and "same name twice" in still.stderr
    for wrong in ((), ("zzzz",), (ids["a"][:2],)):
        assert recoup(home, "inbox", "replay", *wrong).returncode == 2
    engine = db.connect(f"sqlite:///{sqlite_file}")
    with db.transaction(engine) as connection:
        waiting = inbox.claim(connection, "refunds", "me", datetime.now(UTC) + timedelta(seconds=1))
    engine.dispose()
    assert {row.identity for row in waiting} == {"a", "b"}
