"""`recoup doctor`: every finding with its remedy, no secret ever, all checks at once, exit 3 where something failed."""

import asyncio
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import settings
from commands import checks, doctor, pretended, probes
from commands.findings import MARKS, Check, Finding, bad, ok, run_checks, warn
from commands.output import DONE, FOUND, Failure
from commands.shell import run
from integrations import sandbox
from store import db
from tests.conftest import Database
from tests.integrations.serving import serve

SECRET = "sk_test_" + "q7" * 10
QUICK = 5.0


def load(home: Path, **env: str) -> settings.Settings:
    """Settings for one check."""
    return settings.load(env=env, home=home)


def check(found: Check, given: settings.Settings, within: float = QUICK) -> list[Finding]:
    """The findings of one check."""
    return asyncio.run(run_checks({"it": found}, given, within))


def statuses(findings: Sequence[Finding]) -> list[str]:
    return [finding.status for finding in findings]


def answering(status: int, body: bytes = b"{}") -> Any:
    """An ASGI app that answers everything alike."""

    async def app(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, str]]:
    """All pretended vendors in their own process; gives the settings that find them."""
    addresses = sandbox.start_in_process()
    yield pretended.variables(addresses.port, addresses.mail_port)
    addresses.stop()


@pytest.mark.parametrize(
    "probe", [probes.payments, probes.texts, probes.helpdesk, probes.mail], ids=lambda each: each.__name__
)
def test_a_vendor_that_answers_is_told_with_its_address(probe: Check, vendors: dict[str, str], tmp_path: Path) -> None:
    (found,) = check(probe, load(tmp_path, **vendors))
    assert (found.status, "login taken" in found.text, "127.0.0.1" in found.text) == ("ok", True, True)


@pytest.mark.parametrize(
    "probe", [probes.payments, probes.texts, probes.helpdesk, probes.mail], ids=lambda each: each.__name__
)
def test_a_vendor_that_is_not_set_is_not_called(probe: Check, tmp_path: Path) -> None:
    assert check(probe, load(tmp_path)) == []


@pytest.mark.parametrize(
    ("probe", "key"),
    [
        (probes.payments, "RECOUP_PAYMENTS__SECRET_KEY"),
        (probes.texts, "RECOUP_TEXTS__AUTH_TOKEN"),
        (probes.helpdesk, "RECOUP_HELPDESK__API_KEY"),
    ],
)
def test_a_refused_key_is_a_failure_that_does_not_show_the_key(
    probe: Check, key: str, vendors: dict[str, str], tmp_path: Path
) -> None:
    with serve(answering(401)) as address:
        urls = {name: address for name in vendors if name.endswith("__URL")}
        (found,) = check(probe, load(tmp_path, **{**vendors, **urls, key: SECRET}))
    assert found.status == "failure"
    assert "refused our credentials (401)" in found.text
    assert "key" in found.fix
    assert SECRET not in str(found)


def test_a_vendor_that_is_away_is_a_failure_with_a_remedy(vendors: dict[str, str], tmp_path: Path) -> None:
    (found,) = check(probes.payments, load(tmp_path, **{**vendors, "RECOUP_PAYMENTS__URL": "http://127.0.0.1:9"}))
    assert found.status == "failure"
    assert "no connection" in found.text
    assert found.fix


def test_a_mail_server_that_is_away_is_a_failure(tmp_path: Path) -> None:
    given = load(tmp_path, RECOUP_MAIL__HOST="127.0.0.1", RECOUP_MAIL__PORT="9", RECOUP_MAIL__SECURITY="none")
    (found,) = check(probes.mail, given)
    assert (found.status, "no connection to 127.0.0.1:9" in found.text) == ("failure", True)


def test_checks_run_at_the_same_time_and_each_has_its_own_time_out(tmp_path: Path) -> None:
    async def slow(_: settings.Settings) -> Sequence[Finding]:
        await asyncio.sleep(60)
        return []

    async def quick(_: settings.Settings) -> Sequence[Finding]:
        return [ok("quick", "here")]

    started = time.monotonic()
    found = asyncio.run(run_checks({"a": slow, "b": quick, "c": slow}, load(tmp_path), 0.2))
    assert time.monotonic() - started < 2
    assert [(each.check, each.status) for each in found] == [("a", "failure"), ("quick", "ok"), ("c", "failure")]
    assert "no answer within 0.2 s" in found[0].text


def test_a_check_that_breaks_hides_neither_the_others_nor_itself(tmp_path: Path) -> None:
    async def broken(_: settings.Settings) -> Sequence[Finding]:
        raise ZeroDivisionError(SECRET)

    async def known(_: settings.Settings) -> Sequence[Finding]:
        raise Failure("the disk is gone", "pulled out", "put it back")

    found = asyncio.run(run_checks({"a": broken, "b": known}, load(tmp_path), QUICK))
    assert [(each.status, each.text) for each in found] == [
        ("failure", "could not be checked: ZeroDivisionError"),
        ("failure", "the disk is gone"),
    ]
    assert SECRET not in str(found)


def test_what_is_not_set_is_a_warning_that_names_the_variable(tmp_path: Path) -> None:
    found = check(checks.settings_set, load(tmp_path))
    assert statuses(found) == ["ok", *["warning"] * 7]
    fixes = " ".join(each.fix for each in found)
    assert all(name in fixes for name in ("RECOUP_SHOP__NAME", "RECOUP_PAYMENTS__SECRET_KEY", "RECOUP_MAIL__HOST"))


def test_a_secret_is_shown_by_its_last_four_characters_at_most(tmp_path: Path) -> None:
    text = " ".join(
        each.text for each in check(checks.settings_set, load(tmp_path, RECOUP_PAYMENTS__SECRET_KEY=SECRET))
    )
    assert "…q7q7" in text
    assert SECRET[-5:] not in text


def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    (found,) = check(checks.database, load(tmp_path))
    assert (found.status, "recoup up" in found.fix) == ("warning", True)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_database_is_told_with_its_entries(sqlite_file: Path) -> None:
    (found,) = check(checks.database, load(sqlite_file.parent))
    assert (found.status, "0 entries" in found.text) == ("ok", True)


def test_a_sound_postgresql_is_told_and_one_we_own_is_refused(postgresql_database: Database, tmp_path: Path) -> None:
    app, owner = (engine.url.render_as_string(hide_password=False) for engine in postgresql_database)
    assert statuses(check(checks.database, load(tmp_path, RECOUP_DATABASE_URL=app))) == ["ok"]
    (found,) = check(checks.database, load(tmp_path, RECOUP_DATABASE_URL=owner))
    assert (found.status, "owns the books" in found.text) == ("failure", True)


def test_a_dropped_guard_is_a_failure(sqlite_file: Path) -> None:
    engine = db.connect(f"sqlite:///{sqlite_file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_entries_no_update")
    engine.dispose()
    (found,) = check(checks.database, load(sqlite_file.parent))
    assert (found.status, "ledger_entries_no_update" in found.text) == ("failure", True)


def test_a_file_that_is_no_database_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "recoup.db").write_bytes(b"not a database at all, but long enough to be read as one")
    (found,) = check(checks.database, load(tmp_path))
    assert (found.status, "not a database" in found.text) == ("failure", True)


def test_a_database_server_that_is_away_is_a_failure_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://app:{SECRET}@127.0.0.1:9/recoup?connect_timeout=1"
    (found,) = check(checks.database, load(tmp_path, RECOUP_DATABASE_URL=url))
    assert found.status == "failure"
    assert SECRET not in str(found)


def test_open_cases_with_the_vendors_own_retries_are_a_warning(sqlite_file: Path) -> None:
    engine = db.connect(f"sqlite:///{sqlite_file}")
    with engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT name, type FROM pragma_table_info('cases')").all()
        row = {name: ("" if kind == "TEXT" else 0) for name, kind in found}
        row |= {"id": "in_1", "state": "open", "vendor_retry_on": "2026-01-20"}
        names = ", ".join(row)
        connection.exec_driver_sql(
            f"INSERT INTO cases ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
    engine.dispose()
    found = check(checks.database, load(sqlite_file.parent))
    assert statuses(found) == ["ok", "warning"]
    assert "1 open case" in found[1].text


def test_a_broken_policy_is_a_failure_with_its_line(tmp_path: Path) -> None:
    folder = shutil.copytree(settings.load(env={}, home=tmp_path).policies_dir, tmp_path / "policies")
    text = (folder / "senders.toml").read_text("utf-8")
    (folder / "senders.toml").write_text("nonsense = 1\n" + text, "utf-8")
    found = check(checks.policies, load(tmp_path, RECOUP_POLICIES_DIR=str(folder)))
    assert "failure" in statuses(found)
    assert "senders.toml:1" in found[0].text


def test_the_policies_that_come_with_recoup_are_sound(tmp_path: Path) -> None:
    assert statuses(check(checks.policies, load(tmp_path))) == ["ok"]


def test_what_is_unsafe_is_a_failure(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "recoup.toml").write_text("")
    (tmp_path / "recoup.toml").chmod(0o644)
    given = load(
        tmp_path, RECOUP_PREFECT__HOST="0.0.0.0", RECOUP_MAIL__HOST="mail.example.com", RECOUP_MAIL__SECURITY="none"
    )
    found = check(checks.safety, given)
    assert statuses(found) == ["failure"] * 3
    assert all(each.fix for each in found)
    tmp_path.chmod(0o700)
    assert len(check(checks.safety, given)) == 2


def test_prefect_beyond_loopback_with_a_login_is_safe(tmp_path: Path) -> None:
    given = load(tmp_path, RECOUP_PREFECT__HOST="0.0.0.0", RECOUP_PREFECT__AUTH_STRING="admin:" + SECRET)
    assert statuses(check(checks.safety, given)) == ["ok"]


def test_prefect_that_does_not_answer_is_a_warning(tmp_path: Path) -> None:
    (found,) = check(probes.prefect, load(tmp_path, RECOUP_PREFECT__API_URL="http://127.0.0.1:9/api"))
    assert (found.status, "recoup up" in found.fix) == ("warning", True)


@pytest.mark.parametrize(
    ("apart", "status"), [(timedelta(), "ok"), (timedelta(minutes=5), "failure")], ids=["same", "apart"]
)
def test_the_clock_is_compared_with_the_vendors(apart: timedelta, status: str, tmp_path: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) - apart, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        found = check(checks.clock, load(tmp_path, RECOUP_PAYMENTS__SECRET_KEY=SECRET, RECOUP_PAYMENTS__URL=address))
        server.shutdown()
    assert statuses(found) == [status]


def test_the_page_shows_mark_words_and_remedy_and_counts() -> None:
    page = doctor.page(
        [ok("disk", "41 GB free"), bad("mail", "away", "call them", "fire"), warn("mail", "slow", "wait")], 2.84
    )
    assert page == (
        "Disk           ✓ 41 GB free\n"
        "Mail           ✗ away\n"
        "                 cause: fire\n"
        "                 fix:   call them\n"
        "               ! slow\n"
        "                 fix:   wait\n"
        "\n"
        "1 ok, 1 warning, 1 failure in 2.8 s"
    )


@pytest.mark.parametrize(
    ("findings", "strict", "code"),
    [
        ([ok("a", "")], True, DONE),
        ([warn("a", "", "")], False, DONE),
        ([warn("a", "", "")], True, FOUND),
        ([ok("a", ""), bad("b", "", "")], False, FOUND),
    ],
)
def test_a_failure_ends_with_3_and_a_warning_only_when_strict(findings: list[Finding], strict: bool, code: int) -> None:
    assert doctor.exit_code(findings, strict) == code


def test_the_json_is_one_document_with_a_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    settings.use(settings.load(env=os.environ))
    assert run(["doctor", "--only", "disk", "installation", "--json"]) == DONE
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["schema"] == "recoup.doctor/1"
    assert [each["check"] for each in document["findings"]] == ["installation", "disk"]
    assert shown.err == ""


def test_every_check_is_named_as_its_findings_are() -> None:
    assert set(doctor.CHECKS) >= {
        "installation",
        "settings",
        "database",
        "prefect",
        "payments",
        "texts",
        "helpdesk",
        "mail",
    }
    assert set(MARKS) == {"ok", "warning", "failure"}
