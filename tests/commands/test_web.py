"""`recoup web`: what it refuses and warns of, that it serves, and that it leaves in order."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from commands import web
from commands.output import Failure
from deployments import processes
from tests.commands.test_shell import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_the_way_to_another(taken: int) -> None:
    with pytest.raises(Failure) as caught:
        web.check_port("127.0.0.1", taken)
    assert caught.value.what == f"Port {taken} on 127.0.0.1 cannot be listened on"
    assert f"recoup web --port {taken + 1}" in caught.value.fix
    assert caught.value.not_done == "Nothing was started."


@pytest.mark.parametrize(("host", "said"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_listening_for_others_is_said(host: str, said: bool, capsys: pytest.CaptureFixture[str]) -> None:
    web.warn_of_exposure(host)
    assert ("without TLS" in capsys.readouterr().err) is said


def test_it_serves_without_prefect_and_leaves_when_asked(tmp_path: Path) -> None:
    port, nobody = processes.free_port(), processes.free_port()
    env = processes.prefect_env(tmp_path / "prefect", f"http://127.0.0.1:{nobody}/api")
    env = {name: value for name, value in env.items() if not name.startswith("RECOUP_")}
    env |= {
        "RECOUP_HOME": str(tmp_path),
        "RECOUP_WEB__PORT": str(port),
        "RECOUP_PREFECT__PORT": str(nobody),
        "RECOUP_PORTAL__API_KEY": "a",
        "RECOUP_STOREFRONT__TOKEN": "a",
        "RECOUP_STOREFRONT__URL": "http://127.0.0.1:9/shop",
    }
    child = processes.start("receiver", [sys.executable, str(ROOT / "cli.py"), "web"], env=env, log=tmp_path / "log")
    address = f"http://127.0.0.1:{port}"
    try:
        processes.wait_until_healthy(child, address, path="/health", within_seconds=60)
        with urlopen(f"{address}/health", timeout=5) as answer:
            assert json.load(answer) == {"status": "ok", "switches": {"refunds": "unknown"}}
        second = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "web"], env=env, capture_output=True, text=True, check=False
        )
        assert (second.returncode, f"Port {port} on 127.0.0.1 cannot be listened on" in second.stderr) == (2, True)
        child.process.send_signal(signal.SIGINT)
        assert child.process.wait(30) == 0
    finally:
        child.kill()
    said = child.log.read_text("utf-8")
    assert f"Receiver: {address}, 0 senders." in said
    assert "recoup hooks add" in said
    assert "Traceback" not in said
    assert said.rstrip().endswith("Stopped. What was received is kept.")
