"""The demo's Prefect server, and the way through it: the real flows run in this process, each with its page.

The server starts while the demo goes on, keeps its database in the demo's folder, and ends by itself.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from commands import demo_home
from commands.demo_display import ready, waiting

HOST, PORT = "127.0.0.1", 4200
AT_MOST_SECONDS = 900.0
"""A Prefect server whose demo was killed ends by itself after so long."""
DRAINS_WITHIN_SECONDS = 10.0
SERVER = {
    **{
        f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
        for name in ("CANCELLATION_CLEANUP", "CLEANUP_RECONCILER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS",
                     "REPOSSESSOR", "SCHEDULER", "TRIGGERS")
    },
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
}  # fmt: skip
"""Nothing is scheduled or triggered in a demo. Task runs are written many at once: written one by one, they and the
flow runs wait for each other's lock on the file, sometimes for seconds."""


@contextmanager
def prefect_server(home: Path) -> Iterator[tuple[Callable[[], str], Callable[[float], None]]]:
    """A Prefect server that starts while we go on: (wait for its address, keep it for so many seconds)."""
    from deployments import lingering, processes

    folder, started = demo_home.prefect_home(home), time.monotonic()
    port = PORT if processes.port_is_free(HOST, PORT) else processes.free_port(HOST)
    address = processes.server_address(HOST, port)
    server = lingering.begin(folder, HOST, port, AT_MOST_SECONDS, SERVER)
    ours = processes.prefect_env(folder, f"{address}/api", _client(folder))
    os.environ.update({name: value for name, value in ours.items() if name.startswith(("PREFECT_", "DO_NOT"))})
    kept: list[float] = []

    def wait() -> str:
        with waiting("Prefect server"):
            processes.wait_until_healthy(server, address)
        why = "" if port == PORT else f" ({PORT} is taken)"
        ready("Prefect server", f"ready at {address}{why}", time.monotonic() - started)
        return address

    try:
        yield wait, kept.append
    finally:
        _drain()
        if kept:
            lingering.keep(folder, kept[-1])
        else:
            lingering.end(folder)


def _client(folder: Path) -> dict[str, str]:
    """How our own process speaks to the server: no lines between ours, and no time lost on certificates.

    Prefect reads all certificates of the machine twice a run, 30 ms each; on loopback it speaks plain HTTP, so one
    certificate does as well. The logs of a run are in Prefect's pages.
    """
    import certifi

    end = "-----END CERTIFICATE-----\n"
    everybody = Path(certifi.where()).read_text("utf-8")
    first = folder / "one-certificate.pem"
    first.write_text(everybody[: everybody.index(end)] + end, "utf-8")
    return {
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_API_SSL_CERT_FILE": str(first),
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    }


async def through_prefect(operation: str, day: date, waiting_only: bool) -> None:
    """Run the real flow in this process, for Prefect's pages to show; a run that ends failed is shown there."""
    from flows.dunning import dunning, dunning_follow_up
    from flows.reconcile import reconcile
    from flows.refunds import refunds
    from flows.refunds_watch import refunds_exposure, refunds_reconcile
    from flows.work import StepsFailed

    on = day.isoformat()
    try:
        if operation == "dunning":
            await dunning(on=on, waiting_only=waiting_only)
        elif operation == "dunning-follow-up":
            await dunning_follow_up(on=on)
        elif operation == "refunds":
            await refunds(on=on)
        elif operation == "refunds-exposure":
            await refunds_exposure(on=on)
        elif operation == "refunds-reconcile":
            await refunds_reconcile(on=on)
        else:
            await reconcile(on=on)
    except StepsFailed:
        # As on a schedule: what is left undone stands in the run's page, and the next run takes it up.
        return


def _drain() -> None:
    """Send what Prefect still holds back: events and logs. Without the server it would try for a minute at the exit."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=DRAINS_WITHIN_SECONDS)
    APILogWorker.drain_all(timeout=DRAINS_WITHIN_SECONDS)
