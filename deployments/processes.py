"""The Prefect server and the worker as child processes: started, awaited, stopped in a bounded time.

Used by `recoup up`, the demo and the tests. Prefect gets its own home and database, never ours. A child starts
in its own process group, so that one Ctrl-C in the terminal reaches only us and we stop the children in order.
SIGINT is reset to its default in the child: a worker that inherits an ignored SIGINT goes on taking runs after
SIGTERM.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds prefect.yaml and our packages; workers start their runs in it."""

SERVER_STARTS_WITHIN_SECONDS = 120.0
"""The first start migrates an empty database; on a busy small machine that has taken over a minute."""

_POLL_SECONDS = 0.1

SERVER = {
    "DB_VACUUM_ENABLED": "events,flow_runs",
    "TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "EVENT_PERSISTER_BATCH_SIZE": "200",
    "EVENT_PERSISTER_READ_BATCH_SIZE": "50",
}
"""Of Prefect's services: history is deleted in time, and task runs and events are written many at once. Written one by
one, they and the flow runs wait for each other's lock on the file, sometimes for seconds."""


class ProcessError(Exception):
    """A child could not be started or did not become ready; the message names its log file."""


@dataclass(slots=True)
class Child:
    """A process that we started, and where its output goes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, for an error message."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-count:])

    def stop(self, within_seconds: float = 15.0) -> bool:
        """SIGTERM, then SIGKILL for its whole group when the time is over; True where it went by itself."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within_seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()

    def kill(self) -> None:
        """End the child and whatever it started; harmless when they are gone."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def start(name: str, command: list[str], *, env: Mapping[str, str], log: Path, cwd: Path = PROJECT) -> Child:
    """Start a child in its own process group, with stdout and stderr appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", _LISTENING, *command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def prefect_env(home: Path, api_url: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for Prefect's own processes and clients: a home of their own, and nothing phoned home.

    What the person set for Prefect comes through, except what would point it at another server. Prefect reads every
    certificate of the machine for each of its clients, 30 ms a time; where it speaks plain HTTP one does as well.
    """
    plain = {"PREFECT_API_SSL_CERT_FILE": _one_certificate(home)} if api_url.startswith("http://") else {}
    ours = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
    }
    theirs = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**plain, **theirs, **ours, **(extra or {})}


def start_server(home: Path, host: str, port: int, extra: Mapping[str, str] | None = None) -> Child:
    """Start `prefect server` with its database under `home`; not ready before `wait_until_healthy`."""
    address = server_address(host, port)
    env = prefect_env(home, f"{address}/api", extra)
    # Prefect's UI looks for its API on port 4200 unless told, whatever the server's port is.
    env["PREFECT_SERVER_UI_API_URL"] = f"{address}/api"
    # Prefect's client keeps a connection for 25 s. A server that closes it after 5 at the moment of its next use costs
    # that call a retry, which comes after two seconds.
    env.setdefault("PREFECT_SERVER_API_KEEPALIVE_TIMEOUT", "60")
    for name, value in SERVER.items():
        env.setdefault(f"PREFECT_SERVER_SERVICES_{name}", value)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    return start("Prefect server", command, env=env, log=home / "server.log")


def start_worker(home: Path, api_url: str, pool: str, limit: int, extra: Mapping[str, str] | None = None) -> Child:
    """Start one process worker on `pool`; every run is a process of its own below it."""
    env = prefect_env(home, api_url, extra)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    command += ["--limit", str(limit), "--name", f"recoup-{socket.gethostname()}"]
    return start("worker", command, env=env, log=home / "worker.log")


def start_receiver(home: Path, api_url: str, extra: Mapping[str, str] | None = None) -> Child:
    """Start `recoup web`: the receiver of webhooks with its dispatcher, where the settings in `extra` say."""
    env = prefect_env(home, api_url, extra)
    return start("receiver", [sys.executable, str(PROJECT / "cli.py"), "web"], env=env, log=home / "receiver.log")


def wait_until_healthy(
    server: Child,
    address: str,
    *,
    path: str = "/api/health",
    within_seconds: float = SERVER_STARTS_WITHIN_SECONDS,
    tick: Callable[[float], None] = lambda _: None,
) -> float:
    """Wait until `path` answers; return the seconds it took. ProcessError when it dies or takes too long."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < within_seconds:
        if not server.running:
            raise ProcessError(f"the {server.name} ended while starting:\n{server.last_lines()}\nlog: {server.log}")
        if healthy(address, path):
            return time.monotonic() - started
        tick(waited)
        time.sleep(_POLL_SECONDS)
    raise ProcessError(f"the {server.name} did not answer within {within_seconds:.0f} s; log: {server.log}")


def healthy(address: str, path: str = "/api/health", timeout_seconds: float = 2.0) -> bool:
    """True where Prefect's API, or what `path` says, answers at `http://host:port`."""
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=timeout_seconds) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def server_address(host: str, port: int) -> str:
    """`http://127.0.0.1:4200`; a server bound to every interface is reached over loopback."""
    name = "127.0.0.1" if host in ("0.0.0.0", "") else "[::1]" if host == "::" else host
    return f"http://{name}:{port}"


def port_is_free(host: str, port: int) -> bool:
    """True where we could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _one_certificate(home: Path) -> str:
    """A file with the first of the usual certificates."""
    import certifi

    end = "-----END CERTIFICATE-----\n"
    everybody = Path(certifi.where()).read_text("utf-8")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home / "one-certificate.pem"
    if not file.exists():
        # In one move, for several processes may do this at once and others read it.
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(everybody[: everybody.index(end)] + end, "utf-8")
        fresh.replace(file)
    return str(file)


_NOT_INHERITED = frozenset(
    {"PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILES_PATH", "PREFECT_PROFILE", "PREFECT_TEST_MODE"}
)

_LISTENING = "import os,signal,sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""Run first in the child: an ignored SIGINT would survive exec. Safe beside our threads."""
