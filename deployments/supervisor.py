"""`recoup up` behind its words: start in order, watch, stop in order, all in a bounded time.

Order: pretended vendors (where asked for), server, deployments, dead runs mended, worker, receiver. Stopping is the
reverse: nothing new is taken in first. Prefect's worker drains nothing: a run that is cut off is closed at the next
start, and its steps are keyed.
The first Ctrl-C or SIGTERM stops, the second kills.
"""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from deployments import prefect_api
from deployments.processes import (
    Child,
    ProcessError,
    healthy,
    prefect_env,
    server_address,
    start,
    start_receiver,
    start_server,
    start_worker,
    wait_until_healthy,
)

WATCH_SECONDS = 0.2
CHILDREN = "children.json"
STOP_WITHIN_SECONDS = {"receiver": 45.0, "worker": 30.0, "Prefect server": 15.0}
OTHERS_STOP_WITHIN_SECONDS = 5.0

Report = Callable[[str], None]
Announce = Callable[[str], AbstractContextManager[Report]]
"""`with announce("Prefect server") as done: …; done("ready")`: how each step of the start is shown."""


class StopAsked(Exception):
    """Somebody asked to stop while we were still starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to start. An empty `own_host` means that the Prefect server runs elsewhere, at `api_url`."""

    home: Path
    api_url: str
    own_host: str
    port: int
    auth_string: str
    env: Mapping[str, str]
    """Our settings for the runs, by variable."""
    first: tuple[str, ...] = ()
    """The command of the pretended vendors, or nothing."""
    receiver: str = ""
    """The address of the receiver of webhooks, which reads where to listen from `env`; empty starts none."""
    worker_limit: int = 3


@dataclass(slots=True)
class Running:
    """The children in the order they were started, and how often somebody asked to stop."""

    children: list[Child] = field(default_factory=list)
    asked: int = 0

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """The handler of SIGINT and SIGTERM."""
        self.asked += 1
        if self.asked > 1:
            for child in self.children:
                child.kill()

    def tick(self, _waited: float) -> None:
        """Called while waiting for a child: leave as soon as somebody asks to stop."""
        if self.asked:
            raise StopAsked


def serve(options: Options, announce: Announce, ready: Callable[[], None]) -> None:
    """Start everything, call `ready`, and return when somebody asked to stop and all children are gone.

    Raises ProcessError when a child dies by itself, and DeployError; the other children are stopped before.
    """
    running = Running()
    with _listening(running):
        try:
            _start(options, running, announce)
            ready()
            _watch(running)
        except StopAsked:
            pass
        except (ProcessError, prefect_api.DeployError):
            if not running.asked:  # The same Ctrl-C may have ended a child that we were waiting for.
                raise
        finally:
            _stop(running, announce)
            (options.home / CHILDREN).unlink(missing_ok=True)


def left_behind(home: Path) -> dict[str, int]:
    """Children that still run although whoever started them was killed, by name with their process ids.

    Read from what the last start wrote down; a process counts only where Linux still shows it under our home.
    """
    try:
        written = json.loads((home / CHILDREN).read_text("utf-8"))
        return {str(name): int(pid) for name, pid in written.items() if _is_ours(int(pid), home)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _took(running: Running, child: Child, home: Path) -> None:
    """Take a child on, and write down that it runs."""
    running.children.append(child)
    written = {each.name: each.process.pid for each in running.children}
    (home / CHILDREN).write_text(json.dumps(written) + "\n", "utf-8")


def _is_ours(pid: int, home: Path) -> bool:
    """Whether a process with this id was started with our home; ids are used again by others."""
    try:
        return f"PREFECT_HOME={home}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _start(options: Options, running: Running, announce: Announce) -> None:
    auth = _auth(options.auth_string)
    env = prefect_env(options.home, options.api_url, {**options.env, **auth})
    if options.first:
        vendors = start("pretended vendors", list(options.first), env=env, log=options.home / "vendors.log")
        _took(running, vendors, options.home)
    if options.own_host:
        with announce("Prefect server") as done:
            server = start_server(options.home, options.own_host, options.port, auth)
            _took(running, server, options.home)
            wait_until_healthy(server, server_address(options.own_host, options.port), tick=running.tick)
            done(f"ready at {options.api_url.removesuffix('/api')}")
    with announce("Deployments") as done:
        done(asyncio.run(_deploy(options, env)))
    running.tick(0)
    with announce("Worker") as done:
        extra = {"PREFECT_WORKER_QUERY_SECONDS": "5", **options.env, **auth}
        worker = start_worker(options.home, options.api_url, prefect_api.POOL, options.worker_limit, extra)
        _took(running, worker, options.home)
        done(f"started, at most {options.worker_limit} runs at once, log {worker.log}")
    if options.receiver:
        with announce("Receiver") as done:
            receiver = start_receiver(options.home, options.api_url, {**options.env, **auth})
            _took(running, receiver, options.home)
            wait_until_healthy(receiver, options.receiver, path="/health", tick=running.tick)
            done(f"ready at {options.receiver}")


async def _deploy(options: Options, env: Mapping[str, str]) -> str:
    """Apply, mend and say what stands; DeployError also where the server is away or refuses our login."""
    from prefect.exceptions import PrefectHTTPStatusError

    if not healthy(options.api_url.removesuffix("/api")):
        raise prefect_api.DeployError(f"Prefect does not answer at {options.api_url}")
    try:
        return await _apply_and_mend(options, env)
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        raise prefect_api.DeployError(f"Prefect at {options.api_url} refused a call with {status}") from error


async def _apply_and_mend(options: Options, env: Mapping[str, str]) -> str:
    record = options.home / "deployed.json"
    changed = await prefect_api.apply(options.api_url, options.auth_string, env, record)
    async with prefect_api.client(options.api_url, options.auth_string) as prefect:
        mended = await prefect_api.mend(prefect) if options.own_host else []
        found = await prefect_api.deployments(prefect)
    paused = sorted(name for name, deployment in found.items() if deployment.paused)
    words = [f"{len(found)} {'applied' if changed else 'unchanged'}"]
    words += [f"paused: {', '.join(paused)}"] if paused else []
    words += [f"{len(mended)} runs that a stop had cut off were closed"] if mended else []
    return "; ".join(words)


def _watch(running: Running) -> None:
    while not running.asked:
        for child in running.children:
            if not child.running and not running.asked:
                raise ProcessError(f"the {child.name} ended by itself:\n{child.last_lines()}\nlog: {child.log}")
        time.sleep(WATCH_SECONDS)


def _stop(running: Running, announce: Announce) -> None:
    for child in reversed(running.children):
        with announce(f"Stopping {child.name}") as done:
            went = child.stop(STOP_WITHIN_SECONDS.get(child.name, OTHERS_STOP_WITHIN_SECONDS))
            done("gone" if went else "did not go by itself, killed")


def _auth(auth_string: str) -> dict[str, str]:
    if not auth_string:
        return {}
    return {"PREFECT_SERVER_API_AUTH_STRING": auth_string, "PREFECT_API_AUTH_STRING": auth_string}


@contextmanager
def _listening(running: Running) -> Iterator[None]:
    before = {number: signal.signal(number, running.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
