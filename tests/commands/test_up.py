"""`recoup up`: refuses before it starts anything, starts and stops in order, and leaves no process behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import settings
from commands import pretended, up
from commands.output import Failure
from deployments import prefect_api, processes, supervisor
from deployments.prefect_api import DeployError
from deployments.processes import Child, ProcessError
from settings import SettingsError
from tests.commands.test_shell import ROOT, recoup
from tests.conftest import Database

READY_WITHIN_SECONDS = 180.0


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_what_is_missing_is_named_before_anything_starts(tmp_path: Path) -> None:
    ended = recoup("up", home=tmp_path)
    assert ended.returncode == 2
    assert all(f"{key}: is not set. Set {settings.variable(key)}" in ended.stderr for key in up.NEEDED)
    assert "recoup up --sandbox needs none" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_texts_are_needed_only_where_they_are_begun(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.need_all(settings.load(env={"RECOUP_TEXTS__ACCOUNT_SID": "AC1"}, home=tmp_path), up.TEXTS_NEED)
    assert [problem.key for problem in caught.value.problems] == ["texts.auth_token", "texts.sender"]


def test_a_taken_port_is_named_with_the_way_to_another(tmp_path: Path, taken: int) -> None:
    with pytest.raises(Failure) as caught:
        up.check_ports(settings.load(env={"RECOUP_PREFECT__PORT": str(taken)}, home=tmp_path))
    assert caught.value.what == f"Port {taken} on 127.0.0.1 is taken"
    assert f"RECOUP_PREFECT__PORT={taken + 1} recoup up" in caught.value.fix
    assert caught.value.not_done == "Nothing was started."


def test_a_prefect_elsewhere_needs_no_port_here(tmp_path: Path, taken: int) -> None:
    env = {"RECOUP_PREFECT__PORT": str(taken), "RECOUP_PREFECT__API_URL": "https://prefect.example.com/api"}
    env["RECOUP_WEB__PORT"] = str(processes.free_port())
    up.check_ports(settings.load(env=env, home=tmp_path))


def test_a_receivers_port_that_is_taken_is_named_too(tmp_path: Path, taken: int) -> None:
    env = {"RECOUP_PREFECT__PORT": str(processes.free_port()), "RECOUP_WEB__PORT": str(taken)}
    with pytest.raises(Failure) as caught:
        up.check_ports(settings.load(env=env, home=tmp_path))
    assert f"RECOUP_WEB__PORT={taken + 1} recoup up" in caught.value.fix


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_prefect_is_not_shown_to_others_without_a_login(tmp_path: Path, host: str) -> None:
    with pytest.raises(Failure, match="without a login"):
        up.check_exposure(settings.load(env={"RECOUP_PREFECT__HOST": host}, home=tmp_path))
    up.check_exposure(
        settings.load(env={"RECOUP_PREFECT__HOST": host, "RECOUP_PREFECT__AUTH_STRING": "a:b"}, home=tmp_path)
    )
    up.check_exposure(settings.load(env={}, home=tmp_path))


def test_the_database_is_made_where_only_we_can_read(tmp_path: Path) -> None:
    given = settings.load(env={}, home=tmp_path / "home")
    assert "up to date" in up.bring_database_up_to_date(given)
    assert stat.S_IMODE(given.home.stat().st_mode) == 0o700
    assert "up to date" in up.bring_database_up_to_date(given)


def test_on_postgresql_the_owner_migrates_and_the_application_is_checked(
    postgresql_database: Database, tmp_path: Path
) -> None:
    app, owner = (engine.url.render_as_string(hide_password=False) for engine in postgresql_database)
    given = settings.load(env={"RECOUP_DATABASE_URL": app, "RECOUP_DATABASE_OWNER_URL": owner}, home=tmp_path)
    assert "up to date" in up.bring_database_up_to_date(given)
    with pytest.raises(Failure, match="must not be served"):
        up.bring_database_up_to_date(settings.load(env={"RECOUP_DATABASE_URL": owner}, home=tmp_path))


def test_the_pretended_vendors_settings_are_a_file_that_settings_read(tmp_path: Path) -> None:
    chosen = {
        **pretended.variables(1234, 2525),
        "RECOUP_SHOP__NAME": 'A "shop" \\ ü',
        "RECOUP_DATABASE_URL": "sqlite:////x",
    }
    file = pretended.write_file(tmp_path / "sandbox", chosen)
    found = settings.load(env={}, home=tmp_path / "sandbox")
    assert found == settings.load(env=chosen, home=tmp_path / "sandbox")
    assert found.shop.name == 'A "shop" \\ ü'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_seed_needs_the_sandbox(tmp_path: Path) -> None:
    ended = recoup("up", "--seed", "x.json", home=tmp_path)
    assert ended.returncode == 2
    assert "--seed needs --sandbox" in ended.stderr


def child(code: str, tmp_path: Path) -> Child:
    """A child that runs this Python."""
    return processes.start("child", [sys.executable, "-c", code], env=os.environ, log=tmp_path / "child.log")


def said(process: Child, word: str) -> None:
    """Wait until the child has said the word."""
    deadline = time.monotonic() + 10
    while word not in process.last_lines():
        assert time.monotonic() < deadline, process.last_lines()
        time.sleep(0.02)


def test_a_child_hears_sigint_even_where_we_ignore_it(tmp_path: Path) -> None:
    """A worker that inherits an ignored SIGINT goes on taking runs after SIGTERM."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = child(
            "import signal, time; print(signal.getsignal(signal.SIGINT), flush=True); time.sleep(60)", tmp_path
        )
    finally:
        signal.signal(signal.SIGINT, before)
    said(process, "default_int_handler")
    assert process.stop(5)


def test_a_child_that_does_not_go_is_killed_with_its_own_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('inner', inner.pid, flush=True); time.sleep(60)"
    )
    process = child(code, tmp_path)
    said(process, "inner")
    inner = int(process.last_lines().split()[-1])
    started = time.monotonic()
    assert process.stop(0.3) is False
    assert time.monotonic() - started < 5
    assert not process.running
    while not gone(inner):
        assert time.monotonic() - started < 10
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """True where the process has ended, or is only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_child_in_its_own_group_does_not_get_the_terminals_ctrl_c(tmp_path: Path) -> None:
    process = child("import time; time.sleep(60)", tmp_path)
    assert os.getpgid(process.process.pid) != os.getpgid(0)
    assert process.stop(5)


def test_a_server_that_dies_while_starting_is_told_with_its_last_words(tmp_path: Path) -> None:
    process = child("print('the disk is full')", tmp_path)
    process.process.wait()
    with pytest.raises(ProcessError, match="the disk is full") as caught:
        processes.wait_until_healthy(process, "http://127.0.0.1:9")
    assert str(process.log) in str(caught.value)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    process = child("import time; time.sleep(60)", tmp_path)
    with pytest.raises(ProcessError, match=r"did not answer within 0 s"):
        processes.wait_until_healthy(process, "http://127.0.0.1:9", within_seconds=0.3)
    process.stop(5)


def test_nothing_of_the_persons_own_prefect_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example.com/api")
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    env = processes.prefect_env(tmp_path, "http://127.0.0.1:4200/api")
    assert env["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert env["PREFECT_HOME"] == str(tmp_path)
    assert "PREFECT_PROFILE" not in env
    assert (env["DO_NOT_TRACK"], env["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")


def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    stubborn = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)",
        tmp_path,
    )
    said(stubborn, "on")
    running = supervisor.Running([stubborn])
    running.ask(signal.SIGINT, None)
    assert stubborn.running
    with pytest.raises(supervisor.StopAsked):
        running.tick(0)
    running.ask(signal.SIGINT, None)
    assert not stubborn.running


def test_it_refuses_to_start_beside_the_children_of_one_that_was_killed(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    env = processes.prefect_env(home, "http://127.0.0.1:9/api")
    orphan = processes.start(
        "worker", [sys.executable, "-c", "import time; time.sleep(60)"], env=env, log=home / "worker.log"
    )
    (home / "children.json").write_text(json.dumps({"worker": orphan.process.pid, "Prefect server": os.getpid()}))
    with pytest.raises(Failure) as caught:
        up.check_left_behind(settings.load(env={}, home=tmp_path))
    assert caught.value.what == "Still running from an earlier recoup up: worker"
    assert caught.value.fix.endswith(f"kill {orphan.process.pid}")
    orphan.stop(5)
    up.check_left_behind(settings.load(env={}, home=tmp_path))


def test_a_prefect_elsewhere_that_does_not_answer_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    options = supervisor.Options(
        home=tmp_path / "prefect",
        api_url="http://127.0.0.1:9/api",
        own_host="",
        port=0,
        auth_string="",
        env={},
        first=(sys.executable, "-c", f"import time; '{tmp_path}'; time.sleep(60)"),
    )
    with pytest.raises(DeployError, match=r"does not answer at http://127\.0\.0\.1:9/api"):
        supervisor.serve(options, up.announce, ready=lambda: None)
    assert command_lines(str(tmp_path)) == []


def command_lines(marker: str) -> list[str]:
    """The command lines of running processes that name the marker, but for this one."""
    others = (folder for folder in Path("/proc").glob("[0-9]*") if folder.name != str(os.getpid()))
    found = [(folder / "cmdline").read_text("utf-8", "replace") for folder in others if (folder / "cmdline").exists()]
    return [words for words in found if marker in words]


@pytest.mark.prefect
@pytest.mark.slow
@pytest.mark.xdist_group("prefect")
@pytest.mark.timeout(300)
def test_it_starts_everything_and_ends_with_ctrl_c_leaving_nothing_behind(tmp_path: Path) -> None:
    port, web_port = processes.free_port(), processes.free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RECOUP_", "PREFECT_"))}
    env |= {
        "RECOUP_HOME": str(tmp_path / "home"),
        "RECOUP_PREFECT__PORT": str(port),
        "RECOUP_WEB__PORT": str(web_port),
        "RECOUP_SHOP__TIME_ZONE": "Europe/Berlin",
    }
    log = tmp_path / "up.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), "up", "--sandbox"],
            env=env,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        wait_for(log, "Ctrl-C stops it.", process)
        text = log.read_text("utf-8")
        assert f"Prefect's pages: http://127.0.0.1:{port}" in text
        assert f"{len(prefect_api.declared())} applied" in text
        assert processes.healthy(f"http://127.0.0.1:{web_port}", "/health")
        assert "\x1b" not in text
        doctor = recoup("doctor", "--within", "30", home=tmp_path / "home" / "sandbox")
        assert doctor.returncode == 0, doctor.stdout
        again = recoup("up", "--sandbox", home=tmp_path / "home")
        assert (again.returncode, "Still running from an earlier recoup up" in again.stderr) == (2, True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.terminate()
        process.wait(60)
    stopped = [
        line.split("✓")[0].strip() for line in log.read_text("utf-8").splitlines() if line.startswith("  Stopping")
    ]
    assert stopped == ["Stopping receiver", "Stopping worker", "Stopping Prefect server", "Stopping pretended vendors"]
    assert left_behind(str(tmp_path)) == []
    assert supervisor.left_behind(tmp_path / "home" / "sandbox" / "prefect") == {}


def wait_for(log: Path, word: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the word is in the log; the test fails where the process ends before."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while word not in log.read_text("utf-8"):
        assert process.poll() is None, log.read_text("utf-8")
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.2)


def left_behind(marker: str) -> list[str]:
    """The command lines of processes whose environment names the marker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes() and not gone(int(folder.name)):
                found.append((folder / "cmdline").read_text("utf-8").replace("\0", " "))
        except OSError:
            continue
    return found
