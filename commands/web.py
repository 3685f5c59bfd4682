"""`recoup web`: the receiver of webhooks and its dispatcher alone, until Ctrl-C. `recoup up` starts it too."""

import logging
import os

from commands.output import DONE, WRONG_USE, err, fail, next_commands
from settings import LOOPBACK, Settings, load, variable

STOPS_WITHIN_SECONDS = 5
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def web(*, host: str = "", port: int = 0) -> int:
    """Receive webhooks and wake the operations they are for, until Ctrl-C. Moves money by them.

    Only /hooks and /health are served. Who may send is set with recoup hooks; runs stand in Prefect's pages.

    Parameters
    ----------
    host
        Where to listen instead of web.host. Other than this machine only behind a proxy with TLS.
    port
        The port instead of web.port.
    """
    settings = load()
    host, port = host or settings.web.host, port or settings.web.port
    err().print(f"recoup web · starting on {host}:{port}", markup=False)
    check_port(host, port)
    warn_of_exposure(host)
    _point_prefect(settings)
    serve(settings, host, port)
    err().print("Stopped. What was received is kept.", markup=False)
    return DONE


def check_port(host: str, port: int) -> None:
    """Say which port is taken, before anything is opened."""
    from deployments.processes import port_is_free

    if port_is_free(host, port):
        return
    fail(
        f"Port {port} on {host} cannot be listened on",
        "Another program listens there, perhaps recoup up; or this machine has no such address",
        f"Stop it, or choose another: recoup web --port {port + 1}, or {variable('web.port')}={port + 1}",
        WRONG_USE,
        "Nothing was started.",
    )


def warn_of_exposure(host: str) -> None:
    """The receiver is meant for the world, but only behind somebody who ends TLS."""
    if host in LOOPBACK:
        return
    err().print(
        f"! Listening on {host}, without TLS: others can reach it. Let only a proxy with TLS in front of it do so; "
        "behind one on this machine 127.0.0.1 is enough.",
        markup=False,
        soft_wrap=True,
    )


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, and leave in order."""
    import uvicorn

    from web.app import build
    from web.hooks import SERVER_OPTIONS

    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT)
    logging.getLogger("web").setLevel(logging.INFO)
    app = build(settings)
    options = {**SERVER_OPTIONS, "timeout_graceful_shutdown": STOPS_WITHIN_SECONDS, "log_config": None}
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, **options))
    _say_ready(settings, host, port)
    try:
        server.run()
    except KeyboardInterrupt:
        # Uvicorn raises the signal again after it has left in order; that is how this command is meant to end.
        return
    if not server.started:
        fail("The receiver did not start", "The lines above say why", "recoup doctor", not_done="Nothing was received.")


def _say_ready(settings: Settings, host: str, port: int) -> None:
    from web import senders

    found = senders.read(settings.home / senders.FILE_NAME)
    count = len(found.rows)
    err().print(f"Receiver: http://{host}:{port}, {count} sender{'' if count == 1 else 's'}.", markup=False)
    if not count:
        next_commands(("recoup hooks add", "make the address and the secret of a sender"))


def _point_prefect(settings: Settings) -> None:
    """Let Prefect's client find our server and log in to it; before it is imported."""
    from deployments.processes import prefect_env

    secret = settings.prefect.auth_string.get_secret_value()
    login = {"PREFECT_API_AUTH_STRING": secret} if secret else {}
    os.environ.update(prefect_env(settings.home / "prefect", settings.prefect_api_url, login))
