"""One scan through everything: the receiver's 2xx, the dispatcher, a run under Prefect, the refund at the shop.

Everything is started as `recoup up` starts it, each in a process of its own. The shop's clock is the machine's, and a
refund is dated when its request has arrived there, so the time between the two needs nobody to look in between.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import receiver_load as load
from benchmarks import refunds_shop as shop
from benchmarks.rows import Row
from commands.simulation import environment
from deployments import processes
from integrations.loop.sandbox import sign
from integrations.sandbox import start_in_process
from integrations.sandbox_control import Control
from integrations.signing import Secret
from web.sender_file import write
from web.senders import FILE_NAME, Configured, SenderRow

AIM_SECONDS = 0.3
PATIENCE_SECONDS = 30.0
REST_SECONDS = 0.7
"""Between two events, so that each finds everything at rest: the run before it has ended, its page is written."""
HOST = "127.0.0.1"


def row(name: str, url: str, count: int) -> Row:
    """The median over so many single events, on the database at `url`."""
    took = _measured(url, count)
    middle, slowest = median(took), max(took)
    told = f"median {middle:.2f} s, slowest {slowest:.2f} s"
    what = f"one scan to its refund, {count} times, {name}"
    return Row(what, told, "-", "-", f"under {AIM_SECONDS} s", middle < AIM_SECONDS)


def _measured(url: str, count: int) -> list[float]:
    with everything(url) as (control, port):
        shop.seed(control, range(count + 1))
        # The first one pays for what is opened once.
        return [_one(control, port, number) for number in range(count + 1)][1:]


def _one(control: Control, port: int, number: int) -> float:
    """Seconds from the answer to a webhook until its refund has arrived at the shop."""
    shop.scan(control, [number])
    body = shop.news(number)
    headers = {"content-type": "application/json", **sign(body, load.KEY, None)}
    connection = HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    connection.request("POST", load.PATH, body, headers)
    status = connection.getresponse().status
    answered = datetime.now(UTC)
    connection.close()
    assert status == load.KEPT, f"answered {status}"
    time.sleep(REST_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for refund in control.effects("shopify")["effects"]:
            if refund["order"] == shop.order_of(number):
                return (datetime.fromisoformat(refund["at"]) - answered).total_seconds()
        time.sleep(0.1)
    raise RuntimeError(f"return {number} was not refunded within {PATIENCE_SECONDS} s")


@contextmanager
def everything(url: str) -> Iterator[tuple[Control, int]]:
    """The pretended vendors, a Prefect server with the deployment, and `recoup web`; gives control and web's port."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        vendors = start_in_process()
        stack.callback(vendors.stop)
        control = Control(vendors)
        stack.callback(control.close)
        address = _prefect(stack, home / "prefect")
        port = processes.free_port()
        env = environment(vendors, home, name="Bench", zone="UTC", currency="USD")
        env |= {"RECOUP_DATABASE_URL": url, "RECOUP_POLICIES_DIR": str(shop.policies(home))}
        env |= {"RECOUP_WEB__PORT": f"{port}", "RECOUP_PREFECT__API_URL": f"{address}/api"}
        write(home / FILE_NAME, Configured("", (SenderRow("loop", "loop", load.TENANT, (Secret("bench", load.KEY),)),)))
        web = processes.start_receiver(home / "prefect", f"{address}/api", env)
        stack.callback(web.stop)
        processes.wait_until_healthy(web, processes.server_address(HOST, port), path="/health")
        _wait_until_open(port)
        yield control, port


def _prefect(stack: ExitStack, home: Path) -> str:
    port = processes.free_port()
    server = processes.start_server(home, HOST, port)
    stack.callback(server.stop)
    address = processes.server_address(HOST, port)
    processes.wait_until_healthy(server, address)
    flow = _ask(f"{address}/api/flows/", {"name": "refunds"})["id"]
    _ask(f"{address}/api/deployments/", {"name": "refunds", "flow_id": flow})
    return address


def _wait_until_open(port: int) -> None:
    """Until the dispatcher has seen that the deployment is not paused."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if _ask(f"http://{HOST}:{port}/health")["switches"].get("refunds") == "open":
            return
        time.sleep(0.1)
    raise RuntimeError("the dispatcher never saw its deployment")


def _ask(url: str, body: Any = None) -> Any:
    """A JSON answer; a server that has just started and asks to wait is asked again."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise
        time.sleep(0.5)
