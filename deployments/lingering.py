"""A Prefect server that outlives the command that started it and ends by itself: the demo's pages after the demo.

    python -m deployments.lingering HOME HOST PORT

holds a lock while its server runs, and a file beside it says until when. Whoever wants it to end earlier writes an
earlier instant there: no process is ended by its number, which may be somebody else's by then.
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployments.processes import Child, prefect_env, server_address, start, start_server

LOCK, STATE = "lingering.lock", "lingering.json"
LOOKS_EVERY_SECONDS = 0.2
STOPS_WITHIN_SECONDS = 20.0


def begin(home: Path, host: str, port: int, seconds: float, extra: Mapping[str, str] | None = None) -> Child:
    """Start a server with its database under `home` for so many seconds; not ready before it answers."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = server_address(host, port)
    _write(home, address, time.time() + seconds)
    env = prefect_env(home, f"{address}/api", extra)
    command = [sys.executable, "-m", "deployments.lingering", str(home), host, str(port)]
    return start("Prefect server", command, env=env, log=home / "lingering.log")


def keep(home: Path, seconds: float) -> None:
    """Let the server run for so many seconds from now on."""
    _write(home, _read(home)[0], time.time() + seconds)


def end(home: Path, within_seconds: float = STOPS_WITHIN_SECONDS) -> bool:
    """Let the server end now and wait for it; False where none was running. Raises TimeoutError."""
    if not running(home):
        return False
    keep(home, 0)
    deadline = time.monotonic() + within_seconds
    while running(home):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the Prefect server did not end within {within_seconds:.0f} s; log: {home}/server.log")
        time.sleep(LOOKS_EVERY_SECONDS / 2)
    return True


def running(home: Path) -> bool:
    """True while somebody holds the lock."""
    if not (home / LOCK).exists():
        return False
    with _locked(home) as ours:
        return not ours


def main(words: list[str]) -> int:
    """Serve until the instant in the file, SIGTERM, or the server's own end; 1 where it ended by itself."""
    home, host, port = Path(words[0]), words[1], int(words[2])
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    with _locked(home) as ours:
        if not ours:
            print(f"another server is running with {home}", file=sys.stderr)
            return 1
        server = start_server(home, host, port, os.environ)
        try:
            while server.running and not asked and time.time() < _read(home)[1]:
                time.sleep(LOOKS_EVERY_SECONDS)
            if not server.running:
                print(server.last_lines(), file=sys.stderr)
                return 1
        finally:
            server.stop()
    return 0


@contextmanager
def _locked(home: Path) -> Iterator[bool]:
    """Whether the lock is ours; the system lets it go with its holder, however that ends."""
    with (home / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _read(home: Path) -> tuple[str, float]:
    try:
        state = json.loads((home / STATE).read_text("utf-8"))
        return str(state["address"]), float(state["until"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0.0


def _write(home: Path, address: str, until: float) -> None:
    written = home / f"{STATE}.new"
    written.write_text(json.dumps({"address": address, "until": until}) + "\n", "utf-8")
    written.replace(home / STATE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
