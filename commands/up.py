"""`recoup up`: everything on this machine until Ctrl-C. Checks first, and starts nothing where a check fails."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from commands import pretended
from commands.output import DONE, WRONG_USE, animated, err, fail, next_commands
from commands.web import warn_of_exposure
from settings import LOOPBACK, Settings, is_set, load, masked, need_all, variable

if TYPE_CHECKING:
    from deployments.supervisor import Options

NEEDED = (
    "shop.name",
    "payments.secret_key",
    "helpdesk.url",
    "helpdesk.user",
    "helpdesk.api_key",
    "mail.host",
)
"""What must be set before anything may run on a schedule. Without texts the ladder goes on by mail."""
TEXTS_NEED = ("texts.auth_token", "texts.sender")


def up(
    *,
    sandbox: Annotated[bool, Parameter(negative="")] = False,
    seed: Path | None = None,
) -> int:
    """Start Prefect with its pages, all deployments, a worker and the receiver on this machine, until Ctrl-C.

    Sends messages and charges cards on schedule; switch a schedule off or pause a deployment in Prefect's pages
    to stop it, that is kept over restarts.

    Parameters
    ----------
    sandbox
        Use pretended vendors on this machine: nothing leaves it, and it has a ledger of its own.
    seed
        With --sandbox: a file of customers and renewals that the pretended vendors begin with.
    """
    err().print("recoup up · starting; the first time takes about half a minute", markup=False)
    if seed and not sandbox:
        fail("--seed needs --sandbox", "Only the pretended vendors can be given customers", code=WRONG_USE)
    settings, env, first = _sandbox(load(), seed) if sandbox else (load(), {}, ())
    if not sandbox:
        need_all(settings, NEEDED + (TEXTS_NEED if settings.texts.account_sid else ()))
    check_exposure(settings)
    warn_of_exposure(settings.web.host)
    check_left_behind(settings)
    check_ports(settings)
    with announce("Database") as done:
        done(bring_database_up_to_date(settings))

    from deployments.processes import PROJECT
    from deployments.supervisor import serve

    os.chdir(PROJECT)
    options = _options(settings, env, first)
    serve(options, announce, lambda: _ready(options, settings, sandbox))
    err().print("Stopped. Everything that was begun is on record.", markup=False)
    return DONE


@contextmanager
def announce(name: str) -> Iterator[Callable[[str], None]]:
    """One line per step of the start: what it was, how it went, how long it took."""
    console, started = err(), time.monotonic()
    said: list[str] = []
    waiting = console.status(f"  {name} …") if animated() else None
    if waiting:
        waiting.start()
    try:
        yield said.append
    finally:
        if waiting:
            waiting.stop()
    took = time.monotonic() - started
    line = f"  {name:<22} ✓ {said[-1] if said else 'done'}"
    console.print(f"{line:<80} {took:5.1f} s", markup=False, soft_wrap=True)


def check_exposure(settings: Settings) -> None:
    """Refuse to serve Prefect to others without a login: whoever reaches it can run everything."""
    if settings.prefect.host in LOOPBACK or is_set(settings, "prefect.auth_string"):
        return
    fail(
        f"Prefect would listen on {settings.prefect.host} without a login",
        "Whoever reaches it can run every operation and read every run",
        f"Set {variable('prefect.auth_string')} to user:password, or prefect.host to 127.0.0.1",
        WRONG_USE,
        "Nothing was started.",
    )


def check_left_behind(settings: Settings) -> None:
    """Refuse to start beside the children of a `recoup up` that was killed: they go on taking runs."""
    from deployments.supervisor import left_behind

    found = left_behind(settings.home / "prefect")
    if found:
        pids = " ".join(map(str, found.values()))
        fail(
            f"Still running from an earlier recoup up: {', '.join(found)}",
            "It was killed before it could stop them, or it runs in another window",
            f"Stop it there with Ctrl-C; where it is gone: kill {pids}",
            WRONG_USE,
            "Nothing was started.",
        )


def check_ports(settings: Settings) -> None:
    """Say which port is taken, before anything is started on it."""
    from deployments.processes import port_is_free

    wanted = [] if settings.prefect.api_url else [("prefect.port", settings.prefect.host, settings.prefect.port)]
    for key, host, port in [*wanted, ("web.port", settings.web.host, settings.web.port)]:
        if not port_is_free(host, port):
            fail(
                f"Port {port} on {host} is taken",
                "Another program listens there; perhaps recoup up is running already",
                f"Stop it, or choose another port: {variable(key)}={port + 1} recoup up",
                WRONG_USE,
                "Nothing was started.",
            )


def bring_database_up_to_date(settings: Settings) -> str:
    """Migrate with the owner's rights, then check with the application's; fail where it must not be served."""
    from sqlalchemy import make_url

    from store import schema
    from store.db import connect

    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = connect(settings.database_owner_url or settings.database_url)
    role = make_url(settings.database_url).username or "" if settings.database_owner_url else ""
    schema.migrate(owner, role)
    owner.dispose()
    engine = connect(settings.database_url)
    findings = schema.check(engine)
    engine.dispose()
    if findings:
        fail(
            f"The database must not be served: {findings[0]}",
            "; ".join(findings[1:]),
            "recoup doctor --only database",
            WRONG_USE,
            "Nothing was started.",
        )
    return f"up to date: {masked(settings.database_url)}"


def _sandbox(real: Settings, seed: Path | None) -> tuple[Settings, dict[str, str], tuple[str, ...]]:
    """Settings of their own for the pretended vendors: nothing of the real ones but shop and Prefect."""
    from deployments.processes import free_port

    port, mail_port = free_port(), free_port()
    kept = {variable(f"shop.{name}"): str(value) for name, value in real.shop.model_dump().items() if str(value)}
    kept |= {
        variable("policies_dir"): str(real.policies_dir),
        variable("prefect.host"): real.prefect.host,
        variable("prefect.port"): str(real.prefect.port),
        variable("web.host"): real.web.host,
        variable("web.port"): str(real.web.port),
    }
    kept.setdefault(variable("shop.name"), "Pretended shop")
    env = {**kept, **pretended.variables(port, mail_port)}
    home = pretended.home(real.home)
    pretended.write_file(home, env)
    emptied = {variable("database_url"): f"sqlite:///{home / 'recoup.db'}", variable("database_owner_url"): ""}
    return load(env=env, home=home), {**env, **emptied}, pretended.command(port, mail_port, seed)


def _options(settings: Settings, env: Mapping[str, str], first: tuple[str, ...]) -> "Options":
    from deployments.processes import server_address
    from deployments.supervisor import Options

    return Options(
        home=settings.home / "prefect",
        api_url=settings.prefect_api_url,
        own_host="" if settings.prefect.api_url else settings.prefect.host,
        port=settings.prefect.port,
        auth_string=settings.prefect.auth_string.get_secret_value(),
        env={
            **env,
            "RECOUP_HOME": str(settings.home),
            variable("policies_dir"): str(settings.policies_dir),
            variable("shop.time_zone"): settings.shop.time_zone,
        },
        first=first,
        receiver=server_address(settings.web.host, settings.web.port),
    )


def _ready(options: "Options", settings: Settings, sandbox: bool) -> None:
    console = err()
    vendors = "pretended vendors; nothing leaves this machine" if sandbox else "real vendors"
    console.print(f"\nReady: {settings.shop.name}, {settings.shop.time_zone}, {vendors}.", markup=False)
    console.print(f"Prefect's pages: {options.api_url.removesuffix('/api')}", markup=False, soft_wrap=True)
    console.print(f"Webhooks come to: {options.receiver}/hooks/…", markup=False, soft_wrap=True)
    there = f"RECOUP_HOME={settings.home} " if sandbox else ""
    next_commands(
        (f"{there}recoup plan dunning", "see what the next run would do"),
        (f"{there}recoup doctor", "check what is set and reachable"),
    )
    console.print("Ctrl-C stops it.", markup=False)
